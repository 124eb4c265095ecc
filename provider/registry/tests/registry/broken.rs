//! Truncated responses and retries.

use countersign_credentials::Credential;
use countersign_http::FetchError;
use countersign_registry::Cause;
use countersign_registry::RegistryErrorKind;
use countersign_testkit::registry::FaultHandle;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;
use countersign_testkit::registry::When;

use crate::support::anonymous;
use crate::support::build;
use crate::support::can_be_pinned;
use crate::support::pin_error;
use crate::support::secure;
use crate::support::settings;
use crate::support::start_secure;

/// Ways to interrupt a response. Over HTTP/2, the first is a reset stream.
const BREAKS: [fn(When) -> FaultHandle; 3] = [When::truncated_body, When::disconnect, When::close];

#[tokio::test]
async fn retries_a_truncated_http_1_response_up_to_twice() {
    for breaks in BREAKS {
        let registry = Registry::start().await;
        registry.push_image("app", "v1");
        let fault = breaks(registry.when(Route::Manifest).times(2));
        can_be_pinned(&anonymous(&registry), &registry).await;
        assert_eq!((fault.hits(), registry.count(Route::Manifest)), (2, 3));
        breaks(registry.when(Route::Manifest));
        let cause = pin_error(&anonymous(&registry), &registry).await;
        assert_eq!(cause.kind(), RegistryErrorKind::Unreachable, "{cause:?}");
        assert_eq!(registry.count(Route::Manifest), 6);
    }
}

#[tokio::test]
async fn retries_a_broken_http_2_stream_or_connection_up_to_twice() {
    for breaks in BREAKS {
        let (registry, ca) = start_secure().await;
        let registries = || build(settings(vec![secure(&registry, &ca, Credential::Anonymous)])).0;
        let fault = breaks(registry.when(Route::Manifest).times(2));
        can_be_pinned(&registries(), &registry).await;
        assert_eq!((fault.hits(), registry.count(Route::Manifest)), (2, 3));
        breaks(registry.when(Route::Manifest));
        let cause = pin_error(&registries(), &registry).await;
        assert_eq!(cause.kind(), RegistryErrorKind::Unreachable, "{cause:?}");
        assert_eq!(registry.count(Route::Manifest), 6);
    }
}

#[tokio::test]
async fn retries_a_truncated_token_response() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_bearer(&TokenService::anonymous());
    registry.when(Route::Token).times(2).truncated_body();
    can_be_pinned(&anonymous(&registry), &registry).await;
    assert_eq!(registry.count(Route::Token), 3);
}

#[tokio::test]
async fn does_not_retry_a_response_that_exceeds_a_limit() {
    let plain = Registry::start().await;
    plain.push_image("app", "v1");
    let (secured, ca) = start_secure().await;
    let registries = build(settings(vec![secure(&secured, &ca, Credential::Anonymous)])).0;
    for (registry, registries) in [(&plain, anonymous(&plain)), (&secured, registries)] {
        registry.when(Route::Manifest).endless_body();
        let cause = pin_error(&registries, registry).await;
        assert!(matches!(cause, Cause::Fetch(FetchError::TooLarge { .. })), "{cause:?}");
        assert_eq!(registry.count(Route::Manifest), 1);
    }
}
