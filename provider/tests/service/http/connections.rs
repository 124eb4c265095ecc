//! Limits of connections in time and number.

use countersign_test_support::client::Client;
use countersign_test_support::client::connect;
use countersign_test_support::client::connect_with_small_receive_buffer;
use countersign_test_support::client::is_answered;
use countersign_test_support::client::rest;
use countersign_test_support::service::Service;
use countersign_test_support::service::settings;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn plain_http_gets_no_response() {
    let service = Service::start().await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"POST /v1/verify HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    let response = tokio::time::timeout(Duration::from_secs(10), read_all(&mut stream)).await.unwrap();
    assert!(!response.windows(4).any(|four| four == b"HTTP"));
    assert_eq!(service.metric(r#"countersign_tls_handshake_failures_total{reason="malformed"}"#), 1.0);
}

async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset counts as an end.
    let _ = tokio::io::AsyncReadExt::read_to_end(stream, &mut bytes).await;
    bytes
}

#[tokio::test]
async fn closes_a_connection_without_a_handshake() {
    let mut settings = settings();
    settings.connection_times.handshake = SHORT;
    let service = Service::with(settings).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
    assert_eq!(service.metric(r#"countersign_tls_handshake_failures_total{reason="timeout"}"#), 1.0);
}

#[tokio::test]
async fn closes_a_connection_without_a_complete_request_head() {
    let mut settings = settings();
    settings.connection_times.first_request = SHORT;
    settings.connection_times.close = SHORT;
    let service = Service::with(settings).await;
    assert_eq!(rest(&mut connect(&service).await).await, "");
    let mut stream = connect(&service).await;
    stream.write_all(b"POST /v1/verify HTTP/1.1\r\nhost: a\r\n").await.unwrap();
    assert!(!rest(&mut stream).await.contains("200"));
}

#[tokio::test]
async fn keeps_a_connection_for_further_requests_and_closes_it_when_idle() {
    let mut settings = settings();
    settings.connection_times.first_request = 3 * SHORT;
    settings.connection_times.idle = 6 * SHORT;
    let service = Service::with(settings).await;
    let mut stream = connect(&service).await;
    let began = tokio::time::Instant::now();
    stream.write_all(b"POST /v1/verify HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    let response = rest(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(began.elapsed() >= 6 * SHORT);
}

#[tokio::test]
async fn answers_a_slow_body_at_the_deadline() {
    let mut settings = settings();
    settings.verify_timeout = 2 * SHORT;
    let service = Service::with(settings).await;
    let mut stream = connect(&service).await;
    stream.write_all(b"POST /v1/verify HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{").await.unwrap();
    let response = rest(&mut stream).await;
    assert!(response.contains("\"systemError\":\"request body did not arrive in time (request "), "{response}");
    assert_eq!(
        service.metric(r#"countersign_requests_total{door="verify",endpoint="verify",outcome="timed-out"}"#),
        1.0
    );
}

#[tokio::test]
async fn counts_requests_whose_caller_has_gone() {
    let service = Service::start().await;
    let mut stream = connect(&service).await;
    let body = r#"{"request":{"keys":["a.example/gated"]}}"#;
    let head = format!("POST /v1/verify HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    service.script.reached.notified().await;
    assert_eq!(service.metric("countersign_in_flight_requests"), 1.0);
    drop(stream);
    wait_until(|| service.metric("countersign_in_flight_requests") == 0.0).await;
    assert_eq!(
        service.metric(r#"countersign_requests_total{door="verify",endpoint="verify",outcome="abandoned"}"#),
        1.0
    );
}

#[tokio::test]
async fn evicts_the_oldest_idle_connection_at_the_limit() {
    let mut settings = settings();
    settings.max_connections = 2;
    let service = Service::with(settings).await;
    let mut left_behind = Vec::new();
    for number in 0..6 {
        // Each with a connection of its own, kept open, as Gatekeeper did before 3.22.
        let client = Client::gatekeeper(&service);
        assert!(is_answered(&client).await, "{number}");
        left_behind.push(client);
    }
    assert_eq!(service.metric("countersign_evicted_connections_total"), 4.0);
}

#[tokio::test]
async fn closes_the_connection_of_a_client_that_does_not_read_and_releases_its_memory() {
    let mut settings = settings();
    settings.connection_times.write = 3 * SHORT;
    let service = Service::with(settings).await;
    let held = || service.metric(r#"countersign_limit_in_use{limit="response-bytes"}"#);
    // Far more than the system buffers for a connection that is not read.
    let keys: Vec<String> = (0..1000).map(|number| format!("\"a.example/rejected:{number:0>100}\"")).collect();
    let body = format!(r#"{{"request":{{"keys":[{}]}}}}"#, keys.join(","));
    let mut stream = connect_with_small_receive_buffer(&service).await;
    let head = format!("POST /v1/verify HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    wait_until(|| held() > 500_000.0).await;
    wait_until(|| held() == 0.0).await;
    let response = rest(&mut stream).await;
    assert!(
        response.starts_with("HTTP/1.1 200 OK\r\n") && !response.contains("systemError"),
        "{} bytes",
        response.len()
    );

    let response = Client::http2_with_window(&service, 1024).begin("/v1/verify", body).await;
    assert!(held() > 500_000.0, "{}", held());
    wait_until(|| held() == 0.0).await;
    response.bytes().await.unwrap_err();
    assert_eq!(service.metric(r#"countersign_requests_total{door="verify",endpoint="verify",outcome="ok"}"#), 2.0);
}

async fn wait_until(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
}
