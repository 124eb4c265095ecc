//! Distinguished names: as they are printed, they are a trusted identity of exactly that signer.

use countersign_core::policy::Identities;
use countersign_core::x509::Certificate;
use countersign_core_test_support::property;
use countersign_core_test_support::property::Cases;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::sample::subsequence;

const CASES: Cases = Cases { usual: 600, full: 6000 };

/// A subject: types with their values, each once, in the order of the certificate.
#[derive(Clone, Debug)]
struct Subject(Vec<(&'static str, String)>);

/// Texts of letters and of every character that a name escapes, hides or separates with.
fn value() -> impl Strategy<Value = String> {
    let characters = "ab ,;+=#\"\\<>\n\r\t\0ü€\u{202e}\u{feff}\u{85}\u{a0}";
    let value = vec(select(characters.chars().collect::<Vec<_>>()), 1..6).prop_map(String::from_iter);
    // A documented difference: such a subject matches `*` only.
    value.prop_filter("no mark of hexadecimal digits", |value| !value.contains("=#"))
}

fn subject() -> impl Strategy<Value = Subject> {
    let more = subsequence(vec!["L", "STREET", "POSTALCODE", "OU", "CN"], 0..=3);
    let types = more.prop_map(|more| [vec!["C", "ST", "O"], more].concat());
    types.prop_shuffle().prop_flat_map(|types| {
        let count = types.len();
        (Just(types), vec(value(), count)).prop_map(|(types, values)| {
            // A country is two printable letters in a certificate.
            let value = |(name, value)| if name == "C" { (name, "CH".to_owned()) } else { (name, value) };
            Subject(types.into_iter().zip(values).map(value).collect())
        })
    })
}

fn certificate(subject: &Subject, key: &Key) -> Result<Certificate, String> {
    let attributes: Vec<(&str, &str)> = subject.0.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let spec = CertSpec::leaf().with_key(key).subject(&attributes);
    Certificate::parse(Chain::self_signed(spec).leaf_der()).map_err(|error| error.to_string())
}

#[test]
fn a_printed_subject_is_a_trusted_identity_of_that_subject_and_of_no_other() {
    let key = Key::generate(KeyType::P256);
    property::holds(CASES, (subject(), any::<proptest::sample::Index>()), |(subject, changed)| {
        let printed = certificate(subject, &key)?.subject().to_string();
        let entry = format!("x509.subject: {printed}");
        let identities = Identities::parse(&[entry.as_str()]).map_err(|error| format!("{entry:?}: {error:?}"))?;
        let matched = identities.matches(certificate(subject, &key)?.subject());
        matched.map_err(|mismatch| format!("{entry:?} does not trust its own subject: {mismatch}"))?;
        // One letter more in one value.
        let mut other = subject.clone();
        let at = changed.index(other.0.len());
        other.0[at].1.push('x');
        match identities.matches(certificate(&other, &key)?.subject()) {
            Ok(()) => Err(format!("{entry:?} trusts {other:?} too")),
            Err(_) => Ok(()),
        }
    });
}
