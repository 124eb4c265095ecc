//! How long evidence is used, and its refresh.

use countersign_core::verdict::Code;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use std::time::Duration;

use crate::engine::evidence::fixture::CRL;
use crate::engine::evidence::fixture::Fixture;
use crate::engine::evidence::fixture::OCSP;
use crate::engine::evidence::fixture::time;

#[tokio::test]
async fn evidence_is_refreshed_in_the_background_and_the_last_good_is_kept_until_its_end() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    // Three quarters of this list's use are over at 12:45.
    fixture.crl_is(&CrlSpec::new().valid(time(11, 0), time(13, 0)));
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 1));
    fixture.at("2026-11-21T12:30:00Z");
    fixture.refresh_due().await;
    assert_eq!(fixture.requests(), 0);
    fixture.at("2026-11-21T12:46:00Z");
    let down = fixture.responder.when(CRL).status(503);
    fixture.refresh_due().await;
    assert_eq!(fixture.requests(), 1);
    let ends = "countersign_evidence_end_without_refresh_timestamp_seconds{kind=\"crl\"}";
    assert_eq!(fixture.engine.metric(ends), time(13, 0).unix_timestamp());
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 0));
    fixture.at("2026-11-21T12:59:59Z");
    fixture.refresh_due().await;
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 1));
    fixture.at("2026-11-21T13:00:10Z");
    assert_eq!(fixture.code(&signer).await, Code::RevocationUnchecked);
    down.remove();
    fixture.crl_is(&CrlSpec::new().valid(time(12, 59), time(15, 0)));
    fixture.at("2026-11-21T13:01:00Z");
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    assert_eq!(fixture.engine.metric(ends), 0);
}

#[tokio::test]
async fn a_refresh_notices_a_revocation_within_the_interval() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    fixture.revoke(&signer);
    fixture.at("2026-11-21T12:53:00Z");
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    fixture.at("2026-11-21T13:01:00Z");
    fixture.refresh_due().await;
    assert_eq!(fixture.code(&signer).await, Code::Revoked);
    assert_eq!(fixture.requests(), 2);
}

#[tokio::test]
async fn what_is_due_is_fetched_when_it_is_used_even_without_background_work() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_ocsp();
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    fixture.ocsp_is(&signer, Single::revoked(signer.leaf_der()));
    fixture.at("2026-11-21T13:01:00Z");
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Revoked, 2));
    // If it cannot be fetched, the former is used.
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_ocsp();
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    fixture.responder.when(OCSP).status(500);
    fixture.at("2026-11-21T13:01:00Z");
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 2));
}

#[tokio::test]
async fn a_revocation_is_noticed_after_the_configured_lifetime_at_the_latest() {
    let fixture =
        Fixture::with("strict", |settings| settings.reading.max_lifetime = Some(Duration::from_secs(1800))).await;
    let signer = fixture.signer_with_crl();
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    fixture.responder.when(CRL).status(503);
    fixture.at("2026-11-21T12:29:00Z");
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    fixture.at("2026-11-21T12:31:00Z");
    assert_eq!(fixture.code(&signer).await, Code::RevocationUnchecked);
}

#[tokio::test]
async fn evidence_that_is_not_used_is_not_refreshed() {
    let fixture =
        Fixture::with("strict", |settings| settings.reading.max_lifetime = Some(Duration::from_secs(7 * 24 * 3600)))
            .await;
    let signer = fixture.signer_with_crl();
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 1));
    fixture.at("2026-11-22T11:00:00Z");
    fixture.refresh_due().await;
    assert_eq!(fixture.requests(), 1);
    // 24 hours after the last use.
    fixture.at("2026-11-22T13:30:00Z");
    fixture.refresh_due().await;
    assert_eq!(fixture.requests(), 0);
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 1));
}

#[tokio::test]
async fn a_cached_verdict_does_not_outlive_its_evidence() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    fixture.crl_is(&CrlSpec::new().valid(time(11, 0), time(12, 2)));
    let image = fixture.image(&signer);
    let verify = || async {
        let result = fixture.engine.verify(&image).await;
        (result.verdict.code(), result.cached)
    };
    assert_eq!(verify().await, (Code::Verified, false));
    fixture.at("2026-11-21T12:01:59Z");
    assert_eq!(verify().await, (Code::Verified, true));
    fixture.revoke(&signer);
    fixture.at("2026-11-21T12:02:00Z");
    assert_eq!(verify().await, (Code::Revoked, false));
}

#[tokio::test]
async fn neither_evidence_nor_a_verdict_that_is_made_with_it_lasts_longer_because_the_clock_is_set_back() {
    let fixture = Fixture::within("strict", |_| {}, Duration::from_secs(300)).await;
    let signer = fixture.signer_with_crl();
    fixture.crl_is(&CrlSpec::new().valid(time(11, 0), time(12, 2)));
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    // The time that passes is that of the runtime, and deadlines count by the system.
    let pass = async |seconds| {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
    };
    fixture.at("2026-11-21T11:30:00Z");
    pass(60).await;
    fixture.revoke(&signer);
    let image = fixture.image(&signer);
    let verify = || async {
        let result = fixture.engine.verify_within(&image, Duration::from_secs(300)).await;
        (result.verdict.code(), result.cached)
    };
    assert_eq!(verify().await, (Code::Verified, false));
    assert_eq!((verify().await, fixture.requests()), ((Code::Verified, true), 1));
    // Two minutes after the list was fetched, although the clock says that it lasts for half an hour more.
    pass(60).await;
    assert_eq!((verify().await, fixture.requests()), ((Code::Revoked, false), 1));
}

#[tokio::test]
async fn a_cached_verdict_does_not_outlive_the_configured_lifetime_of_its_evidence() {
    let fixture =
        Fixture::with("strict", |settings| settings.reading.max_lifetime = Some(Duration::from_secs(60))).await;
    let signer = fixture.signer_with_crl();
    let image = fixture.image(&signer);
    let verify = || async {
        let result = fixture.engine.verify(&image).await;
        (result.verdict.code(), result.cached)
    };
    assert_eq!(verify().await, (Code::Verified, false));
    fixture.at("2026-11-21T12:00:59Z");
    assert_eq!(verify().await, (Code::Verified, true));
    fixture.revoke(&signer);
    fixture.at("2026-11-21T12:01:00Z");
    assert_eq!(verify().await, (Code::Revoked, false));
}

#[tokio::test]
async fn missing_evidence_is_not_cached_as_a_verdict() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    let down = fixture.responder.when(CRL).status(500);
    let image = fixture.image(&signer);
    assert_eq!(fixture.engine.code(&image).await, Code::RevocationUnchecked);
    down.remove();
    fixture.at("2026-11-21T12:00:10Z");
    assert_eq!(fixture.engine.code(&image).await, Code::Verified);
}

#[tokio::test]
async fn a_former_list_does_not_take_back_a_revocation_that_is_known() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    let listed = Revoked::certificate(signer.leaf_der());
    fixture.crl_is(&CrlSpec::new().valid(time(11, 0), CrlSpec::NEXT_UPDATE).revoked(&listed));
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Revoked, 1));
    // Still valid, and sent again by a server behind, or by an attacker on the network.
    fixture.crl_is(&CrlSpec::new());
    fixture.at("2026-11-21T13:01:00Z");
    fixture.refresh_due().await;
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Revoked, 1));
    let ends = "countersign_evidence_end_without_refresh_timestamp_seconds{kind=\"crl\"}";
    assert_eq!(fixture.engine.metric(ends), (time(12, 0) + time::Duration::DAY).unix_timestamp());
    fixture.at("2026-11-21T13:01:10Z");
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Revoked, 1));
    // A list that is newer replaces it.
    fixture.crl_is(&CrlSpec::new().valid(time(13, 0), CrlSpec::NEXT_UPDATE));
    fixture.at("2026-11-21T13:02:00Z");
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 1));
    assert_eq!(fixture.engine.metric(ends), 0);
}

#[tokio::test]
async fn a_former_response_does_not_take_back_a_revocation_that_is_known() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_ocsp();
    fixture.ocsp_is(&signer, Single::revoked(signer.leaf_der()).this_update(time(11, 0)));
    assert_eq!(fixture.code(&signer).await, Code::Revoked);
    fixture.ocsp_is(&signer, Single::good(signer.leaf_der()));
    fixture.at("2026-11-21T13:01:00Z");
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Revoked, 2));
    fixture.ocsp_is(&signer, Single::good(signer.leaf_der()).this_update(time(12, 30)));
    fixture.at("2026-11-21T13:01:10Z");
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 1));
}

#[tokio::test]
async fn a_former_response_of_another_address_does_not_take_back_a_revocation_that_is_known() {
    let fixture = Fixture::new().await;
    let (first, second) = (fixture.responder.url("/first"), fixture.responder.url("/second"));
    let signer = fixture.issue(|leaf| leaf.ocsp_url(&first).ocsp_url(&second));
    let answer = |path: &str, single: Single| {
        let response = fixture.engine.root.ocsp(&OcspSpec::new([single]));
        fixture.responder.ocsp(path, move |_| response.clone());
    };
    answer("/first", Single::revoked(signer.leaf_der()).this_update(time(11, 0)));
    answer("/second", Single::good(signer.leaf_der()));
    assert_eq!(fixture.code(&signer).await, Code::Revoked);
    fixture.responder.when("/first").status(500);
    fixture.at("2026-11-21T13:01:00Z");
    assert_eq!(fixture.code(&signer).await, Code::Revoked);
    assert_eq!((fixture.responder.count("/first"), fixture.responder.count("/second")), (2, 1));
    // Both are in memory.
    fixture.at("2026-11-21T13:01:05Z");
    assert_eq!(fixture.code(&signer).await, Code::Revoked);
    assert_eq!(fixture.requests(), 3);
}

#[tokio::test]
async fn evidence_stays_in_memory_when_the_settings_change() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 1));
    let fetcher = fixture.engine.evidence.as_ref().unwrap();
    let successor = fetcher.successor(crate::engine::evidence::fixture::patient()).unwrap();
    let engine = fixture.engine.successor_with(std::sync::Arc::new(successor));
    engine.take_over(&fixture.engine.engine);
    let image: std::sync::Arc<countersign_core::name::ImageRef> =
        std::sync::Arc::new(fixture.image(&signer).parse().unwrap());
    let request = engine.request(image, countersign::engine::Deadline::after(Duration::from_secs(20)));
    let result = countersign::engine::Verifier::verify(&engine, request).await;
    assert_eq!((result.verdict.code(), fixture.requests()), (Code::Verified, 0));
}

#[tokio::test]
async fn a_cache_without_memory_fetches_for_each_image() {
    let fixture = Fixture::with("strict", |settings| settings.cache_bytes = 0).await;
    let signer = fixture.signer_with_crl();
    for _ in 0..3 {
        assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 1));
    }
    assert_eq!(fixture.engine.metric("countersign_evidence_bytes{kind=\"crl\"}"), 0);
}

/// An authority publishes a complete list and its delta at the same time, and each is due at another.
#[tokio::test]
async fn a_complete_list_that_is_older_than_its_delta_needs_is_fetched_again() {
    const DELTA: &str = "/delta.crl";
    for in_background in [true, false] {
        let fixture = Fixture::new().await;
        let publish = |number, hour, minute| {
            let base = CrlSpec::new().number(number).valid(time(hour, minute), CrlSpec::NEXT_UPDATE);
            fixture.crl_is(&base.freshest_url(&fixture.responder.url(DELTA)));
            let delta = CrlSpec::delta(number).number(number + 1).valid(time(hour, minute), time(hour + 1, minute));
            fixture.responder.crl(DELTA, fixture.engine.root.crl(&delta));
        };
        publish(7, 11, 30);
        let signer = fixture.issue(|leaf| leaf.crl_url(&fixture.responder.url(CRL)));
        assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 2));
        publish(17, 12, 20);
        fixture.at("2026-11-21T12:25:00Z");
        if in_background {
            fixture.refresh_due().await;
            assert_eq!(fixture.requests(), 1);
            fixture.refresh_due().await;
            assert_eq!(fixture.requests(), 1);
            assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 0));
        } else {
            // This image has the former complete list already when the delta is fetched.
            assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::RevocationUnchecked, 1));
            assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 1));
        }
    }
}

#[tokio::test]
async fn a_complete_list_that_stays_behind_its_delta_is_fetched_each_minute() {
    const DELTA: &str = "/delta.crl";
    let fixture = Fixture::new().await;
    fixture.crl_is(&CrlSpec::new().freshest_url(&fixture.responder.url(DELTA)));
    fixture.responder.crl(DELTA, fixture.engine.root.crl(&CrlSpec::delta(17).number(18)));
    let signer = fixture.issue(|leaf| leaf.crl_url(&fixture.responder.url(CRL)));
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::RevocationUnchecked, 2));
    for (at, requests) in [("12:00:01", 1), ("12:00:59", 0), ("12:01:01", 1), ("12:01:59", 0)] {
        fixture.at(&format!("2026-11-21T{at}Z"));
        assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::RevocationUnchecked, requests), "{at}");
    }
}
