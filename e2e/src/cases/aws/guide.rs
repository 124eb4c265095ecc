//! `deploy/eks/README.md` as a new user follows it: the shipped files unchanged, the Deployment run as a node would run it, and
//! `kubectl run` with its result. First with EKS Pod Identity, then with IRSA.

use std::fs;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::super::guide::AWS;
use super::super::guide::CERTIFICATES;
use super::super::guide::EXEC;
use super::super::guide::Shell;
use super::super::guide::Step;
use super::super::guide::steps;
use super::super::pod::Pod;
use super::chain::ANY;
use super::chain::Chain;
use super::journal::Journal;
use super::network;
use super::settings;
use super::settings::Identity;
use crate::http;
use crate::process;
use crate::process::Finished;

/// Time limit for one command.
const LIMIT: Duration = Duration::from_secs(60);
/// Time until Gatekeeper calls another URL.
const CALLED: Duration = Duration::from_secs(20);

const PAGE: &str = "deploy/eks/README.md";

/// Beginnings of commands that need another network, AWS's plugin, or controllers.
const NOT_RUN: [&str; 3] = ["curl ", "notation sign --plugin ", "kubectl -n countersign rollout "];

/// The user of the page, with a copy of the repository.
struct User(Shell);

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.transcript.chapter(&format!("The guide {PAGE}, word for word"));
    let page = http::get(&format!("http://{}/metrics", chain.countersign.health()))?.text();
    chain.keep_metrics("before", &page)?;
    // Gatekeeper calls the pod from now on.
    chain.countersign.stop()?;
    let user = User::prepare(chain)?;
    let mut commands = Vec::new();
    for step in steps(&fs::read_to_string(chain.workdir.project().join(PAGE))?)? {
        match step {
            Step::File(path, text) => {
                chain.transcript.note(&format!("writes {path}"));
                fs::write(user.0.directory.join(path), text)?;
            }
            Step::Command(line) => commands.push(line),
        }
    }
    for line in CERTIFICATES {
        user.succeeds(chain, line)?;
    }
    trust_policies(chain, &user, &mut commands)?;
    with(chain, &user, Identity::PodIdentity, &commands)?;
    let overlay = user.0.directory.join("my-cluster/kustomization.yaml");
    fs::write(&overlay, with_irsa(&fs::read_to_string(&overlay)?)?)?;
    chain.transcript.note("my-cluster/kustomization.yaml: the lines for IRSA in place of those for EKS Pod Identity");
    with(chain, &user, Identity::Irsa, &commands)
}

impl User {
    fn prepare(chain: &Chain<'_>) -> anyhow::Result<Self> {
        let workdir = chain.workdir;
        let shell = Shell::prepare(workdir, chain.countersign.binary(), ("aws", AWS))?;
        workdir.write("guide/my-cluster/gatekeeper-ca.crt", chain.gatekeeper.authority().certificate())?;
        // In place of the root of AWS.
        let root = shell.directory.join("my-cluster/aws-signer-root.crt");
        fs::copy(chain.doubles.directory().join("signer-root.pem"), root)?;
        Ok(Self(shell))
    }

    /// Runs a line of shell at the top of the copy.
    fn run(&self, chain: &Chain<'_>, line: &str) -> anyhow::Result<Finished> {
        let variables =
            [("AWS_ACCOUNT", network::ACCOUNT), ("AWS_REGION", network::REGION), ("EKS_CLUSTER", "my-eks-cluster")];
        self.0.run(chain.workdir, &chain.cluster, line, &variables)
    }

    /// Runs a command that must succeed, and prints both.
    fn succeeds(&self, chain: &Chain<'_>, line: &str) -> anyhow::Result<()> {
        let finished = self.run(chain, line)?;
        chain.transcript.command(line, &finished.output);
        finished.success().with_context(|| line.to_owned()).map(drop)
    }
}

/// Runs the commands before the overlay, which remain the same for both identities. Removes them from the list.
fn trust_policies(chain: &mut Chain<'_>, user: &User, commands: &mut Vec<String>) -> anyhow::Result<()> {
    let overlay = commands.iter().position(|line| line.starts_with("kubectl kustomize ")).context("no overlay")?;
    let after = commands.split_off(overlay);
    for line in commands.drain(..) {
        if NOT_RUN.iter().any(|start| line.starts_with(start)) {
            chain.transcript.note(&format!("not run: {line}"));
        } else {
            user.succeeds(chain, &line)?;
        }
    }
    *commands = after;
    let read = |name: &str| -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&fs::read(user.0.directory.join("my-cluster/iam").join(name))?)?)
    };
    let trust = read("trust-irsa.json")?;
    let issuer = settings::ISSUER.trim_start_matches("https://");
    let conditions = json!({
        format!("{issuer}:aud"): "sts.amazonaws.com",
        format!("{issuer}:sub"): format!("system:serviceaccount:{}:{}", settings::NAMESPACE, settings::SERVICE_ACCOUNT),
    });
    let found = &trust["Statement"][0];
    let federated = format!("arn:aws:iam::{}:oidc-provider/{issuer}", network::ACCOUNT);
    let result = (|| {
        ensure!(found["Condition"]["StringEquals"] == conditions, "found {found}");
        ensure!(found["Principal"]["Federated"] == federated, "found {found}");
        Ok(())
    })();
    chain.verdict("the trust policy of the role is for the service account whose tokens STS accepts here", result);
    Ok(())
}

/// Applies the overlay, runs its Deployment, and runs pods.
fn with(chain: &mut Chain<'_>, user: &User, identity: Identity, commands: &[String]) -> anyhow::Result<()> {
    let before = chain.journal()?;
    let good = chain.push("shop", &json!({}))?;
    let other = chain.push("shop", &json!({}))?;
    // The tag of the page.
    chain.tag_as(&good, "v1")?;
    let mut pod = None;
    for line in commands {
        if line == "kubectl apply -k my-cluster" {
            // Those of the cases before.
            let _ = user.run(chain, "kubectl delete --ignore-not-found provider countersign-verify")?;
            user.succeeds(chain, line)?;
            let name = match identity {
                Identity::Irsa => "pod-with-irsa",
                Identity::PodIdentity => "pod-with-pod-identity",
            };
            let binary = chain.countersign.binary();
            let variables = |_: &Value, account: &Value| Ok(settings::identity(account)?.variables());
            pod = Some(Pod::start(chain.workdir, &chain.cluster, binary, name, &chain.ca, variables)?);
            chain.transcript.note(&format!("the pod is ready, with {identity:?}"));
        } else if let Some(arguments) = line.strip_prefix(EXEC) {
            let pod = pod.as_ref().context("there is no pod yet")?;
            in_pod(chain, pod, line, arguments)?;
        } else if NOT_RUN.iter().any(|start| line.starts_with(start)) || line.starts_with("aws ") {
            chain.transcript.note(&format!("not run: {line}"));
        } else {
            user.succeeds(chain, line)?;
        }
    }
    let pod = pod.context("the page applies no overlay")?;
    // Until Gatekeeper calls the Service of the overlay.
    let called = chain.push("shop", &json!({}))?;
    chain.until_admitted(&called, CALLED)?;
    chain.admitted(&format!("{identity:?}: a signed image is admitted"), &good, ANY)?;
    chain.set(json!({ "do": "revoke", "entity": other.job }))?;
    let parts = ["revoked: ", &other.job];
    chain.rejected(&format!("{identity:?}: a revoked one is denied"), &other, "shop", &parts, ANY)?;
    let unsigned = chain.push("shop", &json!({ "signed": false }))?;
    chain.rejected(&format!("{identity:?}: an unsigned one is denied"), &unsigned, "shop", &["unsigned: "], ANY)?;
    let journal = chain.journal()?.since(&before);
    let result = actions(&journal, identity).and_then(|actions| permitted(user, &actions));
    chain.verdict(&format!("{identity:?}: permissions.json has the actions that were used, and no other"), result);
    chain.keep_metrics(&format!("{identity:?}"), &Pod::metrics()?)?;
    pod.stop()
}

/// A command in the pod.
fn in_pod(chain: &mut Chain<'_>, pod: &Pod, line: &str, arguments: &str) -> anyhow::Result<()> {
    let arguments = arguments.replace("$AWS_ACCOUNT", network::ACCOUNT).replace("$AWS_REGION", network::REGION);
    let arguments: Vec<&str> = arguments.split(' ').map(|word| word.trim_matches('"')).collect();
    let finished = process::run(&pod.command(&arguments), LIMIT, &chain.workdir.log("exec"))?;
    chain.transcript.command(line, &finished.output);
    let result = if finished.status.success() { Ok(()) } else { Err(anyhow::anyhow!("{}", finished.status)) };
    chain.verdict(&format!("countersign {} in the pod succeeds", arguments[0]), result);
    Ok(())
}

/// The actions of IAM for the requests. Each request must be of this identity.
fn actions(journal: &Journal, identity: Identity) -> anyhow::Result<Vec<&'static str>> {
    let mut actions = Vec::new();
    for exchange in journal.all() {
        let text = |name: &str| exchange[name].as_str().unwrap_or_default();
        actions.push(match (text("service"), text("operation"), identity) {
            ("signer-data", _, _) => "signer:GetRevocationStatus",
            ("ecr-api", "GetAuthorizationToken", _) => "ecr:GetAuthorizationToken",
            ("ecr-registry", _, _) if text("path").contains("/blobs/") => "ecr:GetDownloadUrlForLayer",
            ("ecr-registry", _, _) => "ecr:BatchGetImage",
            ("blob-store", _, _) | ("pod-identity", _, Identity::PodIdentity) => continue,
            ("sts", "AssumeRoleWithWebIdentity", Identity::Irsa) => continue,
            _ => anyhow::bail!("found {exchange}"),
        });
    }
    actions.sort_unstable();
    actions.dedup();
    Ok(actions)
}

/// An error unless the policy for the role has exactly these actions.
fn permitted(user: &User, actions: &[&str]) -> anyhow::Result<()> {
    let policy: Value = serde_json::from_slice(&fs::read(user.0.directory.join("my-cluster/iam/permissions.json"))?)?;
    let statements = policy["Statement"].as_array().context("the policy has no statements")?;
    let mut expected: Vec<&str> = statements
        .iter()
        .flat_map(|statement| {
            let action = &statement["Action"];
            // One action may be written without a list.
            action.as_array().map_or(std::slice::from_ref(action), Vec::as_slice)
        })
        .filter_map(Value::as_str)
        .collect();
    expected.sort_unstable();
    ensure!(actions == expected, "found {actions:?}, expected {expected:?}");
    Ok(())
}

/// The overlay with what its comments name for IRSA.
fn with_irsa(overlay: &str) -> anyhow::Result<String> {
    let of_pod_identity = "  - ../deploy/components/eks-pod-identity\n";
    ensure!(overlay.contains(of_pod_identity) && overlay.contains("  # - name: countersign-eks\n"), "another overlay");
    let changed = overlay.replace(of_pod_identity, "").replace("  # - ", "  - ");
    Ok(changed.replace("  #   ", "    "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_comments_of_the_overlay_are_the_lines_for_irsa() {
        let overlay = "components:\n  - ../deploy/components/eks-pod-identity\n  # With IRSA:\n  # - ../deploy/components/eks-irsa\n\
                       configMapGenerator:\n  # - name: countersign-eks\n  #   literals: [a]\n";
        let expected = "components:\n  # With IRSA:\n  - ../deploy/components/eks-irsa\n\
                        configMapGenerator:\n  - name: countersign-eks\n    literals: [a]\n";
        assert_eq!(with_irsa(overlay).unwrap(), expected);
        with_irsa("components: []\n").unwrap_err();
    }
}
