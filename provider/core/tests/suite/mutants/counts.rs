//! The counts notice a verifier that is wrong.

use countersign_core_test_support::mutants;
use countersign_core_test_support::mutants::Kind;
use countersign_core_test_support::mutants::cases::Case;
use countersign_core_test_support::mutants::cases::Outcome;
use countersign_core_test_support::mutants::cases::Verdict;
use countersign_core_test_support::mutants::cases::Verifier;
use countersign_core_test_support::mutants::cases::all_by;
use countersign_core_test_support::mutants::operators::Operator;

use super::case;

#[test]
fn a_verifier_that_accepts_everything_fails_for_every_kind() {
    let table = mutants::run_cases(&all_by(Verifier::AcceptsEverything), 320);
    let problems = table.problems();
    for kind in Kind::ALL {
        let row = table.kinds[&kind];
        let (name, verified) = (kind.as_str(), row.verified);
        assert_eq!((row.mutants, row.panics), (40, 0), "{name}");
        let problem = format!("{name}: {verified} mutants were accepted, expected none");
        assert!(verified > 0 && problems.contains(&problem), "{problems:?}");
        // Manifests and lists lead to envelopes, and not all do any more.
        if !matches!(kind, Kind::Manifest | Kind::Index) {
            assert_eq!(row.refused(), 0, "{name}");
        }
    }
    assert!(!table.failed.is_empty());
}

/// The kinds of the cases with another document that is accepted as the original.
fn fooled(verifier: Verifier) -> Vec<Kind> {
    let accepted = |case: &Case, other| (case.judge)(other).verdict == Verdict::Verified;
    let cases = all_by(verifier);
    let mut kinds: Vec<Kind> = cases
        .iter()
        .filter(|case| case.others.iter().any(|other| accepted(case, other)))
        .map(|case| case.kind)
        .collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

#[test]
fn documents_in_which_one_thing_is_wrong_are_accepted_if_that_is_not_checked() {
    assert_eq!(fooled(Verifier::Product), []);
    assert_eq!(
        fooled(Verifier::TrustsOthers),
        [Kind::Jws, Kind::Cose, Kind::Chain, Kind::Token, Kind::Manifest, Kind::Index],
        "envelopes and tokens of another root, and its chain for the key of the signer"
    );
    assert_eq!(
        fooled(Verifier::AnyIdentity),
        [Kind::Jws, Kind::Cose, Kind::Manifest, Kind::Index],
        "of another signer"
    );
}

#[test]
fn a_panic_and_too_few_mutants_that_are_parsed_are_problems() {
    let outcome = Outcome { parsed: false, verdict: Verdict::Refused };
    let judges: [(Kind, Box<dyn Fn() -> Outcome + Send + Sync>); 2] =
        [(Kind::Jws, Box::new(|| panic!("as a product that panics"))), (Kind::Crl, Box::new(move || outcome))];
    let cases = judges.map(|(kind, judge)| Case {
        kind,
        name: kind.as_str().to_owned(),
        document: case(kind).document.clone(),
        others: Vec::new(),
        judge: Box::new(move |_| judge()),
    });
    let problems = mutants::run_cases(&cases, 6).problems();
    for problem in [
        "JWS envelope: 3 mutants panicked, expected none",
        "CRL: 0 % passed the outer parse, expected at least 30 %",
        "COSE envelope: found no mutant, expected some",
    ] {
        assert!(problems.iter().any(|found| found == problem), "{problem}: {problems:?}");
    }
    let none = mutants::run_cases(&[], 0).problems();
    assert_eq!(none.len(), Kind::ALL.len() + Operator::ALL.len(), "{none:?}");
}
