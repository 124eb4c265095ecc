//! Which single response counts, and what it states.

use countersign_core::x509::RevocationReason;
use countersign_core::x509::ocsp::MissingNonce;
use countersign_core::x509::ocsp::OcspSettings;
use countersign_core::x509::ocsp::OcspStatus;
use countersign_core::x509::ocsp::Responder;
use countersign_testkit::der;
use countersign_testkit::ocsp::IssuerHash;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use time::macros::datetime;

use crate::x509::ocsp::Fixture;
use crate::x509::ocsp::at;
use crate::x509::ocsp::other_ca;
use crate::x509::ocsp::parse;

/// An extension without a meaning.
const UNKNOWN: &str = "1.2.3.4";
const ARCHIVE_CUTOFF: &str = "1.3.6.1.5.5.7.48.1.6";

const OTHER_SERIAL: &str =
    "OCSP response is about other certificates: found 1 single responses, none for serial number 51";
const OTHER_ISSUER: &str = "OCSP response is about another issuer: the hashes for serial number 51 are not those of the \
                            issuer's name and key";

#[test]
fn reads_the_status_of_a_response_by_the_issuer() {
    let fixture = Fixture::new();
    let answer = fixture.answer(&fixture.spec());
    assert_eq!(answer.status(), &OcspStatus::Good);
    assert_eq!(answer.responder(), &Responder::Issuer);
    assert_eq!(answer.produced_at(), at("2026-11-21T00:00:00Z"));
    assert_eq!(answer.this_update(), at("2026-11-21T00:00:00Z"));
    assert_eq!(answer.next_update(), Some(at("2026-11-28T00:00:00Z")));
    let unknown = OcspSpec::new([Single::unknown(fixture.leaf.leaf_der())]);
    assert_eq!(fixture.answer(&unknown).status(), &OcspStatus::Unknown);
}

#[test]
fn reads_the_time_the_reason_and_the_invalidity_date_of_a_revocation() {
    let fixture = Fixture::new();
    let revoked = datetime!(2026-11-01 00:00 UTC);
    let status = |single: Single| *fixture.answer(&OcspSpec::new([single])).status();
    let expected = |reason, invalidity| OcspStatus::Revoked { at: at("2026-11-01T00:00:00Z"), reason, invalidity };
    assert_eq!(status(fixture.revoked()), expected(None, None));
    assert_eq!(
        status(fixture.revoked().revoked_at(revoked, Some(1))),
        expected(Some(RevocationReason::KeyCompromise), None)
    );
    for number in [6, 7, 8, 11] {
        assert!(
            matches!(status(fixture.revoked().revoked_at(revoked, Some(number))), OcspStatus::Revoked { .. }),
            "{number}"
        );
    }
    assert_eq!(
        status(fixture.revoked().invalid_since(datetime!(2026-10-01 00:00 UTC))),
        expected(None, Some(at("2026-10-01T00:00:00Z")))
    );
    let critical = der::element(0x18, b"20261001000000Z");
    assert_eq!(
        status(fixture.revoked().extension("2.5.29.24", true, &critical)),
        expected(None, Some(at("2026-10-01T00:00:00Z")))
    );
    // Only a revocation has such a date.
    assert_eq!(status(fixture.good().invalid_since(datetime!(2026-10-01 00:00 UTC))), OcspStatus::Good);
}

#[test]
fn a_revocation_in_the_future_is_a_revocation() {
    let fixture = Fixture::new();
    let spec = OcspSpec::new([fixture.revoked().revoked_at(datetime!(2030-01-01 00:00 UTC), None)]);
    let OcspStatus::Revoked { at: revoked, .. } = *fixture.answer(&spec).status() else { panic!("not revoked") };
    assert_eq!(revoked, at("2030-01-01T00:00:00Z"));
}

#[test]
fn a_single_response_is_selected_by_serial_number_and_both_hashes_of_the_issuer() {
    let fixture = Fixture::new();
    let other = other_ca();
    let same_name = Authority::root(CertSpec::root().common_name("ca"));
    let same_key = Authority::root(CertSpec::root().common_name("other").with_key(fixture.ca.key()));
    for hash in [IssuerHash::Sha1, IssuerHash::Sha256] {
        let status = *fixture.answer(&OcspSpec::new([fixture.revoked().hash(hash)])).status();
        assert!(matches!(status, OcspStatus::Revoked { .. }), "{hash:?}");
        let single = || fixture.good().hash(hash);
        for (single, text) in [
            (single().serial(&[0x52]), OTHER_SERIAL),
            (single().serial(&[0x51, 0x00]), OTHER_SERIAL),
            // The same byte as a negative number.
            (single().serial(&[0xd1]), OTHER_SERIAL),
            (single().of_issuer(other.der()), OTHER_ISSUER),
            (single().of_issuer(same_name.der()), OTHER_ISSUER),
            (single().of_issuer(same_key.der()), OTHER_ISSUER),
            (single().with_key_of(other.der()), OTHER_ISSUER),
        ] {
            fixture.refuses(&OcspSpec::new([single]), text);
        }
    }
    fixture.refuses(
        &OcspSpec::new([fixture.good().hash(IssuerHash::Sha384)]),
        "OCSP response identifies the issuer with hash algorithm 2.16.840.1.101.3.4.2.2, expected SHA-1 or SHA-256",
    );
}

#[test]
fn of_several_single_responses_the_most_severe_about_the_certificate_counts() {
    let fixture = Fixture::new();
    let (good, revoked) = (|| fixture.good(), || fixture.revoked());
    let unknown = || Single::unknown(fixture.leaf.leaf_der());
    let other = || revoked().serial(&[0x52]);
    let since = |single: Single, day| single.invalid_since(datetime!(2026-10-01 00:00 UTC).replace_day(day).unwrap());
    let status = |singles: Vec<Single>| *fixture.answer(&OcspSpec::new(singles)).status();
    let is_revoked = |status| matches!(status, OcspStatus::Revoked { .. });
    assert_eq!(status(vec![other(), good(), other()]), OcspStatus::Good);
    assert_eq!(status(vec![revoked().hash(IssuerHash::Sha384), good()]), OcspStatus::Good);
    assert_eq!(status(vec![revoked().of_issuer(other_ca().der()), good()]), OcspStatus::Good);
    assert_eq!(status(vec![good(), good().hash(IssuerHash::Sha256)]), OcspStatus::Good);
    assert_eq!(status(vec![good(), unknown(), good()]), OcspStatus::Unknown);
    for singles in [
        vec![good(), revoked(), good()],
        vec![revoked(), unknown()],
        vec![good().hash(IssuerHash::Sha256), revoked()],
        vec![good(), revoked().hash(IssuerHash::Sha256)],
    ] {
        assert!(is_revoked(status(singles.clone())), "{singles:?}");
    }
    for singles in [vec![since(revoked(), 3), revoked()], vec![revoked(), since(revoked(), 3)]] {
        assert!(matches!(status(singles), OcspStatus::Revoked { invalidity: None, .. }));
    }
    for singles in [vec![since(revoked(), 3), since(revoked(), 2)], vec![since(revoked(), 2), since(revoked(), 3)]] {
        let OcspStatus::Revoked { invalidity, .. } = status(singles) else { panic!("not revoked") };
        assert_eq!(invalidity, Some(at("2026-10-02T00:00:00Z")));
    }
    // All about the certificate must be usable.
    let stale = good().next_update(datetime!(2026-11-21 11:00 UTC));
    for singles in [vec![stale.clone(), revoked()], vec![revoked(), stale.clone()], vec![stale.clone(), good()]] {
        fixture.refuses(
            &OcspSpec::new(singles),
            "OCSP response has expired: found nextUpdate 2026-11-21T11:00:00Z, expected at most 300s before \
             2026-11-21T12:00:00Z",
        );
    }
    assert_eq!(status(vec![stale.serial(&[0x52]), good()]), OcspStatus::Good);
}

#[test]
fn critical_extensions_of_the_response_and_of_the_single_response_must_be_known() {
    let fixture = Fixture::new();
    let single = |oid, critical| OcspSpec::new([fixture.good().extension(oid, critical, &[4, 0])]);
    fixture.accepts(&single(UNKNOWN, false));
    fixture.refuses(
        &single(UNKNOWN, true),
        &format!("OCSP response has the critical extension {UNKNOWN} in its single response, which is not supported"),
    );
    // The archive cutoff is one of single responses.
    for critical in [false, true] {
        let cutoff = der::element(0x18, b"20200101000000Z");
        fixture.accepts(&OcspSpec::new([fixture.good().extension(ARCHIVE_CUTOFF, critical, &cutoff)]));
    }
    for oid in [UNKNOWN, ARCHIVE_CUTOFF] {
        fixture.accepts(&fixture.spec().extension(oid, false, &[4, 0]));
        fixture.refuses(
            &fixture.spec().extension(oid, true, &[4, 0]),
            &format!("OCSP response has the critical extension {oid} in its response, which is not supported"),
        );
    }
    // That of another certificate does not matter.
    let other = fixture.good().serial(&[0x52]).extension(UNKNOWN, true, &[4, 0]);
    fixture.accepts(&OcspSpec::new([other, fixture.good()]));
    // Critical ones that are known.
    fixture.accepts(&fixture.spec().extension("1.3.6.1.5.5.7.48.1.2", true, &der::octet_string(b"nonce")));
}

#[test]
fn a_nonce_must_be_that_of_the_request_and_may_be_missing_unless_it_is_required() {
    let plain = Fixture::new();
    // Not requested.
    plain.accepts(&plain.spec().nonce(b"any"));
    let optional = Fixture { nonce: Some(b"nonce".to_vec()), ..plain };
    optional.accepts(&optional.spec().nonce(b"nonce"));
    optional.accepts(&optional.spec());
    for wrong in [&b""[..], b"nonc", b"noncf", b"nonce2"] {
        optional.refuses(&optional.spec().nonce(wrong), "OCSP response has another nonce than the request");
    }
    let settings = OcspSettings { missing_nonce: MissingNonce::Refuse, ..optional.settings };
    let required = Fixture { settings, ..optional };
    required.accepts(&required.spec().nonce(b"nonce"));
    required.refuses(&required.spec().nonce(b"other"), "OCSP response has another nonce than the request");
    required.refuses(&required.spec(), "OCSP response has no nonce, expected that of the request");
    let not_requested = Fixture { nonce: None, ..required };
    not_requested.accepts(&not_requested.spec());
}

#[test]
fn an_answer_covers_the_certificate_with_this_serial_number_of_the_issuer_with_this_name_and_key() {
    let fixture = Fixture::new();
    let answer = fixture.answer(&fixture.spec());
    let (leaf, ca) = (parse(fixture.leaf.leaf_der()), parse(fixture.ca.der()));
    assert!(answer.covers(&leaf, &ca));
    // Another certificate for the same authority.
    let renewed = Authority::root(CertSpec::root().common_name("ca").serial(&[9]).with_key(fixture.ca.key()));
    assert!(answer.covers(&leaf, &parse(renewed.der())));
    let other_key = Authority::root(CertSpec::root().common_name("ca"));
    let other_name = Authority::root(CertSpec::root().common_name("other").with_key(fixture.ca.key()));
    for issuer in [&other_key, &other_name] {
        let same_serial = issuer.issue(CertSpec::leaf().serial(&[0x51]));
        assert!(!answer.covers(&parse(same_serial.leaf_der()), &parse(issuer.der())));
        assert!(!answer.covers(&leaf, &parse(issuer.der())));
    }
    let sibling = fixture.ca.issue(CertSpec::leaf().serial(&[0x52]));
    assert!(!answer.covers(&parse(sibling.leaf_der()), &ca));
}

#[test]
fn verifies_signatures_of_every_supported_algorithm() {
    for kind in KeyType::SIGNING {
        let ca = Authority::root(CertSpec::root().common_name("ca").with_key(&Key::cached(kind, 7)));
        let leaf = ca.issue(CertSpec::leaf().serial(&[0x51]));
        let fixture = Fixture { ca, leaf, ..Fixture::new() };
        fixture.accepts(&fixture.spec());
        if kind == KeyType::Rsa2048 {
            fixture.accepts(&fixture.spec().pss_sha256());
        }
    }
}
