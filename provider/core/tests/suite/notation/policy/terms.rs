//! What of a statement its verdicts depend on.

use countersign_core::name::Digest;
use serde_json::Value;
use serde_json::json;

use super::document::of;
use super::document::parse_valid;
use super::document::statement;

/// The terms of a good statement with some members replaced.
fn terms(changes: Value) -> Digest {
    parse_valid(&of(&[statement(changes)])).rules().next().unwrap().terms().clone()
}

#[test]
fn every_member_but_the_scopes_changes_the_terms() {
    let all = [
        terms(json!({})),
        terms(json!({"name": "b"})),
        terms(json!({"signatureVerification": {"level": "permissive"}})),
        terms(json!({"signatureVerification": {"level": "strict", "verifyTimestamp": "always"}})),
        terms(json!({"signatureVerification": {"level": "strict", "override": {"revocation": "skip"}}})),
        terms(json!({"trustStores": ["ca:example", "tsa:example"]})),
        terms(json!({"trustStores": ["signingAuthority:example"]})),
        terms(json!({"trustedIdentities": ["x509.subject: C=US, ST=WA, O=a"]})),
        terms(json!({"trustedIdentities": ["x509.subject: C=US, ST=WA, O=b"]})),
        terms(json!({
            "registryScopes": ["registry.example/a"], "signatureVerification": {"level": "skip"},
            "trustStores": null, "trustedIdentities": null,
        })),
    ];
    for (index, terms) in all.iter().enumerate() {
        assert_eq!(all.iter().position(|other| other == terms), Some(index));
    }
}

#[test]
fn scopes_and_the_order_of_members_do_not_change_the_terms() {
    let first = terms(json!({}));
    for scopes in [json!(["*"]), json!(["registry.example/b"]), json!(["registry.example/a", "registry.example/b"])] {
        assert_eq!(terms(json!({"registryScopes": scopes})), first);
    }
    let text = r#"{"trustPolicies": [{"trustedIdentities": [ "*" ], "trustStores": ["ca:example"],
        "signatureVerification": {"level": "strict"}, "registryScopes": ["*"], "name": "a"}], "version": "1.0"}"#;
    let policy = countersign_core::policy::TrustPolicy::parse(text.as_bytes()).unwrap();
    assert_eq!(policy.rules().next().unwrap().terms(), &first);
}
