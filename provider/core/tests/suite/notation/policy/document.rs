//! Trust policy documents.

use countersign_core::limits;
use countersign_core::policy::Action;
use countersign_core::policy::Claim;
use countersign_core::policy::Decision;
use countersign_core::policy::ImageSelector;
use countersign_core::policy::Level;
use countersign_core::policy::NotationRequirement;
use countersign_core::policy::PolicyError;
use countersign_core::policy::PolicyProblem;
use countersign_core::policy::Requirement;
use countersign_core::policy::RevocationAction;
use countersign_core::policy::StoreKind;
use countersign_core::policy::TrustPolicy;
use countersign_core::policy::VerifyTimestamp;
use serde_json::Value;
use serde_json::json;

mod members;

fn parse(document: &Value) -> Result<TrustPolicy, Vec<PolicyError>> {
    TrustPolicy::parse(document.to_string().as_bytes())
}

/// A document without mistakes.
pub(super) fn parse_valid(document: &Value) -> TrustPolicy {
    let policy = parse(document).unwrap();
    assert_eq!(policy.mistakes(), []);
    policy
}

/// All mistakes of a document whose mistakes are each within one statement.
pub(super) fn mistakes(document: &Value) -> Vec<PolicyError> {
    parse(document).unwrap().mistakes().to_vec()
}

/// A good statement with some members replaced; null removes one.
pub(super) fn statement(changes: Value) -> Value {
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

pub(super) fn of(statements: &[Value]) -> Value {
    json!({"version": "1.0", "trustPolicies": statements})
}

pub(super) fn rules(changes: Value) -> NotationRequirement {
    let policy = parse_valid(&of(&[statement(changes)]));
    match policy.rules().next().unwrap().decision() {
        Decision::Verify(Requirement::Notation(rules)) => NotationRequirement::clone(rules),
        Decision::Skip => panic!("a statement that verifies"),
    }
}

pub(super) fn verification(value: Value) -> Value {
    json!({"signatureVerification": value})
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
fn the_statement_that_names_a_repository_precedes_the_one_for_all() {
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
    let error = PolicyError { statement: Some("#1".into()), field: "name".into(), line: 1, problem: missing };
    assert_eq!(nameless, [error]);
    let twice = of(&[statement(json!({})), statement(json!({"registryScopes": ["registry.example/b"]}))]);
    let error = PolicyError {
        statement: Some("a".into()),
        field: "name".into(),
        line: 1,
        problem: PolicyProblem::NameTwice { found: "a".into() },
    };
    assert_eq!(parse(&twice).map(|_| ()).unwrap_err(), [error]);
}

/// Found and expected are in other tests; here, the lines, of all mistakes at once.
#[test]
fn every_mistake_has_its_line() {
    let lines = |text: &str| {
        let errors = match TrustPolicy::parse(text.as_bytes()) {
            Ok(policy) => policy.mistakes().to_vec(),
            Err(errors) => errors,
        };
        errors.iter().map(|error| (error.line, error.field.to_string())).collect::<Vec<_>>()
    };
    let expected =
        |list: &[(u64, &str)]| list.iter().map(|(line, field)| (*line, (*field).to_owned())).collect::<Vec<_>>();
    let text = r#"{
  "version": "1.0",
  "trustPolicies": [
    {
      "name": "a",
      "registryScopes": [
        "registry.example/a",
        "registry.example"
      ],
      "signatureVerification": {
        "level": "strict",
        "override": {"expiry": "log",
          "integrity": "log"}
      },
      "trustStores": ["ca:a",
        "b"],
      "trustedIdentities": [
        "x509.subject: C=CH, ST=ZH, O=a",
        "x",
        "x509.subject: C=CH, ST=ZH"
      ],
      "extra": 1
    },
    {"name": "b", "registryScopes": ["registry.example/b"],
     "signatureVerification": {"level": "no"}},

    {"registryScopes": ["registry.example/a"], "signatureVerification":
      {}, "trustStores": 5}
  ]
}"#;
    let every = [
        (22, "extra"),
        (8, "registryScopes[1]"),
        (13, "signatureVerification.override.integrity"),
        (16, "trustStores[1]"),
        (19, "trustedIdentities[1]"),
        (20, "trustedIdentities[2]"),
        (25, "signatureVerification.level"),
        (27, "name"),
        (27, "registryScopes[0]"),
        (28, "signatureVerification.level"),
        (28, "trustStores"),
    ];
    assert_eq!(lines(text), expected(&every));
    assert_eq!(lines(&format!("\u{feff}{text}")), expected(&every));
    for (text, found) in [
        ("{\n\"version\": \"1.0\",\n\"trustPolicies\":\n[]}", (4, "trustPolicies")),
        ("{\n\"version\":\n 1, \"trustPolicies\": []}", (3, "version")),
        ("\n{\"version\": \"1.0\"}", (2, "trustPolicies")),
        ("\n\n[]", (3, "")),
        ("{\n\"version\": \"1.0\",\n}", (3, "")),
        // Mistakes in the same list of two statements, one after the other.
        (
            "{\"version\": \"1.0\", \"trustPolicies\": [\n{\"trustStores\": [\"b\"]},\n{\"trustStores\": [\n\"b\"]}]}",
            (4, "trustStores[0]"),
        ),
    ] {
        assert!(lines(text).contains(&(found.0, found.1.to_owned())), "{text}: {:?}", lines(text));
    }
}

#[test]
fn a_document_may_have_a_byte_order_mark() {
    let text = format!("\u{feff}{}", of(&[statement(json!({}))]));
    assert_eq!(TrustPolicy::parse(text.as_bytes()).unwrap().mistakes(), []);
    let twice = format!("\u{feff}{text}");
    assert!(TrustPolicy::parse(twice.as_bytes()).is_err());
}
