//! The evidence that an explanation lists.

use countersign_core::evidence::EvidenceSettings;
use countersign_core::notation::EvidenceFact;
use countersign_core_test_support::revocation::Sources;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use time::macros::datetime;

use crate::notation::revocation::CRL;
use crate::notation::revocation::DELTA;
use crate::notation::revocation::Fixture;
use crate::notation::revocation::entry;
use crate::notation::revocation::leaf;
use crate::notation::revocation::ocsp::OCSP;

fn shown(facts: &[EvidenceFact]) -> Vec<String> {
    let show = |fact: &EvidenceFact| {
        let EvidenceFact { kind, certificate, status, url, fetched, this_update, next_update, usable_until } = fact;
        let next = next_update.map_or("never".to_owned(), |next| next.to_string());
        let (kind, status) = (kind.as_str(), status.as_str());
        format!(
            "{kind} {certificate} {status} {url} {fetched} {this_update} {next} {} {}",
            usable_until.at,
            usable_until.by.as_str()
        )
    };
    facts.iter().map(show).collect()
}

#[test]
fn each_list_is_named_with_its_times_whatever_the_result() {
    let fixture = Fixture::new();
    let request = fixture.sign(&fixture.root.issue(leaf().crl_url(CRL)));
    let delta = CrlSpec::delta(7).valid(datetime!(2026-11-21 00:00 UTC), datetime!(2026-11-22 00:00 UTC));
    let facts = |base: CrlSpec, delta: &CrlSpec| {
        let sources =
            Sources::new().with(CRL, fixture.root.crl(&base.freshest_url(DELTA))).with(DELTA, fixture.root.crl(delta));
        shown(&fixture.judge().explain(&request.jws(), |request| sources.respond(request)).evidence)
    };
    let base = |status| {
        format!(
            "crl CN=leaf,O=Testkit,ST=ZH,C=CH {status} {CRL} 2026-11-21T12:00:00Z 2026-11-20T00:00:00Z \
             2026-11-27T00:00:00Z 2026-11-27T00:00:00Z nextUpdate"
        )
    };
    let of_delta = |status| {
        format!(
            "deltaCrl CN=leaf,O=Testkit,ST=ZH,C=CH {status} {DELTA} 2026-11-21T12:00:00Z 2026-11-21T00:00:00Z \
             2026-11-22T00:00:00Z 2026-11-22T00:00:00Z nextUpdate"
        )
    };
    assert_eq!(facts(CrlSpec::new(), &delta), [base("good"), of_delta("good")]);
    let on_hold = || CrlSpec::new().revoked(&entry().reason(6));
    assert_eq!(facts(on_hold(), &delta.clone().revoked(&entry().reason(8))), [base("revoked"), of_delta("good")]);
    assert_eq!(facts(CrlSpec::new(), &delta.clone().revoked(&entry())), [base("good"), of_delta("revoked")]);
    assert_eq!(facts(CrlSpec::new().revoked(&entry()), &delta), [base("revoked")]);
}

#[test]
fn each_answer_of_a_responder_is_named_with_its_times_whatever_the_result() {
    let fixture = Fixture::new();
    let chain = fixture.root.issue(leaf().ocsp_url(OCSP));
    let request = fixture.sign(&chain);
    let facts = |single: Single| {
        let sources = Sources::new().with(OCSP, fixture.root.ocsp(&OcspSpec::new([single])));
        shown(&fixture.judge().explain(&request.jws(), |request| sources.respond(request)).evidence)
    };
    let leaf = chain.leaf_der();
    for (single, status) in
        [(Single::good(leaf), "good"), (Single::revoked(leaf), "revoked"), (Single::unknown(leaf), "unknown")]
    {
        assert_eq!(
            facts(single),
            [format!(
                "ocsp CN=leaf,O=Testkit,ST=ZH,C=CH {status} {OCSP} 2026-11-21T12:00:00Z 2026-11-21T00:00:00Z \
                 2026-11-28T00:00:00Z 2026-11-28T00:00:00Z nextUpdate"
            )]
        );
    }
}

#[test]
fn the_longest_use_ends_evidence_that_would_be_usable_for_longer() {
    let fixture = Fixture::new();
    let request = fixture.sign(&fixture.root.issue(leaf().crl_url(CRL)));
    let sources = Sources::new().with(CRL, fixture.root.crl(&CrlSpec::new()));
    let ends = |max_lifetime: Option<u64>| {
        let max_lifetime = max_lifetime.map(std::time::Duration::from_secs);
        let settings = EvidenceSettings { max_lifetime, ..EvidenceSettings::default() };
        let judge = fixture.judge().evidence_settings(settings);
        let until = judge.explain(&request.jws(), |request| sources.respond(request)).evidence[0].usable_until;
        let verified = judge.ask_with(&request.jws(), "application/jose+json", |request| sources.respond(request));
        let verdict = verified.0.unwrap().good_until().map(|end| end.to_string());
        (until.at.to_string(), until.by.as_str(), verdict)
    };
    let next_update = || "2026-11-27T00:00:00Z".to_owned();
    let an_hour = || "2026-11-21T13:00:00Z".to_owned();
    assert_eq!(ends(None), (next_update(), "nextUpdate", Some(next_update())));
    assert_eq!(ends(Some(3600)), (an_hour(), "maxLifetime", Some(an_hour())));
    assert_eq!(ends(Some(30 * 24 * 3600)), (next_update(), "nextUpdate", Some(next_update())));
}
