//! The files, arguments and environment of providers that trust the signer of a site. `notation` has the same.

#![allow(dead_code, reason = "each benchmark uses a part")]

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use serde_json::json;

/// The registry that providers use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registry<'a> {
    pub(crate) host: &'a str,
    /// The certificate of its authority, which has issued the signer's too.
    pub(crate) root: &'a str,
    /// User and password.
    pub(crate) credentials: Option<(&'a str, &'a str)>,
}

/// A trust policy with one statement for all repositories, which trusts one store.
pub(crate) fn policy(store: &str) -> Json {
    json!({"version": "1.0", "trustPolicies": [{"name": "all", "registryScopes": ["*"],
        "signatureVerification": {"level": "strict"}, "trustStores": [store], "trustedIdentities": ["*"]}]})
}

/// Files with their paths below `folder`, without Countersign's configuration. Ratify gives up after `limit`.
pub(crate) fn files(folder: &Path, registry: &Registry<'_>, limit: Duration) -> Vec<(&'static str, String)> {
    let notation_type = "application/vnd.cncf.notary.signature";
    let ratify = json!({
        "executor": {"verificationRequestTimeout": limit.as_millis()},
        "store": {"version": "1.0.0", "plugins": [
            {"name": "oras", "cosignEnabled": false, "cacheEnabled": true, "ttl": 10}]},
        "policy": {"version": "1.0.0", "plugin": {
            "name": "configPolicy", "artifactVerificationPolicies": {notation_type: "any"}}},
        "verifier": {"version": "1.0.0", "plugins": [{"name": "notation", "artifactTypes": notation_type,
            "verificationCerts": [folder.join("root.pem")], "trustPolicyDoc": policy("ca:certs")}]},
    });
    let auths = match registry.credentials {
        Some((user, password)) => {
            let basic = STANDARD.encode(format!("{user}:{password}"));
            json!({"auths": {registry.host: {"auth": basic}}})
        }
        None => json!({}),
    };
    let (user, password) = registry.credentials.unwrap_or_default();
    let root = registry.root.to_owned();
    vec![
        ("root.pem", root.clone()),
        ("user", user.to_owned()),
        ("password", password.to_owned()),
        ("trust/trustpolicy.json", policy("ca:main").to_string()),
        ("trust/truststore/x509/ca/main/root.pem", root.clone()),
        ("ratify.json", ratify.to_string()),
        ("docker/config.json", auths.to_string()),
        ("notation/trustpolicy.json", policy("ca:main").to_string()),
        ("notation/truststore/x509/ca/main/root.pem", root),
    ]
}

/// Ratify as its chart starts it, except that its resources are in a file: with its cache of 10 s and metrics. `tls.crt` and `tls.key` are
/// in its working directory, and the authority of its clients is in `authority.pem`.
pub(crate) fn ratify_arguments(address: SocketAddr, metrics: u16) -> Vec<String> {
    let address = address.to_string();
    let metrics = format!("--metrics-port={metrics}");
    let arguments =
        ["serve", "--http", &address, "-c", "ratify.json", "--cert-dir", ".", "--ca-cert-file", "authority.pem"];
    let cache = ["--cache-enabled=true", "--cache-type=ristretto", "--cache-size=256", "--cache-ttl=10s"];
    let all = arguments.into_iter().chain(cache).chain(["--metrics-enabled=true", &metrics]);
    all.map(str::to_owned).collect()
}

/// Removes what Ratify keeps of registries on disk from one start to the next, as no other program does.
pub(crate) fn remove_ratify_cache(folder: &Path) {
    // There is none before its first start.
    let _ = std::fs::remove_dir_all(folder.join(".ratify"));
}

/// Variables by which Go programs find the credentials and the registry's authority.
pub(crate) fn environment(folder: &Path) -> [(&'static str, PathBuf); 4] {
    [
        ("HOME", folder.to_owned()),
        ("XDG_CONFIG_HOME", folder.to_owned()),
        ("DOCKER_CONFIG", folder.join("docker")),
        ("SSL_CERT_FILE", folder.join("root.pem")),
    ]
}
