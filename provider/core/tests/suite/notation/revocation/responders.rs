//! Delegated OCSP responders without id-pkix-ocsp-nocheck: their own status is needed.

use countersign_core::policy::StoreKind;
use countersign_core::time::UnixTime;
use countersign_core_test_support::judge::Judge;
use countersign_core_test_support::revocation::Sources;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::eku;
use countersign_testkit::signer::Scheme;
use time::macros::datetime;

use crate::notation::revocation::CRL;
use crate::notation::revocation::Fixture;
use crate::notation::revocation::Outcome;
use crate::notation::revocation::leaf;
use crate::notation::revocation::ocsp::OCSP;
use crate::notation::revocation::verify;

/// The addresses of the responder's own status.
const OWN_OCSP: &str = "http://ocsp.example/responders";
const OWN_CRL: &str = "http://crl.example/responders.crl";

const RESPONDER: &str = r#""CN=responder,O=Testkit,ST=ZH,C=CH" (serial 77)"#;

fn responder() -> CertSpec {
    CertSpec::leaf().common_name("responder").serial(&[0x77]).ekus(&[eku::OCSP_SIGNING])
}

struct Case {
    fixture: Fixture,
    leaf: Chain,
    responder: Chain,
    sources: Sources,
}

impl Case {
    /// A good answer about a leaf, signed by this responder.
    fn new(responder: CertSpec) -> Self {
        let fixture = Fixture::new();
        let leaf = fixture.root.issue(leaf().ocsp_url(OCSP));
        let responder = fixture.root.issue(responder);
        let answer = fixture.root.ocsp(&OcspSpec::new([Single::good(leaf.leaf_der())]).signed_by(&responder));
        Self { fixture, leaf, responder, sources: Sources::new().with(OCSP, answer) }
    }

    /// The responder's own responder answers with this.
    fn own_ocsp(self, edit: impl FnOnce(OcspSpec, &Self) -> OcspSpec) -> Self {
        let spec = edit(OcspSpec::new([Single::good(self.responder.leaf_der())]), &self);
        let answer = self.fixture.root.ocsp(&spec);
        Self { sources: self.sources.with(OWN_OCSP, answer), ..self }
    }

    /// The responder's own CRL.
    fn own_crl(self, list: &CrlSpec) -> Self {
        let list = self.fixture.root.crl(list);
        Self { sources: self.sources.with(OWN_CRL, list), ..self }
    }

    fn outcome(&self) -> Outcome {
        verify(&self.fixture.judge(), &self.fixture.sign(&self.leaf), &self.sources)
    }

    #[track_caller]
    fn is_unchecked(&self, why: &str) {
        self.outcome().is_unchecked_at("\"http://ocsp.example\"", why);
    }
}

fn unknown(why: &str) -> String {
    format!("OCSP: status of the responder {RESPONDER} is not known: {why}")
}

#[test]
fn its_status_by_ocsp_or_by_crl_makes_its_answer_count() {
    let by_ocsp = Case::new(responder().ocsp_url(OWN_OCSP)).own_ocsp(|spec, _| spec).outcome();
    by_ocsp.is_good();
    by_ocsp.asked(&[["ocsp http://ocsp.example"], ["ocsp http://ocsp.example/responders"]]);
    let by_crl = Case::new(responder().crl_url(OWN_CRL)).own_crl(&CrlSpec::new()).outcome();
    by_crl.is_good();
    by_crl.asked(&[["ocsp http://ocsp.example"], ["base http://crl.example/responders.crl"]]);
    let after_ocsp = Case::new(responder().ocsp_url(OWN_OCSP).crl_url(OWN_CRL)).own_crl(&CrlSpec::new()).outcome();
    after_ocsp.is_good();
    after_ocsp.asked(&[
        ["ocsp http://ocsp.example"],
        ["ocsp http://ocsp.example/responders"],
        ["base http://crl.example/responders.crl"],
    ]);
}

#[test]
fn without_a_status_its_answer_does_not_count() {
    Case::new(responder()).is_unchecked(&unknown("it has neither id-pkix-ocsp-nocheck nor an address to check"));
    Case::new(responder().ocsp_url(OWN_OCSP))
        .is_unchecked(&unknown("OCSP: http://ocsp.example/responders: connection refused"));
    Case::new(responder().crl_url(OWN_CRL))
        .is_unchecked(&unknown("CRL: http://crl.example/responders.crl: connection refused"));
    let does_not_know = Case::new(responder().ocsp_url(OWN_OCSP))
        .own_ocsp(|_, case| OcspSpec::new([Single::unknown(case.responder.leaf_der())]));
    does_not_know
        .is_unchecked(&unknown("OCSP: http://ocsp.example/responders: the responder does not know the certificate"));
}

#[test]
fn a_revoked_responder_does_not_count() {
    let by_ocsp = Case::new(responder().ocsp_url(OWN_OCSP))
        .own_ocsp(|_, case| OcspSpec::new([Single::revoked(case.responder.leaf_der())]));
    let text = by_ocsp.outcome().text();
    let revoked = format!("OCSP: the responder {RESPONDER} is revoked: found {RESPONDER} revoked since 2026-11-01");
    assert!(text.contains(&revoked), "{text}");
    assert!(text.starts_with("revocation-unchecked: "), "{text}");
    let by_crl = Case::new(responder().crl_url(OWN_CRL)).own_crl(&CrlSpec::new().revoked(&Revoked::new(&[0x77])));
    let text = by_crl.outcome().text();
    assert!(text.contains(&revoked), "{text}");
}

/// The signing time of an image says nothing about when a responder signed.
#[test]
fn an_invalidity_date_does_not_excuse_a_revoked_responder() {
    let since = datetime!(2026-10-01 00:00 UTC);
    let by_ocsp = Case::new(responder().ocsp_url(OWN_OCSP))
        .own_ocsp(|_, case| OcspSpec::new([Single::revoked(case.responder.leaf_der()).invalid_since(since)]));
    let by_crl = Case::new(responder().crl_url(OWN_CRL))
        .own_crl(&CrlSpec::new().revoked(&Revoked::new(&[0x77]).reason(1).invalid_since(since)));
    for case in [by_ocsp, by_crl] {
        let target = &case.fixture.target;
        let judge = Judge::about(&target.media_type, &target.digest, target.size)
            .trusting(StoreKind::SigningAuthority, case.fixture.root.der());
        let request = case
            .fixture
            .sign(&case.leaf)
            .scheme(Scheme::SigningAuthority)
            .authentic_signing_time(datetime!(2026-06-01 12:00 UTC));
        let text = verify(&judge, &request, &case.sources).text();
        assert!(text.starts_with("revocation-unchecked: "), "{text}");
        assert!(text.contains("is revoked: found"), "{text}");
    }
}

#[test]
fn its_status_by_a_responder_whose_own_status_is_needed_does_not_count() {
    let second = || responder().common_name("second").serial(&[0x78]);
    let case = |spec| {
        Case::new(responder().ocsp_url(OWN_OCSP)).own_ocsp(|own: OcspSpec, case: &Case| {
            let second = case.fixture.root.issue(spec);
            own.signed_by(&second)
        })
    };
    case(second().extension("1.3.6.1.5.5.7.48.1.5", false, &[5, 0])).outcome().is_good();
    case(second().ocsp_url(OWN_OCSP))
        .is_unchecked(&unknown("OCSP: it is answered by a responder whose own status is not known"));
}

#[test]
fn it_cannot_state_its_own_status() {
    let case = Case::new(responder().ocsp_url(OWN_OCSP)).own_ocsp(|own, case| own.signed_by(&case.responder));
    case.is_unchecked(&unknown(
        "OCSP: http://ocsp.example/responders: OCSP responder \"CN=responder,O=Testkit,ST=ZH,C=CH\" may not answer for \
         the issuer of the certificate: it is the certificate whose status it states",
    ));
}

#[test]
fn a_revocation_by_it_counts_only_with_its_status_too() {
    let mut case = Case::new(responder().crl_url(OWN_CRL));
    let revoked = OcspSpec::new([Single::revoked(case.leaf.leaf_der())]).signed_by(&case.responder);
    case.sources = case.sources.with(OCSP, case.fixture.root.ocsp(&revoked));
    case.is_unchecked(&unknown("CRL: http://crl.example/responders.crl: connection refused"));
    assert!(case.own_crl(&CrlSpec::new()).outcome().text().starts_with("revoked: "));
}

#[test]
fn the_crl_of_the_certificate_decides_where_the_responder_does_not_count() {
    let fixture = Fixture::new();
    let chain = fixture.root.issue(leaf().ocsp_url(OCSP).crl_url(CRL));
    let responder = fixture.root.issue(responder());
    let answer = fixture.root.ocsp(&OcspSpec::new([Single::good(chain.leaf_der())]).signed_by(&responder));
    let sources = Sources::new().with(OCSP, answer);
    for (list, text) in
        [(CrlSpec::new(), "good"), (CrlSpec::new().revoked(&crate::notation::revocation::entry()), "revoked: ")]
    {
        let sources = sources.clone().with(CRL, fixture.root.crl(&list));
        let outcome = verify(&fixture.judge(), &fixture.sign(&chain), &sources);
        assert!(outcome.text().starts_with(text), "{}", outcome.text());
        outcome.asked(&[["ocsp http://ocsp.example"], ["base http://crl.example/a.crl"]]);
    }
}

#[test]
fn a_verdict_ends_with_the_status_of_the_responder() {
    let case = Case::new(responder().crl_url(OWN_CRL))
        .own_crl(&CrlSpec::new().valid(datetime!(2026-11-21 00:00 UTC), datetime!(2026-11-22 00:00 UTC)));
    let verified = case.outcome().result.unwrap();
    assert_eq!(verified.good_until(), Some(UnixTime::from_rfc3339("2026-11-22T00:00:00Z").unwrap()));
}

#[test]
fn all_sources_of_the_responder_and_then_those_of_the_certificate_are_asked() {
    const DELTA: &str = "http://crl.example/responders-delta.crl";
    let fixture = Fixture::new();
    let chain = fixture.root.issue(leaf().ocsp_url(OCSP).crl_url(CRL));
    let responder = fixture.root.issue(responder().ocsp_url(OWN_OCSP).crl_url(OWN_CRL));
    let answer = fixture.root.ocsp(&OcspSpec::new([Single::good(chain.leaf_der())]).signed_by(&responder));
    let of_responder = fixture.root.crl(&CrlSpec::new().freshest_url(DELTA));
    let sources = Sources::new().with(OCSP, answer).with(OWN_CRL, of_responder);
    let of_leaf = CrlSpec::new().freshest_url(crate::notation::revocation::DELTA);
    for (delta, text) in [
        (CrlSpec::delta(7), "good"),
        (CrlSpec::delta(7).revoked(&crate::notation::revocation::entry()), "revoked: certificate is revoked: "),
    ] {
        let sources = sources
            .clone()
            .with(CRL, fixture.root.crl(&of_leaf))
            .with(crate::notation::revocation::DELTA, fixture.root.crl(&delta));
        let outcome = verify(&fixture.judge(), &fixture.sign(&chain), &sources);
        assert!(outcome.text().starts_with(text), "{}", outcome.text());
        outcome.asked(&[
            ["ocsp http://ocsp.example"],
            ["ocsp http://ocsp.example/responders"],
            ["base http://crl.example/responders.crl"],
            ["delta http://crl.example/responders-delta.crl"],
            ["base http://crl.example/a.crl"],
            ["delta http://crl.example/delta.crl"],
        ]);
    }
}
