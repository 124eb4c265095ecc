//! One complete list.

use countersign_core_test_support::revocation::Sources;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::IssuingPoint;
use countersign_testkit::crl::Revoked;
use countersign_testkit::der;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::KeyUsage;
use time::macros::datetime;

use crate::notation::revocation::CRL;
use crate::notation::revocation::Fixture;
use crate::notation::revocation::LEAF;
use crate::notation::revocation::entry;
use crate::notation::revocation::leaf;
use crate::notation::revocation::verify;

const ROOT: &str = r#""CN=root,O=Testkit,ST=ZH,C=CH""#;

#[test]
fn a_certificate_that_is_not_on_the_list_is_good() {
    let fixture = Fixture::new();
    for list in [CrlSpec::new(), CrlSpec::new().many(5), CrlSpec::new().without_number()] {
        let outcome = fixture.with_list(&list);
        outcome.is_good();
        outcome.asked(&[["base http://crl.example/a.crl"]]);
    }
}

#[test]
fn a_listed_certificate_is_revoked_with_the_reason_and_the_list() {
    let fixture = Fixture::new();
    for (listed, since, reason) in [
        (entry(), "2026-11-01", "unspecified"),
        (entry().reason(1), "2026-11-01", "keyCompromise"),
        (entry().reason(6), "2026-11-01", "certificateHold"),
        (entry().reason(7), "2026-11-01", "reason 7"),
        (entry().at(datetime!(2026-12-24 00:00 UTC)).reason(4), "2026-12-24", "superseded"),
        // Compared with an authentic signing time only.
        (entry().reason(1).invalid_since(datetime!(2049-01-01 00:00 UTC)), "2026-11-01", "keyCompromise"),
    ] {
        fixture.with_list(&CrlSpec::new().many(3).revoked(&listed)).is_revoked(&format!(
            "{LEAF} revoked since {since}T00:00:00Z with reason {reason} by the CRL of 2026-11-20T00:00:00Z from \
             \"{CRL}\""
        ));
    }
}

#[test]
fn an_entry_for_another_serial_number_revokes_nothing() {
    let fixture = Fixture::new();
    for serial in [&[0x0a][..], &[0x1b], &[0x0a, 0x1b, 0x00], &[0x00, 0x8a, 0x1b], &[0x8a, 0x1b]] {
        fixture.with_list(&CrlSpec::new().revoked(&Revoked::new(serial))).is_good();
    }
}

#[test]
fn long_serial_numbers_are_compared_completely() {
    let fixture = Fixture::new();
    let long = [0x11; 600];
    let mut other = long;
    other[599] = 0x12;
    for (listed, code) in [(long, "revoked"), (other, "good")] {
        let list = fixture.root.crl(&CrlSpec::new().revoked(&Revoked::new(&listed)));
        let outcome = fixture.verify(CertSpec::leaf().serial(&long).crl_url(CRL), &Sources::new().with(CRL, list));
        assert!(outcome.text().starts_with(code), "{}", outcome.text());
    }
}

#[test]
fn a_removal_in_a_complete_list_proves_nothing() {
    Fixture::new().with_list(&CrlSpec::new().revoked(&entry().reason(8))).is_unchecked(&format!(
        "CRL: {CRL}: found removeFromCRL for the certificate in a complete CRL, expected it in a delta CRL only"
    ));
}

#[test]
fn an_unusable_list_proves_nothing_and_is_named_with_its_mistake() {
    let fixture = Fixture::new();
    let other = Authority::root(CertSpec::root().common_name("other"));
    let unknown = || entry().extension("1.2.3.4", true, &[5, 0]);
    for (list, mistake) in [
        (
            CrlSpec::new().signed_by(&Key::generate(KeyType::P256)),
            format!("CRL is not signed by {ROOT}: signature does not match the key and the signed bytes"),
        ),
        (
            CrlSpec::new().issued_in_the_name_of(&other),
            format!("CRL is issued by another authority: found \"CN=other,O=Testkit,ST=ZH,C=CH\", expected {ROOT}"),
        ),
        (CrlSpec::delta(7), "found a delta CRL for base number 7, expected a complete CRL".to_owned()),
        (
            CrlSpec::new().without_next_update(),
            "CRL has no nextUpdate, so its age is not limited; expected one".to_owned(),
        ),
        (
            CrlSpec::new().valid(datetime!(2026-11-01 00:00 UTC), datetime!(2026-11-21 11:54:59 UTC)),
            "CRL has expired: found nextUpdate 2026-11-21T11:54:59Z, expected at most 300s before 2026-11-21T12:00:00Z"
                .to_owned(),
        ),
        (
            CrlSpec::new().valid(datetime!(2026-11-21 12:05:01 UTC), datetime!(2026-11-30 00:00 UTC)),
            "CRL is from the future: found thisUpdate 2026-11-21T12:05:01Z, expected at most 300s after \
             2026-11-21T12:00:00Z"
                .to_owned(),
        ),
        (CrlSpec::new().version(None), "CRL version: found 1, expected 2".to_owned()),
        (
            CrlSpec::new().extension("1.2.3.4", true, &[5, 0]),
            "CRL has the critical extension 1.2.3.4, which is not supported".to_owned(),
        ),
        // Also of an entry for another certificate, and also if the certificate itself is listed.
        (
            CrlSpec::new().revoked(&Revoked::new(&[1]).extension("1.2.3.4", true, &[5, 0])),
            "CRL entry 1 has the critical extension 1.2.3.4, which is not supported".to_owned(),
        ),
        (
            CrlSpec::new().many(1).revoked(&unknown()),
            "CRL entry 2 has the critical extension 1.2.3.4, which is not supported".to_owned(),
        ),
        (
            CrlSpec::new().issuing_point(&IssuingPoint::new().indirect()),
            "CRL is indirect: found indirectCRL, expected a CRL about certificates of its own issuer only".to_owned(),
        ),
        (
            CrlSpec::new().revoked(&Revoked::new(&[1]).extension("2.5.29.29", true, &der::sequence([]))),
            "CRL is indirect: found certificateIssuer, expected a CRL about certificates of its own issuer only"
                .to_owned(),
        ),
    ] {
        fixture.with_list(&list).is_unchecked(&format!("CRL: {CRL}: {mistake}"));
    }
    let sources = Sources::new().with(CRL, b"<html>".to_vec());
    fixture.verify(leaf().crl_url(CRL), &sources).is_unchecked(&format!(
        "CRL: {CRL}: not a DER-encoded CRL: found \"<html>\" at its start, expected the structure of RFC 5280"
    ));
}

#[test]
fn the_issuer_must_be_allowed_to_sign_lists() {
    let root = Authority::root(CertSpec::root().key_usage(&[KeyUsage::KeyCertSign]));
    let fixture = Fixture { root, ..Fixture::new() };
    fixture.with_list(&CrlSpec::new()).is_unchecked(&format!(
        "CRL: {CRL}: issuer {ROOT} may not sign CRLs: found keyUsage keyCertSign, expected cRLSign among them"
    ));
}

#[test]
fn a_list_that_is_a_little_early_or_late_counts() {
    let fixture = Fixture::new();
    for (this_update, next_update) in [
        (datetime!(2026-11-21 12:05 UTC), datetime!(2026-11-30 00:00 UTC)),
        (datetime!(2026-11-01 00:00 UTC), datetime!(2026-11-21 11:55 UTC)),
    ] {
        fixture.with_list(&CrlSpec::new().valid(this_update, next_update)).is_good();
    }
}

#[test]
fn every_certificate_below_the_root_is_checked_at_once() {
    let fixture = Fixture::new();
    let of_root = "http://crl.example/root.crl";
    let intermediate = fixture.root.intermediate(CertSpec::intermediate().serial(&[0x55]).crl_url(of_root));
    let request = fixture.sign(&intermediate.issue(leaf().crl_url(CRL)));
    let outcome = |of_leaf: &CrlSpec, of_intermediate: &CrlSpec| {
        let sources =
            Sources::new().with(CRL, intermediate.crl(of_leaf)).with(of_root, fixture.root.crl(of_intermediate));
        verify(&fixture.judge(), &request, &sources)
    };
    let good = outcome(&CrlSpec::new(), &CrlSpec::new());
    good.is_good();
    good.asked(&[["base http://crl.example/a.crl", "base http://crl.example/root.crl"]]);
    let listed = CrlSpec::new().revoked(&Revoked::new(&[0x55]).reason(2));
    let expired = CrlSpec::new().valid(datetime!(2026-01-01 00:00 UTC), datetime!(2026-02-01 00:00 UTC));
    // A revoked certificate decides, whatever the status of the others.
    for of_leaf in [CrlSpec::new(), expired.clone()] {
        outcome(&of_leaf, &listed).is_revoked(
            "\"CN=intermediate,O=Testkit,ST=ZH,C=CH\" (serial 55) revoked since 2026-11-01T00:00:00Z with reason \
             cACompromise by the CRL of 2026-11-20T00:00:00Z from \"http://crl.example/root.crl\"",
        );
    }
    assert!(outcome(&CrlSpec::new().revoked(&entry()), &expired).text().starts_with("revoked: "));
    assert!(outcome(&CrlSpec::new(), &expired).text().starts_with("revocation-unchecked: "));
    // The list of another authority with the same serial number.
    let swapped =
        Sources::new().with(CRL, fixture.root.crl(&CrlSpec::new())).with(of_root, fixture.root.crl(&CrlSpec::new()));
    assert!(verify(&fixture.judge(), &request, &swapped).text().starts_with("revocation-unchecked: "));
}

#[test]
fn both_unchecked_certificates_are_named() {
    let fixture = Fixture::new();
    let intermediate =
        fixture.root.intermediate(CertSpec::intermediate().serial(&[0x55]).crl_url("http://x.example/r"));
    let request = fixture.sign(&intermediate.issue(leaf().crl_url(CRL)));
    assert_eq!(
        verify(&fixture.judge(), &request, &Sources::new()).text(),
        format!(
            "revocation-unchecked: revocation was not checked: certificate {LEAF} has no usable \
             status: CRL: {CRL}: connection refused; certificate \"CN=intermediate,O=Testkit,ST=ZH,C=CH\" (serial 55) \
             has no usable status: CRL: http://x.example/r: connection refused; \
             inconclusive, as the statement enforces the check"
        )
    );
}

#[test]
fn the_reasons_of_two_unchecked_certificates_are_not_cut_if_they_fit_together() {
    let fixture = Fixture::new();
    let serial: Vec<u8> = (0x40..0x54).collect();
    let (ocsp, list, of_root) = (
        "http://ocsp.pki.corporation.example/issuing-ca-g1",
        "http://crl.pki.corporation.example/issuing-ca-g1.crl",
        "http://crl.pki.corporation.example/root-ca-g1.crl",
    );
    let intermediate = fixture.root.intermediate(CertSpec::intermediate().serial(&serial).crl_url(of_root));
    let chain = intermediate.issue(CertSpec::leaf().serial(&serial).ocsp_url(ocsp).crl_url(list));
    let why = "cannot connect to pki.corporation.example:80: failed to lookup address information: Name not known";
    let serial = "404142434445464748494a4b4c4d4e4f50515253";
    assert_eq!(
        verify(&fixture.judge(), &fixture.sign(&chain), &Sources::new().failure(why)).text(),
        format!(
            "revocation-unchecked: revocation was not checked: certificate \"CN=leaf,O=Testkit,ST=ZH,C=CH\" (serial \
             {serial}) has no usable status: OCSP: {ocsp}: {why}; CRL: {list}: {why}; certificate \
             \"CN=intermediate,O=Testkit,ST=ZH,C=CH\" (serial {serial}) has no usable status: CRL: {of_root}: {why}; \
             inconclusive, as the statement enforces the check"
        )
    );
}
