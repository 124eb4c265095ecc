//! OCSP answers of a cache that belong to something else, or are no longer current: the judgement notices.

use countersign_core::evidence::EvidenceRequest;
use countersign_core::evidence::EvidenceResponse;
use countersign_core::evidence::Sourced;
use countersign_core::time::UnixTime;
use countersign_core::x509::Certificate;
use countersign_core::x509::ocsp::OcspAnswer;
use countersign_core::x509::ocsp::OcspSettings;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::signer::Format;
use time::macros::datetime;

use crate::notation::revocation::Fixture;
use crate::notation::revocation::leaf;
use crate::notation::revocation::ocsp::OCSP;

/// A good answer about a certificate of an authority, read at a time.
fn answer(authority: &Authority, chain: &Chain, single: Single, at: &str) -> EvidenceResponse {
    let parse = |der: &[u8]| Certificate::parse(der).unwrap();
    let (certificate, issuer) = (parse(chain.leaf_der()), parse(authority.der()));
    let (at, settings) = (UnixTime::from_rfc3339(at).unwrap(), OcspSettings::default());
    let bytes = authority.ocsp(&OcspSpec::new([single]).produced_at(datetime!(2026-01-01 00:00 UTC)));
    let answer = OcspAnswer::read(&bytes, &certificate, &issuer, None, at, &settings).unwrap();
    EvidenceResponse::Ocsp(Sourced::new(answer, OCSP, at))
}

#[test]
fn an_answer_about_another_certificate_issuer_or_time_does_not_count() {
    const NOW: &str = "2026-11-21T12:00:00Z";
    let fixture = Fixture::new();
    let chain = fixture.root.issue(leaf().ocsp_url(OCSP));
    let envelope = fixture.sign(&chain).jws();
    let verify = |response: EvidenceResponse| {
        let respond = |_: &EvidenceRequest| response.clone();
        let (result, _) = fixture.judge().ask_with(&envelope, Format::Jws.media_type(), respond);
        result.map_or_else(|failure| failure.reasons.first().to_string(), |_| "good".to_owned())
    };
    let good = |chain: &Chain| Single::good(chain.leaf_der());
    assert_eq!(verify(answer(&fixture.root, &chain, good(&chain), NOW)), "good");
    let sibling = fixture.root.issue(CertSpec::leaf());
    let twin = Authority::root(CertSpec::root());
    let of_twin = twin.issue(leaf());
    let old = good(&chain).this_update(datetime!(2026-01-01 00:00 UTC)).next_update(datetime!(2026-02-01 00:00 UTC));
    for (response, why) in [
        (answer(&fixture.root, &sibling, good(&sibling), NOW), "the response is about another certificate"),
        (answer(&twin, &of_twin, good(&of_twin), NOW), "the response is about another certificate"),
        (
            answer(&fixture.root, &chain, old, "2026-01-15T00:00:00Z"),
            "OCSP response has expired: found nextUpdate 2026-02-01T00:00:00Z, expected at most 300s before \
             2026-11-21T12:00:00Z",
        ),
    ] {
        let text = verify(response);
        assert!(text.starts_with("revocation-unchecked: "), "{text}");
        assert!(text.contains(&format!("OCSP: http://ocsp.example: {why}; inconclusive")), "{text}");
    }
}
