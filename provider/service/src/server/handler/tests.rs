use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use countersign_core::name::Digest;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_core::verdict::Skipped;
use countersign_testkit::captured_log::capture;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use hyper::body::Frame;
use prometheus::Registry;
use serde_json::Value as Json;
use tracing::Level;

use super::*;
use crate::engine::ImageResult;
use crate::engine::PolicySnapshot;
use crate::engine::VerificationRequest;
use crate::server::ConnectionTimes;
use crate::server::tls::AllowedClients;
use crate::telemetry::log::subscriber;
use crate::telemetry::metrics;

/// No test here verifies an image.
struct UnusedVerifier;

impl Verifier for UnusedVerifier {
    fn snapshot(&self) -> PolicySnapshot {
        PolicySnapshot::default()
    }

    fn verify(&self, _: VerificationRequest) -> BoxFuture<'static, ImageResult> {
        unreachable!("no image is asked for")
    }

    fn resolve(&self, _: VerificationRequest) -> BoxFuture<'static, Result<Digest, Reason>> {
        unreachable!("no image is asked for")
    }
}

/// Skips every image.
struct Skips;

impl Verifier for Skips {
    fn snapshot(&self) -> PolicySnapshot {
        PolicySnapshot::default()
    }

    fn verify(&self, _: VerificationRequest) -> BoxFuture<'static, ImageResult> {
        let verdict = Arc::new(ImageVerdict::Skipped(Skipped { statement: "mirror".into() }));
        Box::pin(async { ImageResult { digest: None, verdict, cached: false } })
    }

    fn resolve(&self, _: VerificationRequest) -> BoxFuture<'static, Result<Digest, Reason>> {
        unreachable!("no image is asked for")
    }
}

fn handler() -> (Handler, Registry) {
    handler_with(Duration::ZERO, Arc::new(UnusedVerifier))
}

fn handler_with(cached_verdicts_every: Duration, verifier: Arc<dyn Verifier>) -> (Handler, Registry) {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let settings = ServerSettings {
        listen: anywhere.into(),
        health_listen: anywhere.into(),
        allowed_clients: AllowedClients::new(vec!["a".to_owned()]).unwrap(),
        verify_timeout: Duration::from_millis(20),
        mutate_timeout: Duration::from_millis(20),
        keep_tag: false,
        cached_verdicts_every,
        stop_grace: Duration::ZERO,
        max_body_bytes: 1000,
        max_keys: 10,
        max_connections: 1,
        max_concurrent_keys_per_request: 1,
        connection_times: ConnectionTimes::default(),
    };
    let registry = Registry::new();
    let metrics = Arc::new(Metrics::new(&registry).unwrap());
    (Handler::new(settings, verifier, metrics), registry)
}

async fn answered<B: Body<Data = Bytes>>(handler: &Handler, path: &str, body: B) -> (StatusCode, Json) {
    let request = Request::post(path).header("x-request-id", "1f").body(body).unwrap();
    let response = handler.respond(request).await;
    assert_eq!(response.headers()["x-request-id"], "1f");
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

fn system_error(idempotent: bool, text: &str) -> Json {
    serde_json::json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderResponse",
        "response": {"idempotent": idempotent, "items": [], "systemError": text},
    })
}

struct Panics;

impl Body for Panics {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        panic!("on purpose")
    }
}

#[tokio::test]
async fn a_panic_outside_the_keys_has_a_response() {
    let (handler, registry) = handler();
    let answer = answered(&handler, "/v1/verify", Panics).await;
    let text = "internal-error: the response could not be encoded; what to do: report this with the log line that \
                has the same request ID (request 1f)";
    assert_eq!(answer, (StatusCode::OK, system_error(false, text)));
    let text = metrics::encode_text(&registry).unwrap();
    assert!(
        text.contains("countersign_requests_total{door=\"verify\",endpoint=\"verify\",outcome=\"internal-error\"} 1\n"),
        "{text}"
    );
    assert!(text.contains("countersign_panics_total 1\n"), "{text}");
    assert!(text.contains("countersign_in_flight_requests 0\n"), "{text}");
}

fn keys(keys: &[&str]) -> Full<Bytes> {
    Full::new(Bytes::from(serde_json::json!({"request": {"keys": keys}}).to_string()))
}

#[tokio::test]
async fn a_request_without_a_permit_is_answered_at_the_deadline() {
    let (handler, _registry) = handler();
    let all = handler.requests.working.ordinary.try_acquire_many(12 * 1024).unwrap();
    let answer = answered(&handler, "/v1/mutate", keys(&["UPPER"])).await;
    let text = "overloaded: too many requests in progress; what to do: add replicas (request 1f)";
    assert_eq!(answer, (StatusCode::OK, system_error(true, text)));
    // There is no work.
    assert_eq!(answered(&handler, "/v1/mutate", keys(&[])).await, (StatusCode::OK, system_error(true, "")));
    drop(all);
    let (_, answer) = answered(&handler, "/v1/mutate", keys(&["UPPER"])).await;
    assert_eq!(answer["response"]["items"][0]["key"], "UPPER");
}

/// Knows the images below `known`, and panics about others below `panics`. The work on all others never ends.
struct KnowsSome;

impl Verifier for KnowsSome {
    fn snapshot(&self) -> PolicySnapshot {
        PolicySnapshot::default()
    }

    fn known(&self, request: &VerificationRequest) -> Option<ImageResult> {
        match request.image.repository().path().split('/').next() {
            Some("known") => {
                let verdict = ImageVerdict::Skipped(Skipped { statement: "mirror".into() });
                Some(ImageResult { digest: None, verdict: verdict.into(), cached: true })
            }
            Some("panics") => panic!("on purpose"),
            _ => None,
        }
    }

    fn verify(&self, _: VerificationRequest) -> BoxFuture<'static, ImageResult> {
        Box::pin(std::future::pending())
    }

    fn resolve(&self, _: VerificationRequest) -> BoxFuture<'static, Result<Digest, Reason>> {
        Box::pin(std::future::pending())
    }
}

fn knowing() -> (Handler, Registry) {
    let (handler, registry) = handler();
    (handler.successor(handler.settings.clone(), Arc::new(KnowsSome)), registry)
}

/// The keys that have an item, with their verdicts, and the text about the others.
async fn decided(handler: &Handler, images: &[&str]) -> (Vec<(String, String)>, String) {
    let (_, answer) = answered(handler, "/v1/verify", keys(images)).await;
    let response = &answer["response"];
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let items = response["items"].as_array().unwrap().iter();
    (items.map(|item| (text(&item["key"]), text(&item["value"]["verdict"]))).collect(), text(&response["systemError"]))
}

const KNOWN: &str = "registry.example/known/a:v1";

#[tokio::test]
async fn what_is_known_is_answered_without_a_permit_for_work() {
    let (handler, _registry) = knowing();
    let all = handler.requests.working.ordinary.try_acquire_many(12 * 1024).unwrap();
    let skipped = vec![(KNOWN.to_owned(), "skipped".to_owned())];
    assert_eq!(decided(&handler, &[KNOWN]).await, (skipped.clone(), String::new()));
    let (items, text) = decided(&handler, &["registry.example/new:v1", KNOWN, "UPPER"]).await;
    assert_eq!(
        items,
        [&[(KNOWN.to_owned(), "skipped".to_owned())][..], &[("UPPER".to_owned(), String::new())]].concat()
    );
    assert_eq!(
        text,
        "could not decide about 1 of 3 images (request 1f): registry.example/new:v1: overloaded: too many requests in progress; \
         what to do: add replicas or raise the limits of concurrent work"
    );
    drop(all);
    let (items, text) = decided(&handler, &["registry.example/new:v1", KNOWN]).await;
    assert_eq!(items, skipped);
    assert!(
        text.starts_with(
            "could not decide about 1 of 2 images (request 1f): registry.example/new:v1: deadline-exceeded: "
        ),
        "{text}"
    );
}

#[tokio::test]
async fn a_large_body_counts_until_it_is_decoded_also_if_its_client_has_gone() {
    let requests = RequestLimit::new();
    let until = Instant::now() + Duration::from_secs(60);
    let free = requests.reading.large.available_permits();
    let reading = requests.to_read(None, 1024 * 1024, 1000, until).await.unwrap();
    let held = free - requests.reading.large.available_permits();
    assert_eq!(held, 3 * 1024);
    let (begun, begins) = tokio::sync::oneshot::channel();
    let (end, ends) = std::sync::mpsc::sync_channel::<()>(1);
    let decode = move || (begun.send(()), ends.recv());
    {
        let decoded = std::pin::pin!(on_a_thread(reading, decode));
        tokio::select! {
            _ = decoded => panic!("it has not ended"),
            begins = begins => begins.unwrap(),
        }
    }
    assert_eq!(requests.reading.large.available_permits(), free - held);
    end.send(()).unwrap();
    assert!(requests.reading.large.acquire_many(u32::try_from(free).unwrap()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_known_image_is_answered_at_once_while_cold_requests_wait_on_every_other_connection() {
    let (handler, _registry) = knowing();
    let settings = ServerSettings { max_body_bytes: 1024 * 1024, max_keys: 1000, ..handler.settings.clone() };
    let handler = handler.successor(settings, Arc::clone(&handler.verifier));
    let _all = handler.requests.working.ordinary.try_acquire_many(12 * 1024).unwrap();
    let began = Instant::now();
    let cold = |request: usize| {
        let key = |number: usize| format!("registry.example/{}/new-{request}:v{number}", "a".repeat(120));
        let images: Vec<String> = (0..20).map(key).collect();
        let handler = &handler;
        async move { decided(handler, &images.iter().map(String::as_str).collect::<Vec<_>>()).await }
    };
    // One less than `server.maxConnections`.
    let mut waiting = tokio::task::unconstrained(futures_util::future::join_all((0..255).map(cold)));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    let skipped = vec![(KNOWN.to_owned(), "skipped".to_owned())];
    assert_eq!(decided(&handler, &[KNOWN]).await, (skipped, String::new()));
    assert_eq!(began.elapsed(), Duration::ZERO);
    for (items, text) in waiting.await {
        assert_eq!(items, []);
        assert_eq!(text, "overloaded: too many requests in progress; what to do: add replicas (request 1f)");
    }
    assert_eq!(began.elapsed(), handler.settings.verify_timeout);
}

#[tokio::test(start_paused = true)]
async fn more_waiting_requests_than_there_is_memory_for_are_refused_at_once_but_for_what_is_known() {
    let (handler, registry) = knowing();
    let _all = handler.requests.working.ordinary.try_acquire_many(12 * 1024).unwrap();
    let _waiting = handler.requests.waiting.ordinary.try_acquire_many(5 * 512).unwrap();
    let began = Instant::now();
    let text = "overloaded: too many requests wait to be processed; what to do: add replicas (request 1f)";
    assert_eq!(decided(&handler, &["registry.example/new:v1"]).await, (Vec::new(), text.to_owned()));
    let (items, text) = decided(&handler, &["registry.example/new:v1", KNOWN]).await;
    assert_eq!(items, [(KNOWN.to_owned(), "skipped".to_owned())]);
    assert_eq!(
        text,
        "could not decide about 1 of 2 images (request 1f): registry.example/new:v1: overloaded: too many requests wait to be processed; \
         what to do: add replicas or raise the limits of concurrent work"
    );
    assert_eq!(began.elapsed(), Duration::ZERO);
    let text = metrics::encode_text(&registry).unwrap();
    assert!(
        text.contains("countersign_requests_total{door=\"verify\",endpoint=\"verify\",outcome=\"system-error\"} 2\n"),
        "{text}"
    );
}

#[tokio::test]
async fn a_panic_about_one_key_is_not_one_of_the_others() {
    let (handler, registry) = knowing();
    let (items, text) = decided(&handler, &[KNOWN, "registry.example/panics:v1"]).await;
    assert_eq!(items, [(KNOWN.to_owned(), "skipped".to_owned())]);
    let why = "could not decide about 1 of 2 images (request 1f): registry.example/panics:v1: internal-error: ";
    assert!(text.starts_with(why), "{text}");
    let text = metrics::encode_text(&registry).unwrap();
    assert!(text.contains("countersign_panics_total 1\n"), "{text}");
}

#[tokio::test]
async fn large_requests_wait_for_each_other_and_the_others_do_not() {
    let (handler, _registry) = handler();
    let all = handler.requests.reading.large.try_acquire_many(6 * 1024).unwrap();
    let small = || Full::new(Bytes::from_static(br#"{"request":{"keys":[]}}"#));
    let large = || Full::new(Bytes::from(vec![b' '; 65 * 1024]));
    let answer = answered(&handler, "/v1/mutate", large()).await;
    let text = "overloaded: too many large requests in progress; what to do: add replicas (request 1f)";
    assert_eq!(answer, (StatusCode::OK, system_error(true, text)));
    assert_eq!(answered(&handler, "/v1/mutate", small()).await, (StatusCode::OK, system_error(true, "")));
    drop(all);
    let text = "request body is too large: expected at most 1000 bytes; send fewer images in one request (request \
                1f)";
    assert_eq!(answered(&handler, "/v1/mutate", large()).await, (StatusCode::OK, system_error(true, text)));
}

#[tokio::test]
async fn counts_and_reports_a_response_above_the_budget() {
    let (handler, registry) = handler();
    let body = || Full::new(Bytes::from_static(br#"{"request":{"keys":["UPPER"]}}"#));
    let mut others = Vec::new();
    for size in [2048 * 1024, 256 * 1024, 32 * 1024, 4 * 1024, 1024, 128] {
        let mut other = handler.responses.begin();
        while other.grow(size).is_ok() {
            others.push(std::mem::replace(&mut other, handler.responses.begin()));
        }
    }
    // Ratify's value for such a key is larger, and exceeds the budget in the same way.
    for (path, mutates) in [
        ("/v1/verify", false),
        ("/v1/mutate", true),
        ("/ratify/gatekeeper/v1/verify", false),
        ("/ratify/gatekeeper/v1/mutate", true),
    ] {
        let (status, answer) = answered(&handler, path, body()).await;
        let response = &answer["response"];
        assert_eq!((status, &response["items"]), (StatusCode::OK, &serde_json::json!([])), "{path}");
        assert_eq!(response["idempotent"], mutates, "{path}");
        let error = response["systemError"].as_str().unwrap();
        assert!(
            error.starts_with("could not decide about 1 of 1 images (request 1f): overloaded: too many bytes of responses in memory: found 1"),
            "{error}"
        );
    }
    let text = metrics::encode_text(&registry).unwrap();
    for line in [
        "countersign_limit_reached_total{limit=\"response-bytes\",scope=\"process\"} 4\n",
        "countersign_requests_total{door=\"verify\",endpoint=\"verify\",outcome=\"system-error\"} 1\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    drop(others);
    let (_, answer) = answered(&handler, "/v1/verify", body()).await;
    assert_eq!(answer["response"]["items"][0]["key"], "UPPER");
    let text = metrics::encode_text(&registry).unwrap();
    assert!(text.contains("countersign_limit_in_use{limit=\"response-bytes\"} 0\n"), "{text}");
}

#[tokio::test]
async fn a_successor_shares_the_limits() {
    let (handler, _registry) = handler();
    let successor = handler.successor(handler.settings.clone(), Arc::new(UnusedVerifier));
    assert!(Arc::ptr_eq(&handler.requests, &successor.requests));
    assert!(Arc::ptr_eq(&handler.responses, &successor.responses));
    assert!(Arc::ptr_eq(&handler.repeated, &successor.repeated));
}

#[test]
fn events_about_verdicts_that_repeat_are_left_out_and_the_metrics_count_all() {
    let (handler, registry) = handler_with(Duration::from_secs(60), Arc::new(Skips));
    let act = async || {
        for _ in 0..4 {
            let body = Bytes::from_static(br#"{"request":{"keys":["a.b/c:1","UPPER"]}}"#);
            let (_, answer) = answered(&handler, "/v1/verify", Full::new(body)).await;
            assert_eq!(answer["response"]["items"][0]["value"]["verdict"], "skipped", "{answer}");
        }
    };
    let lines = capture(
        |lines| subscriber(Level::INFO, move || lines.clone()),
        || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            runtime.unwrap().block_on(act());
        },
    );
    let events = lines.events_with("verdict");
    let found: Vec<_> =
        events.iter().map(|event| (event["image"].as_str().unwrap(), event["repeated"].as_u64())).collect();
    let invalid = ("UPPER", None);
    assert_eq!(found, [invalid, ("a.b/c:1", None), invalid, invalid, invalid]);
    let text = metrics::encode_text(&registry).unwrap();
    let counted = text.lines().filter(|line| line.starts_with("countersign_verdicts_total{"));
    let counted: u32 = counted.map(|line| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()).sum();
    assert_eq!(counted, 8);
}

#[tokio::test]
async fn an_unknown_path_is_counted_without_an_endpoint() {
    let (handler, registry) = handler();
    let (status, _) = answered(&handler, "/v2/verify", Full::new(Bytes::new())).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let text = metrics::encode_text(&registry).unwrap();
    assert!(
        text.contains("countersign_requests_total{door=\"none\",endpoint=\"none\",outcome=\"bad-request\"} 1\n"),
        "{text}"
    );
}
