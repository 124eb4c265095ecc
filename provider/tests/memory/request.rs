//! Requests use no more memory than the memory budget counts for them.
//!
//! The clients' memory is included.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use crate::ALLOCATOR;
use countersign::engine::Deadline;
use countersign::engine::Verifier as _;
use countersign::server::memory;
use countersign_test_support::client::Client;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_test_support::service::Service;
use countersign_testkit::alone;
use countersign_testkit::registry::Route;

const KIB: usize = 1024;

/// A client of the test with its connection, and that of the service.
const CONNECTION: usize = 128 * KIB;

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
