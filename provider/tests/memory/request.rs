//! Requests use no more memory than the memory budget counts for them.
//!
//! The clients' memory is included.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use crate::ALLOCATOR;
use countersign::engine::Deadline;
use countersign::engine::Verifier as _;
use countersign::server::ServerSettings;
use countersign::server::memory;
use countersign_test_support::client::Client;
use countersign_test_support::client::connect;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_test_support::service::Service;
use countersign_test_support::service::settings;
use countersign_testkit::alone;
use countersign_testkit::registry::Route;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const KIB: usize = 1024;

/// A client of the test with its connection, and that of the service.
const CONNECTION: usize = 128 * KIB;

/// A connection reads a longer body with a larger buffer, which is counted as a part of the connection.
const READ_BUFFER: usize = 8 * KIB;

/// Memory of one image that waits in the engine: a part of the budget of a key.
const WAITING_IMAGE: usize = 11 * KIB / 2;

/// The memory in use while a request for `keys` waits for all of them.
async fn held(service: &Service, keys: &[String]) -> usize {
    let body = format!(r#"{{"request":{{"keys":["{}"]}}}}"#, keys.join("\",\""));
    let before = ALLOCATOR.current_usage();
    let client = Client::gatekeeper(service);
    let asked = tokio::spawn(async move { client.post("/v1/verify", body).await.is_ok() });
    let working = keys.len().min(32);
    let already = service.script.asked().len();
    while service.script.asked().len() < already + working {
        tokio::task::yield_now().await;
    }
    let held = ALLOCATOR.current_usage().saturating_sub(before);
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    while service.metric("countersign_open_connections") > 1.0 {
        tokio::task::yield_now().await;
    }
    held
}

#[tokio::test]
async fn requests_use_no_more_memory_than_their_permits() {
    if !alone("request::requests_use_no_more_memory_than_their_permits") {
        return;
    }
    let service = Service::start().await;
    let client = Client::gatekeeper(&service);
    client.ask("/v1/verify", &["a.example/skipped"]).await;
    for path in [String::new(), format!("/{}", "a".repeat(200))] {
        for count in [1, 10, 100, 1000] {
            let keys: Vec<String> = (0..count).map(|number| format!("a.co/gated{path}:{number}")).collect();
            let (held, counted) = (held(&service, &keys).await, memory::of_request(&keys, 32));
            assert!(held <= counted + CONNECTION, "{count} keys with {} bytes: {held} {counted}", keys[0].len());
        }
    }

    // 64 images of the host are in progress, 32 of them with a request each; the others wait.
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| settings.max_flights = 256).await;
    fixture.other.when_any().never_answer();
    let ask = |number: usize| {
        let image = format!("{}/app:v{number}", fixture.other.host()).parse().unwrap();
        tokio::spawn(
            fixture.engine.verify(fixture.engine.request(Arc::new(image), Deadline::after(Duration::from_secs(3600)))),
        )
    };
    let first: Vec<_> = (0..64).map(ask).collect();
    fixture.other.wait_for(Route::Manifest, 32).await;
    let before = ALLOCATOR.current_usage();
    let waiting: Vec<_> = (0..500).map(|number| ask(64 + number)).collect();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let each = ALLOCATOR.current_usage().saturating_sub(before) / 500;
    assert!((1..=WAITING_IMAGE).contains(&each), "{each}");
    first.iter().chain(&waiting).for_each(tokio::task::JoinHandle::abort);
}

/// Sends a request for `keys`.
async fn send(client: &mut TlsStream<TcpStream>, keys: &[String]) {
    let body = format!(r#"{{"request":{{"keys":["{}"]}}}}"#, keys.join("\",\""));
    let length = body.len();
    let request = format!("POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}");
    client.write_all(request.as_bytes()).await.unwrap();
    client.flush().await.unwrap();
}

/// Until the bodies of so many requests were read, and what is done next about them.
async fn wait_until_read(service: &Service, requests: usize) {
    while service.metric("countersign_request_keys_count") < requests as f64 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Connections that had a request, with what they keep from then on.
async fn connected(service: &Service, count: usize) -> Vec<TlsStream<TcpStream>> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = connect(service).await;
        send(&mut client, &["a.example/skipped".to_owned()]).await;
        assert!(client.read(&mut [0; 4096]).await.unwrap() > 0);
        clients.push(client);
    }
    clients
}

fn gated(path: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("a.co/gated{path}:{number}")).collect()
}

/// Requests for so many images each wait to be processed, as requests like the first ones use all the memory for that.
async fn wait_behind((filler, fillers): (usize, usize), counts: &[usize]) {
    const REQUESTS: usize = 2;
    let paths = [String::new(), format!("/{}", "a".repeat(200))];
    let asked: Vec<_> = paths.iter().flat_map(|path| counts.iter().map(|count| gated(path, *count))).collect();
    let service = Service::with(ServerSettings { max_connections: 256, ..settings() }).await;
    let mut clients = connected(&service, fillers + asked.len() * REQUESTS).await;
    let (first, others) = clients.split_at_mut(fillers);
    for client in first {
        send(client, &gated("", filler)).await;
    }
    // The last one waits; of each other one 32 images are in progress.
    let images = service.script.asked().len() + 32 * (fillers - 1);
    while service.script.asked().len() < images {
        tokio::task::yield_now().await;
    }
    let mut read = fillers + asked.len() * REQUESTS + fillers;
    wait_until_read(&service, read).await;
    for (keys, clients) in asked.iter().zip(others.chunks_mut(REQUESTS)) {
        let before = ALLOCATOR.current_usage();
        for client in clients {
            send(client, keys).await;
        }
        read += REQUESTS;
        wait_until_read(&service, read).await;
        let held = ALLOCATOR.current_usage().saturating_sub(before) / REQUESTS;
        let counted = memory::of_waiting_request(keys);
        assert!(held <= counted + READ_BUFFER, "{} keys with {} bytes: {held} {counted}", keys.len(), keys[0].len());
    }
    assert_eq!(service.script.asked().len(), images, "none of them is processed");
}

#[tokio::test]
async fn requests_that_wait_use_no_more_memory_than_their_permits() {
    if !alone("request::requests_that_wait_use_no_more_memory_than_their_permits") {
        return;
    }
    wait_behind((40, 56), &[1, 20, 40]).await;
    wait_behind((1000, 12), &[400, 1000]).await;
}
