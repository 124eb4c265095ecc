//! `--trace`: the requests for trust stores at URLs, and to OCSP responders and for CRLs.

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::folder::Folder;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Registry;
use countersign_testkit::responder::Responder;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;

use crate::commands::inspect::countersign;

fn statement(name: &str, scope: &str, store: &str) -> Value {
    json!({"name": name, "registryScopes": [scope], "signatureVerification": {"level": "strict"},
           "trustStores": [store], "trustedIdentities": ["*"]})
}

/// The `stage`, `method`, `host`, `path`, `status`, `result` and `bytes` of the steps that are not those of the registry.
fn steps(document: &Value) -> Vec<Value> {
    let is_other = |step: &&Value| ["trust-store", "ocsp", "crl"].contains(&step["stage"].as_str().unwrap());
    let members = ["stage", "method", "host", "path", "status", "result", "bytes"];
    let steps = document["trace"]["requests"].as_array().unwrap().iter().filter(is_other);
    let mut found: Vec<Value> = steps
        .inspect(|step| assert!(step["credential"].is_null() && step["entry"].is_null(), "{step}"))
        .map(|step| members.iter().map(|member| step[member].clone()).collect())
        .collect();
    // Stores are fetched at the same time.
    found.sort_by_key(|step| step[0] != "trust-store");
    found
}

#[tokio::test]
async fn the_trace_has_the_requests_for_stores_and_evidence() {
    let (registry, evidence) = (Registry::start().await, Responder::start().await);
    let server = Authority::root(CertSpec::root().common_name("server CA"));
    let files = Responder::start_tls(&server.issue(CertSpec::tls_server(&["127.0.0.1"]))).await;
    let root = Authority::root(CertSpec::root());
    let pem = root.pem();
    files.file("/PATH-SECRET/main.pem", "application/x-pem-file", pem.clone());
    let now = OffsetDateTime::now_utc();
    let hour = time::Duration::hours(1);
    let crl = root.crl(&CrlSpec::new().valid(now - hour, now + hour));
    evidence.crl("/ca.crl", crl.clone());
    evidence.when("/ocsp").status(503);
    let ocsp = evidence.url("/ocsp?QUERY-SECRET");
    let signer = root.issue(CertSpec::leaf().ocsp_url(&ocsp).crl_url(&evidence.url("/ca.crl")));
    let image = registry.push_image("app", "v1");
    notation::sign_image(&registry, "app", &image, &signer);

    let folder = Folder::new();
    let host = registry.host();
    let policy = json!({"version": "1.0", "trustPolicies": [
        statement("app", &format!("{host}/app"), "ca:main"), statement("other", &format!("{host}/other"), "ca:other"),
    ]});
    folder.write("trust/trustpolicy.json", policy.to_string());
    folder.write("server-ca.pem", server.pem());
    let pin = Digest::of(DigestAlgorithm::Sha256, pem.as_bytes()).to_string().trim_start_matches("sha256:").to_owned();
    let store = |name: &str, pin: &str| {
        let url = files.url("/PATH-SECRET/main.pem");
        format!("  - {{store: 'ca:{name}', url: {{location: '{url}', sha256: '{pin}', ca: server-ca.pem}}}}\n")
    };
    let config = format!(
        "trust:\n  directory: trust\n  stores:\n{}{}registries:\n- {{host: '{host}', plainHttp: true}}\nevidence: {{proxy: none, \
         reachableHosts: ['{}']}}\n",
        store("main", &pin),
        store("other", &"0".repeat(64)),
        evidence.host()
    );
    folder.write("c.yaml", config);
    let config = folder.path().join("c.yaml").display().to_string();
    let run = async |output: &str| {
        let image = format!("{host}/app:v1");
        let found = countersign(&["inspect", "--config", &config, "--trace", "-o", output, &image]).await;
        String::from_utf8(found.stdout).unwrap()
    };
    let document: Value = serde_json::from_str(&run("json").await).unwrap();
    assert_eq!(document["image"]["verdict"], "verified", "{document}");
    let mut found = steps(&document);
    found[..2].sort_by_key(|step| step[5] != "ok");
    assert_eq!(
        found,
        [
            json!(["trust-store", "GET", files.host(), null, 200, "ok", pem.len()]),
            json!(["trust-store", "GET", files.host(), null, 200, "invalid", pem.len()]),
            json!(["ocsp", "POST", evidence.host(), "/ocsp", 503, "server-error", 0]),
            json!(["crl", "GET", evidence.host(), "/ca.crl", 200, "ok", crl.len()]),
        ]
    );
    let text = run("text").await;
    assert!(text.contains(&format!(" ms: trust-store: GET {}: 200 ok, {} bytes\n", files.host(), pem.len())), "{text}");
    let step = format!(" ms: crl: GET {}/ca.crl: 200 ok, {} bytes\n", evidence.host(), crl.len());
    assert!(text.contains(&step), "{text}");
    let lines = text.lines().filter(|line| line.contains(" ms: ")).collect::<String>();
    for shown in [document["trace"].to_string(), lines] {
        assert!(shown.contains(&evidence.host()) && !shown.contains("SECRET"), "{shown}");
    }
}
