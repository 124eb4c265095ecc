//! Which requests use a proxy, what the proxy receives, and how its failures are reported.

use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_core::name::Repository;
use countersign_credentials::Credential;
use countersign_http::FetchError;
use countersign_http::InternalHost;
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::ProxyFailure;
use countersign_http::RootCertificates;
use countersign_http::Roots;
use countersign_http::Scheme;
use countersign_registry::Cause;
use countersign_registry::Registries;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryError;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RegistrySettings;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::proxy::Proxy;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

use crate::support::PASSWORD;
use crate::support::USER;
use crate::support::alice;
use crate::support::build;
use crate::support::descriptor;
use crate::support::settings;
use crate::support::soon;

const HOST: &str = "registry.example";

/// The variables name this proxy for both schemes.
fn environment(proxy: &Proxy, no_proxy: &str) -> ProxyEnvironment {
    ProxyEnvironment::read(|name| match name {
        "HTTPS_PROXY" | "HTTP_PROXY" => Some(proxy.url()),
        "NO_PROXY" => Some(no_proxy.to_owned()),
        _ => None,
    })
    .unwrap()
}

fn with(proxies: ProxyEnvironment, registries: Vec<RegistryEntry>) -> Registries {
    build(RegistrySettings { proxies, ..settings(registries) }).0
}

/// An entry for the host over TLS with this proxy.
fn by(url: &str, host: &str, roots: Roots) -> RegistryEntry {
    let proxy = ProxyChoice::Server { server: url.parse().unwrap(), roots: Roots::System };
    RegistryEntry { proxy, roots, ..RegistryEntry::new(host.parse().unwrap(), Credential::Anonymous) }
}

fn plain(host: &str, credential: Credential) -> RegistryEntry {
    RegistryEntry { scheme: Scheme::Http, ..RegistryEntry::new(host.parse().unwrap(), credential) }
}

fn only(ca: &Authority) -> Roots {
    Roots::Only(RootCertificates::parse("ca.pem", ca.pem().as_bytes()).unwrap())
}

/// A registry that only the proxy resolves, with an image `app:v1`, and its authority.
async fn hidden(proxy: &Proxy) -> (Registry, Authority) {
    let ca = Authority::root(CertSpec::root());
    let registry = Registry::start_tls(&ca.issue(CertSpec::tls_server(&[HOST]))).await;
    registry.push_image("app", "v1");
    proxy.resolve(&format!("{HOST}:443"), registry.address());
    (registry, ca)
}

/// The same in plain HTTP.
async fn hidden_plain(proxy: &Proxy) -> Registry {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    proxy.resolve(&format!("{HOST}:80"), registry.address());
    registry
}

async fn pin(registries: &Registries, host: &str) -> Result<(), Cause> {
    let image: ImageRef = format!("{host}/app:v1").parse().unwrap();
    registries.pin(&image, soon()).await.map(drop).map_err(|error| error.cause)
}

/// The error of pinning through this proxy, which the host's entry configures.
async fn failure(url: &str) -> (ProxyFailure, Cause) {
    let cause = pin(&with(ProxyEnvironment::default(), vec![by(url, HOST, Roots::System)]), HOST).await.unwrap_err();
    let Cause::Fetch(FetchError::Proxy { host, setting, failure, .. }) = &cause else { panic!("{cause:?}") };
    assert_eq!((host.as_str(), setting.as_str()), (HOST, "registries[0] \"registry.example\""));
    (failure.as_ref().clone(), cause)
}

#[tokio::test]
async fn a_listed_registry_is_reached_by_a_tunnel_with_its_own_authorities() {
    let proxy = Proxy::start().await;
    let (registry, ca) = hidden(&proxy).await;
    registry.require_basic(USER, PASSWORD);
    let entry = RegistryEntry { roots: only(&ca), ..RegistryEntry::new(HOST.parse().unwrap(), alice()) };
    let registries = with(environment(&proxy, ""), vec![entry]);
    pin(&registries, HOST).await.unwrap();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let registries = registries.clone();
            tokio::spawn(async move { pin(&registries, HOST).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    // One HTTP/2 connection for all requests.
    assert_eq!(proxy.targets(), ["CONNECT registry.example:443"]);
    assert_eq!(registry.connections(), 1);
    let request = &proxy.requests()[0];
    assert_eq!(request.header("host"), Some("registry.example:443"));
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.header("proxy-authorization"), None);
    // A tunnel does not change the trusted authorities.
    let untrusted = with(environment(&proxy, ""), vec![by(&proxy.url(), HOST, Roots::System)]);
    let cause = pin(&untrusted, HOST).await.unwrap_err();
    assert!(matches!(&cause, Cause::Fetch(FetchError::Tls { host, .. }) if host == HOST), "{cause:?}");
}

#[tokio::test]
async fn plain_http_uses_the_absolute_form_and_the_login_is_sent_only_to_the_proxy() {
    let proxy = Proxy::start().await;
    proxy.require_login("cs", "s3cret");
    let registry = hidden_plain(&proxy).await;
    let url = proxy.url().replace("http://", "http://cs:s3cret@");
    let entry = RegistryEntry { scheme: Scheme::Http, ..by(&url, HOST, Roots::System) };
    pin(&with(ProxyEnvironment::default(), vec![entry]), HOST).await.unwrap();
    assert_eq!(proxy.targets(), ["GET http://registry.example/v2/app/manifests/v1"]);
    assert_eq!(proxy.requests()[0].header("proxy-authorization"), Some("Basic Y3M6czNjcmV0"));
    assert_eq!(registry.requests()[0].header("host"), Some(HOST));
    assert_eq!(registry.requests()[0].header("proxy-authorization"), None);
}

#[tokio::test]
async fn distinguishes_a_proxys_authentication_from_a_registrys() {
    let proxy = Proxy::start().await;
    let (registry, ca) = hidden(&proxy).await;
    proxy.require_login("cs", "s3cret");
    let (without, cause) = failure(&proxy.url()).await;
    assert_eq!(without, ProxyFailure::Login { status: 407, sent: false });
    assert_eq!(cause.kind(), RegistryErrorKind::Unreachable);
    assert_eq!(
        cause.to_string(),
        format!(
            "cannot reach registry.example through the proxy {} (from registries[0] \"registry.example\"): it responds with status 407: it requires a user name and a password; add them to the proxy's URL, or to its \
             usernameFile and passwordFile",
            proxy.host()
        )
    );
    let (wrong, cause) = failure(&proxy.url().replace("http://", "http://cs:hunter2@")).await;
    assert_eq!(wrong, ProxyFailure::Login { status: 407, sent: true });
    assert!(!format!("{cause} {cause:?}").contains("hunter2"));
    // Neither is retried.
    assert_eq!(proxy.connections(), 2);
    assert_eq!(registry.connections(), 0);
    let server =
        proxy.url().parse().map(|server: countersign_http::ProxyServer| server.with_login("cs", b"s3cret").unwrap());
    let proxy_choice = ProxyChoice::Server { server: server.unwrap(), roots: Roots::System };
    let entry = RegistryEntry { proxy: proxy_choice, ..by(&proxy.url(), HOST, only(&ca)) };
    pin(&with(ProxyEnvironment::default(), vec![entry]), HOST).await.unwrap();

    // Over plain HTTP the proxy responds instead of the registry.
    let plain_registry = hidden_plain(&proxy).await;
    let registries = with(environment(&proxy, ""), vec![plain(HOST, Credential::Anonymous)]);
    let cause = pin(&registries, HOST).await.unwrap_err();
    let failure = Box::new(ProxyFailure::Login { status: 407, sent: false });
    let (host, proxy_host, setting) = (format!("{HOST}:80"), proxy.host(), "HTTP_PROXY".to_owned());
    assert_eq!(cause, Cause::Fetch(FetchError::Proxy { host, proxy: proxy_host, setting, failure }));
    assert_eq!(plain_registry.connections(), 0);
}

#[tokio::test]
async fn a_response_of_the_proxy_instead_of_a_tunnel_is_a_proxy_failure() {
    for (answer, expected, tries) in [
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", ProxyFailure::Status { status: 403 }, 1),
        ("HTTP/1.0 401 Unauthorized\r\n\r\n", ProxyFailure::Login { status: 401, sent: false }, 1),
        ("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nabc", ProxyFailure::Status { status: 502 }, 3),
        (
            "HTTP/1.1 302 Found\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\n\r\n",
            ProxyFailure::Status { status: 302 },
            1,
        ),
    ] {
        let proxy = Proxy::start().await;
        proxy.answer(answer.as_bytes());
        assert_eq!(failure(&proxy.url()).await.0, expected, "{answer}");
        assert_eq!(proxy.connections(), tries, "{answer}");
    }
    for answer in ["SSH-2.0-OpenSSH_9.2\r\n", "", "HTTP/1.1 200 "] {
        let proxy = Proxy::start().await;
        proxy.answer(answer.as_bytes());
        let (found, _) = failure(&proxy.url()).await;
        assert!(matches!(found, ProxyFailure::Response { .. }), "{answer}: {found:?}");
    }
    let endless = Proxy::start().await;
    endless.answer(format!("HTTP/1.1 200 OK\r\nx: {}", "a".repeat(1 << 20)).as_bytes());
    assert!(matches!(failure(&endless.url()).await.0, ProxyFailure::Response { .. }));
}

#[tokio::test]
async fn an_unreachable_proxy_is_not_the_registrys_failure() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (found, cause) = failure(&format!("http://127.0.0.1:{port}")).await;
    assert_eq!(found, ProxyFailure::Unreachable { detail: "Connection refused (os error 111)".to_owned() });
    assert_eq!(cause.kind(), RegistryErrorKind::Unreachable);

    let silent = Proxy::start().await;
    silent.never_answer();
    let registries = build(RegistrySettings {
        connect_timeout: Duration::from_millis(100),
        ..settings(vec![by(&silent.url(), HOST, Roots::System)])
    });
    let cause = pin(&registries.0, HOST).await.unwrap_err();
    assert!(
        matches!(&cause, Cause::Fetch(FetchError::Proxy { failure, .. }) if **failure == ProxyFailure::Timeout),
        "{cause:?}"
    );
    assert_eq!(cause.kind(), RegistryErrorKind::Timeout);
}

#[tokio::test]
async fn a_proxy_over_tls_has_authorities_of_its_own() {
    let proxies = Authority::root(CertSpec::root());
    let proxy = Proxy::start_tls(&proxies.issue(CertSpec::tls_server(&["127.0.0.1"]))).await;
    let (registry, ca) = hidden(&proxy).await;
    let entry = |roots| {
        let server = proxy.url().parse().unwrap();
        RegistryEntry { proxy: ProxyChoice::Server { server, roots }, ..by(&proxy.url(), HOST, only(&ca)) }
    };
    pin(&with(ProxyEnvironment::default(), vec![entry(only(&proxies))]), HOST).await.unwrap();
    assert_eq!(proxy.targets(), ["CONNECT registry.example:443"]);
    // Neither the registry's nor the system's authorities issued its certificate.
    for roots in [only(&ca), Roots::System] {
        let cause = pin(&with(ProxyEnvironment::default(), vec![entry(roots)]), HOST).await.unwrap_err();
        assert!(
            matches!(&cause, Cause::Fetch(FetchError::Proxy { failure, .. }) if matches!(**failure, ProxyFailure::Tls { .. })),
            "{cause:?}"
        );
    }
    assert_eq!((proxy.requests().len(), registry.connections()), (1, 1));
    // Plain HTTP inside its TLS.
    let plain_registry = hidden_plain(&proxy).await;
    let plain = RegistryEntry { scheme: Scheme::Http, roots: Roots::System, ..entry(only(&proxies)) };
    pin(&with(ProxyEnvironment::default(), vec![plain]), HOST).await.unwrap();
    assert_eq!(plain_registry.connections(), 1);
}

#[tokio::test]
async fn a_registry_without_a_proxy_is_reached_directly() {
    let proxy = Proxy::start().await;
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let host = registry.host();
    // Loopback needs no entry in NO_PROXY.
    pin(&with(environment(&proxy, ""), vec![plain(&host, Credential::Anonymous)]), &host).await.unwrap();
    let direct = RegistryEntry { proxy: ProxyChoice::Direct, ..plain(&host, Credential::Anonymous) };
    pin(&with(environment(&proxy, ""), vec![direct]), &host).await.unwrap();
    // An unlisted host is not reached through it either.
    let unlisted = with(environment(&proxy, ""), vec![plain(HOST, Credential::Anonymous)]);
    assert_eq!(pin(&unlisted, &host).await.unwrap_err().kind(), RegistryErrorKind::Refused);
    assert_eq!((registry.connections(), proxy.connections()), (2, 0));
}

#[tokio::test]
async fn refuses_a_private_host_before_a_request_to_the_proxy() {
    let proxy = Proxy::start().await;
    for (host, internal) in [
        ("10.0.0.5:5000", InternalHost::Private),
        ("[fd00::5]:5000", InternalHost::Private),
        ("169.254.169.254", InternalHost::LinkLocal),
        ("registry:5000", InternalHost::Cluster),
        ("registry.tools.svc:5000", InternalHost::Cluster),
        ("registry.tools.svc.cluster.local", InternalHost::Cluster),
    ] {
        let registries = with(environment(&proxy, "other.example"), vec![plain(host, Credential::Anonymous)]);
        let cause = pin(&registries, host).await.unwrap_err();
        let port = if host.contains("5000") { "" } else { ":80" };
        let (host, proxy, setting) = (format!("{host}{port}"), proxy.host(), "HTTP_PROXY".to_owned());
        assert_eq!(
            cause,
            Cause::Fetch(FetchError::NotByProxy { host, internal, proxy, setting, no_proxy_applies: true })
        );
        assert_eq!(cause.kind(), RegistryErrorKind::Refused);
    }
    let registries = with(environment(&proxy, ""), vec![plain("10.0.0.5:5000", Credential::Anonymous)]);
    assert_eq!(
        pin(&registries, "10.0.0.5:5000").await.unwrap_err().to_string(),
        format!(
            "10.0.0.5:5000 is a private address, for which no proxy is used (here {} from HTTP_PROXY); if it can \
             be reached directly, add it to NO_PROXY, or set proxy: none in its entry of registries",
            proxy.host()
        )
    );
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
async fn redirects_use_the_registrys_proxy_and_never_reach_private_addresses() {
    let proxy = Proxy::start().await;
    let registry = hidden_plain(&proxy).await;
    let store = Registry::start().await;
    proxy.resolve("store.example:80", store.address());
    store.serve_file("/blob", "application/octet-stream", b"envelope");
    let blob = descriptor(&registry.put_blob("app", "a/b", b"envelope"));
    let repository: Repository = format!("{HOST}/app").parse().unwrap();
    let registries = with(environment(&proxy, ""), vec![plain(HOST, Credential::Anonymous)]);
    // The failure of the redirect.
    let redirected = |error: RegistryError| {
        assert_eq!(error.kind(), RegistryErrorKind::RedirectRefused);
        let Cause::Redirected { cause, .. } = error.cause else { panic!("{error}") };
        *cause
    };
    let fetch = async || registries.blob(&repository, &blob, 1024, soon()).await.map(drop).map_err(redirected);

    let fault = registry.when(Route::Blob).redirect(307, "http://store.example/blob");
    fetch().await.unwrap();
    assert!(proxy.targets().contains(&"GET http://store.example/blob".to_owned()), "{:?}", proxy.targets());
    fault.remove();

    let before = proxy.requests().len();
    for (host, inside) in [
        ("10.0.0.1", InternalHost::Private),
        ("[::ffff:10.0.0.1]", InternalHost::Private),
        ("169.254.169.254", InternalHost::LinkLocal),
        ("168.63.129.16", InternalHost::LinkLocal),
        ("0.0.0.0", InternalHost::Reserved),
        ("metadata.google.internal", InternalHost::Metadata),
        ("kubernetes.default.svc", InternalHost::Cluster),
        ("kubernetes", InternalHost::Cluster),
        ("store.corp.internal", InternalHost::PrivateName),
    ] {
        let fault = registry.when(Route::Blob).redirect(307, &format!("http://{host}/blob"));
        let cause = fetch().await.unwrap_err();
        assert!(
            matches!(&cause, Cause::Fetch(FetchError::NotByProxy { internal: found, .. }) if *found == inside),
            "{host}: {cause:?}"
        );
        fault.remove();
    }
    // Each attempt has sent requests only to the registry.
    assert_eq!(proxy.requests().len(), before + 9);

    // The proxy is on this machine. The registry is not, and must not lead to loopback.
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let port = store.address().port();
        let fault = registry.when(Route::Blob).redirect(307, &format!("http://{host}:{port}/blob"));
        let cause = fetch().await.unwrap_err();
        assert!(matches!(&cause, Cause::Fetch(FetchError::AddressRefused { .. })), "{host}: {cause:?}");
        fault.remove();
    }
    assert_eq!(store.connections(), 1);
}

#[tokio::test]
async fn a_token_service_is_reached_by_the_registrys_proxy() {
    let proxy = Proxy::start().await;
    let registry = hidden_plain(&proxy).await;
    let service = Registry::start().await;
    proxy.resolve("auth.example:80", service.address());
    let bearer = TokenService::for_user(USER, PASSWORD).realm("http://auth.example/token");
    registry.require_bearer(&bearer);
    service.serve_tokens(&bearer);
    let named = |realm: &str| RegistryEntry { realm_hosts: vec![realm.parse().unwrap()], ..plain(HOST, alice()) };
    pin(&with(environment(&proxy, ""), vec![named("auth.example")]), HOST).await.unwrap();
    assert_eq!(service.count(Route::Token), 1);

    registry.require_bearer(&TokenService::anonymous().realm("http://169.254.169.254/token"));
    let registries = with(environment(&proxy, ""), vec![plain(HOST, Credential::Anonymous)]);
    let cause = pin(&registries, HOST).await.unwrap_err();
    assert_eq!(
        cause.to_string(),
        format!(
            "169.254.169.254:80 is a link-local or metadata address, for which no proxy is used (here {} from HTTP_PROXY); if it can be reached directly, \
             add it to NO_PROXY, or set proxy: none in an entry of registries for 169.254.169.254:80; 169.254.169.254:80 is the token \
             service that registry.example:80 names",
            proxy.host()
        )
    );
    assert!(proxy.targets().iter().all(|target| !target.contains("169.254")));
}
