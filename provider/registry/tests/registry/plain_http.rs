//! Registries whose entry has another scheme than their port: TLS where plain HTTP is configured.

use countersign_credentials::Credential;
use countersign_http::FetchError;
use countersign_registry::Cause;
use countersign_registry::RegistryErrorKind;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;

use crate::support::build;
use crate::support::entry;
use crate::support::pin_error;
use crate::support::settings;
use crate::support::start_secure;

async fn cause_over_plain_http(registry: &Registry) -> Cause {
    pin_error(&build(settings(vec![entry(registry, Credential::Anonymous)])).0, registry).await
}

fn uses_tls(registry: &Registry) -> Cause {
    Cause::Fetch(FetchError::TlsPort { host: registry.host() })
}

#[tokio::test]
async fn reports_a_port_with_tls() {
    let (registry, _) = start_secure().await;
    let cause = cause_over_plain_http(&registry).await;
    assert_eq!((&cause, cause.kind()), (&uses_tls(&registry), RegistryErrorKind::Unreachable));
    assert_eq!(
        cause.to_string(),
        format!(
            "cannot connect to {} over plain HTTP: it uses TLS, expected a port without TLS; for a registry with TLS, \
             set `plainHttp: false`",
            registry.host()
        )
    );
}

#[tokio::test]
async fn reports_a_port_with_tls_whose_server_responds_in_plain_http() {
    let registry = Registry::start().await;
    // Go, nginx, Apache httpd and Tomcat.
    for text in [
        "Client sent an HTTP request to an HTTPS server.\n",
        "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
        "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
        "Bad Request\nThis combination of host and port requires TLS.\n",
    ] {
        let reply = |status| Reply::status(status).body(text.as_bytes().to_vec());
        let fault = registry.when(Route::Manifest).reply(reply(400));
        assert_eq!(cause_over_plain_http(&registry).await, uses_tls(&registry), "{text}");
        assert_eq!(fault.hits(), 1, "it is not requested again");
        fault.remove();
        let fault = registry.when(Route::Manifest).reply(reply(403));
        assert!(matches!(cause_over_plain_http(&registry).await, Cause::Denied { .. }), "{text}");
        fault.remove();
    }
    registry.when(Route::Manifest).reply(Reply::status(400).body(b"Bad Request".to_vec()));
    assert!(matches!(cause_over_plain_http(&registry).await, Cause::Status { status: 400, .. }));
}
