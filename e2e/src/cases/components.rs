//! The components for the identities of clouds that no other case applies, rendered by kustomize as their guides use them: what the
//! objects have that reach the API server.

use std::fs;
use std::path::Path;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::deploy::copy_tree;
use super::google;
use super::guide::Step;
use super::guide::objects;
use super::guide::steps;
use crate::environment::Environment;
use crate::notation::Signer;
use crate::transcript::Transcript;

/// An overlay of a guide.
struct Overlay {
    what: &'static str,
    kustomization: String,
    /// The configuration that the user of the guide writes.
    configuration: String,
    /// The folder with the trust policy of the guide.
    folder: &'static str,
    policy: NetworkPolicy,
    /// The annotations of the service account of the pod.
    annotations: Value,
}

/// The network policy of a component: its name, and the link-local addresses with their ports.
type NetworkPolicy = (&'static str, &'static [(&'static str, u16)]);

const GKE_POLICY: NetworkPolicy =
    ("countersign-gke-workload-identity", &[("169.254.169.254/32", 80), ("169.254.169.252/32", 988)]);
const AKS_POLICY: NetworkPolicy = ("countersign-aks-managed-identity", &[("169.254.169.254/32", 80)]);

/// Files that are not sent to the cluster.
const LOCAL: [&str; 3] = ["countersign-gke", "countersign-aks", "countersign-ca-bundle"];

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("Components for the identities of clouds");
    let folder = environment.workdir.directory("components")?;
    let project = environment.workdir.project();
    copy_tree(&project.join("deploy"), &folder.join("deploy"))?;
    let read = |path: &str| fs::read_to_string(project.join(path)).with_context(|| format!("cannot read {path}"));
    for overlay in overlays(&read)? {
        let mine = folder.join("my-cluster");
        fs::create_dir_all(&mine)?;
        fs::write(mine.join("kustomization.yaml"), &overlay.kustomization)?;
        fs::write(mine.join("countersign.yaml"), &overlay.configuration)?;
        fs::write(mine.join("trustpolicy.json"), read(&format!("{}/trustpolicy.json", overlay.folder))?)?;
        fs::write(mine.join("ca.crt"), environment.countersign.authority().certificate())?;
        fs::write(mine.join("gatekeeper-ca.crt"), environment.gatekeeper.authority().certificate())?;
        fs::write(mine.join("release.crt"), environment.notation.root_of(Signer::Release))?;
        let result = rendered(environment, transcript, &folder).and_then(|objects| overlay.check(&objects));
        transcript.verdict(overlay.what, result);
    }
    Ok(())
}

/// The objects of `my-cluster`, which the product and the API server must accept.
fn rendered(environment: &Environment<'_>, transcript: &Transcript, folder: &Path) -> anyhow::Result<Vec<Value>> {
    let shell = |line: &str| {
        let binary = environment.countersign.binary().display();
        let script = format!(
            "cd {} && export KUBECONFIG={} && countersign() {{ {binary} \"$@\"; }} && {line}",
            folder.display(),
            environment.cluster.kubeconfig().display()
        );
        environment.shell(&script)
    };
    for line in [
        "kubectl kustomize my-cluster > built.yaml",
        "countersign check --config /etc/countersign/config/countersign.yaml --manifests - < built.yaml",
        "kubectl apply --server-side --force-conflicts --validate=strict --dry-run=server -f built.yaml",
    ] {
        let finished = shell(line)?;
        transcript.command(line, &finished.output);
        finished.success().with_context(|| line.to_owned())?;
    }
    // kubectl reads the objects without sending them.
    let list = shell("kubectl create --dry-run=client --validate=false -o json -f built.yaml")?.success()?;
    objects(&list)
}

fn overlays(read: &dyn Fn(&str) -> anyhow::Result<String>) -> anyhow::Result<[Overlay; 3]> {
    let [of_kubernetes, of_google] = google::overlays(&read("deploy/gke/README.md")?, &read("deploy/README.md")?)?;
    let gke = read("deploy/gke/config/countersign.yaml")?;
    let gke = |what, kustomization, annotations| Overlay {
        what,
        kustomization,
        configuration: gke.clone(),
        folder: "deploy/gke/config",
        policy: GKE_POLICY,
        annotations,
    };
    Ok([
        gke(
            "gke-workload-identity allows the metadata server, and changes nothing of the service account",
            of_kubernetes,
            Value::Null,
        ),
        gke(
            "gke-service-account names the service account of Google Cloud in an annotation",
            of_google,
            json!({ "iam.gke.io/gcp-service-account": "countersign@my-project.iam.gserviceaccount.com" }),
        ),
        Overlay {
            what: "aks-managed-identity allows the instance metadata service, and changes nothing of the pod",
            kustomization: with_managed_identity(&aks(&read("deploy/aks/README.md")?)?)?,
            configuration: with_client_id(&read("deploy/aks/config/countersign.yaml")?)?,
            folder: "deploy/aks/config",
            policy: AKS_POLICY,
            annotations: Value::Null,
        },
    ])
}

/// The overlay of the guide for AKS.
fn aks(page: &str) -> anyhow::Result<String> {
    let overlay = steps(page)?.into_iter().find_map(|step| match step {
        Step::File(path, text) => (path == "my-cluster/kustomization.yaml").then_some(text),
        Step::Command(_) => None,
    });
    overlay.context("deploy/aks/README.md has no overlay")
}

/// The overlay with the component for the identity of the nodes, as the page says.
fn with_managed_identity(overlay: &str) -> anyhow::Result<String> {
    let changed = replace(overlay, "components/aks-workload-identity\n", "components/aks-managed-identity\n")?;
    let generator = changed.split_once("  # The client ID of the managed identity").context("no countersign-aks")?;
    let (_, rest) = generator.1.split_once("  - name: countersign-client-ca").context("no countersign-client-ca")?;
    Ok(format!("{}  - name: countersign-client-ca{rest}", generator.0))
}

/// The configuration with the identity of the nodes, as the page says.
fn with_client_id(configuration: &str) -> anyhow::Result<String> {
    const ID: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
    let vault = "        vault: my-vault.vault.azure.net\n";
    let changed =
        replace(configuration, vault, &format!("{vault}        identity: managed\n        clientId: {ID}\n"))?;
    replace(&changed, "acr: {}", &format!("acr: {{ identity: managed, clientId: {ID} }}"))
}

/// The text with another one in place of `from`, which must be in it once.
fn replace(text: &str, from: &str, to: &str) -> anyhow::Result<String> {
    let count = text.matches(from).count();
    ensure!(count == 1, "found {from:?} {count} times, expected once");
    Ok(text.replace(from, to))
}

impl Overlay {
    /// An error unless the objects have exactly what the component adds.
    fn check(&self, objects: &[Value]) -> anyhow::Result<()> {
        let of = |kind: &str| objects.iter().filter(move |object| object["kind"] == kind).collect::<Vec<_>>();
        let named = |kind: &str, name: &str| {
            let found: Vec<_> = of(kind).into_iter().filter(|object| object["metadata"]["name"] == name).collect();
            ensure!(found.len() == 1, "found {} objects {kind} {name}, expected 1", found.len());
            Ok(found[0].clone())
        };
        let (name, addresses) = self.policy;
        let policy = named("NetworkPolicy", name)?;
        let base = named("NetworkPolicy", "countersign")?;
        ensure!(policy["metadata"]["namespace"] == "countersign", "found {}", policy["metadata"]);
        ensure!(policy["spec"]["podSelector"] == base["spec"]["podSelector"], "found {}", policy["spec"]);
        let to = |(address, port): &(&str, u16)| json!({ "to": [{ "ipBlock": { "cidr": address } }], "ports": [{ "port": port, "protocol": "TCP" }] });
        let egress: Vec<Value> = addresses.iter().map(to).collect();
        let expected =
            json!({ "podSelector": base["spec"]["podSelector"], "policyTypes": ["Egress"], "egress": egress });
        ensure!(policy["spec"] == expected, "found {}, expected {expected}", policy["spec"]);
        let count = of("NetworkPolicy").len();
        ensure!(count == 2, "found {count} network policies, expected 2");

        let account = named("ServiceAccount", "countersign")?;
        let annotations = &account["metadata"]["annotations"];
        ensure!(*annotations == self.annotations, "found the annotations {annotations}, expected {}", self.annotations);
        let template = &named("Deployment", "countersign")?["spec"]["template"];
        ensure!(template["spec"]["serviceAccountName"] == "countersign", "found {template}");
        let labels = template["metadata"]["labels"].as_object().context("the pod has no labels")?;
        let of_cloud = labels.keys().find(|label| label.contains("azure"));
        ensure!(of_cloud.is_none(), "found the label {of_cloud:?}");

        let sent = objects.iter().find(|object| LOCAL.iter().any(|name| object["metadata"]["name"] == *name));
        ensure!(sent.is_none(), "found {sent:?}, which is not for the cluster");
        let maps = of("ConfigMap");
        let configuration = maps.iter().find_map(|map| map["data"]["countersign.yaml"].as_str());
        ensure!(configuration == Some(self.configuration.as_str()), "found another configuration: {configuration:?}");
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_overlay_for_the_identity_of_the_nodes_has_no_client_id() {
        let overlay = "components:\n  - ../deploy/components/aks-workload-identity\nconfigMapGenerator:\n  # The client ID of the managed \
                       identity; x\n  - name: countersign-aks\n    a: b\n  - name: countersign-client-ca\n    c: d\n";
        let expected = "components:\n  - ../deploy/components/aks-managed-identity\nconfigMapGenerator:\n  - name: countersign-client-ca\n    c: d\n";
        assert_eq!(with_managed_identity(overlay).unwrap(), expected);
        let error = with_managed_identity("components: []\n").unwrap_err().to_string();
        assert_eq!(error, "found \"components/aks-workload-identity\\n\" 0 times, expected once");
    }

    #[test]
    fn the_configuration_names_the_identity_of_the_nodes_twice() {
        let text = "        vault: my-vault.vault.azure.net\n        x: y\n      acr: {}\n";
        let expected = "        vault: my-vault.vault.azure.net\n        identity: managed\n        clientId: aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\n\
                        \x20       x: y\n      acr: { identity: managed, clientId: aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee }\n";
        assert_eq!(with_client_id(text).unwrap(), expected);
    }

    #[test]
    fn a_missing_annotation_and_another_address_are_found() {
        let object = |kind: &str, name: &str, spec: Value| json!({ "kind": kind, "metadata": { "name": name, "namespace": "countersign" }, "spec": spec });
        let selector = json!({ "matchLabels": { "a": "b" } });
        let egress = json!([{ "to": [{ "ipBlock": { "cidr": "169.254.169.254/32" } }], "ports": [{ "port": 80, "protocol": "TCP" }] }]);
        let policy = json!({ "podSelector": selector, "policyTypes": ["Egress"], "egress": egress });
        let template =
            json!({ "metadata": { "labels": { "a": "b" } }, "spec": { "serviceAccountName": "countersign" } });
        let objects = [
            object("NetworkPolicy", "countersign", json!({ "podSelector": selector })),
            object("NetworkPolicy", "countersign-aks-managed-identity", policy),
            object("ServiceAccount", "countersign", Value::Null),
            object("Deployment", "countersign", json!({ "template": template })),
            json!({ "kind": "ConfigMap", "metadata": { "name": "c" }, "data": { "countersign.yaml": "x: y\n" } }),
        ];
        let overlay = |annotations: Value| Overlay {
            what: "",
            kustomization: String::new(),
            configuration: "x: y\n".to_owned(),
            folder: "",
            policy: AKS_POLICY,
            annotations,
        };
        overlay(Value::Null).check(&objects).unwrap();
        let error = overlay(json!({ "a": "b" })).check(&objects).unwrap_err().to_string();
        assert_eq!(error, "found the annotations null, expected {\"a\":\"b\"}");
        let gke = Overlay { policy: GKE_POLICY, ..overlay(Value::Null) };
        assert_eq!(
            gke.check(&objects).unwrap_err().to_string(),
            "found 0 objects NetworkPolicy countersign-gke-workload-identity, expected 1"
        );
        let mut other = objects.clone();
        other[1]["spec"]["egress"][0]["ports"][0]["port"] = json!(443);
        assert!(overlay(Value::Null).check(&other).unwrap_err().to_string().starts_with("found {"));
    }
}
