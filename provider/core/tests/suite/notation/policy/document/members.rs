//! Members of a statement: each mistake with its field.

use countersign_core::limits;
use countersign_core::name::HostError;
use countersign_core::name::ReferenceError;
use countersign_core::policy::Decision;
use countersign_core::policy::IdentityError;
use countersign_core::policy::PolicyProblem;
use countersign_core::policy::StoreNameError;
use serde_json::Value;
use serde_json::json;

use super::mistakes;
use super::of;
use super::parse_valid;
use super::statement;
use super::verification;

/// Fields and problems of a document with one statement named `a`.
fn problems(changes: Value) -> Vec<(String, PolicyProblem)> {
    mistakes(&of(&[statement(changes)]))
        .into_iter()
        .map(|error| {
            assert_eq!(error.statement, Some("a".into()));
            (error.field.to_string(), error.problem)
        })
        .collect()
}

fn one(field: &str, problem: PolicyProblem) -> Vec<(String, PolicyProblem)> {
    vec![(field.to_owned(), problem)]
}

#[test]
fn scopes_are_all_or_full_names_each_once() {
    let expected = "a list of repositories as host[:port]/repository, or [\"*\"]";
    let scopes = |value: Value| problems(json!({"registryScopes": value}));
    assert_eq!(scopes(json!(null)), one("registryScopes", PolicyProblem::Missing { expected }));
    assert_eq!(scopes(json!([])), one("registryScopes", PolicyProblem::Empty { expected }));
    assert_eq!(scopes(json!("*")), one("registryScopes", PolicyProblem::Type { found: "a string", expected }));
    let number = PolicyProblem::Type { found: "a number", expected: "a string" };
    assert_eq!(scopes(json!(["registry.example/a", 7])), one("registryScopes[1]", number));
    assert_eq!(scopes(json!(["registry.example/a", "*"])), one("registryScopes[1]", PolicyProblem::AllBesideOthers));
    let twice = |found: &str, scope: &str| PolicyProblem::ScopeTwice {
        found: found.into(),
        scope: scope.into(),
        first: "a".into(),
    };
    for (first, second) in [
        ("registry.example/a", "registry.example/a"),
        ("registry.example/a", "Registry.example:0443/a"),
        ("[fd00::1]:5000/a", "[FD00:0::1]:05000/a"),
        ("docker.io/nginx", "docker.io/library/nginx"),
        ("registry-1.docker.io/team/app", "docker.io/team/app"),
    ] {
        assert_eq!(scopes(json!([first, second])), one("registryScopes[1]", twice(second, first)), "{first}");
    }
    assert_eq!(
        twice("Registry.example/a", "registry.example:443/a").to_string(),
        "found \"Registry.example/a\", which statement \"a\" already has as \"registry.example:443/a\", the same \
         repository, expected each scope once"
    );
    assert_eq!(twice("*", "*").to_string(), "found \"*\", which statement \"a\" already has, expected each scope once");
    let host = |found: &str| ReferenceError::Host { found: found.into(), reason: HostError::Syntax };
    let no_host =
        |found: &str| ReferenceError::NoHost { found: found.into(), part: found.split('/').next().unwrap().into() };
    let path = |found: &str| ReferenceError::Repository { found: found.into() };
    for (text, error) in [
        ("", no_host("")),
        ("nginx", no_host("nginx")),
        ("team/nginx", no_host("team/nginx")),
        ("docker.io:443/nginx", ReferenceError::Host { found: "docker.io:443".into(), reason: HostError::DockerHub }),
        ("https://registry.example/a", host("https:")),
        ("registry.example/a:v1", path("a:v1")),
        ("registry.example/a@sha256:00", path("a@sha256:00")),
        ("registry.example/*", path("*")),
        ("*.example/a", host("*.example")),
        ("registry.example/A", path("A")),
        ("registry.example/a/", path("a/")),
        ("registry.example/", path("")),
    ] {
        let problem = PolicyProblem::Scope { found: text.into(), error };
        assert_eq!(scopes(json!([text])), one("registryScopes[0]", problem), "{text}");
    }
}

#[test]
fn levels_overrides_and_timestamps_are_spelt_as_specified() {
    let field = |name: &str| format!("signatureVerification.{name}");
    let check = |value: Value| problems(verification(value));
    let level = "strict, permissive, audit or skip";
    assert_eq!(check(json!({})), one(&field("level"), PolicyProblem::Missing { expected: level }));
    assert_eq!(check(json!({"level": ""})), one(&field("level"), PolicyProblem::Empty { expected: level }));
    let strict = PolicyProblem::Value { found: "Strict".into(), expected: level };
    assert_eq!(check(json!({"level": "Strict"})), one(&field("level"), strict));
    let stamp = PolicyProblem::Value { found: "never".into(), expected: "always or afterCertExpiry" };
    assert_eq!(check(json!({"level": "strict", "verifyTimestamp": "never"})), one(&field("verifyTimestamp"), stamp));
    let members = "an object with level and, perhaps, override and verifyTimestamp";
    assert_eq!(
        check(json!({"level": "strict", "verifyTimeStamp": "always"})),
        one(&field("verifyTimeStamp"), PolicyProblem::UnknownMember { expected: members })
    );
    assert_eq!(
        check(json!("strict")),
        one("signatureVerification", PolicyProblem::Type { found: "a string", expected: members })
    );

    let overrides = |value: Value| check(json!({"level": "strict", "override": value}));
    let checks = "authenticity, authenticTimestamp, expiry or revocation";
    let list = PolicyProblem::Type { found: "a list", expected: checks };
    assert_eq!(overrides(json!([])), one(&field("override"), list));
    let integrity = one(&field("override.integrity"), PolicyProblem::OverrideIntegrity);
    assert_eq!(overrides(json!({"integrity": "log"})), integrity);
    let unknown = PolicyProblem::UnknownMember { expected: checks };
    assert_eq!(overrides(json!({"Expiry": "log"})), one(&field("override.Expiry"), unknown));
    for name in ["authenticity", "authenticTimestamp", "expiry"] {
        let skip = PolicyProblem::Value { found: "skip".into(), expected: "enforce or log" };
        assert_eq!(overrides(json!({name: "skip"})), one(&field(&format!("override.{name}")), skip));
    }
    let off = PolicyProblem::Value { found: "off".into(), expected: "enforce, log or skip" };
    assert_eq!(overrides(json!({"revocation": "off"})), one(&field("override.revocation"), off));
}

#[test]
fn skip_has_no_stores_and_never_the_scope_for_all() {
    let skip = json!({"level": "skip"});
    let bare = json!({"signatureVerification": skip, "trustStores": null, "trustedIdentities": null});
    assert_eq!(parse_valid(&of(&[statement(bare)])).rules().next().unwrap().decision(), &Decision::Skip);
    let empty = json!({"signatureVerification": skip, "trustStores": [], "trustedIdentities": []});
    parse_valid(&of(&[statement(empty)]));
    let beside = problems(json!({"signatureVerification": skip}));
    let fields = ["trustStores", "trustedIdentities"];
    assert_eq!(beside, fields.map(|field| (field.to_owned(), PolicyProblem::BesideSkip)));
    let all = json!({
        "registryScopes": ["*"],
        "signatureVerification": skip,
        "trustStores": null,
        "trustedIdentities": null,
    });
    assert_eq!(problems(all), one("registryScopes", PolicyProblem::SkipAll));
    let overridden = json!({
        "signatureVerification": {"level": "skip", "override": {"expiry": "log"}},
        "trustStores": null,
        "trustedIdentities": null,
    });
    assert_eq!(problems(overridden), one("signatureVerification.override", PolicyProblem::OverrideSkip));
}

#[test]
fn a_verifying_statement_needs_a_usable_store_type_and_an_identity() {
    let stores = "a list of stores as type:name, of which one is ca or signingAuthority";
    let identities = "a list of identities as x509.subject:NAME, or [\"*\"]";
    let check = |name: &str, value: Value| problems(json!({name: value}));
    assert_eq!(check("trustStores", json!(null)), one("trustStores", PolicyProblem::Missing { expected: stores }));
    assert_eq!(check("trustStores", json!([])), one("trustStores", PolicyProblem::Empty { expected: stores }));
    let timestamps = one("trustStores", PolicyProblem::OnlyTimestampStores);
    assert_eq!(check("trustStores", json!(["tsa:public"])), timestamps);
    let dots = PolicyProblem::Store(StoreNameError::Name { found: "..".into() });
    assert_eq!(check("trustStores", json!(["ca:example", "ca:.."])), one("trustStores[1]", dots));
    let missing = one("trustedIdentities", PolicyProblem::Missing { expected: identities });
    assert_eq!(check("trustedIdentities", json!(null)), missing);
    let empty = one("trustedIdentities", PolicyProblem::Empty { expected: identities });
    assert_eq!(check("trustedIdentities", json!([])), empty);
    let many = |entry: &str| json!(vec![entry; limits::STATEMENT_ENTRIES + 1]);
    for (field, entry) in [("trustStores", "ca:example"), ("trustedIdentities", "arn:x")] {
        let too_many = PolicyProblem::TooManyEntries { found: limits::STATEMENT_ENTRIES + 1 };
        assert_eq!(check(field, many(entry)), one(field, too_many));
    }
    let beside = PolicyProblem::Identity(IdentityError::AnyBesideOthers);
    let mixed = json!(["*", "x509.subject: C=CH, ST=ZH, O=a"]);
    assert_eq!(check("trustedIdentities", mixed), one("trustedIdentities[0]", beside));
}
