//! Statements with mistakes.

use std::fs;
use std::time::Duration;

use countersign::policy_source::LoadedPolicy;
use countersign::policy_source::StatementState;
use countersign_core::verdict::Code;
use countersign_core::verdict::VerdictKind;
use serde_json::Value;
use serde_json::json;

use crate::engine::broken_trust::LATER;
use crate::engine::broken_trust::MAIN;
use crate::engine::broken_trust::START;
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
use crate::engine::broken_trust::with;

#[tokio::test]
async fn a_mistake_in_a_statement_disables_it_at_the_start_and_later() {
    let level = |value: Value| ("signatureVerification", value);
    for ((member, value), mistake) in [
        (
            level(json!({"level": "loud"})),
            "signatureVerification.level: found \"loud\", expected strict, permissive, audit or skip",
        ),
        (
            level(json!({"level": "skip"})),
            "trustStores: found a value although the level is skip, expected none, or another level (and 1 more \
             mistake)",
        ),
        (
            ("trustStores", json!(["cA:main"])),
            "trustStores[0]: trust store type: found \"cA\", expected ca, signingAuthority or tsa",
        ),
        (
            ("trustStore", json!([])),
            "trustStore: is unknown, expected name, registryScopes, signatureVerification, trustStores and \
             trustedIdentities",
        ),
        (
            ("trustedIdentities", json!([])),
            "trustedIdentities: is empty, expected a list of identities as x509.subject:NAME, or [\"*\"]",
        ),
    ] {
        let mut fixture = sound().await;
        let [app, other, all] = sound_statements(&fixture);
        fixture.folder.write("trustpolicy.json", document(&[with(app, member, value), other, all]));
        let message =
            format!("statement \"app\" of the trust policy is disabled: trust policy statement \"app\", {mistake}");
        let expected = (Code::StatementDisabled, Some("app".to_owned()), message);
        changed(&fixture);
        for _ in ["later", "at the start"] {
            assert_eq!(undecided(&fixture, "app").await, expected);
            assert_eq!(codes(&fixture).await, ["statement-disabled", "verified", "verified"]);
            fixture.restart();
        }
    }
}

#[tokio::test]
async fn scopes_that_cannot_be_read_disable_whatever_no_other_statement_names() {
    let mut fixture = sound().await;
    let host = fixture.registry.host();
    for (scopes, app, mistake) in [
        (
            json!([format!("{host}/app"), "x"]),
            "statement-disabled",
            "registryScopes[1]: found \"x\", expected * alone, or host[:port]/repository (",
        ),
        (
            json!(["x"]),
            "statement-disabled",
            "registryScopes[0]: found \"x\", expected * alone, or host[:port]/repository (",
        ),
        (
            json!([]),
            "statement-disabled",
            "registryScopes: is empty, expected a list of repositories as host[:port]/repository, or [\"*\"]",
        ),
        (
            json!(null),
            "statement-disabled",
            "registryScopes: is missing, expected a list of repositories as host[:port]/repository, or [\"*\"]",
        ),
    ] {
        let [first, other, all] = sound_statements(&fixture);
        let first = with(first, "registryScopes", scopes.clone());
        for statements in [vec![first.clone(), other.clone(), all], vec![first, other]] {
            fixture.folder.write("trustpolicy.json", document(&statements));
            let _ = fixture.poll();
            for _ in ["later", "at the start"] {
                assert_eq!(codes(&fixture).await, [app, "verified", "statement-disabled"], "{scopes}");
                let (code, rule, message) = undecided(&fixture, "else").await;
                assert_eq!((code, rule), (Code::StatementDisabled, None));
                let start = format!(
                    "statement \"app\" of the trust policy is disabled, and its scopes, which are not certain, may \
                     include this repository: trust policy statement \"app\", {mistake}"
                );
                assert!(message.starts_with(&start), "{message}");
                fixture.restart();
            }
        }
    }
}

#[tokio::test]
async fn two_statements_for_one_repository_disable_both_and_the_rest() {
    let mut fixture = sound().await;
    let [app, other, all] = sound_statements(&fixture);
    let scope = format!("{}/app", fixture.registry.host());
    let second = with(statement(&fixture, "second", "ca:other"), "registryScopes", json!([scope]));
    fixture.folder.write("trustpolicy.json", document(&[app, other, second, all]));
    changed(&fixture);
    for _ in ["later", "at the start"] {
        assert_eq!(codes(&fixture).await, ["statement-disabled", "verified", "statement-disabled"]);
        let twice = "trust policy statement \"second\", registryScopes[0]: found \"HOST/app\", which statement \"app\" already has, expected each scope once";
        let message = format!("statement \"app\" of the trust policy is disabled: {twice}");
        assert_eq!(undecided(&fixture, "app").await, (Code::StatementDisabled, Some("app".to_owned()), message));
        fixture.restart();
    }
}

#[tokio::test]
async fn a_statement_whose_change_has_a_mistake_is_not_used_in_its_former_version() {
    let fixture = sound().await;
    let [app, other, all] = sound_statements(&fixture);
    let broken = with(app.clone(), "trustedIdentities", json!(["x509.subject: CN=x"]));
    fixture.folder.write("trustpolicy.json", document(&[broken, other.clone(), all.clone()]));
    let generation = changed_generation(&fixture);
    assert!(changed(&fixture).generation() > generation);
    assert_eq!(codes(&fixture).await, ["statement-disabled", "verified", "verified"]);
    fixture.folder.write("trustpolicy.json", document(&[app, other, all]));
    changed(&fixture);
    assert_eq!(codes(&fixture).await, ["verified", "verified", "verified"]);
}

#[tokio::test]
async fn a_skipped_statement_with_a_mistake_skips_nothing() {
    let fixture = sound().await;
    let [app, other, all] = sound_statements(&fixture);
    let skip = with(with(app, "trustStores", json!(null)), "trustedIdentities", json!(null));
    let skip = with(skip, "signatureVerification", json!({"level": "skip"}));
    fixture.folder.write("trustpolicy.json", document(&[skip.clone(), other.clone(), all.clone()]));
    changed(&fixture);
    assert_eq!(codes(&fixture).await, ["skipped", "verified", "verified"]);
    let broken = with(skip, "signatureVerification", json!({"level": "skip", "override": {"expiry": "log"}}));
    fixture.folder.write("trustpolicy.json", document(&[broken, other, all]));
    changed(&fixture);
    assert_eq!(codes(&fixture).await, ["statement-disabled", "verified", "verified"]);
}

#[tokio::test]
async fn a_cached_verdict_is_unused_while_its_statement_is_disabled() {
    let fixture = sound().await;
    let reference = format!("{}/app:v1", fixture.registry.host());
    assert!(fixture.verify(&reference).await.cached);
    fs::rename(fixture.folder.path().join(MAIN), fixture.folder.path().join("away")).unwrap();
    changed(&fixture);
    assert_eq!(fixture.code(&reference).await, Code::TrustStoreUnusable);
    fs::rename(fixture.folder.path().join("away"), fixture.folder.path().join(MAIN)).unwrap();
    changed(&fixture);
    // The same content as before: what was cached under it counts.
    let result = fixture.verify(&reference).await;
    assert_eq!((result.verdict.code(), result.cached), (Code::Verified, true));
    // A store that is kept is the same trust: what is cached stays.
    rewrite(&fixture, "garbage");
    changed(&fixture);
    assert!(fixture.verify(&reference).await.cached);
}

#[tokio::test]
async fn nothing_is_usable_only_if_no_statement_is() {
    let fixture = sound().await;
    let [app, _, _] = sound_statements(&fixture);
    let names = |trust: &LoadedPolicy| {
        let name = |state: &StatementState| (state.name().to_owned(), matches!(state, StatementState::Usable(_)));
        trust.statements().iter().map(name).collect::<Vec<_>>()
    };
    fixture.folder.write("trustpolicy.json", document(&[app.clone(), rest("rest")]));
    fs::remove_dir_all(fixture.folder.path().join(MAIN)).unwrap();
    let trust = changed(&fixture);
    assert_eq!(names(&trust), [("app".to_owned(), false), ("rest".to_owned(), true)]);
    assert!(trust.is_usable());
    fixture.folder.write("trustpolicy.json", document(&[app]));
    let trust = changed(&fixture);
    assert!(!trust.is_usable());
    assert_eq!(trust.warnings(fixture.time(), Duration::ZERO), []);
    let verdict = fixture.verify(&format!("{}/app:v1", fixture.registry.host())).await.verdict;
    assert_eq!(verdict.kind(), VerdictKind::Inconclusive);
    assert_eq!(fixture.time().to_string(), LATER);
    fixture.at(START);
}
