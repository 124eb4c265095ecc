//! Faults of the registry.

use std::time::Duration;

use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::sha256_digest;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::REPOSITORY;
use crate::client;
use crate::get;
use crate::header;
use crate::manifest;
use crate::referrers;

#[tokio::test]
async fn serves_endless_empty_pages() {
    let registry = Registry::start().await;
    let image = registry.push_image(REPOSITORY, "v1");
    registry.when(Route::Referrers).endless_empty_pages();
    let mut path = referrers(&image);
    for number in 1..20 {
        let response = get(&registry, &path).await;
        let link = header(&response, "link").to_owned();
        assert!(link.contains(&format!("empty={number}")), "{link}");
        path = link[1..].split_once('>').unwrap().0.to_owned();
        let json: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(json["manifests"], json!([]));
    }
}

#[tokio::test]
async fn a_fault_applies_to_its_route_and_count() {
    let registry = Registry::start().await;
    let image = registry.push_image(REPOSITORY, "v1");
    let fault = registry.when(Route::Manifest).path_contains(&image.digest).after(1).times(2).status(503);
    let mut seen = Vec::new();
    for reference in ["v1", &image.digest, &image.digest, "v1", &image.digest, &image.digest] {
        seen.push(get(&registry, &manifest(reference)).await.status().as_u16());
    }
    assert_eq!(seen, [200, 200, 503, 200, 503, 200]);
    assert_eq!(fault.hits(), 2);
    assert_eq!(registry.count(Route::Manifest), 6);
}

#[tokio::test]
async fn a_removed_fault_leaves_the_others() {
    let registry = Registry::start().await;
    let ping = registry.when(Route::Ping).status(500);
    registry.when_any().method(Method::HEAD).error(403, "DENIED");
    ping.remove();
    assert_eq!(get(&registry, "/v2/").await.status(), 200);
    let head = || client().head(format!("{}/v2/", registry.url())).send();
    assert_eq!(head().await.unwrap().status(), 403);
    registry.clear_faults();
    assert_eq!(head().await.unwrap().status(), 200);
}

#[tokio::test]
async fn responses_can_be_replaced() {
    let registry = Registry::start().await;
    registry.push_image(REPOSITORY, "v1");
    registry.when(Route::Manifest).times(1).too_many_requests("7");
    let response = get(&registry, &manifest("v1")).await;
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (429, "7"));
    assert_eq!(
        serde_json::from_str::<Value>(&response.text().await.unwrap()).unwrap()["errors"][0]["code"],
        "TOOMANYREQUESTS"
    );

    registry.when(Route::Manifest).times(1).redirect(307, "http://elsewhere.example/x");
    let response = get(&registry, &manifest("v1")).await;
    assert_eq!((response.status().as_u16(), header(&response, "location")), (307, "http://elsewhere.example/x"));

    registry.when(Route::Manifest).times(1).reply(Reply::status(418).header("x-tea", "pot").body("short"));
    let response = get(&registry, &manifest("v1")).await;
    assert_eq!((response.status().as_u16(), header(&response, "x-tea")), (418, "pot"));
    assert_eq!(response.text().await.unwrap(), "short");
}

#[tokio::test]
async fn correct_responses_can_be_changed() {
    let registry = Registry::start().await;
    let image = registry.push_image(REPOSITORY, "v1");
    registry.when(Route::Manifest).times(1).wrong_bytes();
    let response = get(&registry, &manifest("v1")).await;
    assert_eq!(header(&response, "docker-content-digest"), image.digest);
    let bytes = response.bytes().await.unwrap();
    assert_eq!(u64::try_from(bytes.len()).unwrap(), image.size);
    assert_ne!(sha256_digest(&bytes), image.digest);

    registry.when(Route::Manifest).times(1).without_header("docker-content-digest");
    assert!(get(&registry, &manifest("v1")).await.headers().get("docker-content-digest").is_none());

    registry.when(Route::Manifest).times(1).header("content-type", "text/html");
    assert_eq!(header(&get(&registry, &manifest("v1")).await, "content-type"), "text/html");

    registry.when(Route::Referrers).times(1).body(r#"{"manifests":null}"#);
    let response = get(&registry, &referrers(&image)).await;
    assert_eq!(header(&response, "content-type"), IMAGE_INDEX);
    assert_eq!(response.text().await.unwrap(), r#"{"manifests":null}"#);
}

#[tokio::test]
async fn bodies_can_be_truncated() {
    let registry = Registry::start().await;
    let image = registry.push_image(REPOSITORY, "v1");
    registry.when(Route::Manifest).truncated_body();
    let mut response = get(&registry, &manifest("v1")).await;
    assert_eq!(header(&response, "content-length"), image.size.to_string());
    let mut got = 0;
    let error = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => got += chunk.len(),
            Ok(None) => panic!("the body ended well"),
            Err(error) => break error,
        }
    };
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert_eq!(u64::try_from(got).unwrap(), image.size / 2);
}

#[tokio::test]
async fn bodies_can_be_endless() {
    let registry = Registry::start().await;
    registry.push_image(REPOSITORY, "v1");
    registry.when(Route::Manifest).endless_body();
    let mut response = get(&registry, &manifest("v1")).await;
    assert_eq!(response.status(), 200);
    let mut got = 0;
    while got < 8 << 20 {
        got += response.chunk().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn bodies_can_be_slow() {
    let registry = Registry::start().await;
    registry.serve_file("/short", "text/plain", b"abc");
    registry.when(Route::Other).slow_drip(Duration::from_millis(1));
    let mut response = get(&registry, "/short").await;
    assert_eq!(header(&response, "content-length"), "3");
    for letter in ["a", "b", "c"] {
        assert_eq!(response.chunk().await.unwrap().unwrap(), letter);
    }
    assert_eq!(response.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn connections_can_be_closed_without_an_answer() {
    let registry = Registry::start().await;
    registry.when(Route::Ping).close();
    let error = client().get(format!("{}/v2/", registry.url())).send().await.unwrap_err();
    assert!(error.is_request(), "{error:?}");
    assert!(registry.count(Route::Ping) >= 1);
}

#[tokio::test]
async fn holds_requests_until_released() {
    let registry = Registry::start().await;
    let held = registry.when(Route::Ping).hold();
    let url = format!("{}/v2/", registry.url());
    let first = tokio::spawn(client().get(&url).send());
    let second = tokio::spawn(client().get(&url).send());
    registry.wait_for(Route::Ping, 2).await;
    assert!(!first.is_finished() && !second.is_finished());
    held.release();
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    assert_eq!(second.await.unwrap().unwrap().status(), 200);
    assert_eq!(registry.max_concurrent(), 2);
}

#[tokio::test]
async fn a_delay_passes_on_a_paused_clock() {
    let registry = Registry::start().await;
    registry.when(Route::Ping).delay(Duration::from_secs(3600));
    tokio::time::pause();
    let begin = tokio::time::Instant::now();
    assert_eq!(get(&registry, "/v2/").await.status(), 200);
    assert!(begin.elapsed() >= Duration::from_secs(3600));
}
