//! Revocation of the chain of a timestamping authority.

use countersign_core::notation::Check;
use countersign_core::policy::StoreKind;
use countersign_core::time::UnixTime;
use countersign_core::verdict::Code;
use countersign_core_test_support::judge::Judge;
use countersign_core_test_support::revocation::Sources;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::signer::Format;
use countersign_testkit::timestamp::Tsa;
use time::macros::datetime;

use crate::notation::revocation::CRL;
use crate::notation::revocation::Fixture;
use crate::notation::revocation::ocsp::OCSP;

/// A signer without addresses, and a timestamping authority whose certificate and issuer have one each.
struct Stamped {
    fixture: Fixture,
    root: Authority,
    issuer: Authority,
    chain: Chain,
    envelope: Vec<u8>,
}

impl Stamped {
    fn new() -> Self {
        let fixture = Fixture::new();
        let root = Authority::root(CertSpec::root().common_name("TSA Root"));
        let issuer = root.intermediate(CertSpec::intermediate().common_name("TSA CA").serial(&[0x61]).crl_url(CRL));
        let chain = issuer.issue(CertSpec::tsa().serial(&[0x62]).ocsp_url(OCSP));
        let request = fixture.sign(&fixture.root.issue(CertSpec::leaf()));
        let envelope = Tsa::of(chain.clone()).envelope(&request, Format::Jws);
        Self { fixture, root, issuer, chain, envelope }
    }

    fn judge(&self) -> Judge {
        self.fixture.judge().trusting(StoreKind::Tsa, self.root.der())
    }

    /// What the addresses of the authority's certificate and of its issuer answer.
    fn sources(&self, single: Single, list: &CrlSpec) -> Sources {
        Sources::new().with(OCSP, self.issuer.ocsp(&OcspSpec::new([single]))).with(CRL, self.root.crl(list))
    }

    fn good(&self) -> Single {
        Single::good(self.chain.leaf_der())
    }

    fn revoked(&self) -> Single {
        Single::revoked(self.chain.leaf_der()).revoked_at(Single::REVOKED_AT, Some(1))
    }

    /// The end of the verdict, or the first reason.
    fn verify(&self, judge: &Judge, sources: &Sources) -> Result<Option<UnixTime>, String> {
        let media_type = Format::Jws.media_type();
        let (result, _) = judge.ask_with(&self.envelope, media_type, |request| sources.respond(request));
        result.map(|verified| verified.good_until()).map_err(|failure| failure.reasons.first().to_string())
    }
}

#[test]
fn an_authority_that_is_not_revoked_makes_a_verdict_that_ends_with_the_evidence() {
    let stamped = Stamped::new();
    let end = datetime!(2026-11-24 00:00 UTC);
    let sources = stamped.sources(stamped.good().next_update(end), &CrlSpec::new());
    let until = Some(UnixTime::from_rfc3339("2026-11-24T00:00:00Z").unwrap());
    assert_eq!(stamped.verify(&stamped.judge(), &sources), Ok(until));
}

#[test]
fn a_revoked_authority_or_issuer_makes_its_timestamps_invalid() {
    let stamped = Stamped::new();
    let by_ocsp = stamped.sources(stamped.revoked(), &CrlSpec::new());
    let by_crl = stamped.sources(stamped.good(), &CrlSpec::new().revoked(&Revoked::new(&[0x61]).reason(2)));
    let of_leaf = "timestamp-invalid: timestamping certificate is revoked: found \"CN=tsa,O=Testkit,ST=ZH,C=CH\" (serial 62) \
                   revoked since 2026-11-01T00:00:00Z with reason keyCompromise by the OCSP response of \
                   2026-11-21T00:00:00Z from \"http://ocsp.example\", expected a certificate that is not revoked";
    let of_issuer = "timestamp-invalid: timestamping certificate is revoked: found \"CN=TSA CA,O=Testkit,ST=ZH,C=CH\" (serial \
                     61) revoked since 2026-11-01T00:00:00Z with reason cACompromise by the CRL of 2026-11-20T00:00:00Z \
                     from \"http://crl.example/a.crl\", expected a certificate that is not revoked";
    for (sources, text) in [(&by_ocsp, of_leaf), (&by_crl, of_issuer)] {
        // Neither the time of the revocation nor skipping the revocation of the signer matters.
        for judge in [stamped.judge(), stamped.judge().overriding("revocation", "skip")] {
            assert_eq!(stamped.verify(&judge, sources), Err(text.to_owned()));
        }
        let logged = stamped.judge().overriding("authenticTimestamp", "log");
        let media_type = Format::Jws.media_type();
        let (result, _) = logged.ask_with(&stamped.envelope, media_type, |request| sources.respond(request));
        let verified = result.unwrap();
        let warnings: Vec<_> = verified.warnings().map(|(check, reason)| (check, reason.code)).collect();
        assert_eq!(warnings, [(Check::AuthenticTimestamp, Code::TimestampInvalid)]);
    }
}

#[test]
fn an_invalidity_date_after_the_timestamp_does_not_excuse_a_revoked_authority() {
    let stamped = Stamped::new();
    let sources = stamped.sources(stamped.revoked().invalid_since(datetime!(2026-11-20 00:00 UTC)), &CrlSpec::new());
    let text = stamped.verify(&stamped.judge(), &sources).unwrap_err();
    assert!(text.starts_with("timestamp-invalid: timestamping certificate is revoked: "), "{text}");
}

#[test]
fn an_authority_whose_status_is_not_known_is_unchecked() {
    let stamped = Stamped::new();
    let sources = stamped.sources(Single::unknown(stamped.chain.leaf_der()), &CrlSpec::new());
    let text = "timestamp-unchecked: revocation of the timestamping authority was not checked: certificate \
                \"CN=tsa,O=Testkit,ST=ZH,C=CH\" (serial 62) has no usable status: OCSP: \
                http://ocsp.example: the responder does not know the certificate; inconclusive, as the statement enforces \
                the check";
    assert_eq!(stamped.verify(&stamped.judge(), &sources), Err(text.to_owned()));
}
