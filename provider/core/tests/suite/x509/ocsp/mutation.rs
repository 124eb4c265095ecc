//! Mutates responses. No mutation may turn "revoked" or "unknown" into "good", and none may panic.

use countersign_core::x509::ocsp::OcspStatus;
use countersign_core_test_support::sweep;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;

use crate::x509::ocsp::Fixture;

/// Responses of every form: by the issuer, delegated, with several single responses and extensions.
fn responses(fixture: &Fixture) -> Vec<Vec<u8>> {
    let delegate = fixture.delegate(|spec| spec);
    let revoked = || fixture.revoked().revoked_at(Single::REVOKED_AT, Some(1));
    let several = OcspSpec::new([fixture.good().serial(&[0x52]), revoked().invalid_since(Single::REVOKED_AT)]);
    [
        OcspSpec::new([revoked()]),
        OcspSpec::new([Single::unknown(fixture.leaf.leaf_der())]).by_key(),
        several.nonce(b"nonce").signed_by(&delegate).embedding(fixture.ca.der()),
    ]
    .iter()
    .map(|spec| fixture.ca.ocsp(spec))
    .collect()
}

#[track_caller]
fn is_not_good(fixture: &Fixture, original: &OcspStatus, bytes: &[u8], what: &str) {
    // A change outside the signed part, such as of an embedded certificate that is not needed, may leave the status as
    // it is.
    if let Ok(answer) = fixture.read(bytes) {
        assert_eq!(answer.status(), original, "{what}");
    }
}

#[test]
fn no_flip_of_a_bit_changes_a_status() {
    let fixture = Fixture::new();
    for original in responses(&fixture) {
        let status = *fixture.read(&original).unwrap().status();
        assert_ne!(status, OcspStatus::Good);
        for position in sweep::positions(&original) {
            for bit in sweep::changes(position, [0x01, 0x20, 0x80]) {
                let mut changed = original.clone();
                changed[position] ^= bit;
                is_not_good(&fixture, &status, &changed, &format!("byte {position} bit {bit:#x}"));
            }
        }
    }
}

#[test]
fn no_truncation_removal_or_repetition_changes_a_status() {
    let fixture = Fixture::new();
    for original in responses(&fixture) {
        let status = *fixture.read(&original).unwrap().status();
        for position in sweep::positions(&original) {
            assert!(fixture.read(&original[..position]).is_err(), "cut to {position}");
            let mut without = original.clone();
            without.remove(position);
            is_not_good(&fixture, &status, &without, &format!("without byte {position}"));
            let mut doubled = original.clone();
            doubled.insert(position, original[position]);
            is_not_good(&fixture, &status, &doubled, &format!("byte {position} twice"));
        }
    }
}

/// The signed part of one response in place of that of another.
#[test]
fn a_signature_counts_for_its_own_response_only() {
    let fixture = Fixture::new();
    let good = fixture.ca.ocsp(&fixture.spec());
    let revoked = fixture.ca.ocsp(&OcspSpec::new([fixture.revoked()]));
    for (data, rest) in [(&good, &revoked), (&revoked, &good)] {
        let mixed = crate::x509::ocsp::form::with_basic(rest, |mut parts| {
            crate::x509::ocsp::form::with_basic(data, |others| {
                parts[0] = others[0].clone();
                Vec::new()
            });
            countersign_testkit::der::sequence(parts)
        });
        assert!(fixture.read(&mixed).is_err());
    }
}

/// As by a responder with a fault: the changed single response is signed.
#[test]
fn no_changed_single_response_that_is_signed_turns_revoked_into_good() {
    let fixture = Fixture::new();
    let revoked = fixture.revoked().revoked_at(Single::REVOKED_AT, Some(1)).invalid_since(Single::REVOKED_AT);
    let encoded = revoked.to_der(fixture.ca.der());
    assert!(fixture.read(&fixture.ca.ocsp(&OcspSpec::new([revoked.clone()]))).is_ok());
    for position in 0..encoded.len() {
        for bit in 0..8 {
            let mut changed = encoded.clone();
            changed[position] ^= 1 << bit;
            let bytes = fixture.ca.ocsp(&OcspSpec::new([revoked.clone().encoded(&changed)]));
            if let Ok(answer) = fixture.read(&bytes) {
                assert!(matches!(answer.status(), OcspStatus::Revoked { .. }), "byte {position} bit {bit}");
            }
        }
    }
}
