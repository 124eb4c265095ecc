//! Policy documents that cannot be used, and the digest of what is in use.

use std::fs;

use countersign::policy_source::DocumentState;
use countersign::policy_source::PolicyPoll;
use countersign_core::verdict::Code;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::json;

use crate::engine::broken_trust::DocumentCase;
use crate::engine::broken_trust::MAIN;
use crate::engine::broken_trust::changed;
use crate::engine::broken_trust::changed_generation;
use crate::engine::broken_trust::codes;
use crate::engine::broken_trust::document;
use crate::engine::broken_trust::rest;
use crate::engine::broken_trust::rewrite;
use crate::engine::broken_trust::sound;
use crate::engine::broken_trust::sound_statements;
use crate::engine::broken_trust::statement;
use crate::engine::broken_trust::undecided;

#[tokio::test]
async fn an_invalid_document_keeps_the_last_good_one_with_its_current_stores() {
    let twice = |fixture: &EngineFixture| document(&[statement(fixture, "app", "ca:main"), rest("app")]);
    let two_rests = |_: &EngineFixture| document(&[rest("a"), rest("b")]);
    let cases: [DocumentCase<'_>; 6] = [
        ("no JSON", &|_| "{".to_owned(), "trustpolicy.json:1: trust policy: not one JSON document: "),
        ("nothing", &|_| String::new(), "trustpolicy.json:1: trust policy: not one JSON document: "),
        (
            "another version",
            &|_| json!({"version": "2.0", "trustPolicies": [rest("a")]}).to_string(),
            "trustpolicy.json:1: trust policy, version: found \"2.0\", expected \"1.0\"",
        ),
        (
            "no statement",
            &|_| document(&[]),
            "trustpolicy.json:1: trust policy, trustPolicies: is empty, expected a list of at least one statement",
        ),
        (
            "two statements of one name",
            &twice,
            "trustpolicy.json:1: trust policy statement \"app\", name: found \"app\", which an earlier statement \
             has, expected a unique name",
        ),
        (
            "two statements for all",
            &two_rests,
            "trustpolicy.json:1: trust policy statement \"b\", registryScopes[0]: found \"*\", which statement \"a\" already has, expected each scope once",
        ),
    ];
    for (what, broken, mistake) in cases {
        let mut fixture = sound().await;
        let generation = changed_generation(&fixture);
        fixture.folder.write("trustpolicy.json", broken(&fixture));
        let trust = changed(&fixture);
        assert_eq!(codes(&fixture).await, ["verified", "verified", "verified"], "{what}");
        assert_eq!(trust.generation(), generation, "{what}");
        assert_eq!(trust.document(), DocumentState::Kept { since: fixture.time() }, "{what}");
        let message = trust.mistakes()[0].to_string().replace(&format!("{}/", fixture.folder.path().display()), "");
        assert!(message.starts_with(mistake), "{what}: {message}");
        assert_eq!(trust.mistakes().len(), 1, "{what}");
        // The store is no longer trusted.
        fs::remove_dir_all(fixture.folder.path().join(MAIN)).unwrap();
        changed(&fixture);
        assert_eq!(codes(&fixture).await, ["trust-store-unusable", "verified", "verified"], "{what}");
        // Another root is taken into use too.
        fixture.folder.write("truststore/x509/ca/main/root.pem", Authority::root(CertSpec::root()).pem());
        changed(&fixture);
        assert_eq!(codes(&fixture).await, ["untrusted-chain", "verified", "verified"], "{what}");

        fixture.restart();
        assert_eq!(codes(&fixture).await, ["not-ready", "not-ready", "not-ready"], "{what}");
        let message = "no usable trust policy: found none, expected a valid trust policy document";
        assert_eq!(undecided(&fixture, "app").await, (Code::NotReady, None, message.to_owned()), "{what}");
        fixture.folder.write("trustpolicy.json", document(&sound_statements(&fixture)));
        changed(&fixture);
        assert_eq!(codes(&fixture).await, ["untrusted-chain", "verified", "verified"], "{what}");
    }
}

#[tokio::test]
async fn a_removed_document_keeps_the_last_good_one() {
    let mut fixture = sound().await;
    fs::remove_file(fixture.folder.path().join("trustpolicy.json")).unwrap();
    changed(&fixture);
    assert_eq!(codes(&fixture).await, ["verified", "verified", "verified"]);
    fixture.restart();
    assert_eq!(codes(&fixture).await, ["not-ready", "not-ready", "not-ready"]);
    assert!(matches!(fixture.poll(), PolicyPoll::Unchanged));
}

#[tokio::test]
async fn replicas_and_restarts_with_the_same_trust_have_the_same_digest() {
    let mut fixture = sound().await;
    let digest = |fixture: &EngineFixture| fixture.trust.lock().unwrap().handle().current().unwrap().digest().clone();
    let first = digest(&fixture);
    fixture.restart();
    assert_eq!(digest(&fixture), first);
    fixture.folder.write("truststore/x509/ca/main/more.pem", Authority::root(CertSpec::root()).pem());
    changed(&fixture);
    let more = digest(&fixture);
    assert_ne!(more, first);
    // The digest covers the content in use, not that on disk.
    rewrite(&fixture, "garbage");
    changed(&fixture);
    assert_eq!(digest(&fixture), more);
    fs::remove_dir_all(fixture.folder.path().join(MAIN)).unwrap();
    changed(&fixture);
    assert_ne!(digest(&fixture), more);
    assert_ne!(digest(&fixture), first);
}
