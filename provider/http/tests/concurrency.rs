//! Requests to a server that refuses more than some at the same time.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_http::AddressPolicy;
use countersign_http::BodyLimits;
use countersign_http::Class;
use countersign_http::Client;
use countersign_http::ClientBuilder;
use countersign_http::ClientSettings;
use countersign_http::FetchError;
use countersign_http::HeadTimeout;
use countersign_http::LimitObserver;
use countersign_http::LimitReached;
use countersign_http::Overload;
use countersign_http::Payload;
use countersign_http::Phase;
use countersign_http::ProxyEnvironment;
use countersign_http::Redirects;
use countersign_http::Request;
use countersign_http::RequestLimits;
use countersign_http::Resource;
use countersign_http::Resources;
use countersign_http::Response;
use countersign_http::RootsId;
use countersign_http::Route;
use countersign_http::Share;
use countersign_http::ShareLimits;
use countersign_http::SharedLimits;
use countersign_http::Unit;
use countersign_http::authority;
use countersign_testkit::registry::Registry as Server;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route as Path;
use http::StatusCode;
use tokio::time::Instant;
use url::Url;

const REQUESTS: Resource = Resource::new("requests", "too many requests", Unit::Item, 8);
const BYTES: Resource = Resource::new("bytes", "too many bytes", Unit::Byte, 8);
const RESOURCES: Resources = Resources { requests: REQUESTS, responders: REQUESTS, bytes: BYTES };

const LIMITS: RequestLimits = RequestLimits { per_host: 32, total: 128 };
const BODIES: ShareLimits = ShareLimits::of(1 << 24);

/// Counts reductions.
#[derive(Default)]
struct Reductions(AtomicUsize);

impl LimitObserver for Reductions {
    fn in_use(&self, _: Resource, _: i64) {}

    fn limit_reached(&self, _: &LimitReached) {}

    fn limit_reduced(&self, _: Resource, _: Overload) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Limits, and what counts their reductions.
fn limits() -> (SharedLimits, Arc<Reductions>) {
    let reductions = Arc::new(Reductions::default());
    let observer: Arc<dyn LimitObserver> = Arc::clone(&reductions) as Arc<dyn LimitObserver>;
    let limits = SharedLimits::new(LIMITS, BODIES, &RESOURCES, &observer);
    (limits, reductions)
}

/// A server with a file at `/list`, and the URL of that.
async fn server() -> (Server, Url) {
    let server = Server::start().await;
    server.serve_file("/list", "application/pkix-crl", b"a revocation list");
    let url = format!("{}/list", server.url()).parse().unwrap();
    (server, url)
}

fn client(limits: &SharedLimits) -> Arc<Client> {
    let connect_timeout = Duration::from_secs(5);
    let settings = ClientSettings { connect_timeout, requests: LIMITS, proxies: ProxyEnvironment::default() };
    Arc::new(ClientBuilder::new(settings, limits).unwrap().build())
}

/// Pauses the server for `refused` after the response.
async fn fetch(client: &Client, url: &Url, refused: Option<Duration>) -> Response {
    try_fetch(client, url, HeadTimeout::Request, refused).await.unwrap()
}

async fn try_fetch(
    client: &Client,
    url: &Url,
    head_timeout: HeadTimeout,
    refused: Option<Duration>,
) -> Result<Response, FetchError> {
    let (home, share) = (authority(url), Share::new(&authority(url), Class::Listed));
    let request = Request {
        share: &share,
        step: "the list",
        home: &home,
        about: "",
        url,
        referred_by: None,
        route: Route { addresses: AddressPolicy::Any, roots: RootsId::SYSTEM, proxy: None, listed: true },
        payload: Payload::Get,
        accept: "*/*",
        authorization: None,
        redirects: Redirects::Refuse { what: "such requests" },
        body: BodyLimits::at_most(1024),
        head_timeout,
        on_head: None,
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    let permit = client.acquire(&request, deadline).await?;
    let response = client.fetch(&request, permit, deadline).await?;
    if let Some(pause) = refused {
        client.pause(&request, response.in_flight, pause);
    }
    Ok(response)
}

/// The refusals of a server that bears eight requests at the same time, until 64 have their response.
async fn refusals(limits: &SharedLimits) -> usize {
    let (server, url) = server().await;
    let refused = server.when(Path::Other).above(8).too_many_requests("1");
    server.when(Path::Other).delay(Duration::from_millis(50));
    let client = client(limits);
    let requests: Vec<_> = (0..64)
        .map(|_| {
            let (client, url) = (Arc::clone(&client), url.clone());
            tokio::spawn(async move { while fetch(&client, &url, None).await.status != StatusCode::OK {} })
        })
        .collect();
    for request in requests {
        request.await.unwrap();
    }
    assert_eq!(server.requests().len(), 64 + refused.hits());
    refused.hits()
}

#[tokio::test(start_paused = true)]
async fn a_burst_to_a_server_that_limits_concurrency_gets_through_with_few_refusals() {
    let (limits, reductions) = limits();
    let refused = refusals(&limits).await;
    assert_eq!((reductions.0.load(Ordering::SeqCst), limits.reduced_hosts().count()), (3, 1));
    // These limits are fixed.
    let fixed =
        refusals(&limits.beside(LIMITS, BODIES, &RESOURCES, &(Arc::clone(&reductions) as Arc<dyn LimitObserver>)))
            .await;
    assert_eq!((refused, fixed), (33, 144));
    assert_eq!(reductions.0.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn an_answer_that_refuses_with_another_status_reduces_concurrency() {
    let (limits, reductions) = limits();
    let (server, url) = server().await;
    let client = client(&limits);
    server.when(Path::Other).times(1).status(400);
    fetch(&client, &url, None).await;
    assert_eq!(reductions.0.load(Ordering::SeqCst), 0);
    server.when(Path::Other).times(1).reply(Reply::status(400));
    fetch(&client, &url, Some(Duration::ZERO)).await;
    assert_eq!((reductions.0.load(Ordering::SeqCst), limits.reduced_hosts().count()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_response_that_does_not_come_reduces_concurrency_if_the_host_has_answered_before() {
    let (server, url) = server().await;
    let after = HeadTimeout::After(Duration::from_millis(500));
    for (timeout, phase) in [(after, Phase::Head), (HeadTimeout::Request, Phase::Request)] {
        let (limits, reductions) = limits();
        let client = client(&limits);
        // What does not respond may be this part of the host alone.
        server.when(Path::Other).times(2).never_answer();
        assert!(try_fetch(&client, &url, timeout, None).await.is_err());
        assert!(try_fetch(&client, &url, timeout, None).await.is_err());
        // Neither answers nor outages.
        for status in [500, 502, 503, 504, 401, 404] {
            server.when(Path::Other).times(1).status(status);
            fetch(&client, &url, None).await;
        }
        assert_eq!(reductions.0.load(Ordering::SeqCst), 0);
        server.when(Path::Other).times(1).never_answer();
        let late = try_fetch(&client, &url, timeout, None).await.err().unwrap();
        assert!(matches!(late, FetchError::Timeout { phase: found, .. } if found == phase), "{late:?}");
        assert_eq!((reductions.0.load(Ordering::SeqCst), limits.reduced_hosts().count()), (1, 1));
    }
}
