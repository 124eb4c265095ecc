//! What is added to an image, or to the policy for other images, takes no verdict away, and gives none.

use countersign_core::verdict::Code;
use countersign_core_test_support::property;
use countersign_core_test_support::property::Cases;
use countersign_core_test_support::property::same;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::sample::select;
use serde_json::Value;
use serde_json::json;

use crate::engine::evidence::fixture::CRL;
use crate::engine::evidence::fixture::Fixture;
use crate::engine::properties::run;
use crate::engine::properties::runtime;
use crate::engine::properties::signatures::Kind;
use crate::engine::properties::signatures::Signers;
use crate::engine::properties::signatures::expected;
use crate::engine::properties::signatures::kind;

/// `verification.maxSignatures` of these tests.
const MOST: usize = 5;

pub(crate) struct World {
    pub(crate) fixture: Fixture,
    pub(crate) signers: Signers,
}

impl World {
    pub(crate) async fn new() -> Self {
        let fixture = Fixture::with_engine("strict", |_| {}, |settings| settings.max_signatures = MOST).await;
        let signers = Signers::new(&fixture.engine.root, &fixture.responder.url(CRL));
        fixture.crl_is(&CrlSpec::new().revoked(&Revoked::certificate(signers.revoked())));
        Self { fixture, signers }
    }

    /// The code of a new image with these signatures.
    pub(crate) async fn code(&self, kinds: &[Kind]) -> Code {
        let engine = &self.fixture.engine;
        let image = self.signers.image(&engine.registry, kinds);
        engine.code(&engine.registry.reference("app", &image)).await
    }
}

#[test]
fn adding_a_signature_turns_no_yes_into_no_within_the_limit_and_only_a_valid_one_turns_a_no_into_yes() {
    let runtime = runtime();
    let world = run(&runtime, World::new());
    let models = (vec(kind(), 0..=MOST), kind(), any::<Index>());
    property::holds(Cases { usual: 100, full: 2000 }, models, |(before, added, at)| {
        let mut after = before.clone();
        after.insert(at.index(before.len() + 1), *added);
        let (former, latter) = run(&runtime, async { (world.code(before).await, world.code(&after).await) });
        let is_within = after.len() <= MOST;
        if is_within && former == Code::Verified && latter != Code::Verified {
            return Err(format!("{before:?} is verified, and {after:?} is {latter}"));
        }
        if former != Code::Verified && latter == Code::Verified && !added.is_valid() {
            return Err(format!("{before:?} is {former}, and {after:?} is verified"));
        }
        same(&format!("{before:?}"), &expected(before), &former)?;
        if is_within { same(&format!("{after:?}"), &expected(&after), &latter) } else { Ok(()) }
    });
}

/// What a statement for another repository says.
#[derive(Clone, Copy, Debug)]
enum Other {
    Strict,
    Audit,
    Skip,
    WithoutStore,
    WithAbsentStore,
    UnknownLevel,
}

impl Other {
    const ALL: [Self; 6] =
        [Self::Strict, Self::Audit, Self::Skip, Self::WithoutStore, Self::WithAbsentStore, Self::UnknownLevel];

    fn statement(self, number: usize) -> Value {
        let (level, stores) = match self {
            Self::Strict => ("strict", vec!["ca:main"]),
            Self::Audit => ("audit", vec!["ca:main"]),
            Self::Skip => {
                return json!({"name": format!("o{number}"), "registryScopes": [format!("other.example/o{number}")],
                "signatureVerification": {"level": "skip"}});
            }
            Self::WithoutStore => ("strict", Vec::new()),
            Self::WithAbsentStore => ("strict", vec!["ca:absent"]),
            Self::UnknownLevel => ("sometimes", vec!["ca:main"]),
        };
        json!({"name": format!("o{number}"), "registryScopes": [format!("other.example/o{number}")],
            "signatureVerification": {"level": level}, "trustStores": stores, "trustedIdentities": ["*"]})
    }
}

#[test]
fn a_statement_for_another_repository_usable_or_disabled_changes_no_verdict() {
    let runtime = runtime();
    let world = run(&runtime, World::new());
    let others = vec(select(Other::ALL.to_vec()), 0..3);
    let models = (vec(kind(), 0..3), others, select(Other::ALL.to_vec()), any::<Index>(), any::<bool>());
    property::holds(Cases { usual: 60, full: 1000 }, models, |(kinds, others, added, at, names_it)| {
        // The statement of the image names its repository, or all repositories.
        let engine = &world.fixture.engine;
        let scope = if *names_it { format!("{}/app", engine.registry.host()) } else { "*".to_owned() };
        let own = json!({"name": "app", "registryScopes": [scope], "signatureVerification": {"level": "strict"},
            "trustStores": ["ca:main"], "trustedIdentities": ["*"]});
        let mut statements: Vec<Value> = (0..).zip(others).map(|(number, other)| other.statement(number)).collect();
        statements.push(own);
        let code = |statements: &[Value]| {
            let document = json!({"version": "1.0", "trustPolicies": statements});
            engine.folder.write("trustpolicy.json", document.to_string());
            engine.poll();
            run(&runtime, world.code(kinds))
        };
        let before = code(&statements);
        statements.insert(at.index(statements.len() + 1), added.statement(statements.len()));
        same("before and after", &before, &code(&statements))?;
        same("expected", &expected(kinds), &before)
    });
}
