//! Timestamps of signatures.

use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use countersign_testkit::timestamp::Tsa;
use serde_json::Value;
use serde_json::json;

use crate::commands::inspect::Fixture;

/// A fixture whose statement requires timestamps of the authority.
async fn fixture(tsa_root: &Authority) -> Fixture {
    let fixture = Fixture::new().await;
    fixture.folder.write("trust/truststore/x509/tsa/clock/root.pem", tsa_root.pem());
    let path = fixture.folder.path().join("trust/trustpolicy.json");
    let policy = std::fs::read_to_string(path).unwrap();
    let changed = policy.replace(r#"["ca:main"]"#, r#"["ca:main","tsa:clock"]"#);
    assert_ne!(changed, policy);
    fixture.folder.write("trust/trustpolicy.json", changed);
    fixture
}

#[tokio::test]
async fn shows_time_accuracy_authority_and_trust_anchor_of_a_verified_timestamp() {
    let root = Authority::root(CertSpec::root().common_name("TSA Root"));
    let (fixture, tsa) = (fixture(&root).await, Tsa::new(&root));
    let image = fixture.registry.push_image("app", "v1");
    let request = SignRequest::new(&fixture.leaf, &image);
    Signature::timestamped(&request, Format::Jws, &tsa).attach(&fixture.registry, "app", &image);
    let (code, page) = fixture.text("app:v1").await;
    assert_eq!(code, Some(0), "{page}");
    let (code, document) = fixture.json("app:v1").await;
    assert_eq!(code, Some(0));
    let envelope = &document["signatures"][0]["envelope"];
    let bytes = envelope["timestampTokenBytes"].as_u64().unwrap();
    let expected = format!(
        "  timestamp   2026-01-02T03:04:06Z, accuracy 1s, signature and chain valid, {bytes} bytes
    authority CN=tsa,O=Testkit,ST=ZH,C=CH
    anchor    tsa:clock: CN=TSA Root,O=Testkit,ST=ZH,C=CH
"
    );
    assert!(page.contains(&expected), "{page}");
    assert_eq!(
        envelope["timestamp"],
        json!({
            "time": "2026-01-02T03:04:06Z",
            "accuracySeconds": 1.0,
            "authority": "CN=tsa,O=Testkit,ST=ZH,C=CH",
            "anchor": {"store": "tsa:clock", "subject": "CN=TSA Root,O=Testkit,ST=ZH,C=CH"},
            "problem": null,
        })
    );
}

#[tokio::test]
async fn marks_a_timestamp_of_an_unknown_authority_as_not_verified() {
    let fixture = fixture(&Authority::root(CertSpec::root().common_name("TSA Root"))).await;
    let unknown = Tsa::new(&Authority::root(CertSpec::root().common_name("unknown")));
    let image = fixture.registry.push_image("app", "v1");
    let request = SignRequest::new(&fixture.leaf, &image);
    Signature::timestamped(&request, Format::Cose, &unknown).attach(&fixture.registry, "app", &image);
    let (code, page) = fixture.text("app:v1").await;
    assert_eq!(code, Some(1), "{page}");
    assert!(page.contains("2026-01-02T03:04:06Z, accuracy 1s, not verified, "), "{page}");
    let (_, document) = fixture.json("app:v1").await;
    let timestamp = &document["signatures"][0]["envelope"]["timestamp"];
    assert_eq!((&timestamp["anchor"], &timestamp["problem"]), (&Value::Null, &Value::Null));
    let check = document["signatures"][0]["checks"].as_array().unwrap().iter();
    let check = check.clone().find(|check| check["check"] == "authenticTimestamp").unwrap();
    assert_eq!(check["code"], "timestamp-invalid");
}
