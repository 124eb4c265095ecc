//! Changed documents of every kind: none is accepted as something that it is not, and none panics. `cargo mutate` makes a million.

mod counts;
mod equal;

use std::sync::LazyLock;

use countersign_core_test_support::mutants;
use countersign_core_test_support::mutants::Kind;
use countersign_core_test_support::mutants::cases::Case;
use countersign_core_test_support::mutants::cases::Verdict;
use countersign_core_test_support::mutants::node::Form;
use countersign_core_test_support::mutants::node::Node;
use countersign_core_test_support::sweep;

static CASES: LazyLock<Vec<Case>> = LazyLock::new(mutants::cases::all);

/// The first case of a kind.
fn case(kind: Kind) -> &'static Case {
    CASES.iter().find(|case| case.kind == kind).unwrap()
}

#[test]
fn no_mutant_is_accepted_as_something_else_and_none_panics() {
    let table = mutants::run_cases(&CASES, sweep::rounds(20_000));
    println!("{table}");
    let failed: Vec<_> = table.failed.iter().map(|failed| (failed.number, &failed.name, failed.why)).collect();
    assert_eq!(failed, [], "repeat one with: cargo mutate --only NUMBER");
    assert_eq!(table.problems(), [""; 0]);
}

#[test]
fn no_other_document_of_a_case_is_accepted_in_its_place() {
    for case in CASES.iter() {
        assert_eq!((case.judge)(&case.document).verdict, expected_of_original(case), "{}", case.name);
        for (number, other) in case.others.iter().enumerate() {
            let verdict = (case.judge)(other).verdict;
            // Manifests and lists may lead to the good envelope, and an answer may be another one that its authority signed.
            let may = matches!(case.kind, Kind::Manifest | Kind::Index | Kind::Crl | Kind::Ocsp);
            let verified = verdict == Verdict::Refused || may && verdict == Verdict::EqualMeaning;
            assert!(verified, "{} {number}: {verdict:?}", case.name);
        }
    }
}

fn expected_of_original(case: &Case) -> Verdict {
    let leads_nowhere = case.name.contains("manifest of another") || case.name.contains("list without a good");
    if leads_nowhere { Verdict::Refused } else { Verdict::EqualMeaning }
}

/// The paths of what stands on its own in an envelope: payload, protected header, signature, and each unprotected attribute.
fn fields(envelope: &Node) -> Vec<Vec<usize>> {
    let paths = envelope.paths().into_iter().map(|(path, _)| path);
    paths
        .filter(|path| match (&envelope.form, &path[..]) {
            // A member; a member of the header.
            (Form::Object, [member]) => envelope.parts[*member].form != Form::Member("header".to_owned()),
            (Form::Object, [member, 0, _]) => envelope.parts[*member].form == Form::Member("header".to_owned()),
            // Of the list in the tag: the second one is a map.
            (Form::Tag(_), [0, 1, _] | [0, 0 | 2 | 3]) => true,
            _ => false,
        })
        .collect()
}

/// The first envelope with those fields of the other one that are taken.
fn mixture(envelope: &Node, other: &Node, is_taken: impl Fn(&[usize]) -> bool) -> Node {
    let mut mixture = envelope.clone();
    for path in fields(envelope).iter().filter(|path| is_taken(path)) {
        *mixture.at_mut(path).unwrap() = other.at(path).unwrap().clone();
    }
    mixture
}

/// Whether the bit of a field is set.
fn is_taken(fields: &[Vec<usize>], taken: usize, path: &[usize]) -> bool {
    fields.iter().position(|field| field == path).is_some_and(|bit| taken >> bit & 1 == 1)
}

#[test]
fn no_mixture_of_the_fields_of_two_envelopes_is_accepted() {
    let (mut refused, mut equal, mut expected) = (0, 0, 0);
    let mut is_tried = sweep::some();
    let envelopes = CASES.iter().filter(|case| matches!(case.kind, Kind::Jws | Kind::Cose));
    for case in envelopes {
        let paths = fields(&case.document);
        assert!(paths.len() >= 5, "payload, protected header, signature, certificates and agent: {paths:?}");
        // The same statement in the other format has other fields.
        let others: Vec<_> = case.others.iter().filter(|other| other.form == case.document.form).collect();
        assert_eq!(others.len(), case.others.len() - 1, "{}", case.name);
        for (number, other) in others.iter().enumerate() {
            for taken in (1..1_usize << paths.len()).filter(|_| is_tried(&case.name)) {
                expected += 1;
                let mixture = mixture(&case.document, other, |path| is_taken(&paths, taken, path));
                let verdict = (case.judge)(&mixture).verdict;
                assert_ne!(verdict, Verdict::Verified, "{} {number}: fields {taken:#b}", case.name);
                refused += usize::from(verdict == Verdict::Refused);
                equal += usize::from(verdict == Verdict::EqualMeaning);
            }
        }
    }
    println!("{refused} mixtures were refused, {equal} have the same meaning");
    assert_eq!(refused + equal, expected);
    // Of 2 formats and 8 envelopes: without a timestamp 31 mixtures, with one 63; or a fifth.
    assert!([2 * 8 * (31 + 63), 2 * 8 * (31 + 63) / 5 + 1].contains(&expected), "{expected}");
}

#[test]
fn a_document_is_written_as_it_was_read() {
    for case in CASES.iter() {
        let bytes = case.document.encode();
        let read = Node::of_content(&bytes);
        assert!(case.document.form == Form::Documents || read.encode() == bytes, "{}", case.name);
    }
}
