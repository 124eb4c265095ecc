//! `deploy/aks/README.md` as a new user follows it: the shipped files, changed where the page says so, and the Deployment run as a node
//! would run it, with what the webhook of workload identity adds.

use std::fs;
use std::path::Path;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::super::cloud::Page;
use super::super::cloud::Site;
use super::super::cloud::User;
use super::super::guide::steps;
use super::super::pod::Pod;
use super::super::pod::Variables;
use super::network;
use super::site::CLIENT;
use super::site::ISSUER;
use super::site::TENANT;
use super::site::TOKEN;

const PAGE: &str = "deploy/aks/README.md";

/// Beginnings of commands that need the plugin for Azure, or controllers.
const NOT_RUN: [&str; 2] = ["notation sign --plugin ", "kubectl -n countersign rollout "];

/// The warnings of `check`: the certificate of this Gatekeeper is short, and self-signed certificates name no addresses.
const WARNINGS: [&str; 2] = [" certificate-ends-soon: ", " evidence-of-image: "];

/// The Azure CLI of the user: requires the documents that it would send, writes down what it is called with, and knows the objects of
/// the doubles.
const AZ: &str = r#"#!/bin/sh
for word; do case "$word" in @*) test -s "${word#@}" || exit 1 ;; esac; done
echo "$*" >> CALLS
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

fn page() -> Page {
    Page {
        path: PAGE,
        not_run: &NOT_RUN,
        changes: &CHANGES,
        warnings: &WARNINGS,
        variables: &[
            ("RESOURCE_GROUP", "my-group"),
            ("AKS_CLUSTER", "my-aks-cluster"),
            ("ACR_NAME", "shops"),
            ("KEY_VAULT", "shops"),
        ],
        cli: ("az", AZ.replace("ISSUER", ISSUER).replace("CLIENT", CLIENT)),
    }
}

/// Follows the page to its end, and returns the pod of its Deployment, which serves.
pub(super) fn follow(site: &mut Site<'_>, binary: &Path) -> anyhow::Result<Pod> {
    let mut user = User::prepare(site, binary, page())?;
    // The image of the page.
    site.push_as("v1", &json!({}))?;
    let steps = steps(&fs::read_to_string(site.workdir.project().join(PAGE))?)?;
    let pod = user.follow(site, binary, "pod", steps, &|_, template, account| variables(template, account))?;
    let result = user.calls().and_then(|calls| federated(&calls));
    site.transcript
        .verdict("the federated credential is for the service account whose tokens Entra accepts here", result);
    Ok(pod)
}

/// An error unless the page has created the federated credential that the doubles have.
fn federated(calls: &str) -> anyhow::Result<()> {
    let created = "identity federated-credential create ";
    let line = calls.lines().find(|line| line.starts_with(created)).context("none was created")?;
    let expected = format!(
        "--issuer {ISSUER} --subject system:serviceaccount:countersign:countersign --audiences api://AzureADTokenExchange"
    );
    ensure!(line.ends_with(&expected), "found {line}");
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
}
