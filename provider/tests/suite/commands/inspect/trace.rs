//! `--trace`: the steps of login and pull, and nothing secret.

use countersign_testkit::folder::Folder;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;
use serde_json::Value;
use serde_json::json;

use crate::commands::inspect::countersign;

const PASSWORD: &str = "correct horse battery staple";

/// A registry with a token service, whose blobs are in a store behind pre-signed URLs, and a mirror without the image.
struct Setup {
    registry: Registry,
    store: Registry,
    mirror: Registry,
    folder: Folder,
}

async fn setup() -> Setup {
    let root = Authority::root(CertSpec::root());
    let server = || root.issue(CertSpec::tls_server(&["127.0.0.1"]));
    let (registry, store) = (Registry::start_tls(&server()).await, Registry::start_tls(&server()).await);
    let mirror = Registry::start().await;
    let image = registry.push_image("app", "v1");
    notation::sign_image(&registry, "app", &image, &root.issue(CertSpec::leaf()));
    registry.require_bearer(&TokenService::for_user("alice", PASSWORD));
    registry.when(Route::Manifest).header("set-cookie", "session=COOKIE-SECRET");
    registry.when(Route::Blob).redirect(307, &format!("{}/stored/blob?X-Amz-Signature=QUERY-SECRET", store.url()));
    let folder = Folder::new();
    let policy = json!({"version": "1.0", "trustPolicies": [
        {"name": "app", "registryScopes": ["*"], "signatureVerification": {"level": "strict"},
         "trustStores": ["ca:main"], "trustedIdentities": ["*"]},
    ]});
    folder.write("trust/trustpolicy.json", policy.to_string());
    folder.write("trust/truststore/x509/ca/main/root.pem", root.pem());
    folder.write("ca.pem", root.pem());
    folder.write("user", "alice");
    folder.write("password", PASSWORD);
    folder.write(
        "c.yaml",
        format!(
            "trust: {{directory: trust}}
registries:
- {{host: '{}', ca: ca.pem, credentials: {{usernameFile: user, passwordFile: password}}, mirrors: ['{mirror}/cache']}}
- {{host: '{}', ca: ca.pem}}
- {{host: '{mirror}', plainHttp: true}}
",
            registry.host(),
            store.host(),
            mirror = mirror.host(),
        ),
    );
    Setup { registry, store, mirror, folder }
}

impl Setup {
    /// The output with `--trace`, both streams.
    async fn trace(&self, output: &str) -> (String, String) {
        let config = self.folder.path().join("c.yaml").display().to_string();
        let image = format!("{}/app:v1", self.registry.host());
        let found = countersign(&["inspect", "--config", &config, "--trace", "-o", output, &image]).await;
        (String::from_utf8(found.stdout).unwrap(), String::from_utf8(found.stderr).unwrap())
    }

    /// Everything secret that a registry, a token service or a client has sent.
    fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<String> =
            [PASSWORD, "COOKIE-SECRET", "QUERY-SECRET", "X-Amz", "Authorization", "Set-Cookie"]
                .map(str::to_owned)
                .into();
        for request in self.registry.requests() {
            if let Some((_, value)) = request.authorization().and_then(|header| header.split_once(' ')) {
                secrets.push(value.to_owned());
            }
        }
        secrets
    }
}

#[tokio::test]
async fn the_trace_has_every_request_in_its_order() {
    let setup = setup().await;
    let (page, _) = setup.trace("json").await;
    let document: Value = serde_json::from_str(&page).unwrap();
    let steps = document["trace"]["requests"].as_array().unwrap();
    let (registry, store, mirror) = (setup.registry.host(), setup.store.host(), setup.mirror.host());
    let shown = |step: &Value| {
        let text = |member: &str| step[member].as_str().unwrap_or("-").to_owned();
        let path = text("path");
        let kind = path.rsplit('/').nth(1).unwrap_or_default().to_owned();
        [
            text("stage"),
            text("host"),
            kind,
            step["status"].to_string(),
            text("credential"),
            text("redirectedTo"),
            text("entry"),
        ]
    };
    let found: Vec<_> = steps.iter().map(shown).collect();
    let row = |row: [&str; 7]| row.map(str::to_owned);
    let expected = [
        row(["manifest", &mirror, "manifests", "404", "none", "-", &mirror]),
        row(["manifest", &registry, "manifests", "401", "none", "-", &registry]),
        row(["token", &registry, "", "200", "basic", "-", &registry]),
        row(["manifest", &registry, "manifests", "200", "bearer", "-", &registry]),
        row(["referrers", &mirror, "referrers", "404", "none", "-", &mirror]),
        row(["referrers", &mirror, "manifests", "404", "none", "-", &mirror]),
        row(["referrers", &registry, "referrers", "200", "bearer", "-", &registry]),
        row(["referrer-manifest", &mirror, "manifests", "404", "none", "-", &mirror]),
        row(["referrer-manifest", &registry, "manifests", "200", "bearer", "-", &registry]),
        row(["blob", &mirror, "blobs", "404", "none", "-", &mirror]),
        row(["blob", &registry, "blobs", "404", "bearer", &store, &registry]),
    ];
    assert!(found.starts_with(&expected), "{found:#?}");
    assert!(steps.iter().all(|step| step["tookMilliseconds"].is_u64() && step["afterMilliseconds"].is_u64()));
    assert!(steps[3]["bytes"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_trace_has_no_secret() {
    let setup = setup().await;
    for output in ["text", "json"] {
        let (page, log) = setup.trace(output).await;
        assert!(page.contains("credential"), "{page}");
        let secrets = setup.secrets();
        assert!(secrets.len() > 8, "no credential was sent");
        for secret in &secrets {
            assert!(!page.contains(secret.as_str()) && !log.contains(secret.as_str()), "{secret} in {page}\n{log}");
        }
    }
}

#[tokio::test]
async fn the_text_has_one_line_for_each_request() {
    let setup = setup().await;
    let (page, _) = setup.trace("text").await;
    let (_, trace) = page.split_once("\ntrace\n").unwrap();
    let line = trace.lines().find(|line| line.contains("token")).unwrap();
    let (_, rest) = line.split_once(" ms: ").unwrap();
    let host = setup.registry.host();
    assert!(rest.starts_with(&format!("token: GET {host}/")), "{line}");
    assert!(rest.ends_with(&format!("; credential basic; entry \"{host}\"")), "{line}");
}
