//! Statements of the trust policy that cannot be used, repositories without one, and documents that cannot be used.

use serde_json::Value as Json;
use serde_json::json;

use crate::environment::Environment;
use crate::run::Ask;
use crate::run::record_as;

/// One mistake in a statement, as a change of a good one.
fn mistakes() -> Vec<(&'static str, Json)> {
    let verification = |value: Json| json!({"signatureVerification": value});
    vec![
        ("unknown-member", json!({"registryscopes": []})),
        ("no-verification", json!({"signatureVerification": null})),
        ("unknown-level", verification(json!({"level": "loud"}))),
        ("no-level", verification(json!({}))),
        ("unknown-override", verification(json!({"level": "strict", "override": {"integrity": "log"}}))),
        ("unknown-action", verification(json!({"level": "strict", "override": {"expiry": "ignore"}}))),
        ("override-of-integrity", verification(json!({"level": "strict", "override": {"integrity": "skip"}}))),
        ("skip-of-authenticity", verification(json!({"level": "strict", "override": {"authenticity": "skip"}}))),
        ("override-of-skip", verification(json!({"level": "skip", "override": {"expiry": "log"}}))),
        ("unknown-timestamp", verification(json!({"level": "strict", "verifyTimestamp": "sometimes"}))),
        ("no-stores", json!({"trustStores": []})),
        ("stores-left-out", json!({"trustStores": null})),
        ("unknown-store-type", json!({"trustStores": ["acme:main"]})),
        ("store-without-type", json!({"trustStores": ["main"]})),
        ("store-with-slash", json!({"trustStores": ["ca:../main"]})),
        ("no-identities", json!({"trustedIdentities": []})),
        ("star-and-more", json!({"trustedIdentities": ["*", "x509.subject: C=CH, ST=ZH, O=Testkit"]})),
        ("identity-without-prefix", json!({"trustedIdentities": ["C=CH, ST=ZH, O=Testkit"]})),
        ("identity-without-organisation", json!({"trustedIdentities": ["x509.subject: C=CH, ST=ZH"]})),
        (
            "identity-that-overlaps",
            json!({"trustedIdentities": ["x509.subject: C=CH, ST=ZH, O=Testkit", "x509.subject: C=CH, ST=ZH, O=Testkit, CN=leaf"]}),
        ),
        ("identity-twice-an-attribute", json!({"trustedIdentities": ["x509.subject: C=CH, C=DE, ST=ZH, O=Testkit"]})),
        ("skip-with-stores", json!({"signatureVerification": {"level": "skip"}})),
        ("identities-as-text", json!({"trustedIdentities": "*"})),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_with_mistakes_beside_good_ones() {
    let mut environment = Environment::new().await;
    environment.repository_with("good", json!({}));
    environment.signed("good", super::FORMATS[0].1, |request| request);
    for (name, change) in mistakes() {
        environment.repository_with(name, change);
        environment.signed(name, super::FORMATS[0].1, |request| request);
    }
    let host = environment.registry.host();
    environment.statement("scope-twice", &["REGISTRY/twice"], json!({}));
    environment.statement("scope-again", &["REGISTRY/twice"], json!({}));
    environment.statement("scope-with-tag", &["REGISTRY/tagged:v1"], json!({}));
    environment.statement("scope-pattern", &["REGISTRY/pattern/*"], json!({}));
    environment.statement("scope-star-and-more", &["*", "REGISTRY/star"], json!({}));
    for repository in ["twice", "tagged", "pattern/app", "star", "none"] {
        environment.ask(&format!("repository {repository}"), &format!("{host}/{repository}:v1"));
    }
    record_as("disabled-statements", environment, Ask::WithoutInspect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repositories_without_a_statement() {
    let mut environment = Environment::new().await;
    environment.repository_with("app", json!({}));
    environment.signed("with a statement", super::FORMATS[0].1, |request| request);
    environment.repository("other");
    environment.signed("without a statement", super::FORMATS[0].1, |request| request);
    environment.repository("app/below");
    environment.signed("below a scope", super::FORMATS[0].1, |request| request);
    let host = environment.registry.host();
    environment.ask("without a statement, absent", &format!("{host}/absent:v1"));
    environment.ask("without a statement, unlisted", "ghcr.io/team/app:v1");
    record_as("no-statement", environment, Ask::WithoutInspect).await;
}

/// A server over a document that cannot be used.
async fn unusable(group: &str, policy: &str) {
    let mut environment = Environment::new().await;
    environment.policy = Some(policy.to_owned());
    environment.signed("signed", super::FORMATS[0].1, |request| request);
    environment.ask("not a reference", "UPPER");
    record_as(group, environment, Ask::ServerOnly).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_is_not_json() {
    unusable("no-policy", "{").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_with_a_repeated_name() {
    let statement = |scope: &str| {
        json!({"name": "a", "registryScopes": [scope], "signatureVerification": {"level": "strict"},
               "trustStores": ["ca:main"], "trustedIdentities": ["*"]})
    };
    let statements = [statement("a.example/a"), statement("a.example/b")];
    unusable("ambiguous-policy", &json!({"version": "1.0", "trustPolicies": statements}).to_string()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_of_another_version() {
    unusable("another-version", r#"{"version":"2.0","trustPolicies":[]}"#).await;
}
