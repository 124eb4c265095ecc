//! Trust policy documents in which some statements have mistakes: which statements are disabled, and which stay
//! usable.

use countersign_core::limits;
use countersign_core::policy::Claim;
use countersign_core::policy::DeclaredImages;
use countersign_core::policy::ImageSelector;
use countersign_core::policy::PolicyProblem;
use countersign_core::policy::Statement;
use countersign_core::policy::TrustPolicy;
use serde_json::Value;
use serde_json::json;

fn statement(name: &str, scopes: &[&str]) -> Value {
    json!({
        "name": name,
        "registryScopes": scopes,
        "signatureVerification": {"level": "strict"},
        "trustStores": ["ca:example"],
        "trustedIdentities": ["*"],
    })
}

/// `statement` with one member replaced.
fn with(mut statement: Value, member: &str, value: Value) -> Value {
    statement[member] = value;
    statement
}

fn parse(statements: &[Value]) -> TrustPolicy {
    TrustPolicy::parse(json!({"version": "1.0", "trustPolicies": statements}).to_string().as_bytes()).unwrap()
}

/// The policy's statement for a repository: its name, its claim, and whether it is usable.
fn selected<'a>(policy: &'a TrustPolicy, repository: &str) -> Option<(&'a str, Claim, bool)> {
    let (entry, claim) = policy.policy().select(&repository.parse().unwrap())?;
    Some((entry.name(), claim, matches!(entry, Statement::Usable(_))))
}

/// The mistakes of a statement that has some.
fn mistakes(policy: &TrustPolicy, name: &str) -> Vec<String> {
    let entry = policy.policy().rules().iter().find(|entry| entry.name() == name).unwrap();
    match entry {
        Statement::Usable(_) => Vec::new(),
        Statement::Broken(broken) => broken.mistakes.iter().map(ToString::to_string).collect(),
    }
}

const A: &str = "registry.example/a";
const B: &str = "registry.example/b";
const C: &str = "registry.example/c";

#[test]
fn a_mistake_beside_the_scopes_disables_its_own_statement_and_no_other_applies_there() {
    let verification = |value: Value| ("signatureVerification", value);
    for (member, value) in [
        verification(json!({"level": "loud"})),
        verification(json!({"level": "strict", "override": {"expiry": "skip"}})),
        verification(json!({"level": "strict", "verifyTimestamp": "never"})),
        verification(json!({})),
        verification(json!(7)),
        verification(json!({"level": "skip"})),
        ("trustStores", json!([])),
        ("trustStores", json!(["ca:.."])),
        ("trustStores", json!(["tsa:public"])),
        ("trustStores", json!("ca:example")),
        ("trustedIdentities", json!(["x509.subject: CN=x"])),
        ("trustedIdentities", json!(["*", "x509.subject: C=CH, ST=ZH, O=a"])),
        ("trustStore", json!(["ca:example"])),
    ] {
        let broken = with(statement("broken", &[A, B]), member, value.clone());
        let policy = parse(&[statement("all", &["*"]), broken, statement("good", &[C])]);
        let what = format!("{member}: {value}");
        assert_eq!(selected(&policy, A), Some(("broken", Claim::Named, false)), "{what}");
        assert_eq!(selected(&policy, B), Some(("broken", Claim::Named, false)), "{what}");
        assert_eq!(selected(&policy, C), Some(("good", Claim::Named, true)), "{what}");
        assert_eq!(selected(&policy, "registry.example/other"), Some(("all", Claim::All, true)), "{what}");
        assert_eq!(policy.rules().map(|good| good.name()).collect::<Vec<_>>(), ["all", "good"], "{what}");
        let all: Vec<_> = policy.mistakes().iter().map(ToString::to_string).collect();
        assert_eq!(mistakes(&policy, "broken"), all, "{what}");
        assert!(!all.is_empty(), "{what}");
    }
}

#[test]
fn a_statement_without_a_name_is_disabled_by_its_number() {
    let policy = parse(&[statement("all", &["*"]), with(statement("", &[A]), "name", json!(null))]);
    assert_eq!(selected(&policy, A), Some(("#2", Claim::Named, false)));
    assert_eq!(selected(&policy, B), Some(("all", Claim::All, true)));
}

#[test]
fn a_broken_statement_for_all_does_not_affect_named_repositories() {
    let all = with(statement("all", &["*"]), "trustedIdentities", json!([]));
    let policy = parse(&[statement("good", &[A]), all]);
    assert_eq!(selected(&policy, A), Some(("good", Claim::Named, true)));
    assert_eq!(selected(&policy, B), Some(("all", Claim::All, false)));
    let skip = json!({"name": "all", "registryScopes": ["*"], "signatureVerification": {"level": "skip"}});
    let policy = parse(&[statement("good", &[A]), skip]);
    assert_eq!(selected(&policy, A), Some(("good", Claim::Named, true)));
    assert_eq!(selected(&policy, B), Some(("all", Claim::All, false)));
}

#[test]
fn scopes_that_cannot_be_read_may_be_any_that_no_other_statement_names() {
    for scopes in [
        json!(null),
        json!([]),
        json!("registry.example/a"),
        json!([A, 7]),
        json!([A, "registry.example/B"]),
        json!([A, "registry.example"]),
        json!([A, "*"]),
        json!([A, A]),
        json!(["*", "*"]),
        json!(["registry.example/*"]),
    ] {
        let broken = with(statement("broken", &[]), "registryScopes", scopes.clone());
        for all in [Some(statement("all", &["*"])), None] {
            // Two statements with `*` are a mistake of the document.
            if all.is_some() && scopes.to_string().contains("\"*\"") {
                continue;
            }
            let statements: Vec<_> = all.into_iter().chain([broken.clone(), statement("good", &[C])]).collect();
            let policy = parse(&statements);
            assert_eq!(selected(&policy, B), Some(("broken", Claim::Possible, false)), "{scopes}");
            assert_eq!(selected(&policy, C), Some(("good", Claim::Named, true)), "{scopes}");
            let readable = scopes.as_array().is_some_and(|scopes| scopes.contains(&json!(A)));
            let claim = if readable { Claim::Named } else { Claim::Possible };
            assert_eq!(selected(&policy, A), Some(("broken", claim, false)), "{scopes}");
        }
    }
}

#[test]
fn a_statement_that_is_no_object_may_be_for_any_repository() {
    for value in [json!(7), json!(null), json!([]), json!("prod"), json!([["name", "prod"]])] {
        let policy = parse(&[statement("good", &[C]), value, statement("all", &["*"])]);
        assert_eq!(selected(&policy, B), Some(("#2", Claim::Possible, false)));
        assert_eq!(selected(&policy, C), Some(("good", Claim::Named, true)));
    }
}

#[test]
fn a_misspelt_member_for_scopes_may_hold_more_of_them() {
    for member in ["registryscopes", "RegistryScopes", "registryScope", "scopes"] {
        let broken = with(statement("broken", &[A]), member, json!([B]));
        let policy = parse(&[broken, statement("all", &["*"])]);
        assert_eq!(selected(&policy, A), Some(("broken", Claim::Named, false)), "{member}");
        assert_eq!(selected(&policy, B), Some(("broken", Claim::Possible, false)), "{member}");
    }
}

#[test]
fn two_statements_with_a_repository_in_common_are_both_disabled() {
    let policy = parse(&[
        statement("all", &["*"]),
        statement("first", &[A, B]),
        statement("second", &["registry.example/d", B]),
        statement("good", &[C]),
    ]);
    let twice = "trust policy statement \"second\", registryScopes[1]: found \"registry.example/b\", which statement \"first\" already has, expected each scope once";
    assert_eq!(policy.mistakes().iter().map(ToString::to_string).collect::<Vec<_>>(), [twice]);
    assert_eq!(mistakes(&policy, "first"), [twice]);
    assert_eq!(mistakes(&policy, "second"), [twice]);
    for (repository, name) in [(A, "first"), (B, "first"), ("registry.example/d", "second")] {
        assert_eq!(selected(&policy, repository), Some((name, Claim::Named, false)), "{repository}");
    }
    assert_eq!(selected(&policy, C), Some(("good", Claim::Named, true)));
    // One of the two was intended for another repository.
    assert_eq!(selected(&policy, "registry.example/other"), Some(("first", Claim::Possible, false)));
}

#[test]
fn of_three_statements_with_a_repository_in_common_none_is_usable() {
    let policy = parse(&[statement("first", &[A]), statement("second", &[A]), statement("third", &[A, B])]);
    assert_eq!(policy.rules().count(), 0);
    assert_eq!(mistakes(&policy, "first").len(), 2);
    assert_eq!((mistakes(&policy, "second").len(), mistakes(&policy, "third").len()), (1, 1));
}

#[test]
fn a_repository_in_common_with_a_broken_statement_disables_the_other_one_too() {
    let broken = with(statement("broken", &[A]), "signatureVerification", json!({"level": "loud"}));
    for statements in [[broken.clone(), statement("other", &[A, B])], [statement("other", &[A, B]), broken]] {
        let policy = parse(&statements);
        assert_eq!(policy.rules().count(), 0);
        assert_eq!(selected(&policy, B), Some(("other", Claim::Named, false)));
    }
}

#[test]
fn a_broken_statement_keeps_its_readable_scopes_and_no_requirements() {
    let level = with(statement("level", &[A]), "signatureVerification", json!({"level": "loud"}));
    let scopes = statement("scopes", &[B, "x"]);
    let policy = parse(&[level, scopes]);
    let broken = policy.policy().rules().iter().map(|entry| match entry {
        Statement::Broken(broken) => broken.images.clone(),
        Statement::Usable(_) => panic!("{entry:?}"),
    });
    let list = |repository: &str| vec![repository.parse().unwrap()];
    let expected = [DeclaredImages::Certain(ImageSelector::Repositories(list(A))), DeclaredImages::Uncertain(list(B))];
    assert_eq!(broken.collect::<Vec<_>>(), expected);
}

#[test]
fn names_and_the_scope_for_all_must_be_unique() {
    let document = |statements: &[Value]| {
        let document = json!({"version": "1.0", "trustPolicies": statements});
        let errors = TrustPolicy::parse(document.to_string().as_bytes()).map(|_| ()).unwrap_err();
        errors.into_iter().map(|error| error.problem).collect::<Vec<_>>()
    };
    assert_eq!(
        document(&[statement("a", &[A]), statement("a", &[B])]),
        [PolicyProblem::NameTwice { found: "a".into() }]
    );
    let all = PolicyProblem::ScopeTwice { found: "*".into(), scope: "*".into(), first: "a".into() };
    assert_eq!(document(&[statement("a", &["*"]), statement("b", &["*"])]), [all]);
}

#[test]
fn counts_all_mistakes_and_keeps_the_first() {
    let many = with(statement("many", &[]), "registryScopes", json!(vec!["x"; 1000]));
    let policy = parse(&[many, statement("good", &[A]), statement("all", &["*"])]);
    let listed = mistakes(&policy, "many");
    assert_eq!(listed.len(), limits::STATEMENT_MISTAKES + 1);
    assert!(
        listed[0].starts_with("trust policy statement \"many\", registryScopes[0]: found \"x\", expected "),
        "{listed:?}"
    );
    assert_eq!(
        listed[limits::STATEMENT_MISTAKES],
        "trust policy statement \"many\": has 980 more mistakes, expected the mistakes above to be corrected first"
    );
    let all: Vec<_> = policy.mistakes().iter().map(ToString::to_string).collect();
    assert_eq!(all.len(), limits::STATEMENT_MISTAKES + 1);
    assert_eq!(
        all[limits::STATEMENT_MISTAKES],
        "trust policy: has 980 more mistakes, expected the mistakes above to be corrected first"
    );
    assert_eq!(selected(&policy, B), Some(("many", Claim::Possible, false)));
    assert_eq!(selected(&policy, A), Some(("good", Claim::Named, true)));

    let bad = |number: usize| with(statement(&number.to_string(), &["x"; 30]), "trustStores", json!([]));
    let policy = parse(&(0..limits::POLICY_STATEMENTS).map(bad).collect::<Vec<_>>());
    assert_eq!(policy.rules().count(), 0);
    assert_eq!(policy.mistakes().len(), limits::POLICY_MISTAKES + 1);
    let last = policy.mistakes().last().unwrap().to_string();
    assert_eq!(last, "trust policy: has 30000 more mistakes, expected the mistakes above to be corrected first");
}

/// Mistakes that are not kept are counted.
#[test]
fn a_conflict_after_many_mistakes_disables_the_earlier_statement() {
    let mut scopes = vec!["x"; 1000];
    scopes.push(A);
    let policy = parse(&[statement("first", &[A, B]), statement("second", &scopes), statement("all", &["*"])]);
    assert_eq!(policy.rules().map(|good| good.name()).collect::<Vec<_>>(), ["all"]);
    let twice = "trust policy statement \"second\", registryScopes[1000]: found \"registry.example/a\", which statement \"first\" already has, expected each scope once";
    assert_eq!(mistakes(&policy, "first"), [twice]);
    assert_eq!(selected(&policy, B), Some(("first", Claim::Named, false)));
    assert_eq!(selected(&policy, C), Some(("first", Claim::Possible, false)));
}

#[test]
fn reports_a_mistake_of_the_document_behind_many_others() {
    let mut scopes = vec!["x"; 1000];
    scopes.push("*");
    let of_same_name = with(statement("all", &scopes), "name", json!("all"));
    for (last, omitted) in [(statement("b", &scopes), 982), (of_same_name, 983)] {
        let document = json!({"version": "1.0", "trustPolicies": [statement("all", &["*"]), last]});
        let mistakes = TrustPolicy::parse(document.to_string().as_bytes()).unwrap_err();
        assert_eq!(mistakes.len(), 21);
        let last = mistakes.last().unwrap().to_string();
        assert_eq!(
            last,
            format!("trust policy: has {omitted} more mistakes, expected the mistakes above to be corrected first")
        );
    }
}
