//! No change of a byte makes a revoked certificate good.

use countersign_core_test_support::revocation::Sources;
use countersign_core_test_support::sweep;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::der;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;

use crate::notation::revocation::CRL;
use crate::notation::revocation::DELTA;
use crate::notation::revocation::Fixture;
use crate::notation::revocation::entry;
use crate::notation::revocation::leaf;
use crate::notation::revocation::ocsp::OCSP;
use crate::notation::revocation::verify;

#[test]
fn no_changed_list_makes_a_revoked_certificate_good() {
    let fixture = Fixture::new();
    let request = fixture.sign(&fixture.root.issue(leaf().crl_url(CRL)));
    let judge = fixture.judge();
    let list = fixture.root.crl(&CrlSpec::new().many(1).revoked(&entry().reason(1)));
    for position in sweep::positions(&list) {
        for bit in sweep::changes(position, [0x01, 0x80]) {
            let mut changed = list.clone();
            changed[position] ^= bit;
            let outcome = verify(&judge, &request, &Sources::new().with(CRL, changed));
            assert!(outcome.result.is_err(), "byte {position} bit {bit:#x}");
        }
    }
}

#[test]
fn no_changed_delta_makes_a_revoked_certificate_good() {
    let fixture = Fixture::new();
    let request = fixture.sign(&fixture.root.issue(leaf().crl_url(CRL)));
    let judge = fixture.judge();
    let base = fixture.root.crl(&CrlSpec::new().freshest_url(DELTA));
    let delta = fixture.root.crl(&CrlSpec::delta(7).revoked(&entry().reason(1)));
    for position in sweep::positions(&delta) {
        let mut changed = delta.clone();
        changed[position] ^= 0x04;
        let sources = Sources::new().with(CRL, base.clone()).with(DELTA, changed);
        assert!(verify(&judge, &request, &sources).result.is_err(), "byte {position}");
    }
}

#[test]
fn of_signed_lists_with_a_changed_entry_only_those_about_another_number_are_good() {
    // As by an authority with a fault: every other entry is revoked, removed, or makes the list unusable.
    let fixture = Fixture::new();
    let request = fixture.sign(&fixture.root.issue(leaf().crl_url(CRL)));
    let judge = fixture.judge();
    let one = fixture.root.crl(&CrlSpec::new().revoked(&entry().reason(1)));
    let good = der::children(der::children(der::children(&one)[0])[5])[0].to_vec();
    let serial = 4..6;
    for position in 0..good.len() {
        for bit in sweep::changes(position, [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80]) {
            let mut changed = good.clone();
            changed[position] ^= bit;
            let list = fixture.root.crl(&CrlSpec::new().raw_entry(&changed));
            let outcome = verify(&judge, &request, &Sources::new().with(CRL, list));
            let is_good = outcome.result.is_ok();
            assert!(!is_good || serial.contains(&position), "byte {position} bit {bit:#x}");
        }
    }
}

#[test]
fn no_changed_answer_of_a_responder_makes_a_revoked_certificate_good() {
    let fixture = Fixture::new();
    let chain = fixture.root.issue(leaf().ocsp_url(OCSP));
    let (request, judge) = (fixture.sign(&chain), fixture.judge());
    let answer = fixture.root.ocsp(&OcspSpec::new([Single::revoked(chain.leaf_der())]));
    for position in sweep::positions(&answer) {
        for bit in sweep::changes(position, [0x01, 0x80]) {
            let mut changed = answer.clone();
            changed[position] ^= bit;
            let outcome = verify(&judge, &request, &Sources::new().with(OCSP, changed));
            assert!(outcome.result.is_err(), "byte {position} bit {bit:#x}");
        }
    }
}
