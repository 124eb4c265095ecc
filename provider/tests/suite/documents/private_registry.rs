//! `docs/private-registry.md` on a machine: every command, against a registry with a login and a certificate of its own authority.
//! The end-to-end run has its commands with the API server.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::config::Config;
use countersign::config::Purpose;
use countersign_test_support::binary;
use countersign_testkit::folder::Folder;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::proxy::Proxy;
use countersign_testkit::registry::Registry;
use serde_json::json;

use crate::documents::markdown::blocks;
use crate::documents::markdown::read;
use crate::documents::markdown::repository;
use crate::documents::markdown::rows_below;
use crate::documents::markdown::shell;

const PAGE: &str = "provider/docs/private-registry.md";

/// The user's folder: the repository's files that the page uses, `release.crt`, `corporate-ca.crt`, and programs.
struct User {
    registry: Registry,
    corporate: Authority,
    folder: Folder,
}

impl User {
    async fn start() -> Self {
        let corporate = Authority::root(CertSpec::root().common_name("Corporate CA"));
        let names = ["127.0.0.1", "registry.example.com"];
        let registry = Registry::start_tls(&corporate.issue(CertSpec::tls_server(&names))).await;
        let root = Authority::root(CertSpec::root().common_name("Release root"));
        let release =
            root.issue(CertSpec::leaf().subject(&[("C", "CH"), ("ST", "ZH"), ("O", "Shop AG"), ("CN", "release")]));
        notation::sign_image(&registry, "shop", &registry.push_image("shop", "v1"), &release);
        registry.require_basic("countersign", "s3cret");
        let user = Self { registry, corporate, folder: Folder::new() };
        user.folder.write("release.crt", root.pem());
        user.folder.write("corporate-ca.crt", user.corporate.pem());
        let policy = read("deploy/base/config/trustpolicy.json");
        user.folder.write("deploy/base/config/trustpolicy.json", user.local(&policy));
        // In place of the API server: prints the pull secret as kubectl does, and accepts everything else.
        let login = json!({ "auths": { user.registry.host(): { "username": "countersign", "password": "s3cret" } } });
        user.folder.write("login", STANDARD.encode(login.to_string()));
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in *' get secret '*) cat '{}' ;; *) cat >/dev/null ;; esac\n",
            user.folder.file("login")
        );
        user.folder.write("bin/kubectl", script);
        fs::set_permissions(user.folder.path().join("bin/kubectl"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink(env!("CARGO_BIN_EXE_countersign"), user.folder.path().join("bin/countersign")).unwrap();
        user
    }

    /// A text with the address of the test's registry.
    fn local(&self, text: &str) -> String {
        text.replace("registry.example.com", &self.registry.host())
    }

    async fn run(&self, line: &str) -> Output {
        let path = format!("{}:{}", self.folder.path().join("bin").display(), std::env::var("PATH").unwrap());
        let mut command = binary::command("sh", &[("PATH", path.as_str()), ("REGISTRY_PASSWORD", "s3cret")]);
        command.args(["-c", line]).current_dir(self.folder.path());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Follows the page. Returns the output of `countersign verify`.
    async fn follow(&self) -> String {
        let page = read(PAGE);
        let yaml = blocks(&page).0.into_iter().find(|block| block.language == "yaml").unwrap().text;
        let path = yaml.lines().next().unwrap().strip_prefix("# ").unwrap();
        self.folder.write(path, self.local(&yaml));
        let mut verified = String::new();
        for line in shell(&page) {
            let output = self.run(&self.local(&line)).await;
            assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
            if line.starts_with("countersign verify ") {
                verified = String::from_utf8(output.stdout).unwrap();
            }
        }
        verified
    }

    /// The reason code of the image.
    async fn code(&self) -> String {
        let line = "countersign verify --config private-registry/countersign.yaml -o json registry.example.com/shop:v1";
        let output = self.run(&self.local(line)).await;
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        report["images"][0]["code"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn the_page_leads_to_a_verified_image() {
    let user = User::start().await;
    let output = user.follow().await;
    assert!(output.starts_with("verified "), "{output}");
    let secret = user.folder.path().join("private-registry/pull-secret.json");
    assert_eq!(fs::metadata(secret).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn each_mistake_has_the_code_of_the_table() {
    let user = User::start().await;
    user.follow().await;
    let mut found = Vec::new();
    let file = |name: &str| format!("private-registry/{name}");
    let kept = |name: &str| fs::read(user.folder.path().join(file(name))).unwrap();
    let (authority, login) = (kept("registry-ca.crt"), kept("pull-secret.json"));

    user.folder.write(&file("registry-ca.crt"), Authority::root(CertSpec::root().common_name("Other CA")).pem());
    found.push(user.code().await);
    user.folder.write(&file("registry-ca.crt"), authority);
    user.folder.write(&file("pull-secret.json"), r#"{"auths":{}}"#);
    found.push(user.code().await);
    let wrong = json!({ "auths": { user.registry.host(): { "username": "countersign", "password": "wrong" } } });
    user.folder.write(&file("pull-secret.json"), wrong.to_string());
    found.push(user.code().await);
    user.folder.write(&file("pull-secret.json"), "{");
    found.push(user.code().await);
    user.folder.write(&file("pull-secret.json"), login);
    let untrusted = Authority::root(CertSpec::root().common_name("Other root"));
    user.folder.write(&file("trust/truststore/x509/ca/release/release.crt"), untrusted.pem());
    found.push(user.code().await);
    assert_eq!(
        found,
        ["registry-unreachable", "registry-denied", "registry-denied", "registry-misconfigured", "untrusted-chain"]
    );
    let rows = rows_below(&read(PAGE), "| Code | Cause here |");
    for code in found {
        assert!(rows.iter().any(|row| row[0].contains(&format!("`{code}`"))), "{code}");
    }
}

/// The parts of configurations, with the paths of the Deployment.
#[test]
fn the_fragments_are_valid_with_the_shipped_configuration() {
    let base = read("deploy/base/config/countersign.yaml");
    let start = base.find("registries:\n").unwrap();
    let end = start + base[start..].find("\n\n").unwrap();
    let deployment = read("deploy/base/deployment.yaml");
    let fragments: Vec<_> = blocks(&read(PAGE)).0.into_iter().filter(|block| block.language == "text").collect();
    let entries: Vec<_> = fragments.iter().map(|fragment| fragment.text.matches("- host: ").count()).collect();
    assert_eq!(entries, [1, 1, 2, 2, 2, 1, 2]);
    for (fragment, entries) in fragments.iter().zip(entries) {
        let text = format!("{}{}{}", &base[..start], fragment.text, &base[end..]);
        let config = Config::parse(&text, Path::new("/etc/countersign/config/countersign.yaml"), Purpose::Serve);
        assert_eq!(config.unwrap().registries.len(), entries);
        for line in fragment.text.lines() {
            let Some((_, path)) = line.split_once(": /") else { continue };
            let folder = format!("/{}", path.rsplit_once('/').unwrap().0);
            assert!(deployment.contains(&format!("mountPath: {folder}\n")), "{folder}");
        }
    }
    assert!(repository("deploy/base/config/trustpolicy.json").is_file());
}

#[tokio::test]
async fn a_proxy_may_have_an_authority_of_its_own() {
    let user = User::start().await;
    user.follow().await;
    let authority = Authority::root(CertSpec::root().common_name("Proxy CA"));
    let proxy = Proxy::start_tls(&authority.issue(CertSpec::tls_server(&["127.0.0.1"]))).await;
    proxy.resolve("registry.example.com:443", user.registry.address());
    let write = |name: &str, text: String| user.folder.write(&format!("private-registry/{name}"), text);
    write("proxy.crt", authority.pem());
    let login = json!({ "auths": { "registry.example.com": { "username": "countersign", "password": "s3cret" } } });
    write("pull-secret.json", login.to_string());
    write("trust/trustpolicy.json", read("deploy/base/config/trustpolicy.json"));
    // The fragment of the page with a proxy, with the paths and the proxy of this test.
    let fragment =
        blocks(&read(PAGE)).0.into_iter().find(|block| block.text.contains("proxy.example.com")).unwrap().text;
    let fragment = fragment
        .replace("/etc/countersign/registry-ca/ca.crt", "registry-ca.crt")
        .replace("/etc/countersign/registry-ca/proxy.crt", "proxy.crt")
        .replace("/etc/countersign/registry-login/.dockerconfigjson", "pull-secret.json")
        .replace("https://proxy.example.com:3128", &proxy.url());
    write("countersign.yaml", format!("trust: {{directory: trust}}\n{fragment}"));
    let line = "countersign verify --config private-registry/countersign.yaml registry.example.com/shop:v1";
    let output = user.run(line).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(proxy.targets().iter().all(|target| target == "CONNECT registry.example.com:443"));
    assert_ne!(proxy.connections(), 0);
}
