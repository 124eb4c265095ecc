//! A complete list with a delta.

use countersign_core_test_support::revocation::Sources;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::IssuingPoint;
use countersign_testkit::crl::PointSpec;
use countersign_testkit::crl::points;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use time::macros::datetime;

use crate::notation::revocation::CRL;
use crate::notation::revocation::DELTA;
use crate::notation::revocation::Fixture;
use crate::notation::revocation::LEAF;
use crate::notation::revocation::entry;
use crate::notation::revocation::leaf;

fn names() -> String {
    format!("\"{CRL}\"")
}

#[test]
fn the_delta_is_requested_after_the_complete_list() {
    let outcome = Fixture::new().with_delta(CrlSpec::new(), &CrlSpec::delta(7));
    outcome.is_good();
    outcome.asked(&[["base http://crl.example/a.crl"], ["delta http://crl.example/delta.crl"]]);
}

#[test]
fn the_delta_revokes_holds_and_ends_a_hold() {
    let fixture = Fixture::new();
    let base =
        |reason: Option<u8>| reason.map_or(CrlSpec::new(), |reason| CrlSpec::new().revoked(&entry().reason(reason)));
    let delta = |reason: Option<u8>| {
        reason.map_or(CrlSpec::delta(7), |reason| CrlSpec::delta(7).revoked(&entry().reason(reason)))
    };
    for (of_base, of_delta, reason) in [
        (None, None, None),
        (None, Some(8), None),
        (Some(6), Some(8), None),
        (None, Some(1), Some("keyCompromise by the delta CRL")),
        (None, Some(6), Some("certificateHold by the delta CRL")),
        (Some(6), None, Some("certificateHold by the CRL")),
        (Some(6), Some(4), Some("superseded by the delta CRL")),
        // Only a hold can end.
        (Some(1), Some(8), Some("keyCompromise by the CRL")),
        (Some(1), Some(6), Some("keyCompromise by the CRL")),
        (Some(1), None, Some("keyCompromise by the CRL")),
    ] {
        let outcome = fixture.with_delta(base(of_base), &delta(of_delta));
        match reason {
            None => outcome.is_good(),
            Some(reason) => {
                let url = if reason.contains("delta") { DELTA } else { CRL };
                outcome.is_revoked(&format!(
                    "{LEAF} revoked since 2026-11-01T00:00:00Z with reason {reason} of 2026-11-20T00:00:00Z from \"{url}\""
                ));
            }
        }
    }
}

#[test]
fn no_delta_is_requested_for_a_final_revocation() {
    let outcome = Fixture::new().with_delta(CrlSpec::new().revoked(&entry()), &CrlSpec::delta(7));
    outcome.asked(&[["base http://crl.example/a.crl"]]);
}

#[test]
fn a_delta_that_cannot_be_combined_leaves_the_certificate_unchecked() {
    let fixture = Fixture::new();
    let point = || IssuingPoint::new().user_certificates_only();
    let expired = |spec: CrlSpec| spec.valid(datetime!(2026-01-01 00:00 UTC), datetime!(2026-02-01 00:00 UTC));
    for (base, delta, why) in [
        (
            CrlSpec::new(),
            CrlSpec::delta(8).number(9),
            format!("delta CRL: {DELTA}: found CRL number 7 of the complete CRL, expected at least 8"),
        ),
        (
            CrlSpec::new(),
            CrlSpec::delta(7).without_number(),
            format!("delta CRL: {DELTA}: found no CRL number, expected one"),
        ),
        (
            CrlSpec::new().without_number(),
            CrlSpec::delta(7),
            format!("CRL: {CRL}: it names a delta CRL, and has no CRL number to combine it with"),
        ),
        (
            CrlSpec::new().without_number(),
            CrlSpec::delta(7).without_number(),
            format!("CRL: {CRL}: it names a delta CRL, and has no CRL number to combine it with"),
        ),
        (
            CrlSpec::new(),
            CrlSpec::delta(7).issuing_point(&point()),
            format!("delta CRL: {DELTA}: found another issuing distribution point than that of the complete CRL"),
        ),
        (
            CrlSpec::new().issuing_point(&point()),
            CrlSpec::delta(7),
            format!("delta CRL: {DELTA}: found another issuing distribution point than that of the complete CRL"),
        ),
        (
            CrlSpec::new(),
            CrlSpec::new().number(8),
            format!("delta CRL: {DELTA}: found a complete CRL, expected a delta CRL"),
        ),
        (
            CrlSpec::new(),
            expired(CrlSpec::delta(7)),
            format!(
                "delta CRL: {DELTA}: CRL has expired: found nextUpdate 2026-02-01T00:00:00Z, expected at most 300s \
                 before 2026-11-21T12:00:00Z"
            ),
        ),
        (
            CrlSpec::new(),
            CrlSpec::delta(7).signed_by(&Key::generate(KeyType::P256)),
            format!(
                "delta CRL: {DELTA}: CRL is not signed by \"CN=root,O=Testkit,ST=ZH,C=CH\": signature does not match \
                 the key and the signed bytes"
            ),
        ),
    ] {
        let outcome = fixture.with_delta(base, &delta);
        // The reason names the address of the certificate, unless it is about the one in the complete CRL.
        if why.starts_with("CRL: ") { outcome.is_unchecked(&why) } else { outcome.is_unchecked_at(&names(), &why) }
    }
    let alone = fixture.root.crl(&CrlSpec::new().freshest_url(DELTA));
    fixture
        .verify(leaf().crl_url(CRL), &Sources::new().with(CRL, alone))
        .is_unchecked_at(&names(), &format!("delta CRL: {DELTA}: connection refused"));
}

#[test]
fn a_hold_without_its_delta_is_not_known_to_go_on() {
    let fixture = Fixture::new();
    let base = fixture.root.crl(&CrlSpec::new().revoked(&entry().reason(6)).freshest_url(DELTA));
    fixture
        .verify(leaf().crl_url(CRL), &Sources::new().with(CRL, base))
        .is_unchecked_at(&names(), &format!("delta CRL: {DELTA}: connection refused"));
}

#[test]
fn a_complete_list_that_is_as_new_as_the_delta_stands_alone() {
    let fixture = Fixture::new();
    // Issued together (EJBCA): the same number. The entry of the delta would be in the complete list.
    for number in [7, 6] {
        let delta = CrlSpec::delta(5).number(number).revoked(&entry());
        fixture.with_delta(CrlSpec::new(), &delta).is_good();
    }
}

#[test]
fn the_certificate_can_name_the_delta() {
    let fixture = Fixture::new();
    let delta = fixture.root.crl(&CrlSpec::delta(7).revoked(&entry().reason(1)));
    let sources = Sources::new().with(CRL, fixture.root.crl(&CrlSpec::new())).with(DELTA, delta);
    let freshest = |value: &[u8]| leaf().crl_url(CRL).extension("2.5.29.46", false, value);
    let outcome = fixture.verify(freshest(&points(&[PointSpec::new(&[DELTA])])), &sources);
    assert!(outcome.text().starts_with("revoked: "), "{}", outcome.text());
    outcome.asked(&[["base http://crl.example/a.crl"], ["delta http://crl.example/delta.crl"]]);
    // That of the list is used if both name one.
    let other = fixture.root.crl(&CrlSpec::new().freshest_url("http://b.example"));
    let both = fixture.verify(
        freshest(&points(&[PointSpec::new(&[DELTA])])),
        &sources.clone().with(CRL, other).with("http://b.example", fixture.root.crl(&CrlSpec::delta(7))),
    );
    both.is_good();
    // Without any URI there is no delta; a malformed extension may name one.
    fixture.verify(freshest(&points(&[PointSpec::default().directory("delta")])), &sources).is_good();
    fixture
        .verify(freshest(&[0x30, 0]), &sources)
        .is_unchecked_at(&names(), "delta CRL: freshestCRL of the certificate is malformed");
}

#[test]
fn a_delta_without_a_complete_list_is_no_source() {
    let fixture = Fixture::new();
    let spec = leaf().extension("2.5.29.46", false, &points(&[PointSpec::new(&[DELTA])]));
    let outcome = fixture.verify(spec, &Sources::new().with(DELTA, fixture.root.crl(&CrlSpec::delta(7))));
    outcome.is_unchecked_at(&format!("\"{DELTA}\""), "CRL: the certificate names a delta CRL, and no complete CRL");
    outcome.asked::<[&str; 0]>(&[]);
}
