//! `--online`: the addresses of certificates in trust stores.

use countersign_testkit::crl::CrlSpec;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::responder::Responder;
use serde_json::Value;
use serde_json::json;
use time::Duration;
use time::OffsetDateTime;

use crate::check;
use crate::policy;
use crate::sound;
use crate::statement;

/// A sound configuration whose store has `root` and `issuing`, with this section `evidence`.
fn folder(root: Option<&Authority>, issuing: &Authority, evidence: &str) -> Folder {
    let folder = sound();
    folder.write("trust/trustpolicy.json", policy(&[statement("app", "registry.example.com/app")]));
    if let Some(root) = root {
        folder.write("trust/truststore/x509/ca/main/root.pem", root.pem());
    }
    folder.write("trust/truststore/x509/ca/main/issuing.pem", issuing.pem());
    folder.write("c.yaml", format!("trust: {{directory: trust}}\nunlistedRegistries: refuse\nevidence: {evidence}\n"));
    folder
}

async fn online(folder: Folder) -> (Option<i32>, Value, String) {
    // The responder runs on this thread.
    let work = move || {
        let (code, text) = check(&folder, &["--for", "verify", "--online", "-o", "json"]);
        let (_, page) = check(&folder, &["--for", "verify", "--online"]);
        (code, serde_json::from_str(&text).unwrap(), page)
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn each_address_of_the_stores_certificates_is_tried() {
    let responder = Responder::start().await;
    let root = Authority::root(CertSpec::root());
    let (good, gone) = (responder.url("/root.crl"), responder.url("/gone.crl"));
    let spec = CertSpec::intermediate().common_name("issuing").crl_url(&good).crl_url(&gone).crl_url("ldap:///CN=CA");
    let issuing = root.intermediate(spec);
    let now = OffsetDateTime::now_utc();
    let list = CrlSpec::new().valid(now - Duration::hours(1), now + Duration::days(400));
    responder.crl("/root.crl", root.crl(&list));
    let folder = folder(Some(&root), &issuing, &format!("{{reachableHosts: ['{}']}}", responder.host()));
    let (code, document, page) = online(folder).await;
    assert_eq!(code, Some(0), "{document}");
    let evidence = document["evidence"].as_array().unwrap();
    let column = |name: &str| evidence.iter().map(|one| one[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("kind"), ["crl", "crl", "crl"]);
    assert_eq!(column("url"), [json!(good), json!(gone), json!("ldap:///CN=CA")]);
    assert!(evidence[0]["usableUntil"].is_string() && evidence[0]["problem"].is_null(), "{document}");
    let problem = |index: usize| evidence[index]["problem"].as_str().unwrap();
    assert!(problem(1).contains("status: found 404, expected 200"), "{}", problem(1));
    assert!(problem(2).contains("found the scheme ldap, expected http or https"), "{}", problem(2));
    let warnings = document["warnings"].as_array().unwrap().iter();
    let unusable = warnings.filter(|warning| warning["warning"] == "evidence-unusable").count();
    assert_eq!(unusable, 2);
    assert!(page.contains(&format!("evidence      crl at {good}, for CN=issuing")), "{page}");
    assert!(page.contains("  usable      until ") && page.contains("  unusable    "), "{page}");
}

#[tokio::test]
async fn a_certificate_without_its_issuer_is_not_tried() {
    let responder = Responder::start().await;
    let root = Authority::root(CertSpec::root().common_name("elsewhere"));
    let issuing = root.intermediate(CertSpec::intermediate().crl_url(&responder.url("/root.crl")));
    let (code, document, _) = online(folder(None, &issuing, "{}")).await;
    assert_eq!((code, &document["evidence"]), (Some(0), &json!([])));
    let warnings = document["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning["warning"] == "evidence-untried"), "{document}");
    assert_eq!(responder.journal().len(), 0);
}

#[tokio::test]
async fn nothing_is_requested_without_the_option() {
    let responder = Responder::start().await;
    let root = Authority::root(CertSpec::root());
    let issuing = root.intermediate(CertSpec::intermediate().crl_url(&responder.url("/root.crl")));
    let folder = folder(Some(&root), &issuing, &format!("{{reachableHosts: ['{}']}}", responder.host()));
    let work = move || check(&folder, &["--for", "verify", "-o", "json"]);
    let (code, text) = tokio::task::spawn_blocking(work).await.unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &document["evidence"], responder.journal().len()), (Some(0), &Value::Null, 0));
}
