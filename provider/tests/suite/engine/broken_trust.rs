//! A trust policy or trust stores with mistakes, at the start and while the service runs: which images are inconclusive,
//! with which code and message, and that all others are judged as before.

#![allow(clippy::unwrap_used)]

mod document;
mod metadata;
mod statements;
mod stores;

use std::path::Path;

use countersign::engine::EngineSettings;
use countersign::policy_source::LoadedPolicy;
use countersign::policy_source::PolicyPoll;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::notation;
use countersign_testkit::pki::CertSpec;
use serde_json::Value;
use serde_json::json;

/// The store that is broken, as a directory.
pub(crate) const MAIN: &str = "truststore/x509/ca/main";

/// What the clock shows at first, and what it shows when files are read again.
pub(crate) const START: &str = "2026-11-21T12:00:00Z";
pub(crate) const LATER: &str = "2026-11-21T13:00:00Z";

pub(crate) fn statement(fixture: &EngineFixture, name: &str, store: &str) -> Value {
    json!({
        "name": name,
        "registryScopes": [format!("{}/{name}", fixture.registry.host())],
        "signatureVerification": {"level": "strict"},
        "trustStores": [store],
        "trustedIdentities": ["*"],
    })
}

/// `statement` with one member replaced; null takes it away.
pub(crate) fn with(mut statement: Value, member: &str, value: Value) -> Value {
    let members = statement.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(member)
    } else {
        members.insert(member.to_owned(), value)
    };
    statement
}

/// For everything else, and weaker than the others.
pub(crate) fn rest(name: &str) -> Value {
    json!({
        "name": name,
        "registryScopes": ["*"],
        "signatureVerification": {"level": "audit"},
        "trustStores": ["ca:other"],
        "trustedIdentities": ["*"],
    })
}

pub(crate) fn document(statements: &[Value]) -> String {
    json!({"version": "1.0", "trustPolicies": statements}).to_string()
}

/// Signed images in the repositories `app`, `other` and `else`; statements `app` with the store `main`, `other` with the
/// store `other`, and `rest` for the third.
pub(crate) async fn sound_with(set: impl FnOnce(&mut EngineSettings)) -> EngineFixture {
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), set).await;
    for repository in ["app", "other", "else"] {
        let image = fixture.registry.push_image(repository, "v1");
        notation::sign_image(&fixture.registry, repository, &image, &fixture.root.issue(CertSpec::leaf()));
    }
    fixture.folder.write("truststore/x509/ca/other/root.pem", fixture.root.pem());
    fixture.folder.write("trustpolicy.json", document(&sound_statements(&fixture)));
    let _ = fixture.poll();
    fixture
}

pub(crate) async fn sound() -> EngineFixture {
    let fixture = sound_with(|_| {}).await;
    assert_eq!(codes(&fixture).await, ["verified", "verified", "verified"]);
    fixture
}

pub(crate) fn sound_statements(fixture: &EngineFixture) -> [Value; 3] {
    [statement(fixture, "app", "ca:main"), statement(fixture, "other", "ca:other"), rest("rest")]
}

/// The codes of the images in `app`, `other` and `else`.
pub(crate) async fn codes(fixture: &EngineFixture) -> [&'static str; 3] {
    let mut codes = [""; 3];
    for (code, repository) in codes.iter_mut().zip(["app", "other", "else"]) {
        *code = fixture.code(&format!("{}/{repository}:v1", fixture.registry.host())).await.as_str();
    }
    codes
}

/// The message about the image in `repository`, which is inconclusive, without this machine's paths and ports; and the
/// statement that the verdict names.
pub(crate) async fn undecided(fixture: &EngineFixture, repository: &str) -> (Code, Option<String>, String) {
    let result = fixture.verify(&format!("{}/{repository}:v1", fixture.registry.host())).await;
    // Nothing was fetched.
    assert_eq!(result.digest, None);
    let ImageVerdict::Inconclusive(inconclusive) = &*result.verdict else { panic!("{:?}", result.verdict) };
    assert_eq!(inconclusive.signatures.total(), 0);
    let message = inconclusive.reason.detail.as_str().replace(&format!("{}/", fixture.folder.path().display()), "");
    (
        inconclusive.reason.code,
        inconclusive.statement.as_deref().map(str::to_owned),
        message.replace(&fixture.registry.host(), "HOST"),
    )
}

pub(crate) fn changed(fixture: &EngineFixture) -> std::sync::Arc<LoadedPolicy> {
    fixture.at(LATER);
    let PolicyPoll::Loaded(trust) = fixture.poll() else { panic!("nothing has changed, or nothing can be used") };
    trust
}

/// A way to break the store, and the message about it without what every message has.
pub(crate) type StoreCase = (&'static str, fn(&EngineFixture, &Path), &'static str);

pub(crate) fn rewrite(fixture: &EngineFixture, content: impl AsRef<[u8]>) {
    fixture.folder.write(&format!("{MAIN}/root.pem"), content);
}

pub(crate) fn changed_generation(fixture: &EngineFixture) -> u64 {
    fixture.trust.lock().unwrap().handle().current().unwrap().generation()
}

/// A document that cannot be used, and the mistake.
pub(crate) type DocumentCase<'a> = (&'static str, &'a dyn Fn(&EngineFixture) -> String, &'static str);
