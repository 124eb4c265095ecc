//! Tests of the client with local servers, with routes and redirects as a fetcher would use them.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use countersign_core::codec::text::Text;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_http::AddressPolicy;
use countersign_http::Body;
use countersign_http::BodyLimits;
use countersign_http::Class;
use countersign_http::Client;
use countersign_http::ClientBuilder;
use countersign_http::ClientSettings;
use countersign_http::FetchError;
use countersign_http::FetchErrorKind;
use countersign_http::FetchRemedy;
use countersign_http::HeadTimeout;
use countersign_http::HostPause;
use countersign_http::LimitObserver;
use countersign_http::Missing;
use countersign_http::MissingRoot;
use countersign_http::NoProxyScope;
use countersign_http::Payload;
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::ProxyRoute;
use countersign_http::ProxyRule;
use countersign_http::RedirectPolicy;
use countersign_http::RedirectRefusal;
use countersign_http::Redirects;
use countersign_http::Request;
use countersign_http::RequestLimits;
use countersign_http::Resource;
use countersign_http::Resources;
use countersign_http::Response;
use countersign_http::RetryAdvice;
use countersign_http::RootCertificates;
use countersign_http::Roots;
use countersign_http::RootsId;
use countersign_http::RootsSource;
use countersign_http::Route;
use countersign_http::Share;
use countersign_http::ShareLimits;
use countersign_http::SharedLimits;
use countersign_http::TlsFailure;
use countersign_http::TlsRemedy;
use countersign_http::Unit;
use countersign_http::Unobserved;
use countersign_http::authority;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::proxy::Proxy;
use countersign_testkit::registry::Registry as Server;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route as Path;
use http::HeaderValue;
use http::StatusCode;
use tokio::time::Instant;
use url::Url;

const FILE: &[u8] = b"a revocation list";

const REQUESTS: Resource = Resource::new("requests", "too many requests", Unit::Item, 8);
const BYTES: Resource = Resource::new("bytes", "too many bytes", Unit::Byte, 8);

fn builder(bodies: usize) -> ClientBuilder {
    let requests = RequestLimits { per_host: 4, total: 16 };
    let resources = Resources { requests: REQUESTS, responders: REQUESTS, bytes: BYTES };
    let bodies = ShareLimits { total: bodies, host: bodies, pattern: bodies, unlisted_host: bodies, unlisted: bodies };
    let observer: Arc<dyn LimitObserver> = Arc::new(Unobserved);
    let limits = SharedLimits::new(requests, bodies, &resources, &observer);
    let connect_timeout = Duration::from_secs(5);
    ClientBuilder::new(ClientSettings { connect_timeout, requests, proxies: ProxyEnvironment::default() }, &limits)
        .unwrap()
}

fn client() -> Client {
    builder(1 << 20).build()
}

/// A server with a file at `/list`.
async fn server() -> Server {
    let server = Server::start().await;
    server.serve_file("/list", "application/pkix-crl", FILE);
    server
}

fn route(addresses: AddressPolicy) -> Route {
    Route { addresses, roots: RootsId::SYSTEM, proxy: None, listed: true }
}

/// A GET of at most 1 KiB without redirects, changed by `change`, and its response.
async fn fetch(client: &Client, url: &str, change: impl FnOnce(&mut Request<'_>)) -> Result<Response, FetchError> {
    fetch_with(client, url, Redirects::Refuse { what: "such requests" }, None, change).await
}

async fn fetch_with(
    client: &Client,
    url: &str,
    redirects: Redirects<'_>,
    authorization: Option<&HeaderValue>,
    change: impl FnOnce(&mut Request<'_>),
) -> Result<Response, FetchError> {
    let url = Url::parse(url).unwrap();
    let (share, home) = (Share::new(&authority(&url), Class::Listed), authority(&url));
    let mut request = Request {
        share: &share,
        step: "the list",
        home: &home,
        about: "",
        url: &url,
        referred_by: None,
        route: route(AddressPolicy::Any),
        payload: Payload::Get,
        accept: "*/*",
        authorization,
        redirects,
        body: BodyLimits::at_most(1024),
        head_timeout: HeadTimeout::Request,
        on_head: None,
    };
    change(&mut request);
    let deadline = Instant::now() + Duration::from_secs(20);
    let permit = client.acquire(&request, deadline).await?;
    client.fetch(&request, permit, deadline).await
}

fn list(server: &Server) -> String {
    format!("{}/list", server.url())
}

#[tokio::test]
async fn a_body_is_read_and_hashed_under_its_limit() {
    let server = server().await;
    let response = fetch(&client(), &list(&server), |request| {
        request.body = BodyLimits { hash: Some(DigestAlgorithm::Sha256), ..BodyLimits::at_most(FILE.len()) };
    })
    .await
    .unwrap();
    assert_eq!((response.status, response.pause, response.credential_withheld), (StatusCode::OK, None, false));
    assert!(response.peer.unwrap().ip().is_loopback());
    let Body::Content(content, digest) = response.body else { panic!("no content") };
    assert_eq!((&*content, digest), (FILE, Some(Digest::of(DigestAlgorithm::Sha256, FILE))));
    let host = server.host();
    let limited = |body: BodyLimits| {
        let url = list(&server);
        async move { fetch(&client(), &url, |request| request.body = body).await.err() }
    };
    let limit = FILE.len() as u64 - 1;
    assert_eq!(limited(BodyLimits::at_most(16)).await, Some(FetchError::TooLarge { host: host.clone(), limit }));
    let (found, expected) = (limit + 1, 5);
    let size = BodyLimits { size: Some(expected), ..BodyLimits::at_most(1024) };
    assert_eq!(limited(size).await, Some(FetchError::Size { host, found, expected }));
}

#[tokio::test]
async fn a_body_counts_in_the_budget_as_long_as_it_is_in_memory() {
    let server = server().await;
    let client = builder(FILE.len()).build();
    let first = fetch(&client, &list(&server), |_| {}).await.unwrap();
    let refused = fetch(&client, &list(&server), |_| {}).await.err().unwrap();
    assert_eq!((refused.kind(), refused.retry_advice()), (FetchErrorKind::Overloaded, RetryAdvice::Never));
    drop(first);
    assert!(fetch(&client, &list(&server), |_| {}).await.is_ok());
}

#[tokio::test]
async fn a_body_is_posted_with_its_type() {
    let server = server().await;
    let body = Bytes::from_static(b"request");
    let payload = Payload::Post { content_type: "application/ocsp-request", body };
    fetch(&client(), &list(&server), |request| request.payload = payload).await.unwrap();
    let sent = &server.requests()[0];
    assert_eq!((sent.method.as_str(), sent.header("content-type")), ("POST", Some("application/ocsp-request")));
    assert_eq!((sent.header("content-length"), sent.header("accept-encoding")), (Some("7"), Some("identity")));
}

#[tokio::test]
async fn another_status_than_200_is_a_response_with_the_beginning_of_its_body() {
    let server = server().await;
    server.when_any().reply(Reply::status(404).body("not here"));
    let response = fetch(&client(), &list(&server), |_| {}).await.unwrap();
    let Body::Error(body) = response.body else { panic!("content") };
    assert_eq!((response.status, &body[..]), (StatusCode::NOT_FOUND, &b"not here"[..]));
}

#[tokio::test]
async fn sends_no_request_during_the_pause_of_a_host() {
    let server = server().await;
    server.when_any().times(1).reply(Reply::status(429).header("retry-after", "50"));
    let client = client();
    let response = fetch(&client, &list(&server), |_| {}).await.unwrap();
    assert_eq!(response.pause, Some(Duration::from_secs(50)));
    let error = fetch(&client, &list(&server), |_| {}).await.err().unwrap();
    let FetchError::Throttled(HostPause { host, wait }) = &error else { panic!("{error:?}") };
    assert_eq!(
        (host, error.retry_advice()),
        (&server.host(), RetryAdvice::After(HostPause { host: host.clone(), wait: *wait }))
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn the_head_of_a_response_has_a_time_limit_of_its_own() {
    let server = server().await;
    let silent = server.when(Path::Other).never_answer();
    let soon = |request: &mut Request<'_>| request.head_timeout = HeadTimeout::After(Duration::from_millis(50));
    let late = fetch(&client(), &format!("{}/list", server.url()), soon).await.err();
    let expected =
        FetchError::Timeout { host: server.host(), phase: countersign_http::Phase::Head, missing: Missing::Response };
    assert_eq!(late, Some(expected));
    silent.remove();
    server.when(Path::Other).stalled_body();
    let later = |request: &mut Request<'_>| request.head_timeout = HeadTimeout::After(Duration::from_secs(20));
    let stalled = fetch(&client(), &format!("{}/list", server.url()), later).await;
    assert!(matches!(stalled, Err(FetchError::Stalled { .. })));
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_end_is_told_from_a_response_that_does_not_come() {
    // Accepts connections by its backlog, and sends nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = silent.local_addr().unwrap().to_string();
    let soon = |request: &mut Request<'_>| request.head_timeout = HeadTimeout::After(Duration::from_millis(50));
    let late = |scheme: &str| {
        let url = format!("{scheme}://{host}/list");
        async move { fetch(&client(), &url, soon).await.err() }
    };
    let expected =
        |missing| Some(FetchError::Timeout { host: host.clone(), phase: countersign_http::Phase::Head, missing });
    assert_eq!(late("https").await, expected(Missing::Handshake));
    assert_eq!(late("http").await, expected(Missing::Response));
}

#[tokio::test]
async fn limits_beside_others_share_the_pauses_of_hosts_and_no_bytes() {
    let server = server().await;
    let requests = RequestLimits { per_host: 4, total: 16 };
    let resources = Resources { requests: REQUESTS, responders: REQUESTS, bytes: BYTES };
    let bodies = ShareLimits { total: 64, host: 64, pattern: 64, unlisted_host: 64, unlisted: 64 };
    let observer: Arc<dyn LimitObserver> = Arc::new(Unobserved);
    let limits = SharedLimits::new(requests, bodies, &resources, &observer);
    let beside = limits.beside(requests, bodies, &resources, &observer);
    let client = |limits| {
        let connect_timeout = Duration::from_secs(5);
        let settings = ClientSettings { connect_timeout, requests, proxies: ProxyEnvironment::default() };
        ClientBuilder::new(settings, limits).unwrap().build()
    };
    let (first, second) = (client(&limits), client(&beside));
    let url = format!("{}/list", server.url());
    let used_up = limits.body_budget().try_acquire(&Share::new("a.example", Class::Listed), 60).unwrap();
    assert!(matches!(fetch(&first, &url, |_| {}).await, Err(FetchError::Limit(_))));
    let Body::Content(content, None) = fetch(&second, &url, |_| {}).await.unwrap().body else { panic!() };
    drop(used_up);
    let (bytes, permit) = content.into_parts();
    assert_eq!((bytes.as_slice(), permit.amount()), (FILE, FILE.len()));
    let throttled = server.when(Path::Other).too_many_requests("30");
    assert_eq!(fetch(&second, &url, |_| {}).await.unwrap().pause, Some(Duration::from_secs(30)));
    assert!(matches!(fetch(&first, &url, |_| {}).await, Err(FetchError::Throttled(_))));
    assert_eq!(throttled.hits(), 1);
}

#[tokio::test]
async fn an_address_that_the_policy_does_not_permit_is_not_connected_to() {
    let server = server().await;
    let by_name = list(&server).replace("127.0.0.1", "localhost");
    for url in [list(&server), by_name] {
        let host = authority(&Url::parse(&url).unwrap());
        let refused = |change: fn(&mut Request<'_>)| {
            let url = url.clone();
            async move { fetch(&client(), &url, change).await.err().unwrap() }
        };
        let error = refused(|request| request.route = route(AddressPolicy::WithPrivate)).await;
        assert!(matches!(&error, FetchError::AddressRefused { address, .. } if address.is_loopback()), "{error:?}");
        assert_eq!((error.kind(), error.remedy()), (FetchErrorKind::NotAllowed, Some(FetchRemedy::NameHost)));
        let error = refused(|request| {
            request.route = route(AddressPolicy::PublicOnly);
            request.referred_by = Some("a.example");
        })
        .await;
        assert_eq!(error.remedy(), Some(FetchRemedy::NameEither { from: "a.example", host: &host }));
        let allowed = fetch(&client(), &url, |request| request.route = route(AddressPolicy::WithLoopback)).await;
        assert!(allowed.is_ok());
    }
    assert_eq!(server.connections(), 2);
}

/// Allows one route or refuses; records its calls.
struct Policy {
    route: Result<Route, Text>,
    asked: Mutex<Vec<(String, String, bool)>>,
}

impl Policy {
    fn new(route: Result<Route, Text>) -> Self {
        Self { route, asked: Mutex::default() }
    }
}

impl RedirectPolicy for Policy {
    fn route(&self, from: &Url, target: &Url, peer: Option<SocketAddr>) -> Result<Route, Text> {
        self.asked.lock().unwrap().push((authority(from), authority(target), peer.is_some()));
        self.route.clone()
    }

    fn keeps_credential(&self, _: &Url) -> bool {
        true
    }

    fn without_credential(&self, route: Route) -> Route {
        route
    }
}

#[tokio::test]
async fn a_redirect_to_another_origin_takes_the_route_of_its_policy_and_carries_no_credential() {
    let (server, other) = (server().await, server().await);
    server.when_any().redirect(307, &list(&other));
    let policy = Policy::new(Ok(route(AddressPolicy::Any)));
    let authorization = HeaderValue::from_static("Bearer secret");
    let (redirects, client) = (Redirects::Follow(&policy), client());
    let response = fetch_with(&client, &list(&server), redirects, Some(&authorization), |_| {}).await.unwrap();
    assert_eq!((response.url.as_str(), response.credential_withheld), (list(&other).as_str(), true));
    assert_eq!(*policy.asked.lock().unwrap(), [(server.host(), other.host(), true)]);
    assert_eq!(server.requests()[0].authorization(), Some("Bearer secret"));
    assert_eq!(other.requests()[0].authorization(), None);
}

#[tokio::test]
async fn refuses_a_redirect_if_the_request_or_its_policy_refuses_it() {
    let (server, other) = (server().await, server().await);
    server.when(Path::Other).redirect(307, &list(&other));
    let error = fetch(&client(), &list(&server), |_| {}).await.err().unwrap();
    let refusal = RedirectRefusal::NotAllowed { what: "such requests" };
    assert_eq!(error, FetchError::Redirect { host: server.host(), refusal });
    assert_eq!(
        error.to_string(),
        format!("a redirect of {} is refused: such requests are not redirected", server.host())
    );
    let policy = Policy::new(Err("it is disabled".into()));
    let followed = fetch_with(&client(), &list(&server), Redirects::Follow(&policy), None, |_| {}).await;
    let error = followed.err().unwrap();
    let cause = Box::new(FetchError::HostDisabled { host: other.host(), why: "it is disabled".into() });
    assert_eq!(error, FetchError::Redirected { target: other.host(), cause });
    assert_eq!(error.kind(), FetchErrorKind::Disabled);
    assert_eq!(other.requests().len(), 0);
}

#[tokio::test]
async fn a_server_is_accepted_by_the_roots_of_its_route() {
    let authority = Authority::root(CertSpec::root());
    let server = Server::start_tls(&authority.issue(CertSpec::tls_server(&["127.0.0.1"]))).await;
    server.serve_file("/list", "application/pkix-crl", FILE);
    let mut builder = builder(1 << 20);
    let roots = RootCertificates::parse("ca.pem", authority.pem().as_bytes()).unwrap();
    let own = builder.add_roots(&Roots::Only(roots.clone())).unwrap();
    assert_eq!(builder.add_roots(&Roots::Only(roots)), Ok(own));
    let client = builder.build();
    let with_own = fetch(&client, &list(&server), |request| request.route.roots = own).await;
    assert!(with_own.is_ok());
    let error = fetch(&client, &list(&server), |_| {}).await.err().unwrap();
    let FetchError::Tls { failure, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(failure, TlsFailure::UnknownIssuer { roots: RootsSource::System, .. }), "{failure:?}");
    assert_eq!(error.remedy(), Some(FetchRemedy::Tls(TlsRemedy::RootsFile(MissingRoot::Issuer))));
}

#[tokio::test]
async fn a_proxy_is_used_only_under_a_rule() {
    let (server, proxy) = (server().await, Proxy::start().await);
    proxy.resolve("list.example:80", server.address());
    let mut builder = builder(1 << 20);
    let choice = ProxyChoice::Server { server: proxy.url().parse().unwrap(), roots: Roots::System };
    let rule = ProxyRule { choice, setting: "the test".to_owned(), exact: true, no_proxy: NoProxyScope::OtherHosts };
    let rule = builder.add_proxy_rule(rule).unwrap();
    let client = builder.build();
    let response = fetch(&client, "http://list.example/list", |request| {
        request.route.proxy = Some(ProxyRoute { rule, own: true })
    })
    .await
    .unwrap();
    assert_eq!((response.status, response.peer), (StatusCode::OK, None));
    assert_eq!(proxy.requests().len(), 1);
    let direct = fetch(&client, &list(&server), |_| {}).await.unwrap();
    assert!(direct.peer.is_some());
    assert_eq!(proxy.requests().len(), 1);
    // A client without the rule does not send the request directly.
    let other = self::client();
    let with_rule = |request: &mut Request<'_>| request.route.proxy = Some(ProxyRoute { rule, own: true });
    let error = fetch(&other, &list(&server), with_rule).await.err().unwrap();
    let host = authority(&list(&server).parse().unwrap());
    assert_eq!(error.to_string(), format!("cannot connect to {host}: internal error: unknown proxy rule"));
}
