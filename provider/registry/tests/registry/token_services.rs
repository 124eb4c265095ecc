//! Token services, which the registry names: the allowed services, the credentials sent to them, and the accepted
//! responses.

use countersign_credentials::Credential;
use countersign_http::FetchError;
use countersign_http::RedirectRefusal;
use countersign_registry::AuthoritiesOf;
use countersign_registry::Cause;
use countersign_registry::RealmRefusal;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryErrorKind;
use countersign_registry::Stage;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenResponse;
use countersign_testkit::registry::TokenService;

use crate::support::PASSWORD;
use crate::support::USER;
use crate::support::alice;
use crate::support::anonymous;
use crate::support::app;
use crate::support::build;
use crate::support::can_be_pinned;
use crate::support::entry;
use crate::support::pin_error;
use crate::support::secure;
use crate::support::settings;
use crate::support::soon;
use crate::support::start_secure;
use crate::support::with;

/// A registry whose tokens come from another host.
async fn separate_token_service(bearer: TokenService) -> (Registry, Registry) {
    let registry = Registry::start().await;
    let service = Registry::start().await;
    registry.push_image("app", "v1");
    let bearer = bearer.realm(&format!("{}/token", service.url()));
    registry.require_bearer(&bearer);
    service.serve_tokens(&bearer);
    (registry, service)
}

#[tokio::test]
async fn a_credential_does_not_go_to_a_token_service_on_another_host() {
    let (registry, service) = separate_token_service(TokenService::for_user(USER, PASSWORD).or_anonymous()).await;
    let cause = pin_error(&with(&registry, alice()), &registry).await;
    assert_eq!(cause, Cause::Realm(RealmRefusal::Host { host: service.host() }));
    assert_eq!(cause.kind(), RegistryErrorKind::Denied);
    // No anonymous request is sent either, as it would have another identity.
    assert_eq!(service.connections(), 0);
}

#[tokio::test]
async fn a_token_service_that_the_settings_name_gets_the_credential() {
    let (registry, service) = separate_token_service(TokenService::for_user(USER, PASSWORD)).await;
    let named = RegistryEntry { realm_hosts: vec![service.host().parse().unwrap()], ..entry(&registry, alice()) };
    can_be_pinned(&build(settings(vec![named])).0, &registry).await;
    assert!(service.requests()[0].authorization().unwrap().starts_with("Basic "));
    // The token, and not the credential, is sent to the registry.
    let authorizations: Vec<_> = registry.requests().iter().map(|it| it.authorization().map(str::to_owned)).collect();
    assert_eq!(authorizations, [None, Some("Bearer testkit-token-1".to_owned())]);
}

#[tokio::test]
async fn an_anonymous_token_may_come_from_any_named_realm() {
    let (registry, service) = separate_token_service(TokenService::anonymous()).await;
    can_be_pinned(&anonymous(&registry), &registry).await;
    assert_eq!(service.requests()[0].authorization(), None);
}

#[tokio::test]
async fn a_realm_on_a_metadata_address_is_refused_even_to_a_registry_on_loopback() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_bearer(&TokenService::anonymous().realm("http://169.254.169.254/latest/meta-data"));
    let cause = pin_error(&anonymous(&registry), &registry).await;
    let (host, address) = ("169.254.169.254:80".to_owned(), "169.254.169.254".parse().unwrap());
    let error = FetchError::AddressRefused { host: host.clone(), address };
    assert_eq!(cause, Cause::TokenService { registry: registry.host(), host, authorities: AuthoritiesOf::Host, error });
    assert_eq!(cause.kind(), RegistryErrorKind::Refused);
}

#[tokio::test]
async fn an_untrusted_certificate_of_a_token_service_at_another_host_is_a_matter_of_the_entry_of_that_host() {
    let (registry, ca) = start_secure().await;
    let other = Authority::root(CertSpec::root().common_name("tokens CA"));
    let service = Registry::start_tls(&other.issue(CertSpec::tls_server(&["localhost", "127.0.0.1"]))).await;
    let (port, host) = (service.address().port(), registry.host());
    let fails = async |realm: &str| {
        registry.require_bearer(&TokenService::anonymous().realm(&format!("https://{realm}/token")));
        let registries = build(settings(vec![secure(&registry, &ca, Credential::Anonymous)])).0;
        let error = registries.pin(&app(&registry), soon()).await.unwrap_err();
        assert_eq!((error.stage, error.kind()), (Stage::Token, RegistryErrorKind::Unreachable));
        error.to_string()
    };
    let realm = format!("localhost:{port}");
    assert_eq!(
        fails(&realm).await,
        format!(
            "cannot get the token of {host}/app: cannot connect to {realm} over TLS: its certificate is not trusted: found issuer \
             \"C=CH, ST=ZH, O=Testkit, CN=tokens CA\", expected one of the system's certificate authorities; set `ca` of an entry of registries for {realm} to a \
             file with the CA certificate that issued it, as that of the registry is not for other hosts; {realm} is the token service that \
             {host} names"
        )
    );
    // Another port of the registry has its authorities.
    let realm = service.host();
    let text = fails(&realm).await;
    assert!(
        !text.contains("is not for other hosts")
            && text.contains("; add the CA certificate that issued it to that file"),
        "{text}"
    );
}

#[tokio::test]
async fn a_realm_that_is_no_web_address_is_refused() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    for (realm, refusal) in [
        ("file:///etc/passwd", RealmRefusal::Url),
        ("/token", RealmRefusal::Url),
        ("http://user:secret@127.0.0.1/token", RealmRefusal::Url),
        ("ftp://127.0.0.1/token", RealmRefusal::Scheme { found: "ftp".into() }),
    ] {
        registry.require_bearer(&TokenService::anonymous().realm(realm));
        assert_eq!(pin_error(&registries, &registry).await, Cause::Realm(refusal), "{realm}");
    }
}

#[tokio::test]
async fn requests_for_tokens_are_not_redirected() {
    let other = Registry::start().await;
    for credential in [alice(), Credential::Anonymous] {
        let registry = Registry::start().await;
        registry.push_image("app", "v1");
        registry.require_bearer(&TokenService::for_user(USER, PASSWORD).or_anonymous());
        for status in [301, 302, 303, 307, 308] {
            let fault = registry.when(Route::Token).redirect(status, &format!("{}/token", other.url()));
            let cause = pin_error(&with(&registry, credential.clone()), &registry).await;
            assert_eq!(
                cause,
                Cause::Fetch(FetchError::Redirect {
                    host: registry.host(),
                    refusal: RedirectRefusal::NotAllowed { what: "requests for tokens" }
                }),
                "{status}"
            );
            fault.remove();
        }
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn invalid_token_responses_are_refused_and_never_sent() {
    for (answer, detail) in [
        (TokenResponse::EmptyToken, "it has no token"),
        (TokenResponse::NoToken, "it has no token"),
        (TokenResponse::NewlineInToken, "its token is not visible ASCII"),
        (TokenResponse::NumberAsToken, "it is not a JSON object with token or access_token"),
        (TokenResponse::NotJson, "it is not a JSON object with token or access_token"),
    ] {
        let registry = Registry::start().await;
        registry.push_image("app", "v1");
        registry.require_bearer(&TokenService::anonymous().response(answer));
        let error = anonymous(&registry).pin(&app(&registry), soon()).await.unwrap_err();
        assert_eq!(error.stage, Stage::Token, "{answer:?}");
        assert_eq!(error.cause, Cause::Token { host: registry.host(), detail }, "{answer:?}");
        assert_eq!(registry.count(Route::Manifest), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn an_endless_token_response_is_cut_off() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_bearer(&TokenService::anonymous().response(TokenResponse::Endless));
    let cause = pin_error(&anonymous(&registry), &registry).await;
    assert_eq!(cause, Cause::Fetch(FetchError::TooLarge { host: registry.host(), limit: 64 * 1024 }));
}

#[tokio::test]
async fn the_other_name_for_a_token_and_a_missing_lifetime_are_taken() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_bearer(&TokenService::anonymous().response(TokenResponse::AccessToken).expires_in(None));
    can_be_pinned(&anonymous(&registry), &registry).await;
}
