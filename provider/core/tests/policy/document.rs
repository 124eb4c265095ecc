//! Trust policy documents.

use countersign_core::limits;
use countersign_core::name::HostError;
use countersign_core::name::ReferenceError;
use countersign_core::policy::Action;
use countersign_core::policy::Claim;
use countersign_core::policy::Decision;
use countersign_core::policy::IdentityError;
use countersign_core::policy::ImageSelector;
use countersign_core::policy::Level;
use countersign_core::policy::NotationRequirement;
use countersign_core::policy::PolicyError;
use countersign_core::policy::PolicyProblem;
use countersign_core::policy::Requirement;
use countersign_core::policy::RevocationAction;
use countersign_core::policy::StoreKind;
use countersign_core::policy::StoreNameError;
use countersign_core::policy::TrustPolicy;
use countersign_core::policy::VerifyTimestamp;
use serde_json::Value;
use serde_json::json;

fn parse(document: &Value) -> Result<TrustPolicy, Vec<PolicyError>> {
    TrustPolicy::parse(document.to_string().as_bytes())
}

/// A document without mistakes.
fn parse_valid(document: &Value) -> TrustPolicy {
    let policy = parse(document).unwrap();
    assert_eq!(policy.mistakes(), []);
    policy
}

/// All mistakes of a document whose mistakes are each within one statement.
fn mistakes(document: &Value) -> Vec<PolicyError> {
    parse(document).unwrap().mistakes().to_vec()
}

/// A good statement with some members replaced; null removes one.
fn statement(changes: Value) -> Value {
    let mut statement = json!({
        "name": "a",
        "registryScopes": ["registry.example/a"],
        "signatureVerification": {"level": "strict"},
        "trustStores": ["ca:example"],
        "trustedIdentities": ["*"],
    });
    let Value::Object(changes) = changes else {
        panic!("changes are an object");
    };
    for (name, value) in changes {
        if value.is_null() {
            statement.as_object_mut().unwrap().remove(&name);
        } else {
            statement[name] = value;
        }
    }
    statement
}

fn of(statements: &[Value]) -> Value {
    json!({"version": "1.0", "trustPolicies": statements})
}

fn rules(changes: Value) -> NotationRequirement {
    let policy = parse_valid(&of(&[statement(changes)]));
    match policy.rules().next().unwrap().decision() {
        Decision::Verify(Requirement::Notation(rules)) => NotationRequirement::clone(rules),
        Decision::Skip => panic!("a statement that verifies"),
    }
}

fn verification(value: Value) -> Value {
    json!({"signatureVerification": value})
}

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
fn reads_what_a_statement_means() {
    let rules = rules(json!({
        "signatureVerification": {
            "level": "permissive",
            "override": {"expiry": "enforce", "revocation": "skip"},
            "verifyTimestamp": "afterCertExpiry",
        },
        "trustStores": ["ca:example", "tsa:public", "ca:example"],
    }));
    let level = Level {
        authenticity: Action::Enforce,
        authentic_timestamp: Action::Log,
        expiry: Action::Enforce,
        revocation: RevocationAction::Skip,
    };
    assert_eq!(rules.level(), &level);
    assert_eq!(rules.verify_timestamp(), VerifyTimestamp::AfterCertExpiry);
    let stores: Vec<_> = rules.stores().iter().map(ToString::to_string).collect();
    assert_eq!(stores, ["ca:example", "tsa:public"]);
    let stamps: Vec<_> = rules.stores_of(StoreKind::Tsa).map(ToString::to_string).collect();
    assert_eq!(stamps, ["tsa:public"]);
}

#[test]
fn the_presets_are_those_of_the_specification() {
    use Action::Enforce;
    use Action::Log;
    let level = |name: &str| *rules(verification(json!({"level": name}))).level();
    let revocation = RevocationAction::Log;
    let strict = Level {
        authenticity: Enforce,
        authentic_timestamp: Enforce,
        expiry: Enforce,
        revocation: RevocationAction::Enforce,
    };
    assert_eq!(level("strict"), strict);
    let permissive = Level { authenticity: Enforce, authentic_timestamp: Log, expiry: Log, revocation };
    assert_eq!(level("permissive"), permissive);
    let audit = Level { authenticity: Log, authentic_timestamp: Log, expiry: Log, revocation };
    assert_eq!(level("audit"), audit);
}

#[test]
fn every_override_reaches_its_check() {
    let overridden = |check: &str, action: &str| {
        *rules(verification(json!({"level": "strict", "override": {check: action}}))).level()
    };
    let strict = Level::STRICT;
    assert_eq!(overridden("authenticity", "log"), Level { authenticity: Action::Log, ..strict });
    assert_eq!(overridden("authenticTimestamp", "log"), Level { authentic_timestamp: Action::Log, ..strict });
    assert_eq!(overridden("expiry", "log"), Level { expiry: Action::Log, ..strict });
    assert_eq!(overridden("revocation", "log"), Level { revocation: RevocationAction::Log, ..strict });
    assert_eq!(overridden("revocation", "skip"), Level { revocation: RevocationAction::Skip, ..strict });
    assert_eq!(overridden("revocation", "enforce"), strict);
}

#[test]
fn verifies_timestamps_always_by_default() {
    for value in [json!({"level": "strict"}), json!({"level": "strict", "verifyTimestamp": ""})] {
        assert_eq!(rules(verification(value)).verify_timestamp(), VerifyTimestamp::Always);
    }
}

#[test]
fn the_statement_that_names_a_repository_goes_before_the_one_for_all() {
    let document = of(&[
        statement(json!({"name": "all", "registryScopes": ["*"]})),
        statement(json!({"name": "team", "registryScopes": ["registry.example/a", "[::1]:5000/a"]})),
        json!({"name": "none", "registryScopes": ["registry.example/b"], "signatureVerification": {"level": "skip"}}),
    ]);
    let policy = parse_valid(&document);
    let select = |policy: &TrustPolicy, repository: &str| {
        let selected = policy.policy().select(&repository.parse().unwrap());
        selected.map(|(entry, claim)| (entry.name().to_owned(), claim))
    };
    let name = |repository: &str| select(&policy, repository);
    for spelling in
        ["registry.example/a", "Registry.example/a", "registry.example:0443/a", "[::1]:5000/a", "[0::0001]:05000/a"]
    {
        assert_eq!(name(spelling), Some(("team".to_owned(), Claim::Named)), "{spelling}");
    }
    assert_eq!(name("registry.example/b"), Some(("none".to_owned(), Claim::Named)));
    for other in ["registry.example/a/b", "registry.example:80/a", "registry.example:5000/a", "[::1]/a"] {
        assert_eq!(name(other), Some(("all".to_owned(), Claim::All)), "{other}");
    }
    let statements: Vec<_> = policy.rules().collect();
    assert_eq!(statements[0].images(), &ImageSelector::All);
    assert_eq!(statements[2].decision(), &Decision::Skip);
    assert_eq!(select(&parse_valid(&of(&[statement(json!({}))])), "registry.example/b"), None);
}

#[test]
fn refuses_documents_that_are_not_one_document() {
    let problem = |bytes: &[u8]| {
        let mut errors = TrustPolicy::parse(bytes).map(|_| ()).unwrap_err();
        assert_eq!(errors.len(), 1);
        let error = errors.remove(0);
        assert_eq!((error.statement, error.field.as_str()), (None, ""));
        error.problem
    };
    let good = of(&[statement(json!({}))]).to_string();
    for text in ["", "{", &format!("{good} x"), &format!("{good}{good}"), r#"{"version":"1.0","version":"1.0"}"#] {
        assert!(matches!(problem(text.as_bytes()), PolicyProblem::Json(_)), "{text}");
    }
    assert!(matches!(problem(b"\xff"), PolicyProblem::Json(_)));
    let expected = "an object with version and trustPolicies";
    assert_eq!(problem(b"[]"), PolicyProblem::Type { found: "a list", expected });
    let large = vec![b' '; limits::POLICY_BYTES + 1];
    assert_eq!(problem(&large), PolicyProblem::TooLarge { found: limits::POLICY_BYTES + 1 });
}

#[test]
fn refuses_other_versions_unknown_members_and_no_statements() {
    let errors = |document: Value| {
        let errors = parse(&document).map(|_| ()).unwrap_err();
        errors.into_iter().map(|error| (error.field.to_string(), error.problem)).collect::<Vec<_>>()
    };
    let version = "\"1.0\"";
    let list = "a list of at least one statement";
    let members = "an object with version and trustPolicies";
    let all = errors(json!({"version": "2.0", "trustPolicies": [], "trustpolicies": []}));
    assert_eq!(
        all,
        [
            ("trustpolicies".to_owned(), PolicyProblem::UnknownMember { expected: members }),
            ("version".to_owned(), PolicyProblem::Value { found: "2.0".into(), expected: version }),
            ("trustPolicies".to_owned(), PolicyProblem::Empty { expected: list }),
        ]
    );
    let missing = errors(json!({}));
    assert_eq!(
        missing,
        [
            ("version".to_owned(), PolicyProblem::Missing { expected: version }),
            ("trustPolicies".to_owned(), PolicyProblem::Missing { expected: list }),
        ]
    );
    let types = errors(json!({"version": 1, "trustPolicies": {}}));
    assert_eq!(
        types,
        [
            ("version".to_owned(), PolicyProblem::Type { found: "a number", expected: version }),
            ("trustPolicies".to_owned(), PolicyProblem::Type { found: "an object", expected: list }),
        ]
    );
    let named = json!({"trustStores": (0..limits::STATEMENT_ENTRIES).map(|n| format!("ca:{n}")).collect::<Vec<_>>()});
    let more = json!({"name": "b", "registryScopes": ["registry.example/b"], "trustStores": ["ca:0", "tsa:0"]});
    let stores = of(&[statement(named.clone()), statement(more)]);
    let found = limits::POLICY_STORES + 1;
    assert_eq!(errors(stores), [("trustPolicies".to_owned(), PolicyProblem::TooManyStores { found })]);
    parse_valid(&of(&[statement(named)]));
    let many = vec![json!(null); limits::POLICY_STATEMENTS + 1];
    let found = limits::POLICY_STATEMENTS + 1;
    assert_eq!(errors(of(&many)), [("trustPolicies".to_owned(), PolicyProblem::TooManyStatements { found })]);
}

#[test]
fn reports_all_mistakes_of_all_statements_at_once() {
    let document = of(&[
        json!({"name": "", "registryScopes": ["registry.example/a"], "trustStore": ["ca:a"]}),
        statement(json!({"name": "b", "registryScopes": ["registry.example/a"], "trustStores": ["x"]})),
        json!(7),
    ]);
    let texts: Vec<_> = mistakes(&document).iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "trust policy statement \"#1\", trustStore: is unknown, expected name, registryScopes, \
             signatureVerification, trustStores and trustedIdentities",
            "trust policy statement \"#1\", name: is empty, expected a name for messages and logs",
            "trust policy statement \"#1\", signatureVerification: is missing, expected an object with level and, \
             perhaps, override and verifyTimestamp",
            "trust policy statement \"b\", registryScopes[0]: found \"registry.example/a\", which statement \"#1\" already has, expected each scope once",
            "trust policy statement \"b\", trustStores[0]: trust store: found \"x\" without a type, expected \
             type:name, as in ca:example-root",
            "trust policy statement \"#3\": found a number, expected name, registryScopes, signatureVerification, \
             trustStores and trustedIdentities",
        ]
    );
}

#[test]
fn names_are_required_and_unique() {
    let missing = PolicyProblem::Missing { expected: "a name for messages and logs" };
    let nameless = mistakes(&of(&[statement(json!({"name": null}))]));
    let error = PolicyError { statement: Some("#1".into()), field: "name".into(), problem: missing };
    assert_eq!(nameless, [error]);
    let twice = of(&[statement(json!({})), statement(json!({"registryScopes": ["registry.example/b"]}))]);
    let error = PolicyError {
        statement: Some("a".into()),
        field: "name".into(),
        problem: PolicyProblem::NameTwice { found: "a".into() },
    };
    assert_eq!(parse(&twice).map(|_| ()).unwrap_err(), [error]);
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
         place, expected each scope once"
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
    assert_eq!(check("trustedIdentities", mixed), one("trustedIdentities", beside));
}
