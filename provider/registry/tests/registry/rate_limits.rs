//! Per-host back-off, shared by the process, and limits of concurrent requests.

use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_credentials::Credential;
use countersign_http::FetchError;
use countersign_http::LimitReached;
use countersign_http::Scope;
use countersign_registry::Cause;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RegistrySettings;
use countersign_registry::resources::REQUESTS;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

use crate::support::anonymous;
use crate::support::app;
use crate::support::build;
use crate::support::entry;
use crate::support::pin_error;
use crate::support::settings;
use crate::support::shortly;
use crate::support::soon;

#[tokio::test]
async fn sends_no_request_to_a_host_after_a_429_until_its_back_off_ends() {
    let registry = Registry::start().await;
    let other = Registry::start().await;
    for registry in [&registry, &other] {
        registry.push_image("app", "v1");
        registry.push_image("second", "v1");
    }
    let entries = vec![entry(&registry, Credential::Anonymous), entry(&other, Credential::Anonymous)];
    let (registries, _) = build(settings(entries));
    registry.when(Route::Manifest).times(1).too_many_requests("50");
    let cause = pin_error(&registries, &registry).await;
    let Cause::TooManyRequests { host, wait, .. } = cause else { panic!("{cause:?}") };
    assert_eq!((host, wait), (registry.host(), Duration::from_secs(50)));
    // A clone, another repository: refused at once, without a request.
    let second: ImageRef = format!("{}/second:v1", registry.host()).parse().unwrap();
    let error = registries.clone().pin(&second, soon()).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Fetch(FetchError::Throttled(_))), "{error:?}");
    assert_eq!(error.kind(), RegistryErrorKind::Throttled);
    assert_eq!(registry.requests().len(), 1);
    assert!(registries.pin(&app(&other), soon()).await.is_ok());
}

#[tokio::test]
async fn reports_a_429_with_its_quota_headers_and_message_escaped_and_truncated() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let limit = format!("100;w=21600;comment=\"{}\"", "x".repeat(500));
    registry.when(Route::Manifest).reply(
        Reply::error(429, "TOOMANYREQUESTS")
            .header("retry-after", "50")
            .header("ratelimit-limit", &limit)
            .header("ratelimit-remaining", "0;w=21600")
            .header("docker-ratelimit-source", "192.0.2.7"),
    );
    let error = anonymous(&registry).pin(&app(&registry), soon()).await.unwrap_err();
    let host = registry.host();
    let limit = format!(r#"100;w=21600;comment=\"{}…"#, "x".repeat(40 - 23));
    assert_eq!(
        error.to_string(),
        format!(
            "cannot get the manifest of {host}/app: {host} responds with status 429, too many requests, with \
             retry-after \"50\", ratelimit-limit \"{limit}\", ratelimit-remaining \"0;w=21600\", \
             docker-ratelimit-source \"192.0.2.7\", saying \"TOOMANYREQUESTS: as the test wanted\""
        )
    );
}

#[tokio::test]
async fn the_back_off_is_capped_and_has_a_default() {
    for (retry_after, seconds) in [("86400", 60), ("soon", 5)] {
        let registry = Registry::start().await;
        registry.push_image("app", "v1");
        registry.when(Route::Manifest).too_many_requests(retry_after);
        // A deadline below the default back-off.
        let deadline = tokio::time::Instant::now() + Duration::from_secs(4);
        let cause = anonymous(&registry).pin(&app(&registry), deadline).await.unwrap_err().cause;
        let Cause::TooManyRequests { host, wait, .. } = cause else { panic!("{cause:?}") };
        assert_eq!((host, wait), (registry.host(), Duration::from_secs(seconds)));
    }
}

#[tokio::test]
async fn a_503_with_retry_after_starts_the_back_off() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    registry.when(Route::Manifest).reply(Reply::status(503).header("retry-after", "50"));
    assert_eq!(pin_error(&registries, &registry).await.kind(), RegistryErrorKind::Throttled);
    assert_eq!(pin_error(&registries, &registry).await.kind(), RegistryErrorKind::Throttled);
    assert_eq!(registry.requests().len(), 1);
}

#[tokio::test]
async fn waits_for_a_back_off_that_ends_before_the_deadline() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.when(Route::Manifest).times(1).too_many_requests("0");
    assert!(anonymous(&registry).pin(&app(&registry), soon()).await.is_ok());
}

#[tokio::test]
async fn honours_retry_after_of_a_token_service() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_bearer(&TokenService::anonymous());
    registry.when(Route::Token).too_many_requests("50");
    let registries = anonymous(&registry);
    assert_eq!(pin_error(&registries, &registry).await.kind(), RegistryErrorKind::Throttled);
    assert_eq!(pin_error(&registries, &registry).await.kind(), RegistryErrorKind::Throttled);
    assert_eq!(registry.count(Route::Token), 1);
}

#[tokio::test]
async fn limits_concurrent_requests_and_the_time_to_wait() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let few = RegistrySettings { requests_per_host: 2, ..settings(vec![entry(&registry, Credential::Anonymous)]) };
    let (registries, _) = build(few);
    let held = registry.when(Route::Manifest).hold();
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let (registries, image) = (registries.clone(), app(&registry));
            tokio::spawn(async move { registries.pin(&image, soon()).await })
        })
        .collect();
    registry.wait_for(Route::Manifest, 2).await;
    let error = registries.pin(&app(&registry), shortly()).await.unwrap_err();
    let scope = Scope::Host(registry.host().into());
    let full = LimitReached { resource: REQUESTS, scope, at: None, found: 2, limit: 2, reduced: None };
    assert_eq!(error.cause, Cause::Fetch(FetchError::Limit(full)));
    assert_eq!(error.kind(), RegistryErrorKind::Overloaded);
    assert_eq!(registry.requests().len(), 2);
    held.release();
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(registry.max_concurrent(), 2);
}

#[tokio::test]
async fn exchanges_a_token_even_with_a_single_permit() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_bearer(&TokenService::anonymous());
    let one = RegistrySettings { requests: 1, ..settings(vec![entry(&registry, Credential::Anonymous)]) };
    assert!(build(one).0.pin(&app(&registry), soon()).await.is_ok());
}
