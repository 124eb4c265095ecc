use http_body_util::BodyExt as _;
use hyper::body::Body as _;

use super::*;

async fn respond_to(health: &Health, method: Method, path: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).body(()).unwrap();
    let response = health.respond(&request).await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn health() -> Health {
    Health::new(Registry::new(), Arc::new(Readiness::new()))
}

#[tokio::test]
async fn is_alive_and_not_ready_before_everything_is_loaded() {
    let health = health();
    assert_eq!(respond_to(&health, Method::GET, "/livez").await, (StatusCode::OK, "ok\n".to_owned()));
    health.readiness.set_ready(Condition::Tls);
    assert_eq!(
        respond_to(&health, Method::GET, "/readyz").await,
        (StatusCode::SERVICE_UNAVAILABLE, "[-] trust: not loaded yet\n[-] endpoints: not open yet\n".to_owned())
    );
    health.readiness.set_ready(Condition::Trust);
    health.readiness.set_ready(Condition::Endpoints);
    assert_eq!(respond_to(&health, Method::GET, "/readyz").await, (StatusCode::OK, "ok\n".to_owned()));
    assert_eq!(
        respond_to(&health, Method::GET, "/readyz?verbose").await,
        (StatusCode::OK, "[+] trust\n[+] tls\n[+] endpoints\n".to_owned())
    );
}

#[tokio::test]
async fn metrics_are_the_text_of_the_registry() {
    let health = health();
    crate::telemetry::metrics::Metrics::new(&health.registry).unwrap();
    let (status, text) = respond_to(&health, Method::GET, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("\ncountersign_panics_total 0\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn paces_requests_on_one_connection_after_the_first() {
    let began = Instant::now();
    let pace = Pace::default();
    pace.turn().await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    for _ in 0..10 {
        pace.turn().await;
    }
    assert!(began.elapsed() >= 10 * BETWEEN, "{:?}", began.elapsed());
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    assert_eq!(respond_to(&health(), Method::GET, "/").await.0, StatusCode::NOT_FOUND);
    assert_eq!(respond_to(&health(), Method::POST, "/livez").await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(respond_to(&health(), Method::POST, "/v1/verify").await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn head_has_status_and_headers_of_get_and_no_body() {
    let health = health();
    crate::telemetry::metrics::Metrics::new(&health.registry).unwrap();
    for path in ["/livez", "/readyz", "/readyz?verbose", "/metrics", "/v1/verify"] {
        let request = |method| Request::builder().method(method).uri(path).body(()).unwrap();
        let get = health.respond(&request(Method::GET)).await;
        let head = health.respond(&request(Method::HEAD)).await;
        let (length, mut headers) = (get.body().size_hint().exact().unwrap(), get.headers().clone());
        // The metrics change with every response, and so may their length.
        let sent = head.headers()[header::CONTENT_LENGTH].to_str().unwrap().parse::<u64>().unwrap();
        assert!(sent == length || path == "/metrics" && sent.abs_diff(length) < 100, "{path}: {sent} {length}");
        headers.insert(header::CONTENT_LENGTH, sent.into());
        assert_eq!((head.status(), head.headers()), (get.status(), &headers), "{path}");
        assert!(length > 0 && head.body().is_end_stream(), "{path}");
    }
}

#[tokio::test]
async fn unread_responses_are_bounded_and_probes_have_responses() {
    let health = health();
    Condition::ALL.into_iter().for_each(|condition| health.readiness.set_ready(condition));
    let line = "x".repeat(512);
    health.readiness.trust_details(std::iter::repeat_n(line.as_str(), 50));
    let request = || Request::get("/readyz?verbose").body(()).unwrap();
    let mut unread = Vec::new();
    let refused = loop {
        let response = health.respond(&request()).await;
        if response.status() == StatusCode::SERVICE_UNAVAILABLE && unread.len() < 1000 {
            break response;
        }
        assert_eq!(response.status(), StatusCode::OK);
        unread.push(response);
    };
    let refused = refused.into_body().collect().await.unwrap().to_bytes();
    let held = health.answers.used_bytes();
    // Each takes at most as much as remains free.
    assert!(held > ANSWERS_BYTES - ANSWERS_BYTES / 32 && held < ANSWERS_BYTES, "{held}");
    let refused = String::from_utf8(refused.to_vec()).unwrap();
    assert!(refused.starts_with("too many bytes of responses in memory: found ") && refused.ends_with("; try again\n"));
    assert_eq!(respond_to(&health, Method::GET, "/livez").await, (StatusCode::OK, "ok\n".to_owned()));
    assert_eq!(respond_to(&health, Method::GET, "/readyz").await, (StatusCode::OK, "ok\n".to_owned()));
    drop(unread);
    assert_eq!(respond_to(&health, Method::GET, "/readyz?verbose").await.0, StatusCode::OK);
}
