//! Changed documents of every kind: none is accepted as something that it is not, and none panics. `cargo mutate` makes a million.

use countersign_core::notation::EnvelopeFormat;
use countersign_core_test_support::mutants;
use countersign_core_test_support::mutants::Kind;
use countersign_core_test_support::mutants::equal;
use countersign_core_test_support::mutants::node::Form;
use countersign_core_test_support::mutants::node::Node;
use countersign_core_test_support::sweep;
use countersign_testkit::Descriptor;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

#[test]
fn no_mutant_is_accepted_as_something_else_and_none_panics() {
    let table = mutants::run(sweep::rounds(20_000));
    let failed: Vec<_> = table.failed.iter().map(|failed| (failed.number, &failed.name, failed.why)).collect();
    println!("{table}");
    assert_eq!(failed, [], "repeat one with: cargo mutate --only NUMBER");
    assert!(table.total().percent() >= 30, "{table}");
    assert_eq!(table.rows.keys().copied().collect::<Vec<_>>(), Kind::ALL);
}

#[test]
fn no_other_document_of_a_case_is_accepted() {
    use countersign_core_test_support::mutants::cases::Verdict;
    for case in mutants::cases::all() {
        for (number, other) in case.others.iter().enumerate() {
            // Of manifests and lists those that lead to the good envelope may.
            let may = matches!(case.kind, Kind::Manifest | Kind::Index);
            let verdict = (case.judge)(other).verdict;
            assert!(
                verdict == Verdict::Refused || may && verdict == Verdict::EqualMeaning,
                "{} {number}: {verdict:?}",
                case.name
            );
        }
    }
}

#[test]
fn a_document_is_written_as_it_was_read() {
    for case in mutants::cases::all() {
        let bytes = case.document.encode();
        let read = Node::of_content(&bytes);
        assert!(case.document.form == Form::Documents || read.encode() == bytes, "{}", case.name);
    }
}

fn envelope(format: Format) -> Vec<u8> {
    let chain = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
    SignRequest::new(&chain, &Descriptor::sample("image")).envelope(format)
}

#[test]
fn white_space_order_and_the_agent_do_not_change_the_meaning_of_a_jws() {
    let good = String::from_utf8(envelope(Format::Jws)).unwrap();
    let decisive = equal::envelope(good.as_bytes(), EnvelopeFormat::Jws);
    assert!(decisive.is_some());
    let is_equal = |text: &str| equal::envelope(text.as_bytes(), EnvelopeFormat::Jws) == decisive;
    let mut reversed = Node::of_json(good.as_bytes()).unwrap();
    reversed.parts.reverse();
    assert!(is_equal(&good.replacen('{', "{ \n", 1)));
    assert!(is_equal(&String::from_utf8(reversed.encode()).unwrap()));
    assert!(is_equal(&good.replacen("\"x5c\"", "\"other\":1,\"x5c\"", 1)));
    assert!(is_equal(&good.replacen("signingAgent\":\"", "signingAgent\":\"x", 1)));
}

#[test]
fn every_part_that_decides_changes_the_meaning() {
    for (format, core) in [(Format::Jws, EnvelopeFormat::Jws), (Format::Cose, EnvelopeFormat::Cose)] {
        let good = envelope(format);
        let decisive = equal::envelope(&good, core).unwrap();
        let tree = if format == Format::Jws { Node::of_json(&good) } else { Node::of_cbor(&good) }.unwrap();
        let parts: &[&[usize]] = match format {
            // Payload, protected header, first certificate, signature.
            Format::Jws => &[&[0, 0], &[1, 0], &[2, 0, 0, 0, 0], &[3, 0]],
            Format::Cose => &[&[0, 2], &[0, 0], &[0, 1, 0, 1, 0], &[0, 3]],
        };
        for path in parts {
            let mut changed = tree.clone();
            let part = changed.at_mut(path).unwrap();
            let mut bytes: Vec<u8> = part.parts.iter().flat_map(Node::encode).collect();
            bytes[0] ^= 1;
            part.parts = vec![Node::leaf(Form::Bytes(bytes))];
            assert_ne!(equal::envelope(&changed.encode(), core), Some(decisive.clone()), "{format:?} {path:?}");
        }
        // Twice, or not there.
        for path in parts {
            let (index, parent) = path.split_last().unwrap();
            for copies in [0, 2] {
                let mut changed = tree.clone();
                let parent = changed.at_mut(parent).unwrap();
                let part = parent.parts.remove(*index);
                parent.parts.extend(std::iter::repeat_n(part, copies));
                assert_ne!(equal::envelope(&changed.encode(), core), Some(decisive.clone()), "{format:?} {path:?}");
            }
        }
    }
}
