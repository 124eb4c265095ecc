//! `deploy/aks/README.md` as a new user follows it: the shipped files, changed where the page says so, and the Deployment run as a node
//! would run it, with what the webhook of workload identity adds.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::super::guide::CERTIFICATES;
use super::super::guide::EXEC;
use super::super::guide::Shell;
use super::super::guide::Step;
use super::super::guide::steps;
use super::super::pod::Pod;
use super::super::pod::Variables;
use super::network;
use super::site::CLIENT;
use super::site::ISSUER;
use super::site::Site;
use super::site::TENANT;
use super::site::TOKEN;
use crate::process;
use crate::process::Finished;

/// Time limit for one command.
const LIMIT: Duration = Duration::from_secs(60);

const PAGE: &str = "deploy/aks/README.md";

/// Beginnings of commands that need the plugin for Azure, or controllers.
const NOT_RUN: [&str; 2] = ["notation sign --plugin ", "kubectl -n countersign rollout "];

/// The warnings of `check`: the certificate of this Gatekeeper is short, and self-signed certificates name no addresses.
const WARNINGS: [&str; 2] = [" certificate-ends-soon: ", " evidence-of-image: "];

/// The first command after the files of the user are complete.
const CHECK: &str = "kubectl kustomize ";

/// The Azure CLI of the user: requires the documents that it would send, writes down what it is called with, and knows the objects of
/// the doubles.
const AZ: &str = r#"#!/bin/sh
for word; do case "$word" in @*) test -s "${word#@}" || exit 1 ;; esac; done
echo "$*" >> az-calls
case "$*" in
*issuerUrl*) echo ISSUER ;;
*clientId*) echo CLIENT ;;
*principalId*) echo 21212121-4343-6565-8787-090909090909 ;;
*"acr show"*"--query id "*) echo /subscriptions/s/registries/shops ;;
*"acr show"*) echo LegacyRegistryPermissions ;;
*"keyvault show"*) echo /subscriptions/s/vaults/shops ;;
*"account show"*) echo 99999999-8888-7777-6666-555555555555 ;;
*kid*) echo https://shops.vault.azure.net/keys/shop-signing/1 ;;
esac
"#;

/// What the user changes in the files: the names in the certificate of the vault, and the shortest interval, for which these cases wait.
const CHANGES: [(&str, &str, &str); 2] = [
    ("trustpolicy.json", "x509.subject: CN=shop-signing,O=Shop,ST=WA,C=US", "x509.subject: O=notation,ST=WA,C=US"),
    ("countersign.yaml", "refreshInterval: 10m", "refreshInterval: 1m"),
];

/// The user of the page, with a copy of the repository.
struct User(Shell);

/// Follows the page to its end, and returns the pod of its Deployment, which serves.
pub(super) fn follow(site: &mut Site<'_>, binary: &Path) -> anyhow::Result<Pod> {
    site.transcript.chapter(&format!("The guide {PAGE}, word for word"));
    // The image of the page.
    site.push_as("v1", &json!({}))?;
    let user = User::prepare(site, binary)?;
    for line in CERTIFICATES {
        user.succeeds(site, line)?;
    }
    let mut pod = None;
    for step in steps(&fs::read_to_string(site.workdir.project().join(PAGE))?)? {
        match step {
            Step::File(path, text) => {
                site.transcript.note(&format!("writes {path}"));
                fs::write(user.0.directory.join(path), text)?;
            }
            Step::Command(line) if line.starts_with(EXEC) => {
                in_pod(site, pod.as_ref().context("there is no pod yet")?, &line)?;
            }
            Step::Command(line) if NOT_RUN.iter().any(|start| line.starts_with(start)) => {
                site.transcript.note(&format!("not run: {line}"));
            }
            Step::Command(line) => {
                if line.starts_with(CHECK) {
                    user.change(site)?;
                }
                user.succeeds(site, &line)?;
                if line == "kubectl apply -k my-cluster" {
                    pod = Some(Pod::start(site.workdir, &site.cluster, binary, "pod", &site.ca, variables)?);
                    site.transcript.note("the pod is ready");
                }
            }
        }
    }
    site.transcript.verdict(
        "the federated credential is for the service account whose tokens Entra accepts here",
        user.federated(),
    );
    pod.context("the page applies no overlay")
}

impl User {
    fn prepare(site: &Site<'_>, binary: &Path) -> anyhow::Result<Self> {
        let workdir = site.workdir;
        let az = AZ.replace("ISSUER", ISSUER).replace("CLIENT", CLIENT);
        let shell = Shell::prepare(workdir, binary, ("az", &az))?;
        workdir.write("guide/my-cluster/gatekeeper-ca.crt", site.gatekeeper.authority().certificate())?;
        Ok(Self(shell))
    }

    /// Runs a line of shell at the top of the copy.
    fn run(&self, site: &Site<'_>, line: &str) -> anyhow::Result<Finished> {
        let variables = [
            ("RESOURCE_GROUP", "my-group"),
            ("AKS_CLUSTER", "my-aks-cluster"),
            ("ACR_NAME", name_of(network::REGISTRY)),
            ("KEY_VAULT", name_of(network::VAULT)),
        ];
        self.0.run(site.workdir, &site.cluster, line, &variables)
    }

    /// Runs a command that must succeed, and prints both.
    fn succeeds(&self, site: &Site<'_>, line: &str) -> anyhow::Result<()> {
        let finished = self.run(site, line)?;
        site.transcript.command(line, &finished.output);
        finished.success().with_context(|| line.to_owned()).map(drop)
    }

    /// Makes the changes of the user.
    fn change(&self, site: &Site<'_>) -> anyhow::Result<()> {
        for (file, from, to) in CHANGES {
            let path = self.0.directory.join("my-cluster").join(file);
            let text = fs::read_to_string(&path)?;
            ensure!(text.matches(from).count() == 1, "{file} has not one {from:?}");
            fs::write(&path, text.replace(from, to))?;
            site.transcript.note(&format!("{file}: {to}"));
        }
        Ok(())
    }

    /// An error unless the page has created the federated credential that the doubles have.
    fn federated(&self) -> anyhow::Result<()> {
        let calls = fs::read_to_string(self.0.directory.join("az-calls"))?;
        let created = "identity federated-credential create ";
        let line = calls.lines().find(|line| line.starts_with(created)).context("none was created")?;
        let expected = format!(
            "--issuer {ISSUER} --subject system:serviceaccount:countersign:countersign --audiences api://AzureADTokenExchange"
        );
        ensure!(line.ends_with(&expected), "found {line}");
        Ok(())
    }
}

/// The first label of a host.
fn name_of(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
}

/// A command in the pod.
fn in_pod(site: &mut Site<'_>, pod: &Pod, line: &str) -> anyhow::Result<()> {
    let arguments = line.trim_start_matches(EXEC).replace("$ACR_NAME", name_of(network::REGISTRY));
    let arguments: Vec<&str> = arguments.split(' ').map(|word| word.trim_matches('"')).collect();
    let finished = process::run(&pod.command(&arguments), LIMIT, &site.workdir.log("exec"))?;
    site.transcript.command(line, &finished.output);
    let result = (|| {
        ensure!(finished.status.success(), "{}", finished.status);
        let mut warnings = finished.output.lines().filter(|line| line.starts_with("warning "));
        let other = warnings.find(|line| !WARNINGS.iter().any(|code| line.contains(code)));
        ensure!(other.is_none(), "found {other:?}");
        Ok(())
    })();
    site.transcript.verdict(&format!("countersign {} in the pod succeeds", arguments[0]), result);
    Ok(())
}

/// What the webhook of workload identity adds to a pod with its label: those of the annotation of the service account.
fn variables(template: &Value, account: &Value) -> anyhow::Result<Variables> {
    let label = &template["metadata"]["labels"]["azure.workload.identity/use"];
    ensure!(label == "true", "found the label {label}, expected \"true\"");
    let client = account["metadata"]["annotations"]["azure.workload.identity/client-id"].as_str();
    Ok(vec![
        ("AZURE_CLIENT_ID", client.context("the service account has no client ID")?.to_owned()),
        ("AZURE_TENANT_ID", TENANT.to_owned()),
        ("AZURE_FEDERATED_TOKEN_FILE", TOKEN.to_owned()),
        ("AZURE_AUTHORITY_HOST", format!("https://{}/", network::AUTHORITY)),
    ])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_webhook_changes_pods_with_its_label() {
        let template = |label: Value| json!({ "metadata": { "labels": { "azure.workload.identity/use": label } } });
        let account = json!({ "metadata": { "annotations": { "azure.workload.identity/client-id": "c" } } });
        assert_eq!(variables(&template(json!("true")), &account).unwrap()[0], ("AZURE_CLIENT_ID", "c".to_owned()));
        variables(&template(json!(true)), &account).unwrap_err();
        variables(&json!({}), &account).unwrap_err();
        assert_eq!(
            variables(&template(json!("true")), &json!({})).unwrap_err().to_string(),
            "the service account has no client ID"
        );
    }

    #[test]
    fn the_name_of_a_registry_is_its_first_label() {
        assert_eq!((name_of(network::REGISTRY), name_of(network::VAULT)), ("shops", "shops"));
    }
}
