//! Invalidity dates against the authentic signing time of a signing authority.

use countersign_core::policy::StoreKind;
use countersign_core_test_support::judge::Judge;
use countersign_core_test_support::revocation::Sources;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::signer::Scheme;
use time::macros::datetime;

use crate::notation::revocation::CRL;
use crate::notation::revocation::DELTA;
use crate::notation::revocation::Fixture;
use crate::notation::revocation::Outcome;
use crate::notation::revocation::entry;
use crate::notation::revocation::leaf;
use crate::notation::revocation::verify;

/// A signature of a signing authority at 2026-06-01T12:00:00Z.
fn by_authority(fixture: &Fixture, sources: &Sources) -> Outcome {
    let judge = Judge::about(&fixture.target.media_type, &fixture.target.digest, fixture.target.size)
        .trusting(StoreKind::SigningAuthority, fixture.root.der());
    let request = fixture
        .sign(&fixture.root.issue(leaf().crl_url(CRL)))
        .scheme(Scheme::SigningAuthority)
        .authentic_signing_time(datetime!(2026-06-01 12:00 UTC));
    verify(&judge, &request, sources)
}

fn with_list(fixture: &Fixture, list: &CrlSpec) -> Outcome {
    by_authority(fixture, &Sources::new().with(CRL, fixture.root.crl(list)))
}

#[test]
fn a_signature_from_before_the_invalidity_is_good() {
    let fixture = Fixture::new();
    for (since, text) in [
        (Some(datetime!(2026-06-01 12:00:01 UTC)), "good"),
        (Some(datetime!(2026-06-01 12:00:00 UTC)), "revoked: "),
        (Some(datetime!(2026-01-01 00:00 UTC)), "revoked: "),
        (None, "revoked: "),
    ] {
        for reason in [1, 4, 6] {
            let listed = entry().reason(reason);
            let listed = since.iter().fold(listed, |listed, since| listed.invalid_since(*since));
            let outcome = with_list(&fixture, &CrlSpec::new().revoked(&listed));
            assert!(outcome.text().starts_with(text), "{since:?} {reason}: {}", outcome.text());
        }
    }
}

#[test]
fn an_entry_that_excuses_does_not_hide_one_that_does_not() {
    let fixture = Fixture::new();
    let late = || entry().reason(4).invalid_since(datetime!(2026-10-01 00:00 UTC));
    let listed = CrlSpec::new().revoked(&late()).revoked(&entry().reason(1));
    assert!(with_list(&fixture, &listed).text().starts_with("revoked: "));
    let base = fixture.root.crl(&CrlSpec::new().revoked(&late()).freshest_url(DELTA));
    for (delta, text) in [
        (CrlSpec::delta(7), "good"),
        (CrlSpec::delta(7).revoked(&late()), "good"),
        (CrlSpec::delta(7).revoked(&entry().reason(1)), "revoked: "),
    ] {
        let sources = Sources::new().with(CRL, base.clone()).with(DELTA, fixture.root.crl(&delta));
        let outcome = by_authority(&fixture, &sources);
        assert!(outcome.text().starts_with(text), "{}", outcome.text());
    }
}

#[test]
fn a_hold_without_an_invalidity_date_is_not_excused_by_that_of_a_revocation() {
    let fixture = Fixture::new();
    let late = || entry().reason(4).invalid_since(datetime!(2026-10-01 00:00 UTC));
    let hold = || entry().reason(6);
    for listed in [[late(), hold()], [hold(), late()]] {
        let list = listed.iter().fold(CrlSpec::new().many(3), |list, entry| list.revoked(entry));
        let text = with_list(&fixture, &list).text();
        assert!(text.contains("with reason superseded by the CRL of"), "{text}");
    }
    // The entry of the delta does not remove that of the complete list.
    for (of_base, of_delta, by) in [(hold(), late(), "the delta CRL"), (late(), hold(), "the CRL")] {
        let base = fixture.root.crl(&CrlSpec::new().revoked(&of_base).freshest_url(DELTA));
        let delta = fixture.root.crl(&CrlSpec::delta(7).revoked(&of_delta));
        let text = by_authority(&fixture, &Sources::new().with(CRL, base).with(DELTA, delta)).text();
        assert!(text.contains(&format!("with reason superseded by {by} of")), "{text}");
    }
}
