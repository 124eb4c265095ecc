//! A build without the clients of clouds: `cargo test --package countersign --no-default-features --test without_aws`. A
//! configuration that needs them is a mistake that says so; all others work.

#![cfg(not(any(feature = "aws", feature = "azure", feature = "google")))]
#![allow(clippy::unwrap_used)]

use countersign_test_support::binary;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::json;

/// The exit code of `check` of a configuration with these keys, and the mistakes in its file of configuration.
fn check(keys: &str) -> (Option<i32>, Vec<String>) {
    let (folder, root) = (Folder::new(), Authority::root(CertSpec::root()));
    let server = root.issue(CertSpec::tls_server(&["countersign.example"]));
    let tls = "server: {tls: {certificate: tls.crt, key: tls.key, clientCa: ca.pem}}";
    folder.write("c.yaml", format!("trust: {{directory: trust}}\n{tls}\n{keys}\n"));
    folder.write("tls.crt", server.pem());
    folder.write("tls.key", server.key_pem());
    folder.write("ca.pem", root.pem());
    folder.write("trust/truststore/x509/ca/main/root.pem", root.pem());
    let statement = json!({
        "name": "all", "registryScopes": ["*"], "signatureVerification": {"level": "strict"}, "trustStores": ["ca:main"],
        "trustedIdentities": ["*"],
    });
    folder.write("trust/trustpolicy.json", json!({"version": "1.0", "trustPolicies": [statement]}).to_string());
    let path = folder.path().display().to_string();
    let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
    let output = command.args(["check", "--config", &format!("{path}/c.yaml")]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mistakes =
        text.lines().filter_map(|line| line.strip_prefix("mistake")).map(|line| line.trim_start().to_owned());
    (output.status.code(), mistakes.map(|line| line.replace(&format!("{path}/"), "")).collect())
}

#[test]
fn aws_signer_and_tokens_of_amazon_ecr_are_mistakes_that_name_the_build() {
    let signer = "aws.signer.enabled: found true, expected false: this build has no AWS clients (cargo feature aws)";
    let tokens = "registries[0].credentials.ecr: found tokens of Amazon ECR, expected another key: this build has no AWS clients \
                  (cargo feature aws)";
    let ecr = "registries: [{host: 111122223333.dkr.ecr.eu-central-1.amazonaws.com, credentials: {ecr: {}}}]";
    for (keys, expected) in [
        ("aws: {region: eu-central-1, signer: {enabled: true}}".to_owned(), vec![format!("c.yaml:3: {signer}")]),
        (ecr.to_owned(), vec![format!("c.yaml:3: {tokens}")]),
        (
            format!("aws: {{signer: {{enabled: true}}}}\n{ecr}"),
            vec![format!("c.yaml:3: {signer}"), format!("c.yaml:4: {tokens}")],
        ),
    ] {
        assert_eq!(check(&keys), (Some(3), expected), "{keys}");
    }
}

#[test]
fn tokens_of_azure_container_registry_are_a_mistake_that_names_the_build() {
    let acr = "registries: [{host: shops.azurecr.io, credentials: {acr: {}}}]";
    let expected = "c.yaml:3: registries[0].credentials.acr: found tokens of Azure Container Registry, expected another key: this \
                    build has no Azure clients (cargo feature azure)";
    assert_eq!(check(acr), (Some(3), vec![expected.to_owned()]));
}

#[test]
fn a_store_of_azure_key_vault_is_a_mistake_that_names_the_build() {
    let (folder, root) = (Folder::new(), Authority::root(CertSpec::root()));
    folder.write("trust/truststore/x509/ca/main/root.pem", root.pem());
    folder.write("trust/trustpolicy.json", r#"{"version": "1.0", "trustPolicies": []}"#);
    let vault = "{vault: shop.vault.azure.net, certificates: [{name: shop}]}";
    folder.write(
        "c.yaml",
        format!("trust: {{directory: trust, stores: [{{store: 'ca:shop', keyVault: {vault}}}]}}\nunlistedRegistries: refuse\n"),
    );
    let path = folder.file("c.yaml");
    let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
    let output = command.args(["check", "--for", "verify", "--config", &path]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = "trust.stores[0].keyVault: found certificates of Azure Key Vault, expected another key: this build has no Azure \
                    clients (cargo feature azure)";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn tokens_of_google_cloud_are_a_mistake_that_names_the_build() {
    let google = "registries: [{host: europe-west1-docker.pkg.dev, credentials: {google: {}}}]";
    let expected = "c.yaml:3: registries[0].credentials.google: found tokens of Google Cloud, expected another key: this build has no \
                    client of Google Cloud (cargo feature google)";
    assert_eq!(check(google), (Some(3), vec![expected.to_owned()]));
}

#[test]
fn a_configuration_that_does_not_need_aws_is_used() {
    let host = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
    for keys in [
        "aws: {region: eu-central-1, signer: {enabled: false}}".to_owned(),
        format!("registries:\n- {{host: {host}}}"),
        format!("registries:\n- {{host: {host}, credentials: {{anonymous: true}}}}"),
    ] {
        assert_eq!(check(&keys), (Some(0), vec![]), "{keys}");
    }
}
