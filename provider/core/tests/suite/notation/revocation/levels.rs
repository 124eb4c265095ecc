//! What the statement makes of each status, and the lifetime of a verdict.

use countersign_core::notation::Check;
use countersign_core_test_support::revocation::Sources;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::pki::CertSpec;
use time::macros::datetime;

use crate::notation::revocation::CRL;
use crate::notation::revocation::Fixture;
use crate::notation::revocation::LEAF;
use crate::notation::revocation::entry;
use crate::notation::revocation::leaf;
use crate::notation::revocation::verify;

#[test]
fn a_statement_that_only_logs_revocation_warns_with_what_it_found() {
    let fixture = Fixture::new();
    let request = fixture.sign(&fixture.root.issue(leaf().crl_url(CRL)));
    let revoked = Sources::new().with(CRL, fixture.root.crl(&CrlSpec::new().revoked(&entry())));
    for (sources, expected) in [
        (
            revoked,
            format!(
                "revoked: certificate is revoked: found {LEAF} revoked since 2026-11-01T00:00:00Z with reason unspecified \
                 by the CRL of 2026-11-20T00:00:00Z from \"{CRL}\", expected a certificate that is not revoked"
            ),
        ),
        (
            Sources::new(),
            format!(
                "revocation-unchecked: revocation was not checked: certificate {LEAF} has no usable \
                 status: CRL: {CRL}: connection refused"
            ),
        ),
    ] {
        for judge in [fixture.judge().overriding("revocation", "log"), fixture.judge().level("permissive")] {
            let verified = verify(&judge, &request, &sources).result.unwrap();
            let warnings: Vec<_> = verified.warnings().map(|(check, reason)| (check, reason.to_string())).collect();
            assert_eq!(warnings, [(Check::Revocation, expected.clone())]);
            // The verdict does not stand on evidence.
            assert_eq!(verified.good_until().map(|until| until.to_string()), certificates_end());
        }
    }
}

/// The end of the certificates of the fixture.
fn certificates_end() -> Option<String> {
    Some("2049-12-31T23:59:59Z".to_owned())
}

#[test]
fn nothing_is_requested_if_revocation_is_skipped() {
    let fixture = Fixture::new();
    let request = fixture.sign(&fixture.root.issue(leaf().crl_url(CRL)));
    let revoked = Sources::new().with(CRL, fixture.root.crl(&CrlSpec::new().revoked(&entry())));
    let outcome = verify(&fixture.judge().overriding("revocation", "skip"), &request, &revoked);
    outcome.is_good();
    outcome.asked::<[&str; 0]>(&[]);
}

#[test]
fn a_verdict_ends_with_the_first_list_that_it_stands_on() {
    let fixture = Fixture::new();
    let until = |outcome: crate::notation::revocation::Outcome| {
        outcome.result.unwrap().good_until().map(|until| until.to_string())
    };
    assert_eq!(until(fixture.with_list(&CrlSpec::new())).as_deref(), Some("2026-11-27T00:00:00Z"));
    let delta = CrlSpec::delta(7).valid(CrlSpec::THIS_UPDATE, datetime!(2026-11-22 06:00 UTC));
    assert_eq!(until(fixture.with_delta(CrlSpec::new(), &delta)).as_deref(), Some("2026-11-22T06:00:00Z"));
    // The tolerance for different clocks does not prolong it.
    let late = CrlSpec::new().valid(CrlSpec::THIS_UPDATE, datetime!(2026-11-21 11:58 UTC));
    assert_eq!(until(fixture.with_list(&late)).as_deref(), Some("2026-11-21T11:58:00Z"));
    assert_eq!(until(fixture.verify(leaf(), &Sources::new())), certificates_end());
    // A list of an intermediate counts as well.
    let of_root = "http://crl.example/root.crl";
    let intermediate = fixture.root.intermediate(CertSpec::intermediate().crl_url(of_root));
    let request = fixture.sign(&intermediate.issue(leaf().crl_url(CRL)));
    let short = CrlSpec::new().valid(CrlSpec::THIS_UPDATE, datetime!(2026-11-23 00:00 UTC));
    let sources = Sources::new().with(CRL, intermediate.crl(&CrlSpec::new())).with(of_root, fixture.root.crl(&short));
    assert_eq!(until(verify(&fixture.judge(), &request, &sources)).as_deref(), Some("2026-11-23T00:00:00Z"));
}
