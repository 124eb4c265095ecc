//! Certificates that have ended, whose signatures a timestamp or a signing authority keeps valid: sources may have dropped
//! their status.

use countersign_core::policy::StoreKind;
use countersign_core_test_support::judge::Judge;
use countersign_core_test_support::revocation::Sources;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::der;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Scheme;
use time::macros::datetime;

use crate::notation::revocation::CRL;
use crate::notation::revocation::DELTA;
use crate::notation::revocation::Fixture;
use crate::notation::revocation::Outcome;
use crate::notation::revocation::entry;
use crate::notation::revocation::leaf;
use crate::notation::revocation::ocsp::OCSP;
use crate::notation::revocation::verify;

const EXPIRED_CERTS_ON_CRL: &str = "2.5.29.60";
const ARCHIVE_CUTOFF: &str = "1.3.6.1.5.5.7.48.1.6";

/// A signature of a signing authority, from before the certificate's end in October 2026; it is November now.
fn ended(fixture: &Fixture, spec: CertSpec, sources: &Sources) -> Outcome {
    let judge = Judge::about(&fixture.target.media_type, &fixture.target.digest, fixture.target.size)
        .trusting(StoreKind::SigningAuthority, fixture.root.der());
    let spec = spec.valid(CertSpec::NOT_BEFORE, datetime!(2026-10-01 00:00 UTC));
    let request = fixture
        .sign(&fixture.root.issue(spec))
        .scheme(Scheme::SigningAuthority)
        .authentic_signing_time(datetime!(2026-06-01 12:00 UTC));
    verify(&judge, &request, sources)
}

fn time(text: &str) -> Vec<u8> {
    der::element(0x18, text.as_bytes())
}

fn dropped(since: &str) -> String {
    format!("the certificate ended on 2026-10-01T00:00:00Z, and the source keeps only what ended since {since}")
}

#[test]
fn a_list_that_dropped_it_says_nothing_about_it() {
    let fixture = Fixture::new();
    let list = |since: Option<&str>| {
        since.map_or(CrlSpec::new(), |since| CrlSpec::new().extension(EXPIRED_CERTS_ON_CRL, false, &time(since)))
    };
    let outcome =
        |list: &CrlSpec| ended(&fixture, leaf().crl_url(CRL), &Sources::new().with(CRL, fixture.root.crl(list)));
    // Many authorities keep such entries and do not state it.
    for since in [None, Some("20261001000000Z"), Some("20200101000000Z")] {
        outcome(&list(since)).is_good();
    }
    let since = Some("20261001000001Z");
    outcome(&list(since)).is_unchecked(&format!("CRL: {CRL}: {}", dropped("2026-10-01T00:00:01Z")));
    let text = outcome(&list(since).revoked(&entry())).text();
    assert!(text.starts_with("revoked: "), "{text}");
    // A list from before the end has all entries, and a certificate that has not ended is on any list.
    outcome(&list(Some("20261115000000Z")).valid(datetime!(2026-10-01 00:00 UTC), CrlSpec::NEXT_UPDATE)).is_good();
    fixture.with_list(&list(since)).is_good();
    fixture
        .with_list(&CrlSpec::new().extension(EXPIRED_CERTS_ON_CRL, false, &time("2026")))
        .is_unchecked(&format!("CRL: {CRL}: CRL has a malformed expiredCertsOnCRL, expected DER as in RFC 5280"));
}

#[test]
fn a_removal_because_of_the_end_does_not_end_a_hold() {
    let fixture = Fixture::new();
    let base = fixture.root.crl(&CrlSpec::new().revoked(&entry().reason(6)).freshest_url(DELTA));
    let delta = fixture.root.crl(&CrlSpec::delta(7).revoked(&entry().reason(8)));
    let sources = Sources::new().with(CRL, base).with(DELTA, delta);
    let text = ended(&fixture, leaf().crl_url(CRL), &sources).text();
    assert!(text.contains("with reason certificateHold by the CRL of"), "{text}");
    fixture.verify(leaf().crl_url(CRL), &sources).is_good();
}

#[test]
fn a_delta_that_dropped_it_says_nothing_about_it() {
    let fixture = Fixture::new();
    let base = fixture.root.crl(&CrlSpec::new().freshest_url(DELTA));
    let delta = CrlSpec::delta(7).extension(EXPIRED_CERTS_ON_CRL, false, &time("20261101000000Z"));
    let sources = Sources::new().with(CRL, base).with(DELTA, fixture.root.crl(&delta));
    ended(&fixture, leaf().crl_url(CRL), &sources)
        .is_unchecked_at(&format!("\"{CRL}\""), &format!("delta CRL: {DELTA}: {}", dropped("2026-11-01T00:00:00Z")));
}

#[test]
fn a_responder_that_dropped_it_says_nothing_about_it() {
    let fixture = Fixture::new();
    let chain = fixture.root.issue(leaf());
    let good = |since: &str| Single::good(chain.leaf_der()).extension(ARCHIVE_CUTOFF, false, &time(since));
    let outcome = |single: Single| {
        let sources = Sources::new().with(OCSP, fixture.root.ocsp(&OcspSpec::new([single])));
        ended(&fixture, leaf().ocsp_url(OCSP), &sources)
    };
    outcome(Single::good(chain.leaf_der())).is_good();
    outcome(good("20261001000000Z")).is_good();
    outcome(good("20261001000001Z")).is_unchecked(&format!("OCSP: {OCSP}: {}", dropped("2026-10-01T00:00:01Z")));
    let revoked = Single::revoked(chain.leaf_der()).extension(ARCHIVE_CUTOFF, false, &time("20261115000000Z"));
    assert!(outcome(revoked).text().starts_with("revoked: "));
    // The CRL decides then.
    let sources = Sources::new()
        .with(OCSP, fixture.root.ocsp(&OcspSpec::new([good("20261115000000Z")])))
        .with(CRL, fixture.root.crl(&CrlSpec::new().revoked(&entry())));
    assert!(ended(&fixture, leaf().ocsp_url(OCSP).crl_url(CRL), &sources).text().starts_with("revoked: "));
    // A certificate that has not ended is not affected.
    let sources = Sources::new().with(OCSP, fixture.root.ocsp(&OcspSpec::new([good("20261115000000Z")])));
    fixture.verify(leaf().ocsp_url(OCSP), &sources).is_good();
    let malformed = Single::good(chain.leaf_der()).extension(ARCHIVE_CUTOFF, false, &[5, 0]);
    outcome(malformed).is_unchecked(&format!(
        "OCSP: {OCSP}: OCSP response has a malformed archiveCutoff, expected DER as in RFC 6960"
    ));
}
