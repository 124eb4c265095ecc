//! The built binary: exit codes, text, JSON, signals.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "the binary runs as a process here, and loopback needs no limits")]

mod manifests;
mod repeated;
mod serve;
mod usage;
mod verify;

use std::process::Output;

use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Registry;
use serde_json::json;

use countersign_test_support::binary;
use countersign_testkit::folder::Folder;

pub(crate) const GATEKEEPER: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

/// Runs the binary and waits for its end, without blocking the registry of the test.
pub(crate) async fn countersign(arguments: &[&str]) -> Output {
    countersign_in(arguments, &[]).await
}

/// As [`countersign`], with these variables about proxies and no others.
pub(crate) async fn countersign_in(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), environment);
    command.args(arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[track_caller]
pub(crate) fn check(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// A registry with an image for each verdict, and its configuration.
pub(crate) struct Fixture {
    pub(crate) registry: Registry,
    pub(crate) folder: Folder,
    pub(crate) root: Authority,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let registry = Registry::start().await;
        let root = Authority::root(CertSpec::root());
        let signed = registry.push_image("app", "signed");
        notation::sign_image(&registry, "app", &signed, &root.issue(CertSpec::leaf()));
        let untrusted = Authority::root(CertSpec::root().common_name("untrusted")).issue(CertSpec::leaf());
        let foreign = registry.push_image("app", "foreign");
        notation::sign_image(&registry, "app", &foreign, &untrusted);
        registry.push_image("app", "unsigned");
        let folder = Folder::new();
        let host = registry.host();
        let policy = json!({"version": "1.0", "trustPolicies": [
            {"name": "mirror", "registryScopes": [format!("{host}/mirror")], "signatureVerification": {"level": "skip"}},
            {"name": "app", "registryScopes": ["*"],
             "signatureVerification": {"level": "strict", "override": {"revocation": "skip"}},
             "trustStores": ["ca:main"], "trustedIdentities": ["*"]},
        ]});
        folder.write("trust/trustpolicy.json", policy.to_string());
        folder.write("trust/truststore/x509/ca/main/root.pem", root.pem());
        let config = format!("trust: {{directory: trust}}\nregistries:\n- {{host: '{host}', plainHttp: true}}\n");
        folder.write("c.yaml", config);
        Self { registry, folder, root }
    }

    pub(crate) fn config(&self) -> String {
        self.folder.path().join("c.yaml").display().to_string()
    }

    pub(crate) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.host())
    }

    pub(crate) async fn verify(&self, arguments: &[&str], images: &[&str]) -> Output {
        let config = self.config();
        let images: Vec<String> = images.iter().map(|image| self.image(image)).collect();
        let mut all = vec!["verify", "--config", &config];
        all.extend(arguments);
        all.extend(images.iter().map(String::as_str));
        countersign(&all).await
    }
}
