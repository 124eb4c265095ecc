//! Requests and responses of each endpoint.

use std::time::Duration;

use countersign::server::ServerSettings;
use countersign_test_support::client::Client;
use countersign_test_support::script::DIGEST;
use countersign_test_support::service::Service;
use countersign_test_support::service::settings;
use reqwest::Method;
use reqwest::StatusCode;
use serde_json::Value as Json;
use serde_json::json;

/// The timeout for keys that never end, long enough for those that do.
const SHORT: Duration = Duration::from_millis(500);

const VERIFY: &str = "/v1/verify";
const MUTATE: &str = "/v1/mutate";
const RATIFY_VERIFY: &str = "/ratify/gatekeeper/v1/verify";
const RATIFY_MUTATE: &str = "/ratify/gatekeeper/v1/mutate";
const ENDPOINTS: [&str; 4] = [VERIFY, MUTATE, RATIFY_VERIFY, RATIFY_MUTATE];

fn keys(response: &Json) -> Vec<&str> {
    response["items"].as_array().unwrap().iter().map(|item| item["key"].as_str().unwrap()).collect()
}

fn system_error(response: &Json) -> &str {
    response["systemError"].as_str().unwrap()
}

async fn started(change: impl FnOnce(&mut ServerSettings)) -> (Service, Client) {
    let mut settings = settings();
    change(&mut settings);
    let service = Service::with(settings).await;
    let client = Client::gatekeeper(&service);
    (service, client)
}

#[tokio::test]
async fn decided_keys_are_items_in_order_and_inconclusive_ones_a_system_error() {
    let (service, client) = started(|_| ()).await;
    let asked = ["a.example/skipped", "a.example/undecided:1", "a.example/rejected", "NOT AN IMAGE"];
    let response = client.ask(VERIFY, &asked).await;
    assert_eq!(keys(&response), ["a.example/skipped", "a.example/rejected", "NOT AN IMAGE"]);
    let items = &response["items"];
    assert_eq!(items[0]["value"]["verdict"], "skipped");
    assert_eq!(items[1]["value"]["verdict"], "rejected");
    assert_eq!(items[1]["value"]["code"], "unsigned");
    let error = items[2]["error"].as_str().unwrap();
    assert!(error.starts_with("invalid-reference: image reference has an invalid repository"), "{error}");
    let id = items[0]["value"]["requestId"].as_str().unwrap();
    assert_eq!(
        system_error(&response),
        format!(
            "could not decide about 1 of 4 images (request {id}): a.example/undecided:1: registry-timeout: no response within 500ms, expected a manifest; what to do: check the registry's speed; the next request tries again"
        )
    );
    assert_eq!(response["idempotent"], false);
    assert_eq!(
        service.metric(r#"countersign_requests_total{door="verify",endpoint="verify",outcome="system-error"}"#),
        1.0
    );
    assert_eq!(
        service.metric(r#"countersign_verdicts_total{code="unsigned",statement="other",verdict="rejected"}"#),
        1.0
    );
    assert_eq!(
        service.metric(r#"countersign_verdicts_total{code="invalid-reference",statement="",verdict="rejected"}"#),
        1.0
    );
    assert_eq!(service.metric("countersign_request_keys_sum"), 4.0);
}

#[tokio::test]
async fn verifies_and_answers_a_repeated_key_once() {
    let (service, client) = started(|_| ()).await;
    let response = client.ask(VERIFY, &["a.example/skipped/b", "a.example/skipped/a", "a.example/skipped/b"]).await;
    assert_eq!(keys(&response), ["a.example/skipped/b", "a.example/skipped/a"]);
    assert_eq!(service.script.asked(), ["a.example/skipped/a:latest", "a.example/skipped/b:latest"]);
}

#[tokio::test]
async fn a_thousand_keys_have_a_thousand_items() {
    let (_service, client) = started(|_| ()).await;
    let asked: Vec<String> = (0..1000).map(|number| format!("a.example/skipped/{number}")).collect();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let response = client.ask(VERIFY, &asked).await;
    assert_eq!(keys(&response), asked);
    assert_eq!(system_error(&response), "");
}

#[tokio::test]
async fn refuses_a_request_with_too_many_keys_on_every_endpoint() {
    let (service, client) = started(|settings| settings.max_keys = 2).await;
    for endpoint in ENDPOINTS {
        let response =
            client.ask(endpoint, &["a.example/skipped/1", "a.example/skipped/2", "a.example/skipped/3"]).await;
        assert_eq!(keys(&response), [""; 0]);
        let error = system_error(&response);
        assert!(
            error.starts_with("request has too many distinct keys: found more than 2, expected at most 2; "),
            "{error}"
        );
    }
    assert_eq!(service.script.asked(), [""; 0]);
}

#[tokio::test]
async fn echoes_keys_byte_for_byte() {
    let (_service, client) = started(|_| ()).await;
    let long = "a".repeat(10 * 1024);
    let asked = ["", "a\r\nb\t\u{0}\u{1b}[31m", "\"\\/<>&\u{2028}", "ü😀\u{fffd}", "a.example/SKIPPED", long.as_str()];
    for endpoint in ENDPOINTS {
        let response = client.ask(endpoint, &asked).await;
        assert_eq!(keys(&response), asked, "{endpoint}");
        assert_eq!(system_error(&response), "", "{endpoint}");
    }
}

#[tokio::test]
async fn no_keys_are_no_items_and_no_error() {
    let (_service, client) = started(|_| ()).await;
    let response = client.ask(VERIFY, &[]).await;
    assert_eq!(response, json!({"idempotent": false, "items": [], "systemError": ""}));
}

#[tokio::test]
async fn reports_a_late_key_and_answers_the_others() {
    let (service, client) = started(|settings| settings.verify_timeout = SHORT).await;
    let response = client.ask(VERIFY, &["a.example/skipped", "a.example/never", "a.example/rejected"]).await;
    assert_eq!(keys(&response), ["a.example/skipped", "a.example/rejected"]);
    let error = system_error(&response);
    assert!(
        error.contains("a.example/never:latest: deadline-exceeded: verification did not finish within 500ms: found "),
        "{error}"
    );
    assert!(error.contains("ms of work and 0ms of waiting for a permit"), "{error}");
    assert_eq!(
        service.metric(r#"countersign_requests_total{door="verify",endpoint="verify",outcome="timed-out"}"#),
        1.0
    );
}

#[tokio::test]
async fn reports_a_key_that_waited_for_others_of_the_request() {
    let (_service, client) = started(|settings| {
        settings.verify_timeout = SHORT;
        settings.max_concurrent_keys_per_request = 1;
    })
    .await;
    let response = client.ask(VERIFY, &["a.example/never/1", "a.example/never/2"]).await;
    let error = system_error(&response);
    assert!(error.contains("deadline-exceeded: "), "{error}");
    let expected = "overloaded: verification did not start within 500ms: found 2 images of this registry in the request, of \
        which 1 are verified at a time";
    assert!(error.contains(expected), "{error}");
}

#[tokio::test]
async fn a_registry_that_never_answers_does_not_delay_keys_of_others() {
    let (_service, client) = started(|settings| settings.verify_timeout = SHORT).await;
    let slow: Vec<String> = (0..100).map(|number| format!("slow.example/never/{number}")).collect();
    let mut asked: Vec<&str> = slow.iter().map(String::as_str).collect();
    asked.extend(["a.example/skipped", "b.example/rejected"]);
    let response = client.ask(VERIFY, &asked).await;
    assert_eq!(keys(&response), ["a.example/skipped", "b.example/rejected"]);
    let error = system_error(&response);
    assert!(error.starts_with("could not decide about 100 of 102 images"), "{error}");
}

#[tokio::test]
async fn a_panic_affects_one_key_only() {
    let (service, client) = started(|_| ()).await;
    for (endpoint, undecided) in [(VERIFY, true), (RATIFY_VERIFY, true), (MUTATE, false), (RATIFY_MUTATE, false)] {
        let response = client.ask(endpoint, &["a.example/panics", "a.example/skipped"]).await;
        let text = if undecided {
            assert_eq!(keys(&response), ["a.example/skipped"]);
            system_error(&response)
        } else {
            assert_eq!(keys(&response), ["a.example/panics", "a.example/skipped"]);
            assert_eq!(system_error(&response), "");
            response["items"][0]["error"].as_str().unwrap()
        };
        assert!(
            text.contains("a.example/panics:latest: internal-error: internal error: the verification task panicked"),
            "{text}"
        );
        assert!(!text.contains("on purpose"), "{text}");
    }
    assert_eq!(service.metric("countersign_panics_total"), 4.0);
}

#[tokio::test]
async fn answers_an_invalid_request_with_a_system_error() {
    let (service, client) = started(|_| ()).await;
    for (body, expected) in [
        ("", "request body is not a ProviderRequest: EOF"),
        ("not json", "request body is not a ProviderRequest: expected"),
        (r#"{"request":{"keys":{}}}"#, "request body is not a ProviderRequest: invalid type"),
        (r#"{"kind":"Pod","request":{"keys":["a"]}}"#, "kind: found \"Pod\", expected \"ProviderRequest\""),
    ] {
        for endpoint in ENDPOINTS {
            let (status, answer) = client.post(endpoint, body).await.unwrap();
            assert_eq!(status, StatusCode::OK);
            assert_eq!(answer["kind"], "ProviderResponse");
            assert_eq!(keys(&answer["response"]), [""; 0]);
            let error = system_error(&answer["response"]);
            assert!(error.starts_with(expected), "{error}");
        }
    }
    assert_eq!(
        service.metric(r#"countersign_requests_total{door="mutate",endpoint="mutate",outcome="bad-request"}"#),
        4.0
    );
}

#[tokio::test]
async fn refuses_a_body_that_is_too_large_with_a_message() {
    let (_service, client) = started(|settings| settings.max_body_bytes = 1000).await;
    for size in [1001, 1024 * 1024] {
        let (status, answer) = client.post(VERIFY, "x".repeat(size)).await.unwrap();
        assert_eq!(status, StatusCode::OK);
        let error = system_error(&answer["response"]);
        assert!(
            error.starts_with(
                "request body is too large: expected at most 1000 bytes; send fewer images in one request"
            ),
            "{error}"
        );
    }
}

#[tokio::test]
async fn answers_other_methods_and_paths_as_a_provider_response() {
    let (_service, client) = started(|_| ()).await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let response = client.request(method, VERIFY).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "POST");
        let answer: Json = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert!(system_error(&answer["response"]).starts_with("method is not supported: expected POST"));
    }
    for path in ["/", "/v1/verify/", "/V1/verify", "/metrics", "/v1/verify%2f"] {
        let (status, answer) = client.post(path, "{}").await.unwrap();
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(system_error(&answer["response"]).starts_with("unknown path: expected POST /v1/verify"));
    }
}

/// Asks with HEAD on every path, known or not, and then for an image on the same connection.
async fn answers_head_without_a_body(service: &Service, client: &Client) {
    for (path, status, allow) in [
        ("/v1/verify", StatusCode::METHOD_NOT_ALLOWED, Some("POST")),
        ("/v1/mutate", StatusCode::METHOD_NOT_ALLOWED, Some("POST")),
        ("/ratify/gatekeeper/v1/verify", StatusCode::METHOD_NOT_ALLOWED, Some("POST")),
        ("/ratify/gatekeeper/v1/mutate", StatusCode::METHOD_NOT_ALLOWED, Some("POST")),
        ("/", StatusCode::NOT_FOUND, None),
        ("/metrics", StatusCode::NOT_FOUND, None),
    ] {
        let get = client.request(Method::GET, path).await;
        let (get_status, length) = (get.status(), get.bytes().await.unwrap().len());
        let head = client.request(Method::HEAD, path).await;
        assert_eq!((head.status(), get_status), (status, status), "{path}");
        let header = |name| head.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("allow").as_deref(), allow, "{path}");
        assert_eq!(header("content-type").as_deref(), Some("application/json"), "{path}");
        assert_eq!(header("content-length"), Some(length.to_string()), "{path}");
        assert!(header("x-request-id").is_some(), "{path}");
        assert_eq!(head.bytes().await.unwrap().len(), 0, "{path}");
        assert_eq!(client.ask(VERIFY, &["a.example/skipped"]).await["items"][0]["value"]["verdict"], "skipped");
    }
    // Every response left the connection as it was.
    assert_eq!(service.metric("countersign_open_connections").to_bits(), 1f64.to_bits());
}

#[tokio::test]
async fn head_is_answered_without_a_body_over_http_1() {
    let (service, client) = started(|_| ()).await;
    answers_head_without_a_body(&service, &client).await;
}

#[tokio::test]
async fn head_is_answered_without_a_body_over_http_2() {
    let service = Service::start().await;
    answers_head_without_a_body(&service, &Client::http2(&service)).await;
}

#[tokio::test]
async fn ignores_the_query() {
    let (_service, client) = started(|_| ()).await;
    let response = client.ask("/v1/verify?timeout=3s", &["a.example/skipped"]).await;
    assert_eq!(keys(&response), ["a.example/skipped"]);
}

#[tokio::test]
async fn answers_http_2() {
    let service = Service::start().await;
    let response = Client::http2(&service).ask(VERIFY, &["a.example/skipped"]).await;
    assert_eq!(response["items"][0]["value"]["verdict"], "skipped");
}

#[tokio::test]
async fn mutation_writes_digests_and_never_a_system_error_about_a_key() {
    let (service, client) = started(|settings| settings.mutate_timeout = SHORT).await;
    let pinned = format!("a.example/x:v1@{DIGEST}");
    let asked = ["nginx", "a.example:5000/app:v1", &pinned, "a.example/undecided", "a.example/never", "", "UPPER"];
    for endpoint in [MUTATE, RATIFY_MUTATE] {
        let response = client.ask(endpoint, &asked).await;
        assert_eq!(keys(&response), asked);
        assert_eq!(response["idempotent"], true);
        assert_eq!(system_error(&response), "");
        let items = &response["items"];
        assert_eq!(items[0], json!({"key": "nginx", "value": format!("nginx@{DIGEST}")}));
        assert_eq!(items[1]["value"], format!("a.example:5000/app@{DIGEST}"));
        assert_eq!(items[2]["value"], pinned);
        for (index, expected) in [
            (3, "a.example/undecided:latest: registry-timeout: no response within 500ms"),
            (4, "a.example/never:latest: deadline-exceeded: verification did not finish within 500ms: found "),
            (5, "invalid-reference: image reference is empty"),
            (6, "invalid-reference: image reference has an invalid repository: found \"UPPER\""),
        ] {
            assert!(items[index].get("value").is_none());
            let error = items[index]["error"].as_str().unwrap();
            assert!(error.starts_with(expected), "{error}");
        }
    }
    // A digest needs no resolution.
    assert!(!service.script.asked().iter().any(|image| image.contains(DIGEST)));
    assert_eq!(service.metric(r#"countersign_resolutions_total{code="resolved"}"#), 6.0);
    assert_eq!(service.metric(r#"countersign_resolutions_total{code="invalid-reference"}"#), 4.0);
}

#[tokio::test]
async fn ratify_templates_get_a_value_for_every_decided_key() {
    let (service, client) = started(|_| ()).await;
    let asked = [
        "a.example/skipped",
        "[team-a]a.example/skipped",
        "[team-a]a.example/rejected",
        "[Team]a.example/skipped",
        "",
        "a.example/undecided",
    ];
    let response = client.ask(RATIFY_VERIFY, &asked).await;
    assert_eq!(keys(&response), asked[..5]);
    for (index, yes) in [true, true, false, false, false].into_iter().enumerate() {
        let value = &response["items"][index]["value"];
        assert_eq!(value["version"], "0.2.0");
        assert_eq!(value["isSuccess"], yes);
        assert!(value["timestamp"].as_str().unwrap().ends_with('Z'));
        assert_eq!(value["traceID"].as_str().unwrap().len(), 32);
        let reports = value["verifierReports"].as_array().unwrap();
        assert_eq!(reports.len(), 1);
        assert_eq!(reports[0]["isSuccess"], yes);
        assert_eq!(reports[0]["type"], "notation");
        assert_eq!(reports[0]["artifactType"], "application/vnd.cncf.notary.signature");
        assert!(reports[0]["extensions"]["Issuer"].is_string());
    }
    assert!(system_error(&response).contains("a.example/undecided:latest: registry-timeout"));
    // The namespace changes nothing about the image.
    assert_eq!(
        service.script.asked(),
        [
            "a.example/rejected:latest",
            "a.example/skipped:latest",
            "a.example/skipped:latest",
            "a.example/undecided:latest"
        ]
    );
}

#[tokio::test]
async fn mutation_keeps_the_tag_if_configured() {
    let (_service, client) = started(|settings| settings.keep_tag = true).await;
    for endpoint in [MUTATE, RATIFY_MUTATE] {
        for image in ["a.example/x:1", "a.example/x", "nginx"] {
            let mutated = client.ask(endpoint, &[image]).await["items"][0]["value"].clone();
            assert_eq!(mutated, format!("{image}@{DIGEST}"), "{endpoint}");
            // A digest maps to itself, so that an update of the object changes nothing.
            let image = mutated.as_str().unwrap();
            assert_eq!(client.ask(endpoint, &[image]).await["items"][0]["value"], mutated, "{endpoint}");
        }
    }
    let namespaced = client.ask(RATIFY_MUTATE, &["[team-a]a.example/x:1"]).await;
    assert_eq!(namespaced["items"][0]["value"], format!("a.example/x:1@{DIGEST}"));
}

#[tokio::test]
async fn a_namespaced_key_is_mutated_to_an_image_without_namespace() {
    let (_service, client) = started(|_| ()).await;
    let response = client.ask(RATIFY_MUTATE, &["[team-a]a.example/x:1"]).await;
    assert_eq!(response["items"][0]["value"], format!("a.example/x@{DIGEST}"));
    let response = client.ask(MUTATE, &["[team-a]a.example/x:1"]).await;
    assert!(response["items"][0]["error"].is_string());
}
