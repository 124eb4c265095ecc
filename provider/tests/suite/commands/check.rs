//! `countersign check` as the built binary: every mistake of every file in one run, warnings that change no exit code,
//! and what would be used.

#![allow(clippy::unwrap_used)]

mod aws;
mod azure;
mod broken_entries;
mod certificates;
mod cold_image;
mod exit_codes;
mod google;
mod images;
mod kinds;
mod local_files;
mod mounts;
mod named_files;
mod online;
mod online_aws;
mod online_azure;
mod online_google;
mod online_images;
mod online_key_vault;
mod online_signer;
mod pasted_secrets;
mod pod;
mod providers;
mod report;
mod signer_roots;
mod token_files;
mod trust_stores;
mod warnings;
mod wrong_setups;

use std::process::Command;
use std::process::Output;

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;
use time::macros::datetime;

use countersign_test_support::binary;
use countersign_testkit::folder::Folder;

pub(crate) const START: OffsetDateTime = datetime!(2020-01-01 00:00 UTC);

/// Runs it in `folder`, whose path is cut out of what it prints.
pub(crate) fn check(folder: &Folder, arguments: &[&str]) -> (Option<i32>, String) {
    check_in(folder, arguments, &[])
}

/// With these variables about proxies, and no others.
pub(crate) fn check_in(folder: &Folder, arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    printed(folder, &command(folder, "check", arguments, environment).output().unwrap())
}

/// The document and the page of `check --for verify --online` with one more argument, in this environment. Neither has one of
/// `secrets`. The services run on the thread of the caller, which is not blocked.
pub(crate) async fn check_online(
    folder: &Folder,
    argument: Option<&str>,
    environment: &[(&'static str, String)],
    secrets: &[&str],
) -> (Value, String) {
    let arguments: Vec<&str> = ["--for", "verify", "--online"].into_iter().chain(argument).collect();
    let (_, page) = beside(folder, "check", &arguments, environment).await;
    let (_, text) = beside(folder, "check", &[&arguments[..], &["-o", "json"]].concat(), environment).await;
    for (shown, secret) in
        [&page, &text].into_iter().flat_map(|shown| secrets.iter().map(move |secret| (shown, secret)))
    {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    (serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")), page)
}

/// Runs a command of the binary on another thread.
pub(crate) async fn beside(
    folder: &Folder,
    name: &str,
    arguments: &[&str],
    environment: &[(&'static str, String)],
) -> (Option<i32>, String) {
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut command = command(folder, name, arguments, &environment);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    if name == "check" {
        printed(folder, &output)
    } else {
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }
}

fn command(folder: &Folder, name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let path = folder.path().display().to_string();
    let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), environment);
    command.args([name, "--config", &format!("{path}/c.yaml")]).args(arguments);
    // The authorities of the system, whatever this one has.
    command.env("SSL_CERT_FILE", folder.path().join("system.pem")).env_remove("SSL_CERT_DIR");
    command
}

/// The exit code, and what is printed without the path of the folder. There are no messages beside it.
fn printed(folder: &Folder, output: &Output) -> (Option<i32>, String) {
    assert_eq!(std::str::from_utf8(&output.stderr).unwrap(), "");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    (output.status.code(), text.replace(&format!("{}/", folder.path().display()), ""))
}

pub(crate) fn document(folder: &Folder) -> (Option<i32>, Value) {
    let (code, text) = check(folder, &["-o", "json"]);
    (code, serde_json::from_str(&text).unwrap())
}

pub(crate) fn statement(name: &str, scope: &str) -> Value {
    json!({"name": name, "registryScopes": [scope],
            "signatureVerification": {"level": "strict", "override": {"revocation": "skip"}},
            "trustStores": ["ca:main"], "trustedIdentities": ["x509.subject: C=CH, ST=ZH, O=Testkit"]})
}

pub(crate) fn policy(statements: &[Value]) -> String {
    json!({"version": "1.0", "trustPolicies": statements}).to_string()
}

/// A folder without mistakes and warnings, for the server.
pub(crate) fn sound() -> Folder {
    let folder = Folder::new();
    let root = Authority::root(CertSpec::root());
    folder.write("system.pem", root.pem());
    let tls = Authority::root(CertSpec::root().common_name("TLS"));
    folder.write("trust/trustpolicy.json", policy(&[statement("app", "registry.example.com/app")]));
    folder.write("trust/truststore/x509/ca/main/root.pem", root.pem());
    let server = tls.issue(CertSpec::tls_server(&["countersign.countersign.svc", "127.0.0.1"]));
    folder.write("tls.crt", server.pem());
    folder.write("tls.key", server.key_pem());
    folder.write("ca.crt", Authority::root(CertSpec::root().common_name("gatekeeper")).pem());
    folder.write("user", "alice\n");
    folder.write("password", "hunter2\n");
    folder.write(
            "c.yaml",
            "trust: {directory: trust}
server: {tls: {certificate: tls.crt, key: tls.key, clientCa: ca.crt}}
unlistedRegistries: anonymous
registries:
- {host: registry.example.com, credentials: {usernameFile: user, passwordFile: password}, realmHosts: [auth.example.com]}
- {host: 'localhost:5000', plainHttp: true}
",
        );
    folder
}
