//! Changed tokens: none verifies and none panics.

use countersign_core::timestamp::TimestampToken;
use countersign_core::x509::Certificate;
use countersign_core_test_support::random_bytes::RandomBytes;
use countersign_core_test_support::sweep;
use countersign_testkit::der;

use crate::notation::timestamp::fixture::Fixture;
use crate::notation::timestamp::fixture::MESSAGE;
use crate::notation::timestamp::fixture::now;

/// A token without the root's certificate, so that every byte is significant except the list of digest algorithms,
/// which is skipped. Returns the token and the range of that list.
fn token(fixture: &Fixture) -> (Vec<u8>, std::ops::Range<usize>) {
    let mut parts = fixture.parts();
    parts.certificates.pop();
    let token = parts.seal();
    let signed_data = der::children(der::children(&token)[1])[0].to_vec();
    let digests = der::children(&signed_data)[1].to_vec();
    // The version, and the list after it.
    let start = token.windows(digests.len()).position(|window| window == digests).unwrap();
    (token, start..start + digests.len())
}

struct Verifier(Vec<Certificate>);

impl Verifier {
    fn new(fixture: &Fixture) -> Self {
        Self(vec![Certificate::parse(fixture.tsa_root.der()).unwrap()])
    }

    fn verifies(&self, token: &[u8]) -> bool {
        TimestampToken::parse(token).is_ok_and(|token| token.verify(MESSAGE, self.0.iter(), now()).is_ok())
    }
}

#[test]
fn no_token_with_a_changed_byte_verifies() {
    let fixture = Fixture::new();
    let (token, skipped) = token(&fixture);
    let verifier = Verifier::new(&fixture);
    assert!(verifier.verifies(&token));
    for position in sweep::positions(&token) {
        for bit in sweep::changes(position, [0x01, 0x20, 0x80]) {
            let mut changed = token.clone();
            changed[position] ^= bit;
            let verifies = verifier.verifies(&changed);
            assert!(!verifies || skipped.contains(&position), "byte {position} bit {bit:#x}");
        }
    }
}

#[test]
fn no_token_with_bytes_taken_out_or_added_verifies() {
    let fixture = Fixture::new();
    let (token, _) = token(&fixture);
    let verifier = Verifier::new(&fixture);
    for position in sweep::positions(&token) {
        assert!(!verifier.verifies(&token[..position]), "cut to {position}");
        let mut without = token.clone();
        without.remove(position);
        assert!(!verifier.verifies(&without), "without byte {position}");
        let mut doubled = token.clone();
        doubled.insert(position, token[position]);
        assert!(!verifier.verifies(&doubled), "with byte {position} twice");
    }
}

#[test]
fn no_token_with_exchanged_elements_verifies_and_none_panics() {
    let fixture = Fixture::new();
    let (token, skipped) = token(&fixture);
    let verifier = Verifier::new(&fixture);
    let mut random = RandomBytes::new(0x9e37_79b9_7f4a_7c15);
    for round in 0..sweep::rounds(10_000) {
        let changed = random.scramble(&token);
        let same = changed.len() == token.len()
            && (0..token.len()).all(|at| changed[at] == token[at] || skipped.contains(&at));
        assert!(same || !verifier.verifies(&changed), "round {round}");
    }
}
