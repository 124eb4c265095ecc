//! Evidence of a cache that belongs to something else, or is no longer current: the judgement notices.

use countersign_core::evidence::CrlRequest;
use countersign_core::evidence::EvidenceRequest;
use countersign_core::evidence::EvidenceResponse;
use countersign_core::evidence::NotAvailable;
use countersign_core::evidence::Sourced;
use countersign_core::time::UnixTime;
use countersign_core::x509::Certificate;
use countersign_core::x509::Crl;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Format;
use time::macros::datetime;

use crate::notation::revocation::CRL;
use crate::notation::revocation::Fixture;
use crate::notation::revocation::leaf;

/// The reason with a response that is made whatever is requested.
fn with(fixture: &Fixture, response: impl Fn(&CrlRequest) -> EvidenceResponse) -> String {
    let envelope = fixture.sign(&fixture.root.issue(leaf().crl_url(CRL))).jws();
    let respond = |request: &EvidenceRequest| match request {
        EvidenceRequest::Crl(request) => response(request),
        EvidenceRequest::Ocsp(_) | EvidenceRequest::SignerStatus(_) => panic!("a CRL is requested"),
    };
    let (result, _) = fixture.judge().ask_with(&envelope, Format::Jws.media_type(), respond);
    result.map_or_else(|failure| failure.reasons.first().to_string(), |_| "good".to_owned())
}

fn list(authority: &Authority, spec: &CrlSpec) -> EvidenceResponse {
    let certificate = Certificate::parse(authority.der()).unwrap();
    let crl = Crl::read(authority.crl(spec), &certificate).unwrap();
    EvidenceResponse::Crl(Sourced::new(crl, CRL, UnixTime::EPOCH))
}

#[track_caller]
fn check(found: &str, expected: &str) {
    let (_, why) = found.split_once("has no usable status: ").unwrap_or(("", found));
    assert_eq!(why, format!("{expected}; inconclusive, as the statement enforces the check"));
}

#[test]
fn a_list_of_another_issuer_another_kind_or_another_time_does_not_count() {
    let fixture = Fixture::new();
    assert_eq!(with(&fixture, |_| list(&fixture.root, &CrlSpec::new())), "good");
    let twin = Authority::root(CertSpec::root());
    check(
        &with(&fixture, |_| list(&twin, &CrlSpec::new())),
        &format!(
            "CRL: {CRL}: CRL is issued by another authority: found \"CN=root,O=Testkit,ST=ZH,C=CH\", expected \
             \"CN=root,O=Testkit,ST=ZH,C=CH\""
        ),
    );
    check(
        &with(&fixture, |_| list(&fixture.root, &CrlSpec::delta(3))),
        &format!("CRL: {CRL}: found a delta CRL for base number 3, expected a complete CRL"),
    );
    let old = CrlSpec::new().valid(datetime!(2025-01-01 00:00 UTC), datetime!(2025-02-01 00:00 UTC));
    check(
        &with(&fixture, |_| list(&fixture.root, &old)),
        &format!(
            "CRL: {CRL}: CRL has expired: found nextUpdate 2025-02-01T00:00:00Z, expected at most 300s before \
             2026-11-21T12:00:00Z"
        ),
    );
}

#[test]
fn an_outage_is_named_with_its_beginning() {
    let fixture = Fixture::new();
    let since = UnixTime::from_rfc3339("2026-11-21T11:58:00Z").unwrap();
    let refused = |_: &CrlRequest| {
        EvidenceResponse::NotAvailable(NotAvailable::new(format!("{CRL}: connect: refused")).since(since))
    };
    check(&with(&fixture, refused), &format!("CRL: since 2026-11-21T11:58:00Z: {CRL}: connect: refused"));
}

#[test]
fn a_long_name_and_a_long_address_do_not_hide_the_cause() {
    let root = Authority::root(CertSpec::root().common_name(&"root ".repeat(100)));
    let fixture = Fixture { root, ..Fixture::new() };
    let twin = Authority::root(CertSpec::root().common_name(&"twin ".repeat(100)));
    let text = with(&fixture, |_| {
        let certificate = Certificate::parse(twin.der()).unwrap();
        let crl = Crl::read(twin.crl(&CrlSpec::new()), &certificate).unwrap();
        EvidenceResponse::Crl(Sourced::new(crl, format!("{CRL}?{}", "a".repeat(2000)), UnixTime::EPOCH))
    });
    let address = format!("{CRL}?{}… (cut)", "a".repeat(86));
    assert!(text.contains(&format!("CRL: {address}: CRL is issued by another authority: found \"CN=twin")), "{text}");
    assert!(text.contains(", expected \"CN=root root"), "{text}");
    assert!(text.ends_with("; inconclusive, as the statement enforces the check"), "{text}");
}
