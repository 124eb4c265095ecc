//! `deploy/README.md` as a new user follows it: writes each file that it shows and runs each command, in their order, against
//! the API server.
//!
//! No kubelet and no controllers run here, so this module sets the status that they would set. The commands in [`NOT_RUN`] are not
//! run.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use super::deploy::copy_tree;
use crate::environment::Environment;
use crate::notation::Signer;
use crate::process;
use crate::process::Finished;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

/// Time limit for one command.
const LIMIT: Duration = Duration::from_secs(90);

/// Beginnings of the commands that need a container engine or another network.
const NOT_RUN: [&str; 3] = ["podman build ", "podman push ", "helm repo add "];

/// A step of the guide.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// A file that the user writes: its path and content.
    File(String, String),
    Command(String),
}

/// The YAML and shell blocks of a page of Markdown, in their order. The first line of a YAML block is a comment with its path.
fn steps(page: &str) -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("```") {
        let indentation = before.rsplit('\n').next().unwrap_or_default();
        let (language, after) = after.split_once('\n').context("a block has no content")?;
        let (block, after) = after.split_once(&format!("{indentation}```\n")).context("a block has no end")?;
        let lines = block.lines().map(|line| line.strip_prefix(indentation).unwrap_or(line));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        match language {
            "sh" => {
                let joined = text.replace("\\\n", " ");
                steps.extend(joined.lines().filter(|line| !line.is_empty()).map(|line| Step::Command(line.to_owned())));
            }
            "yaml" => {
                let path = text.lines().next().and_then(|line| line.strip_prefix("# "));
                steps.push(Step::File(path.context("a YAML block has no path in its first line")?.to_owned(), text));
            }
            other => bail!("found a block of the language {other:?}, expected sh or yaml"),
        }
        rest = after;
    }
    Ok(steps)
}

/// Follows the guide, from a cluster without Countersign to its uninstallation.
pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("The guide deploy/README.md, word for word");
    let user = User::prepare(environment)?;
    transcript.note(
        "the cluster has Gatekeeper, and the resource definitions of cert-manager and of the Prometheus Operator",
    );
    let page = fs::read_to_string(user.directory.join("deploy/README.md"))?;
    let mut namespace = Namespace::Default;
    for step in steps(&page)? {
        match step {
            Step::File(path, text) => {
                let path = user.directory.join(path);
                fs::create_dir_all(path.parent().context("a file without a directory")?)?;
                fs::write(path, text)?;
            }
            Step::Command(line) if NOT_RUN.iter().any(|start| line.starts_with(start)) => {
                transcript.note(&format!("not run: {line}"));
            }
            Step::Command(line) => {
                // The uninstallation begins with the first deletion.
                if line.starts_with("kubectl delete ") && namespace == Namespace::Default {
                    namespace = Namespace::Checked;
                    another_namespace(&user, transcript)?;
                }
                user.before(&line)?;
                let finished = user.run(&user.adapted(&line))?;
                transcript.command(&line, &finished.output);
                transcript.verdict(&format!("works: {line}"), finished.success().map(drop));
                user.after(&line)?;
            }
        }
    }
    Ok(())
}

/// Whether the overlays of the guide were built for another namespace.
#[derive(PartialEq, Eq)]
enum Namespace {
    Default,
    Checked,
}

/// The user of the guide, with a copy of the repository.
struct User<'a> {
    environment: &'a Environment<'a>,
    directory: PathBuf,
    programs: PathBuf,
}

impl<'a> User<'a> {
    fn prepare(environment: &'a Environment<'_>) -> anyhow::Result<Self> {
        let directory = environment.workdir.directory("guide")?;
        for name in ["deploy", "templates", "constraints"] {
            copy_tree(&environment.workdir.project().join(name), &directory.join(name))?;
        }
        let programs = environment.workdir.directory("guide-programs")?;
        symlink(environment.countersign.binary(), programs.join("countersign"))?;
        let user = Self { environment, directory, programs };
        // What the cases before have applied.
        for line in [
            "kubectl delete --ignore-not-found -k constraints",
            "kubectl delete --ignore-not-found -k templates",
            "kubectl delete --ignore-not-found assign --all",
            "kubectl delete --ignore-not-found provider --all",
        ] {
            user.run(line)?.success().context(line)?;
        }
        let authority =
            environment.workdir.write("guide-gatekeeper-ca.crt", environment.gatekeeper.authority().certificate())?;
        user.kubectl(&format!(
            "-n gatekeeper-system create secret generic gatekeeper-webhook-server-cert --from-file=ca.crt={}",
            authority.display()
        ))?;
        for resources in ["cert-manager", "prometheus-operator"] {
            environment.cluster.apply_file(&environment.workdir.tool(resources))?;
        }
        user.kubectl("wait --for=condition=Established --all --timeout=30s crd")?;
        Ok(user)
    }

    /// Runs a line of shell at the top of the copy.
    fn run(&self, line: &str) -> anyhow::Result<Finished> {
        let workdir: &Workdir = self.environment.workdir;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let own = [self.programs.clone(), workdir.tools().to_path_buf()];
        let path = std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path)))?;
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(&self.directory).env("PATH", path);
        command.env("KUBECONFIG", self.environment.cluster.kubeconfig()).env("HOME", workdir.directory("guide-home")?);
        command.env("REGISTRY_PASSWORD", "secret");
        process::run(&command, LIMIT, &workdir.log("guide"))
    }

    fn kubectl(&self, arguments: &str) -> anyhow::Result<String> {
        let line = format!("kubectl {arguments}");
        self.run(&line)?.success().context(line)
    }

    /// What the user or the cluster does before a command.
    fn before(&self, line: &str) -> anyhow::Result<()> {
        if line.contains(" rollout status deployment/countersign") {
            self.deployment_is_available()
        } else if line.contains(" wait --for=condition=Ready ") && line.contains("certificate/countersign") {
            self.certificate_is_ready()
        } else if line.contains("registry-ca.crt") {
            fs::copy(self.directory.join("my-cluster/ca.crt"), self.directory.join("my-cluster/registry-ca.crt"))?;
            Ok(())
        } else {
            Ok(())
        }
    }

    /// The command that is run in place of one that needs more than the cluster of this run.
    fn adapted(&self, line: &str) -> String {
        if let Some(rest) = line.strip_prefix("helm upgrade --install gatekeeper gatekeeper/gatekeeper ") {
            // The objects that the chart would install, and the API server's opinion of its webhooks.
            let chart = self.environment.workdir.tool("gatekeeper-chart");
            let chart = chart.canonicalize().unwrap_or(chart);
            let arguments = rest.replace("--create-namespace", "");
            return format!("helm template gatekeeper {} {arguments} > gatekeeper.yaml", chart.display());
        }
        if line == "kubectl delete -k my-cluster" {
            // No controller deletes the contents of the namespace.
            return format!("{line} --wait=false");
        }
        line.to_owned()
    }

    fn after(&self, line: &str) -> anyhow::Result<()> {
        if line.starts_with("helm upgrade ") {
            self.webhooks_fail_closed()
        } else if line.starts_with("cp deploy/base/config/countersign.yaml ") {
            let root = self.environment.notation.root_of(Signer::Release);
            fs::write(self.directory.join("my-cluster/release.crt"), root)?;
            Ok(())
        } else if line == "kubectl delete -k my-cluster" {
            let namespace = json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "countersign" }, "spec": { "finalizers": [] },
            });
            fs::write(self.directory.join("namespace.json"), namespace.to_string())?;
            self.kubectl("replace --raw /api/v1/namespaces/countersign/finalize -f namespace.json").map(drop)
        } else {
            Ok(())
        }
    }

    fn webhooks_fail_closed(&self) -> anyhow::Result<()> {
        let chart = fs::read_to_string(self.directory.join("gatekeeper.yaml"))?;
        let webhook = |document: &&str| document.contains("WebhookConfiguration\n");
        let webhooks: Vec<&str> = chart.split("\n---\n").filter(webhook).collect();
        ensure!(webhooks.len() == 2, "the chart has {} configurations of webhooks, expected 2", webhooks.len());
        fs::write(self.directory.join("webhooks.yaml"), webhooks.join("\n---\n"))?;
        let text = self.kubectl("create --dry-run=server --validate=strict -o json -f webhooks.yaml")?;
        let mut excluded = 0;
        for webhook in objects(&text)?.iter().flat_map(|object| object["webhooks"].as_array()).flatten() {
            ensure!(webhook["failurePolicy"] == "Fail", "{webhook}");
            let expressions = webhook["namespaceSelector"]["matchExpressions"].as_array();
            let named = |one: &&Value| one["key"] == "kubernetes.io/metadata.name" && one["operator"] == "NotIn";
            let names = expressions.into_iter().flatten().find(named).map(|one| one["values"].to_string());
            let names = names.with_context(|| format!("no namespace is excluded: {webhook}"))?;
            ensure!(names.contains("\"gatekeeper-system\""), "{names}");
            excluded += u32::from(names.contains("\"kube-system\"") && names.contains("\"cert-manager\""));
        }
        ensure!(excluded == 2, "{excluded} webhooks exclude the namespaces of the values, expected 2");
        Ok(())
    }

    fn deployment_is_available(&self) -> anyhow::Result<()> {
        let text = self.kubectl("-n countersign get deployment countersign -o json")?;
        let deployment: Value = serde_json::from_str(&text)?;
        let replicas = &deployment["spec"]["replicas"];
        let status = json!({ "status": {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
        } });
        self.patch_status("deployment", &status)
    }

    fn certificate_is_ready(&self) -> anyhow::Result<()> {
        let time = "2026-01-01T00:00:00Z";
        let condition =
            json!({ "type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": time });
        self.patch_status("certificate", &json!({ "status": { "conditions": [condition] } }))?;
        let authority = fs::read_to_string(self.directory.join("my-cluster/ca.crt"))?;
        let patch = json!({ "data": { "ca.crt": STANDARD.encode(authority) } });
        self.kubectl(&format!("-n countersign patch secret countersign-tls --type=merge -p '{patch}'")).map(drop)
    }

    fn patch_status(&self, kind: &str, status: &Value) -> anyhow::Result<()> {
        let arguments =
            format!("-n countersign patch {kind} countersign --subresource=status --type=merge -p '{status}'");
        self.kubectl(&arguments).map(drop)
    }
}

/// The kustomizations of the guide to which its component `namespace` can be added, and the path to that from each.
const OVERLAYS: [(&str, &str); 4] = [
    ("my-cluster", "namespace"),
    ("my-cluster/constraints", "../namespace"),
    ("my-cluster/mutation", "../namespace"),
    ("my-cluster/monitoring", "../namespace"),
];

/// The namespace that the guide sets.
const OTHER_NAMESPACE: &str = "security";

/// Builds every overlay with the component of the guide, with kustomize, and searches the result for the default namespace.
fn another_namespace(user: &User<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    for (overlay, component) in OVERLAYS {
        let folder = user.environment.workdir.directory("guide-namespace")?;
        copy_tree(&user.directory, &folder)?;
        let path = folder.join(overlay).join("kustomization.yaml");
        let text = fs::read_to_string(&path)?;
        let with = add_component(&text, component).with_context(|| format!("{overlay} has no components"))?;
        let with = with.replace("  # - ../deploy/overlays/cert-manager/", "  - ../deploy/overlays/cert-manager/");
        fs::write(&path, with)?;
        let finished = user.run(&format!("kubectl kustomize ../guide-namespace/{overlay}"))?;
        let result = finished.success().and_then(|text| {
            fs::write(folder.join("built.yaml"), &text)?;
            // kubectl reads the objects without sending them.
            let list =
                user.kubectl("create --dry-run=client --validate=false -o json -f ../guide-namespace/built.yaml")?;
            no_trace(&objects(&list)?)
        });
        let what = format!("{overlay} in the namespace {OTHER_NAMESPACE} has no trace of the default namespace");
        transcript.verdict(&what, result);
        fs::remove_dir_all(&folder)?;
    }
    Ok(())
}

/// Adds an entry to the end of the list `components`.
fn add_component(kustomization: &str, component: &str) -> Option<String> {
    let (before, rest) = kustomization.split_once("components:\n")?;
    let end = rest.split_inclusive('\n').take_while(|line| line.starts_with(' ')).map(str::len).sum();
    let (list, after) = rest.split_at(end);
    Some(format!("{before}components:\n{list}  - {component}\n{after}"))
}

/// The objects that kubectl prints as JSON, one after the other.
fn objects(text: &str) -> anyhow::Result<Vec<Value>> {
    Ok(serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>()?)
}

/// Fields that have the name of the product, not of the namespace.
const PRODUCT_NAME: [&str; 9] = [
    "app.kubernetes.io/name",
    "app.kubernetes.io/part-of",
    "kubectl.kubernetes.io/default-container",
    "serviceAccountName",
    "serviceAccount",
    "instance",
    "uid",
    "title",
    "tags",
];

/// An error if a field of an object has the default namespace.
fn no_trace(objects: &[Value]) -> anyhow::Result<()> {
    ensure!(!objects.is_empty(), "found no objects");
    let mut follows = 0;
    for item in objects {
        let kind = item["kind"].as_str().unwrap_or_default();
        let mut traces = Vec::new();
        // Objects and their parts have the name of the product; only the name of the namespace object must follow.
        let kept = |field: &str| PRODUCT_NAME.contains(&field) || (field == "name" && kind != "Namespace");
        search(item, &kept, kind, &mut traces);
        ensure!(traces.is_empty(), "{traces:?}");
        follows += u32::from(item.to_string().contains(OTHER_NAMESPACE));
    }
    ensure!(follows > 0, "no object has the namespace {OTHER_NAMESPACE}");
    Ok(())
}

/// Paths of the texts in `value` that have the default namespace: as the whole text, or as a label of a host name. Fields that are
/// `kept` may have the name of the product.
fn search(value: &Value, kept: &dyn Fn(&str) -> bool, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| !kept(name)) {
                search(value, kept, &format!("{path}.{name}"), found);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                search(value, kept, &format!("{path}[{index}]"), found);
            }
        }
        Value::String(text) => {
            if text == "countersign" || text.contains(".countersign.svc") || text.contains("namespace=\"countersign\"")
            {
                found.push(path.to_owned());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_files_and_commands_in_their_order() {
        let page = "Do:\n\n```sh\na \\\n  b\nc\n```\n\n- List:\n\n  ```yaml\n  # x/y.yaml\n  a:\n    b: 1\n  ```\n";
        let expected = [
            Step::Command("a    b".to_owned()),
            Step::Command("c".to_owned()),
            Step::File("x/y.yaml".to_owned(), "# x/y.yaml\na:\n  b: 1\n".to_owned()),
        ];
        assert_eq!(steps(page).unwrap(), expected);
        assert!(steps("```yaml\na: 1\n```\n").is_err());
        assert!(steps("```text\na\n```\n").is_err());
    }

    #[test]
    fn adds_a_component_at_the_end() {
        let text = "a: 1\ncomponents:\n  - x\n  # - y\nb: 2\n";
        assert_eq!(add_component(text, "z").unwrap(), "a: 1\ncomponents:\n  - x\n  # - y\n  - z\nb: 2\n");
        assert_eq!(add_component("a: 1\n", "z"), None);
    }

    #[test]
    fn finds_the_default_namespace_in_every_field() {
        let object = |fields: Value| [json!({ "kind": "X", "metadata": { "namespace": "security" }, "spec": fields })];
        assert!(
            no_trace(&object(json!({ "url": "https://countersign.security.svc:6001", "name": "countersign" }))).is_ok()
        );
        for fields in [
            json!({ "url": "https://countersign.countersign.svc:6001" }),
            json!({ "excludedNamespaces": ["kube-system", "countersign"] }),
            json!({ "kubernetes.io/metadata.name": "countersign" }),
            json!({ "expr": "up{namespace=\"countersign\"}" }),
        ] {
            assert!(no_trace(&object(fields.clone())).is_err(), "{fields}");
        }
        let namespace = [json!({ "kind": "Namespace", "metadata": { "name": "countersign" }, "x": "security" })];
        assert!(no_trace(&namespace).is_err());
    }
}
