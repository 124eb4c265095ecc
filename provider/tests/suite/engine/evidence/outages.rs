//! Servers that are down, slow or wrong.

use std::time::Duration;

use countersign_core::notation::Check;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::responder::Responder;
use countersign_testkit::waited::without_times;
use futures_util::future::join_all;

use crate::engine::evidence::fixture::CRL;
use crate::engine::evidence::fixture::Fixture;
use crate::engine::evidence::fixture::OCSP;
use crate::engine::evidence::fixture::time;

#[tokio::test]
async fn a_responder_that_is_down_leaves_images_undecided_and_is_used_at_the_first_try_after_the_negative_time() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_ocsp();
    let down = fixture.responder.when(OCSP).status(503);
    let (code, message) = fixture.reason(&signer).await;
    assert_eq!(code, Code::RevocationUnchecked);
    let message = message.as_str();
    assert!(
        message.contains("status: found 503, expected 200") && message.contains("2026-11-21T12:00:00Z"),
        "{message}"
    );
    assert_eq!(fixture.requests(), 1);
    // Within the negative time it is not asked again, although it is back.
    down.remove();
    fixture.at("2026-11-21T12:00:09Z");
    let (code, message) = fixture.reason(&signer).await;
    assert_eq!((code, fixture.requests()), (Code::RevocationUnchecked, 0));
    assert!(message.as_str().contains("2026-11-21T12:00:00Z"), "{message}");
    fixture.at("2026-11-21T12:00:10Z");
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 1));
}

#[tokio::test]
async fn a_statement_that_logs_revocation_admits_with_a_warning() {
    let fixture = Fixture::with("permissive", |_| {}).await;
    let signer = fixture.signer_with_crl();
    let down = fixture.responder.when(CRL).close();
    assert_eq!(fixture.warnings(&signer).await, [(Check::Revocation, Code::RevocationUnchecked)]);
    down.remove();
    fixture.at("2026-11-21T12:00:10Z");
    assert_eq!(fixture.warnings(&signer).await, []);
}

#[tokio::test]
async fn a_verdict_with_a_check_that_an_outage_prevented_is_cached_only_as_long_as_a_rejection() {
    for (rejected_lifetime, warnings) in
        [(Duration::ZERO, vec![]), (Duration::from_secs(600), vec![(Check::Revocation, Code::RevocationUnchecked)])]
    {
        let fixture = Fixture::with_engine(
            "permissive",
            |_| {},
            |settings| {
                settings.flight_time = Duration::from_secs(30);
                settings.rejected_lifetime = rejected_lifetime;
            },
        )
        .await;
        let image = fixture.image(&fixture.signer_with_crl());
        let down = fixture.responder.when(CRL).close();
        assert_eq!(fixture.warnings_of(&image).await, [(Check::Revocation, Code::RevocationUnchecked)]);
        down.remove();
        fixture.at("2026-11-21T12:00:10Z");
        assert_eq!(fixture.warnings_of(&image).await, warnings, "{rejected_lifetime:?}");
    }
}

#[tokio::test]
async fn the_time_since_when_an_address_fails_is_kept_until_it_works() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    let down = fixture.responder.when(CRL).status(500);
    for (time, since) in [("12:00:00", "12:00:00"), ("12:05:00", "12:00:00")] {
        fixture.at(&format!("2026-11-21T{time}Z"));
        let (_, message) = fixture.reason(&signer).await;
        assert!(message.as_str().contains(&format!("CRL: since 2026-11-21T{since}Z: http://")), "{message}");
    }
    down.remove();
    fixture.at("2026-11-21T12:10:00Z");
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    fixture.responder.when(CRL).status(500);
    fixture.at("2026-11-22T13:00:00Z");
    let (_, message) = fixture.reason(&signer).await;
    assert!(message.as_str().contains("since 2026-11-22T13:00:00Z"), "{message}");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_not_asked_for_other_evidence_either() {
    let fixture = Fixture::with("strict", |settings| {
        settings.reachable_hosts.push("127.0.0.1:1".parse().unwrap());
    })
    .await;
    let signer = |path: &str| fixture.issue(|leaf| leaf.crl_url(&format!("http://127.0.0.1:1{path}")));
    let (code, message) = fixture.reason(&signer("/one.crl")).await;
    assert_eq!(code, Code::RevocationUnchecked);
    assert!(message.as_str().contains("cannot connect to 127.0.0.1:1"), "{message}");
    let (_, message) = fixture.reason(&signer("/two.crl")).await;
    assert!(message.as_str().contains("cannot connect to 127.0.0.1:1"), "{message}");
    let sent = fixture.engine.metric("countersign_evidence_requests_total{kind=\"crl\",result=\"unreachable\"}");
    assert_eq!(sent, 1);
}

#[tokio::test]
async fn a_pause_that_a_server_requests_is_observed() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    let throttled = fixture.responder.when(CRL).too_many_requests("40");
    let (_, message) = fixture.reason(&signer).await;
    assert!(message.as_str().contains("requires a wait of 40 s"), "{message}");
    throttled.remove();
    // The negative time is over, the pause is not.
    fixture.at("2026-11-21T12:00:30Z");
    let (code, message) = fixture.reason(&signer).await;
    assert_eq!((code, fixture.requests()), (Code::RevocationUnchecked, 1));
    assert!(message.as_str().contains("requires a wait of"), "{message}");
}

#[tokio::test]
async fn a_pause_that_does_not_end_before_the_deadline_is_named_in_place_of_the_wait() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    let throttled = fixture.responder.when(CRL).too_many_requests("10");
    assert_eq!(fixture.code(&signer).await, Code::RevocationUnchecked);
    throttled.remove();
    // The negative time is over, the pause is not, and is shorter than the time for a CRL.
    fixture.at("2026-11-21T12:00:30Z");
    let result = fixture.engine.verify_within(&fixture.image(&signer), Duration::from_millis(500)).await;
    let ImageVerdict::Inconclusive(inconclusive) = &*result.verdict else { panic!("{:?}", result.verdict) };
    let (code, detail) = (inconclusive.reason.code, inconclusive.reason.detail.as_str());
    assert_eq!((code, fixture.requests()), (Code::RevocationUnchecked, 1));
    assert!(detail.contains(&format!("{} requires a wait of ", fixture.responder.host())), "{detail}");
    assert!(detail.contains(" s, which does not end before the request's deadline; inconclusive"), "{detail}");
}

#[tokio::test]
async fn wrong_content_is_unusable_and_not_kept() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    let html = fixture.responder.when(CRL).body("<html>please log in</html>");
    assert_eq!(fixture.code(&signer).await, Code::RevocationUnchecked);
    html.remove();
    fixture.at("2026-11-21T12:01:00Z");
    fixture.responder.when(CRL).times(1).wrong_bytes();
    assert_eq!(fixture.code(&signer).await, Code::RevocationUnchecked);
    fixture.at("2026-11-21T12:02:00Z");
    fixture.responder.when(CRL).times(1).header("content-encoding", "gzip");
    assert_eq!(fixture.code(&signer).await, Code::RevocationUnchecked);
    fixture.at("2026-11-21T12:03:00Z");
    // The type is not checked: many servers send another one, and the content is signed.
    fixture.responder.when(CRL).header("content-type", "text/html");
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    let result = |result: &str| {
        fixture.engine.metric(&format!("countersign_evidence_requests_total{{kind=\"crl\",result=\"{result}\"}}"))
    };
    assert_eq!(["unusable", "invalid", "ok"].map(result), [2, 1, 1]);
}

#[tokio::test]
async fn a_response_above_the_limit_is_unusable() {
    let fixture =
        Fixture::with("strict", |settings| (settings.max_crl_bytes, settings.max_ocsp_bytes) = (300, 200)).await;
    fixture.crl_is(&CrlSpec::new().many(10));
    let signer = fixture.issue(|leaf| leaf.crl_url(&fixture.responder.url(CRL)));
    let (code, message) = fixture.reason(&signer).await;
    assert_eq!(code, Code::RevocationUnchecked);
    assert!(
        message
            .as_str()
            .contains("sends more than 300 bytes, expected at most as many as evidence.maxCrlBytes permits"),
        "{message}"
    );
    let (code, message) = fixture.reason(&fixture.signer_with_ocsp()).await;
    assert_eq!(code, Code::RevocationUnchecked);
    assert!(
        message
            .as_str()
            .contains("sends more than 200 bytes, expected at most as many as evidence.maxOcspBytes permits"),
        "{message}"
    );
    let endless = fixture.responder.when(OCSP).endless_body();
    fixture.at("2026-11-21T12:01:00Z");
    let (_, message) = fixture.reason(&fixture.signer_with_ocsp()).await;
    assert!(
        message
            .as_str()
            .contains("sends more than 200 bytes, expected at most as many as evidence.maxOcspBytes permits"),
        "{message}"
    );
    assert_eq!(endless.hits(), 1);
}

#[tokio::test]
async fn one_slow_server_does_not_cost_images_whose_evidence_is_elsewhere() {
    let slow = Responder::start().await;
    let fixture = Fixture::with("strict", |settings| {
        settings.reachable_hosts.push(slow.host().parse().unwrap());
        settings.requests = countersign_http::RequestLimits { per_host: 2, total: 8 };
    })
    .await;
    let held = slow.when("/").hold();
    slow.crl("", fixture.engine.root.crl(&CrlSpec::new()));
    let waiting: Vec<String> = (0..6)
        .map(|number| fixture.image(&fixture.issue(|leaf| leaf.crl_url(&slow.url(&format!("/{number}.crl"))))))
        .collect();
    let other = async {
        slow.wait_for(2).await;
        let code = fixture.code(&fixture.signer_with_crl()).await;
        held.release();
        code
    };
    let (waited, code) = futures_util::join!(join_all(waiting.iter().map(|image| fixture.engine.code(image))), other);
    assert_eq!(code, Code::Verified);
    assert_eq!(waited, [Code::Verified; 6]);
    assert_eq!(slow.max_concurrent(), 2);
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_is_followed_by_the_next_address() {
    let silent = Responder::start().await;
    silent.when("/").never_answer();
    let fixture = Fixture::with("strict", |settings| {
        settings.reachable_hosts.push(silent.host().parse().unwrap());
        settings.response_timeout = Duration::from_millis(100);
    })
    .await;
    let url = fixture.responder.url(OCSP);
    let signer = fixture.issue(|leaf| leaf.ocsp_url(&silent.url(OCSP)).ocsp_url(&url));
    fixture.ocsp_is(&signer, Single::good(signer.leaf_der()));
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    assert_eq!((silent.count(OCSP), fixture.responder.count(OCSP)), (1, 1));
}

#[tokio::test]
async fn a_deadline_names_the_step_that_used_up_the_time() {
    let fixture = Fixture::within("strict", |_| {}, Duration::from_secs(3)).await;
    let signer = fixture.signer_with_crl();
    let held = fixture.responder.when(CRL).hold();
    let (code, message) = fixture.reason(&signer).await;
    assert_eq!(code, Code::RevocationUnchecked);
    let found = format!(
        "found no response of {} for the CRL after N s, expected a complete response",
        fixture.responder.host()
    );
    assert!(without_times(message.as_str()).contains(&found), "{message}");
    held.release();
}

#[tokio::test]
async fn an_ocsp_response_that_does_not_come_or_stops_is_named_with_its_server_and_what_is_missing() {
    for (stalls, missing) in [(false, "found no response of"), (true, "found only the beginning of the response of")] {
        let fixture = Fixture::with("strict", |_| {}).await;
        let signer = fixture.signer_with_ocsp();
        let fault = fixture.responder.when(OCSP);
        let _fault = if stalls { fault.stalled_body() } else { fault.never_answer() };
        // Before a body that stops is too slow, which ends the request.
        let time = Duration::from_millis(1800);
        let verdict = fixture.engine.verify_within(&fixture.image(&signer), time).await.verdict;
        let ImageVerdict::Inconclusive(undecided) = &*verdict else { panic!("{verdict:?}") };
        let reason = undecided.signatures.listed()[0].reasons.first();
        assert_eq!(reason.code, Code::RevocationUnchecked);
        let (url, host) = (fixture.responder.url(OCSP), fixture.responder.host());
        let expected = format!(
            ": OCSP: {url}: there was no response in time: {missing} {host} for the OCSP response after N s, expected a complete response; \
             inconclusive, as the statement enforces the check"
        );
        let seen = without_times(reason.detail.as_str());
        assert!(seen.ends_with(&expected), "{seen}");
    }
}

#[tokio::test]
async fn a_caller_that_leaves_before_evidence_for_another_one_is_late_learns_its_server() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    let held = fixture.responder.when(CRL).hold();
    let image = fixture.image(&signer);
    let first = fixture.engine.verify(&image);
    let second = async {
        fixture.responder.wait_for(1).await;
        let verdict = fixture.engine.verify_within(&image, Duration::from_millis(300)).await.verdict;
        held.release();
        let ImageVerdict::Inconclusive(undecided) = &*verdict else { panic!("{verdict:?}") };
        (undecided.reason.code, without_times(undecided.reason.detail.as_str()))
    };
    let (first, second) = futures_util::join!(first, second);
    let message = format!(
        "verification did not finish before the request's deadline: it ended while its signatures were fetched and verified: found no \
         response of {} for the CRL after N s, expected a complete response",
        fixture.responder.host()
    );
    assert_eq!((first.verdict.code(), second), (Code::Verified, (Code::DeadlineExceeded, message)));
}

#[tokio::test]
async fn evidence_that_is_late_for_the_request_is_unavailable_as_the_level_requires_and_in_memory_for_the_next_request()
{
    let late = |level, code| async move {
        let fixture = Fixture::with(level, |_| {}).await;
        let signer = fixture.signer_with_crl();
        let held = fixture.responder.when(CRL).hold();
        let verdict = fixture.engine.verify_within(&fixture.image(&signer), Duration::from_secs(4)).await.verdict;
        let reason = match &*verdict {
            ImageVerdict::Inconclusive(undecided) => undecided.signatures.listed()[0].reasons.first().clone(),
            ImageVerdict::Verified(verified) => verified.warnings().next().unwrap().1.clone(),
            ImageVerdict::Rejected(_) | ImageVerdict::Skipped(_) => panic!("{verdict:?}"),
        };
        assert_eq!((verdict.code(), reason.code), (code, Code::RevocationUnchecked));
        let url = fixture.responder.url(CRL);
        let found = format!("found no response of {} for the CRL after N s", fixture.responder.host());
        let why = format!("{url}: there was no response in time: {found}, expected a complete response");
        assert!(without_times(reason.detail.as_str()).contains(&why), "{}", reason.detail);
        held.release();
        assert_eq!((fixture.warnings(&signer).await, fixture.responder.count(CRL)), (vec![], 1));
    };
    tokio::join!(late("strict", Code::RevocationUnchecked), late("permissive", Code::Verified));
}

#[tokio::test]
async fn the_answer_that_a_certificate_is_unknown_is_kept_for_seconds_only() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_ocsp();
    // A responder may learn of a new certificate after its first use.
    fixture.ocsp_is(&signer, Single::unknown(signer.leaf_der()));
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::RevocationUnchecked, 1));
    fixture.ocsp_is(&signer, Single::good(signer.leaf_der()));
    fixture.at("2026-11-21T12:00:08Z");
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::RevocationUnchecked, 0));
    fixture.at("2026-11-21T12:00:10Z");
    fixture.refresh_due().await;
    assert_eq!(fixture.requests(), 0);
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 1));
}

#[tokio::test]
async fn a_list_of_an_authority_that_is_late_is_not_fetched_for_each_image() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    // Usable for two minutes more, as clocks may differ by five.
    fixture.crl_is(&CrlSpec::new().valid(time(11, 0), time(11, 57)));
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 1));
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 0));
    fixture.at("2026-11-21T12:00:10Z");
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 1));
    fixture.at("2026-11-21T12:02:01Z");
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::RevocationUnchecked, 1));
}
