//! `countersign inspect` as the built binary: text and JSON for images of every verdict. The verdict must be exactly the one
//! of `verify`.

#![allow(clippy::unwrap_used)]

mod aws_signer;
mod listing;
mod several;
mod signatures;
mod timestamps;
mod trace;
mod trace_clouds;
mod trace_evidence;

use std::process::Output;

use countersign_testkit::Descriptor;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::registry::Registry;
use serde_json::Value;
use serde_json::json;

use countersign_test_support::binary;
use countersign_testkit::folder::Folder;

pub(crate) async fn countersign(arguments: &[&str]) -> Output {
    let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
    command.args(arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// With NOW in place of the time of verification, which is another one a millisecond later.
pub(crate) fn timeless(page: &str) -> String {
    const BEFORE: &str = "found expiry 2026-02-01T00:00:00Z, now ";
    let mut parts = page.split(BEFORE);
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + BEFORE + "NOW" + &part[part.find('Z').unwrap() + 1..])
}

pub(crate) struct Fixture {
    pub(crate) registry: Registry,
    pub(crate) folder: Folder,
    pub(crate) leaf: Chain,
    pub(crate) untrusted: Chain,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(json!({"level": "strict", "override": {"expiry": "log", "revocation": "skip"}}), "").await
    }

    pub(crate) async fn with(verification: Value, more: &str) -> Self {
        let registry = Registry::start().await;
        let root = Authority::root(CertSpec::root());
        let untrusted = Authority::root(CertSpec::root().common_name("untrusted"));
        let folder = Folder::new();
        let host = registry.host();
        let policy = json!({"version": "1.0", "trustPolicies": [
            {"name": "mirror", "registryScopes": [format!("{host}/mirror")], "signatureVerification": {"level": "skip"}},
            {"name": "app", "registryScopes": [format!("{host}/app")], "signatureVerification": verification,
             "trustStores": ["ca:main"], "trustedIdentities": ["*"]},
        ]});
        folder.write("trust/trustpolicy.json", policy.to_string());
        folder.write("trust/truststore/x509/ca/main/root.pem", root.pem());
        let entry = format!("registries:\n- {{host: '{host}', plainHttp: true}}\n");
        folder.write("c.yaml", format!("trust: {{directory: trust}}\n{entry}{more}"));
        let leaf = root.issue(CertSpec::leaf().serial(&[0x0a, 0xbc]));
        let untrusted = untrusted.issue(CertSpec::leaf().common_name("somebody"));
        Self { registry, folder, leaf, untrusted }
    }

    pub(crate) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.host())
    }

    pub(crate) fn sign(&self, image: &Descriptor, signer: &Chain) -> Descriptor {
        notation::sign_image(&self.registry, "app", image, signer)
    }

    pub(crate) async fn run(&self, command: &str, output: &str, image: &str) -> (Option<i32>, String) {
        let config = self.folder.path().join("c.yaml").display().to_string();
        let output = countersign(&[command, "--config", &config, "-o", output, &self.image(image)]).await;
        assert_eq!(std::str::from_utf8(&output.stderr).unwrap(), "");
        (output.status.code(), timeless(&String::from_utf8(output.stdout).unwrap()))
    }

    /// The page, after seeing that it begins with what `verify` prints and ends as it does.
    pub(crate) async fn text(&self, image: &str) -> (Option<i32>, String) {
        let (verified, block) = self.run("verify", "text", image).await;
        let (code, page) = self.run("inspect", "text", image).await;
        assert!(page.starts_with(&block), "{page}\n{block}");
        assert_eq!(verified, code, "{page}");
        (code, page[block.len()..].to_owned())
    }

    pub(crate) async fn json(&self, image: &str) -> (Option<i32>, Value) {
        let (verified, list) = self.run("verify", "json", image).await;
        let (code, document) = self.run("inspect", "json", image).await;
        let document: Value = serde_json::from_str(&document).unwrap();
        let list: Value = serde_json::from_str(&list).unwrap();
        assert_eq!(document["image"], list["images"][0]);
        assert_eq!(verified, code);
        (code, document)
    }
}

/// `[check, action, result, code]` of every check.
pub(crate) fn checks(signature: &Value) -> Vec<[String; 4]> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let checks = signature["checks"].as_array().unwrap();
    checks.iter().map(|check| ["check", "action", "result", "code"].map(|member| text(&check[member]))).collect()
}
