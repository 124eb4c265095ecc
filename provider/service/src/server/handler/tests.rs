use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use countersign_core::name::Digest;
use countersign_core::verdict::Reason;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use hyper::body::Frame;
use prometheus::Registry;
use serde_json::Value as Json;

use super::*;
use crate::engine::ImageResult;
use crate::engine::PolicySnapshot;
use crate::engine::VerificationRequest;
use crate::server::ConnectionTimes;
use crate::server::tls::AllowedClients;
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

fn handler() -> (Handler, Registry) {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let settings = ServerSettings {
        listen: anywhere.into(),
        health_listen: anywhere.into(),
        allowed_clients: AllowedClients::new(vec!["a".to_owned()]).unwrap(),
        verify_timeout: Duration::from_millis(20),
        mutate_timeout: Duration::from_millis(20),
        keep_tag: false,
        stop_grace: Duration::ZERO,
        max_body_bytes: 1000,
        max_keys: 10,
        max_connections: 1,
        max_concurrent_keys_per_request: 1,
        connection_times: ConnectionTimes::default(),
    };
    let registry = Registry::new();
    let metrics = Arc::new(Metrics::new(&registry).unwrap());
    (Handler::new(settings, Arc::new(UnusedVerifier), metrics), registry)
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

#[tokio::test]
async fn a_request_without_a_permit_is_answered_at_the_deadline() {
    let (handler, _registry) = handler();
    let all = handler.requests.working.ordinary.try_acquire_many(12 * 1024).unwrap();
    let body = || Full::new(Bytes::from_static(br#"{"request":{"keys":[]}}"#));
    let answer = answered(&handler, "/v1/mutate", body()).await;
    let text = "overloaded: too many requests in progress; what to do: add replicas (request 1f)";
    assert_eq!(answer, (StatusCode::OK, system_error(true, text)));
    drop(all);
    assert_eq!(answered(&handler, "/v1/mutate", body()).await, (StatusCode::OK, system_error(true, "")));
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
