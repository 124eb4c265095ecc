//! The shell blocks of README.md with `countersign`, word for word, against a registry with its images.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_test_support::binary;
use countersign_testkit::folder::Folder;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Registry;
use serde_json::Value;
use serde_json::json;

use crate::documents::markdown::blocks;
use crate::documents::markdown::read;
use crate::documents::markdown::shell;

/// The registry of the documents. Commands and files have the address of the test's registry in its place.
const REGISTRY: &str = "registry.example.com";

/// The registry `registry.example.com` with the images of README.md, its trust policy, and the files that its commands name.
pub(crate) struct Fixture {
    pub(crate) registry: Registry,
    pub(crate) folder: Folder,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let registry = Registry::start().await;
        let root = Authority::root(CertSpec::root().common_name("Shop root"));
        let release =
            root.issue(CertSpec::leaf().subject(&[("C", "CH"), ("ST", "ZH"), ("O", "Shop AG"), ("CN", "release")]));
        notation::sign_image(&registry, "shop", &registry.push_image("shop", "v1"), &release);
        registry.push_image("shop", "unsigned");
        registry.push_image("mirror", "v1");
        let fixture = Self { registry, folder: Folder::new() };

        let page = read("README.md");
        let policy = blocks(&page).0.into_iter().find(|block| block.language == "json").unwrap().text;
        let mut policy: Value = serde_json::from_str(&fixture.local(&policy)).unwrap();
        let host = fixture.registry.host();
        policy["trustPolicies"].as_array_mut().unwrap().push(json!({
            "name": "mirror", "registryScopes": [format!("{host}/mirror")], "signatureVerification": { "level": "skip" },
        }));
        fixture.folder.write("trust/trustpolicy.json", policy.to_string());
        // The path of the page's tree of files.
        fixture.folder.write("trust/truststore/x509/ca/shop-root/root.crt", root.pem());
        fixture.write_configuration("");
        for (file, kind) in [("deployment.yaml", "Deployment"), ("cronjob.yaml", "CronJob")] {
            let pod = json!({ "spec": { "containers": [{ "name": "a", "image": format!("{host}/shop:v1") }] } });
            let spec = match kind {
                "CronJob" => json!({ "jobTemplate": { "spec": { "template": pod } } }),
                _ => json!({ "template": pod }),
            };
            let version = if kind == "CronJob" { "batch/v1" } else { "apps/v1" };
            let manifest = json!({ "apiVersion": version, "kind": kind, "metadata": { "name": "shop" }, "spec": spec });
            fixture.folder.write(file, manifest.to_string());
        }
        fixture.write_kubectl();
        fixture
    }

    /// A text with the address of the test's registry.
    fn local(&self, text: &str) -> String {
        text.replace(REGISTRY, &self.registry.host())
    }

    fn write_configuration(&self, server: &str) {
        let registries = format!("registries: [{{host: '{}', plainHttp: true}}]\n", self.registry.host());
        self.folder.write("countersign.yaml", format!("{server}trust: {{directory: trust}}\n{registries}"));
    }

    /// Adds what the server needs: certificates, and the shipped Providers with their authority.
    pub(crate) fn write_server(&self) {
        let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
        let certificates = self.folder.file("tls");
        let name = "gatekeeper-webhook-service.gatekeeper-system.svc";
        assert!(command.args(["certs", "--out", &certificates, "--client-name", name]).status().unwrap().success());
        self.write_configuration("server: {tls: {certificate: tls/tls.crt, key: tls/tls.key, clientCa: tls/ca.crt}}\n");
        let authority = STANDARD.encode(fs::read(self.folder.path().join("tls/ca.crt")).unwrap());
        let providers = read("deploy/base/providers.yaml").replace("ZmlsbGVkIGluIGJ5IGFuIG92ZXJsYXk=", &authority);
        self.folder.write("providers.yaml", providers);
    }

    /// A program in place of kubectl, for `kubectl get pods -o yaml`; the end-to-end run has the real one.
    fn write_kubectl(&self) {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "shop", "namespace": "default" },
            "spec": { "containers": [{ "name": "a", "image": format!("{}/shop:v1", self.registry.host()) }] },
        });
        self.folder.write("pods.json", json!({ "apiVersion": "v1", "kind": "List", "items": [pod] }).to_string());
        self.folder.write("bin/kubectl", format!("#!/bin/sh\ncat '{}'\n", self.folder.file("pods.json")));
        fs::set_permissions(self.folder.path().join("bin/kubectl"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_countersign"), self.folder.path().join("bin/countersign"))
            .unwrap();
    }

    /// Runs a line of shell in the folder.
    pub(crate) async fn run(&self, line: &str) -> Output {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.folder.path().join("bin").display());
        let variables = [("PATH", path.as_str())];
        // `command` removes the variables that the binary reads.
        let mut command: Command = binary::command("sh", &variables);
        command.args(["-c", &self.local(line)]).current_dir(self.folder.path());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }
}

#[tokio::test]
async fn the_commands_of_the_readme_work() {
    let lines: Vec<_> = shell(&read("README.md")).into_iter().filter(|line| line.contains("countersign ")).collect();
    let ours = |line: &&String| line.starts_with("countersign ") || line.contains("| countersign ");
    let lines: Vec<_> = lines.iter().filter(ours).collect();
    assert!(lines.len() >= 8, "{lines:?}");
    let fixture = Fixture::start().await;
    let mut server = false;
    for line in lines {
        // The last ones are for the configuration of a server.
        if line.contains(" check ") && !line.contains("--for verify") && !server {
            fixture.write_server();
            server = true;
        }
        let output = fixture.run(line).await;
        assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
        assert!(!output.stdout.is_empty(), "{line}: {output:?}");
    }
    assert!(server);
}
