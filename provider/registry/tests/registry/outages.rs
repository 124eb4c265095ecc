//! Registries that fail for some time, and connections that are dead. The clock is paused.

use std::time::Duration;

use countersign_credentials::Credential;
use countersign_http::FetchError;
use countersign_http::until;
use countersign_registry::Cause;
use countersign_registry::RegistryErrorKind;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use tokio::time::Instant;

use crate::support::app;
use crate::support::build;
use crate::support::entry;
use crate::support::secure;
use crate::support::settings;
use crate::support::soon;
use crate::support::start_secure;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The time that a caller of the work waits.
const CALLER: Duration = ms(1800);

#[tokio::test(start_paused = true)]
async fn a_request_without_a_response_is_sent_once_more_over_a_new_connection_and_the_old_one_is_not_used_again() {
    let (registry, ca) = start_secure().await;
    let (registries, seen) = build(settings(vec![secure(&registry, &ca, Credential::Anonymous)]));
    let image = app(&registry);
    let pin = || until(Instant::now() + CALLER, registries.pin(&image, soon()));
    drop(pin().await.unwrap().unwrap());
    assert_eq!(registry.connections(), 1);
    // A stream of the HTTP/2 connection has no response, as if the connection were dead.
    registry.when(Route::Manifest).times(1).never_answer();
    let began = Instant::now();
    drop(pin().await.unwrap().unwrap());
    assert!(began.elapsed() >= CALLER / 2 && began.elapsed() < CALLER / 2 + ms(100), "{:?}", began.elapsed());
    assert_eq!((registry.connections(), registry.count(Route::Manifest)), (2, 3));
    for _ in 0..3 {
        drop(pin().await.unwrap().unwrap());
    }
    assert_eq!((registry.connections(), registry.count(Route::Manifest)), (3, 6));
    // For the caller it is one request.
    assert_eq!(seen.all().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_not_sent_a_third_time() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let (registries, _) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
    let image = app(&registry);
    let pin = || until(Instant::now() + CALLER, registries.pin(&image, soon()));
    drop(pin().await.unwrap().unwrap());
    registry.when(Route::Manifest).never_answer();
    let began = Instant::now();
    let error = pin().await.unwrap().unwrap_err();
    // Half of the time, and half of the rest.
    assert!(began.elapsed() >= ms(1350) && began.elapsed() < ms(1450), "{:?}", began.elapsed());
    assert_eq!((error.kind(), registry.count(Route::Manifest)), (RegistryErrorKind::Timeout, 3));
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_is_usually_slow_has_its_time() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.when_any().delay(ms(1200));
    let (registries, _) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
    let image = app(&registry);
    for count in 1..=3 {
        drop(until(Instant::now() + CALLER, registries.pin(&image, soon())).await.unwrap().unwrap());
        assert_eq!(registry.count(Route::Manifest), count);
    }
}

#[tokio::test(start_paused = true)]
async fn requests_with_less_time_than_a_registry_usually_takes_are_no_outage() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.when_any().delay(ms(300));
    let (registries, seen) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
    let image = app(&registry);
    drop(registries.pin(&image, soon()).await.unwrap());
    for _ in 0..8 {
        let error = registries.pin(&image, Instant::now() + ms(100)).await.unwrap_err();
        assert_eq!(error.kind(), RegistryErrorKind::Timeout);
    }
    drop(registries.pin(&image, soon()).await.unwrap());
    assert_eq!(seen.not_sent(), Vec::<Option<String>>::new());
}

#[tokio::test(start_paused = true)]
async fn refusals_are_no_outage() {
    for reply in [
        Reply::error(401, "UNAUTHORIZED"),
        Reply::error(403, "DENIED"),
        Reply::error(404, "MANIFEST_UNKNOWN"),
        Reply::error(429, "TOOMANYREQUESTS").header("retry-after", "0"),
        Reply::error(500, "UNKNOWN"),
        Reply::error(503, "UNAVAILABLE").header("retry-after", "0"),
    ] {
        let registry = Registry::start().await;
        registry.push_image("app", "v1");
        let (registries, seen) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
        registry.when(Route::Manifest).reply(reply.clone());
        let mut sent = 0;
        for _ in 0..20 {
            let error = registries.pin(&app(&registry), soon()).await.unwrap_err();
            assert!(registry.count(Route::Manifest) > sent, "{reply:?} {error}");
            sent = registry.count(Route::Manifest);
            tokio::time::sleep(ms(50)).await;
        }
        assert_eq!(seen.not_sent(), Vec::<Option<String>>::new(), "{reply:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn few_requests_are_sent_to_a_registry_that_fails_and_the_others_say_why_until_it_returns() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let (registries, seen) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
    let fault = registry.when(Route::Manifest).error(503, "UNAVAILABLE");
    let image = app(&registry);
    let ask = || async { registries.pin(&image, soon()).await.unwrap_err().cause };
    let at_once = || futures_util::future::join_all((0..8).map(|_| ask()));
    let cause = loop {
        // Those that are sent have the answer of the registry.
        let failing = |cause: &Cause| !matches!(cause, Cause::Status { status: 503, .. });
        if let Some(cause) = at_once().await.into_iter().find(failing) {
            break cause;
        }
    };
    assert_eq!(cause.kind(), RegistryErrorKind::Unreachable);
    let Cause::Fetch(FetchError::Failing { host, failures, .. }) = &cause else { panic!("{cause:?}") };
    assert!(*failures >= 5, "{failures}");
    let text = cause.to_string();
    let start = format!("no request was sent to {host}: the last {failures} requests to it failed, the latest 0.");
    let end = " s ago (it responded with status 503); it is asked again within a second";
    assert!(*host == registry.host() && text.starts_with(&start) && text.ends_with(end), "{text}");
    assert!(seen.not_sent().iter().all(|entry| *entry == Some(registry.host())) && !seen.not_sent().is_empty());
    // Many ask: one request in 100 ms is sent.
    let (sent, began) = (registry.count(Route::Manifest), Instant::now());
    while began.elapsed() < ms(2000) {
        at_once().await;
    }
    let (sent, hundreds) = (registry.count(Route::Manifest) - sent, began.elapsed().as_millis() / 100);
    assert!(sent as u128 <= hundreds + 1, "{sent} in {:?}", began.elapsed());
    fault.remove();
    let began = Instant::now();
    drop(registries.pin(&app(&registry), soon()).await.unwrap());
    assert!(began.elapsed() <= ms(110), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_fails_does_not_lock_out_another_one_of_the_registry() {
    type Fault = fn(&Registry);
    let faults: [Fault; 2] = [
        |registry| drop(registry.when_any().path_contains("/bad/").error(503, "UNAVAILABLE")),
        |registry| drop(registry.when_any().path_contains("/bad/").never_answer()),
    ];
    for fault in faults {
        let registry = Registry::start().await;
        registry.push_image("app", "v1");
        fault(&registry);
        let (registries, seen) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
        let image = app(&registry);
        drop(registries.pin(&image, soon()).await.unwrap());
        let mut asked = Vec::new();
        for number in 0..300 {
            // Another tenant asks for images of its repository all the time.
            let (other, bad) = (registries.clone(), format!("{}/bad/app:v{number}", registry.host()).parse());
            asked.push(tokio::spawn(async move {
                until(Instant::now() + CALLER, other.pin(&bad.unwrap(), soon())).await.is_ok_and(|found| found.is_ok())
            }));
            tokio::time::sleep(ms(50)).await;
            if number >= 100 && number % 20 == 0 {
                let began = Instant::now();
                let found = until(began + CALLER, registries.pin(&image, soon())).await;
                assert!(matches!(found, Ok(Ok(_))), "{number} {found:?}");
                assert!(began.elapsed() < ms(300), "{number} {:?}", began.elapsed());
            }
        }
        assert!(!seen.not_sent().is_empty());
        asked.into_iter().for_each(|one| one.abort());
    }
}
