//! Statements of a trust policy: others do not matter, and neither does their order.

use countersign_core::name::Repository;
use countersign_core::policy::Statement;
use countersign_core::policy::TrustPolicy;
use countersign_core_test_support::property;
use countersign_core_test_support::property::Cases;
use countersign_core_test_support::property::same;
use countersign_core_test_support::random_bytes::RandomBytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::sample::select;
use serde_json::Value;
use serde_json::json;

const CASES: Cases = Cases { usual: 2000, full: 20_000 };

/// Repositories in other spellings than their scopes.
const REPOSITORIES: [(&str, &str); 6] = [
    ("registry.example/a", "Registry.Example:443/a"),
    ("registry.example/b", "registry.example:0443/b"),
    ("registry.example:5000/a", "REGISTRY.example:5000/a"),
    ("registry.example/a/b", "registry.Example/a/b"),
    ("docker.io/library/a", "registry-1.docker.io/library/a"),
    ("[fd00::5]/a", "[FD00:0:0::5]:443/a"),
];

/// What else a statement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Terms {
    Strict,
    Permissive,
    Skip,
    UnknownLevel,
    NoStore,
    WrongIdentity,
    UnknownMember,
}

#[derive(Clone, Debug)]
struct Model {
    /// For each repository the statement that names it, if any does.
    owners: Vec<Option<Index>>,
    terms: Vec<Terms>,
    /// The terms of the statement for all other repositories, if there is one.
    all: Option<Terms>,
}

fn terms() -> impl Strategy<Value = Terms> {
    use Terms::*;
    select(vec![Strict, Permissive, Skip, UnknownLevel, NoStore, WrongIdentity, UnknownMember])
}

fn model() -> impl Strategy<Value = Model> {
    let owners = vec(any::<Option<Index>>(), REPOSITORIES.len());
    // A repository cannot be skipped by `*`.
    let all = proptest::option::of(terms().prop_filter("not for all", |terms| *terms != Terms::Skip));
    (owners, vec(terms(), 1..5), all).prop_map(|(owners, terms, all)| Model { owners, terms, all })
}

fn statement(name: &str, scopes: &[String], terms: Terms) -> Value {
    let mut statement = json!({
        "name": name,
        "registryScopes": scopes,
        "signatureVerification": {"level": "strict", "override": {"expiry": "log"}},
        "trustStores": ["ca:example", "signingAuthority:example"],
        "trustedIdentities": ["x509.subject: C=CH, ST=ZH, O=a", "x509.subject: C=CH, ST=ZH, O=b"],
    });
    match terms {
        Terms::Strict => {}
        Terms::Permissive => statement["signatureVerification"] = json!({"level": "permissive"}),
        Terms::Skip => {
            statement["signatureVerification"] = json!({"level": "skip"});
            let members = statement.as_object_mut().unwrap();
            members.remove("trustStores");
            members.remove("trustedIdentities");
        }
        Terms::UnknownLevel => statement["signatureVerification"] = json!({"level": "sometimes"}),
        Terms::NoStore => statement["trustStores"] = json!([]),
        Terms::WrongIdentity => statement["trustedIdentities"] = json!(["x509.subject: CN=a"]),
        Terms::UnknownMember => statement["trustStore"] = json!("ca:example"),
    }
    statement
}

impl Model {
    /// The statements, each with a scope of its own.
    fn statements(&self) -> Vec<Value> {
        let owned = |number: usize| {
            let is_owner = |owner: &Option<Index>| owner.is_some_and(|owner| owner.index(self.terms.len()) == number);
            let named = self.owners.iter().zip(REPOSITORIES).filter(|(owner, _)| is_owner(owner));
            let own = format!("registry.example/own{number}");
            named.map(|(_, (scope, _))| scope.to_owned()).chain([own]).collect::<Vec<_>>()
        };
        let named = (0..).zip(&self.terms);
        let named = named.map(|(number, terms)| statement(&format!("s{number}"), &owned(number), *terms));
        let all = self.all.map(|terms| statement("all", &["*".to_owned()], terms));
        named.chain(all).collect()
    }
}

fn document(statements: &[Value]) -> Value {
    json!({"version": "1.0", "trustPolicies": statements})
}

/// For each repository the statement that applies, with its claim and what it requires, or that it is disabled.
fn applicable(document: &str) -> Result<Vec<String>, String> {
    let policy = TrustPolicy::parse(document.as_bytes()).map_err(|mistakes| format!("{mistakes:?}"))?;
    let of = |text: &str| {
        let repository: Repository = text.parse().unwrap();
        match policy.policy().select(&repository) {
            None => format!("{text}: nothing"),
            Some((Statement::Broken(broken), claim)) => format!("{text}: {claim:?} {} is disabled", broken.name),
            Some((Statement::Usable(rule), claim)) => {
                format!("{text}: {claim:?} {} {} {:?}", rule.name(), rule.terms(), rule.decision())
            }
        }
    };
    let known = REPOSITORIES.iter().flat_map(|(scope, spelled)| [*scope, *spelled]);
    Ok(known.chain(["registry.example/unlisted"]).map(of).collect())
}

#[test]
fn a_statement_for_another_repository_changes_nothing_for_the_others() {
    property::holds(CASES, (model(), terms(), any::<Index>()), |(model, added, at)| {
        let mut statements = model.statements();
        let before = applicable(&document(&statements).to_string())?;
        let other = statement("added", &["registry.example/added".to_owned()], *added);
        statements.insert(at.index(statements.len() + 1), other);
        same("before and after", &before, &applicable(&document(&statements).to_string())?)
    });
}

#[test]
fn the_order_of_statements_scopes_and_members_does_not_matter() {
    let models = model().prop_flat_map(|model| {
        let statements = Just(model.statements()).prop_shuffle();
        (Just(model), statements, 1_u64..u64::MAX)
    });
    property::holds(CASES, models, |(model, shuffled, seed)| {
        let before = applicable(&document(&model.statements()).to_string())?;
        let mut random = RandomBytes::new(*seed);
        let mut shuffled = shuffled.clone();
        for statement in &mut shuffled {
            random.shuffle(statement["registryScopes"].as_array_mut().unwrap());
        }
        let after = applicable(&random.reordered(&document(&shuffled)))?;
        same("in another order", &before, &after)
    });
}
