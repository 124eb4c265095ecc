//! The status by OCSP, and by CRL where OCSP has none.

use countersign_core::evidence::EvidenceSettings;
use countersign_core::policy::StoreKind;
use countersign_core::time::UnixTime;
use countersign_core_test_support::judge::Judge;
use countersign_core_test_support::revocation::Sources;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::ocsp;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::signer::Scheme;
use time::macros::datetime;

use crate::notation::revocation::CRL;
use crate::notation::revocation::Fixture;
use crate::notation::revocation::LEAF;
use crate::notation::revocation::Outcome;
use crate::notation::revocation::entry;
use crate::notation::revocation::leaf;
use crate::notation::revocation::verify;

pub(crate) const OCSP: &str = "http://ocsp.example";

/// A leaf that names a responder and a CRL.
fn with_both(fixture: &Fixture) -> Chain {
    fixture.root.issue(leaf().ocsp_url(OCSP).crl_url(CRL))
}

/// Verifies with this answer of the responder, if there is one, and this CRL, if there is one.
fn outcome(fixture: &Fixture, chain: &Chain, answer: Option<Vec<u8>>, list: Option<&CrlSpec>) -> Outcome {
    let mut sources = Sources::new();
    if let Some(answer) = answer {
        sources = sources.with(OCSP, answer);
    }
    if let Some(list) = list {
        sources = sources.with(CRL, fixture.root.crl(list));
    }
    verify(&fixture.judge(), &fixture.sign(chain), &sources)
}

fn answer(fixture: &Fixture, single: Single) -> Vec<u8> {
    fixture.root.ocsp(&OcspSpec::new([single]))
}

#[test]
fn a_status_by_ocsp_decides_and_no_crl_is_requested() {
    let fixture = Fixture::new();
    let chain = with_both(&fixture);
    let leaf = chain.leaf_der();
    let listed = CrlSpec::new().revoked(&entry());
    let good = outcome(&fixture, &chain, Some(answer(&fixture, Single::good(leaf))), Some(&listed));
    good.is_good();
    good.asked(&[[r"ocsp http://ocsp.example"]]);
    for (single, reason) in [
        (Single::revoked(leaf), "unspecified"),
        (Single::revoked(leaf).revoked_at(Single::REVOKED_AT, Some(1)), "keyCompromise"),
        (Single::revoked(leaf).revoked_at(Single::REVOKED_AT, Some(6)), "certificateHold"),
        (Single::revoked(leaf).revoked_at(Single::REVOKED_AT, Some(8)), "removeFromCRL"),
        (Single::revoked(leaf).invalid_since(datetime!(2026-11-20 00:00 UTC)), "unspecified"),
    ] {
        let revoked = outcome(&fixture, &chain, Some(answer(&fixture, single)), Some(&CrlSpec::new()));
        revoked.is_revoked(&format!(
            "{LEAF} revoked since 2026-11-01T00:00:00Z with reason {reason} by the OCSP response of \
             2026-11-21T00:00:00Z from \"http://ocsp.example\""
        ));
        revoked.asked(&[["ocsp http://ocsp.example"]]);
    }
}

#[test]
fn an_unusable_or_unknown_status_by_ocsp_leaves_the_decision_to_the_crl() {
    let fixture = Fixture::new();
    let chain = with_both(&fixture);
    let leaf = chain.leaf_der();
    let other = fixture.root.issue(CertSpec::leaf());
    for (answer, why) in [
        (None, "connection refused"),
        (Some(b"<html>".to_vec()), "not a DER-encoded OCSP response"),
        (Some(ocsp::refusal(ocsp::status::TRY_LATER)), "OCSP response status: found tryLater, expected successful"),
        (Some(answer(&fixture, Single::unknown(leaf))), "the responder does not know the certificate"),
        (
            Some(fixture.root.ocsp(&OcspSpec::new([Single::good(leaf)]).signed_by(&chain))),
            "OCSP responder \"CN=leaf,O=Testkit,ST=ZH,C=CH\" may not answer for the issuer of the certificate: it is the \
             certificate whose status it states",
        ),
        (
            Some(answer(&fixture, Single::good(other.leaf_der()).serial(&[1]))),
            "OCSP response is about other certificates: found 1 single responses, none for serial number 0a1b",
        ),
    ] {
        let rounds = [["ocsp http://ocsp.example"], ["base http://crl.example/a.crl"]];
        let good = outcome(&fixture, &chain, answer.clone(), Some(&CrlSpec::new()));
        good.is_good();
        good.asked(&rounds);
        let listed = outcome(&fixture, &chain, answer.clone(), Some(&CrlSpec::new().revoked(&entry())));
        assert!(listed.text().starts_with("revoked: "), "{why}: {}", listed.text());
        outcome(&fixture, &chain, answer, None).is_unchecked(&format!(
            "OCSP: http://ocsp.example: {why}; CRL: http://crl.example/a.crl: connection refused"
        ));
    }
}

#[test]
fn without_a_crl_an_unusable_answer_is_the_end() {
    let fixture = Fixture::new();
    let chain = fixture.root.issue(leaf().ocsp_url(OCSP));
    let unchecked = outcome(&fixture, &chain, Some(answer(&fixture, Single::unknown(chain.leaf_der()))), None);
    unchecked.is_unchecked("OCSP: http://ocsp.example: the responder does not know the certificate");
    unchecked.asked(&[["ocsp http://ocsp.example"]]);
}

#[test]
fn the_first_usable_answer_of_several_addresses_counts() {
    let fixture = Fixture::new();
    let chain = fixture.root.issue(leaf().ocsp_url("http://a.example").ocsp_url("http://b.example"));
    let unusable = ocsp::refusal(ocsp::status::INTERNAL_ERROR);
    let revoked = answer(&fixture, Single::revoked(chain.leaf_der()));
    let sources = Sources::new().with("http://a.example", unusable).with("http://b.example", revoked);
    let outcome = verify(&fixture.judge(), &fixture.sign(&chain), &sources);
    assert!(outcome.text().contains("from \"http://b.example\""), "{}", outcome.text());
    outcome.asked(&[["ocsp http://a.example http://b.example"]]);
}

#[test]
fn all_certificates_are_asked_about_at_once_and_a_revoked_intermediate_decides() {
    let fixture = Fixture::new();
    let intermediate = fixture.root.intermediate(CertSpec::intermediate().ocsp_url("http://root.example"));
    let chain = intermediate.issue(leaf().ocsp_url(OCSP));
    let good = intermediate.ocsp(&OcspSpec::new([Single::good(chain.leaf_der())]));
    let of_intermediate = |single| fixture.root.ocsp(&OcspSpec::new([single]));
    let outcome = |single| {
        let sources = Sources::new().with(OCSP, good.clone()).with("http://root.example", of_intermediate(single));
        verify(&fixture.judge(), &fixture.sign(&chain), &sources)
    };
    let passed = outcome(Single::good(intermediate.der()));
    passed.is_good();
    passed.asked(&[["ocsp http://ocsp.example", "ocsp http://root.example"]]);
    let revoked = outcome(Single::revoked(intermediate.der())).text();
    assert!(revoked.starts_with("revoked: certificate is revoked: found \"CN=intermediate,"), "{revoked}");
    // The authority of the leaf cannot answer for itself.
    let by_itself = intermediate.ocsp(&OcspSpec::new([Single::good(intermediate.der()).of_issuer(fixture.root.der())]));
    let sources = Sources::new().with(OCSP, good.clone()).with("http://root.example", by_itself);
    let unchecked = verify(&fixture.judge(), &fixture.sign(&chain), &sources).text();
    assert!(unchecked.contains("OCSP responder is unknown: found \"CN=intermediate,"), "{unchecked}");
}

#[test]
fn a_signature_of_a_signing_authority_from_before_the_invalidity_is_good() {
    let fixture = Fixture::new();
    let chain = fixture.root.issue(leaf().ocsp_url(OCSP));
    let signed = datetime!(2026-06-01 12:00 UTC);
    let (second, revoked) = (time::Duration::SECOND, || Single::revoked(chain.leaf_der()));
    for (single, text) in [
        (revoked().invalid_since(signed + second), "good"),
        (revoked().invalid_since(signed), "revoked: "),
        (revoked().invalid_since(signed - second), "revoked: "),
        (revoked(), "revoked: "),
        (revoked().revoked_at(datetime!(2026-07-01 00:00 UTC), Some(5)), "revoked: "),
    ] {
        let sources = Sources::new().with(OCSP, answer(&fixture, single));
        let judge = Judge::about(&fixture.target.media_type, &fixture.target.digest, fixture.target.size)
            .trusting(StoreKind::SigningAuthority, fixture.root.der());
        let request = fixture.sign(&chain).scheme(Scheme::SigningAuthority).authentic_signing_time(signed);
        let outcome = verify(&judge, &request, &sources);
        assert!(outcome.text().starts_with(text), "{}", outcome.text());
        // The time that a signer claims does not excuse.
        let claimed = verify(&fixture.judge(), &fixture.sign(&chain), &sources);
        assert!(claimed.text().starts_with("revoked: "), "{}", claimed.text());
    }
}

#[test]
fn a_verdict_ends_with_the_answer_that_it_stands_on() {
    let fixture = Fixture::new();
    let chain = with_both(&fixture);
    let until = |answer, list: Option<&CrlSpec>| -> Option<UnixTime> {
        outcome(&fixture, &chain, Some(answer), list).result.ok().and_then(|verified| verified.good_until())
    };
    let at = |time| Some(UnixTime::from_rfc3339(time).unwrap());
    let good = Single::good(chain.leaf_der()).next_update(datetime!(2026-11-23 00:00 UTC));
    assert_eq!(until(answer(&fixture, good), None), at("2026-11-23T00:00:00Z"));
    // An answer without a status does not shorten the lifetime.
    let unknown = Single::unknown(chain.leaf_der()).next_update(datetime!(2026-11-23 00:00 UTC));
    assert_eq!(until(answer(&fixture, unknown), Some(&CrlSpec::new())), at("2026-11-27T00:00:00Z"));
}

#[test]
fn a_response_without_next_update_does_not_count_whatever_a_fetcher_accepts() {
    let fixture = Fixture::new();
    let chain = fixture.root.issue(leaf().ocsp_url(OCSP));
    let sources = Sources::new().with(OCSP, answer(&fixture, Single::good(chain.leaf_der()).without_next_update()));
    verify(&fixture.judge(), &fixture.sign(&chain), &sources).is_unchecked(
        "OCSP: http://ocsp.example: OCSP response has no nextUpdate, so its age is not limited; expected one",
    );
    // The judgement applies its own settings, not those of the fetcher.
    let day = Some(std::time::Duration::from_secs(24 * 3600));
    let settings = EvidenceSettings { max_age_without_next_update: day, ..EvidenceSettings::default() };
    let outcome = verify(&fixture.judge(), &fixture.sign(&chain), &sources.settings(settings));
    outcome.is_unchecked(
        "OCSP: http://ocsp.example: OCSP response has no nextUpdate, so its age is not limited; expected one",
    );
}
