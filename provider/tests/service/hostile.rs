//! Hostile input to the service as it is shipped: each request gets a complete response or is refused, and well-behaved
//! clients get right responses meanwhile.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use countersign_test_support::client::body;
use countersign_test_support::load::Load;
use countersign_test_support::mounted::Client;
use countersign_test_support::mounted::MountedService;
use countersign_testkit::registry::Route;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::Value as Json;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const ENDPOINTS: [&str; 4] =
    ["/v1/verify", "/v1/mutate", "/ratify/gatekeeper/v1/verify", "/ratify/gatekeeper/v1/mutate"];

/// Responses to wait for: more than there are clients.
const SOME: usize = 40;

const MIB: usize = 1024 * 1024;

fn gatekeeper(service: &MountedService) -> Client {
    service.client(service.gatekeeper(&service.clients))
}

fn load(service: &MountedService) -> Load {
    let (signed, unsigned) = (service.image("app:signed"), service.image("app:unsigned"));
    Load::start(service, vec![service.gatekeeper(&service.clients)], &[(&signed, "verified"), (&unsigned, "rejected")])
}

fn keys(response: &Json) -> Vec<&str> {
    response["items"].as_array().unwrap().iter().map(|item| item["key"].as_str().unwrap()).collect()
}

/// Everything received on a new connection after `bytes` were sent, until the service closes it.
async fn raw_response(service: &MountedService, bytes: &[u8]) -> String {
    let mut stream = service.connect(service.gatekeeper(&service.clients)).await.unwrap();
    // A client that is refused early need not read on.
    let _ = stream.write_all(bytes).await;
    let mut response = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut response));
    // A close without close_notify is a close, too.
    let _ = read.await.expect("the connection stays open");
    String::from_utf8(response).unwrap()
}

#[tokio::test]
async fn answers_a_thousand_images_and_refuses_one_more() {
    let service = MountedService::start().await;
    let (client, repository) = (gatekeeper(&service), service.image("app"));
    let digest = service.registry.push_image("app", "t0").digest;
    let mut asked = Vec::new();
    for number in 0..1000 {
        service.registry.tag("app", &format!("t{number}"), &digest);
        asked.push(format!("{repository}:t{number}"));
    }
    let mut asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let response = client.post("/v1/verify", body(&asked)).await.unwrap();
    assert_eq!(response["systemError"], "");
    assert_eq!(keys(&response), asked);
    let rejected = response["items"].as_array().unwrap().iter().filter(|item| item["value"]["code"] == "unsigned");
    assert_eq!(rejected.count(), 1000);
    asked.push("a.example/skipped");
    for endpoint in ENDPOINTS {
        let response = client.post(endpoint, body(&asked)).await.unwrap();
        let error = response["systemError"].as_str().unwrap();
        assert!(
            error.starts_with("request has too many distinct keys: found more than 1000, expected at most 1000; "),
            "{error}"
        );
        assert_eq!(keys(&response), [""; 0]);
    }
    service.stop().await;
}

#[tokio::test]
async fn echoes_keys_that_are_no_image_references() {
    let service = MountedService::start().await;
    let client = gatekeeper(&service);
    let long = "k".repeat(10 * 1024);
    let asked = [
        "a.example/skipped",
        "",
        long.as_str(),
        "\u{0}",
        "a.example/skipped\u{0}:v1",
        "a\r\nb\u{1b}[31m\u{7f}\u{85}",
        "\u{2028}\u{2029}\u{202e}a.example/skipped",
        "\u{feff}a.example/skipped",
        "😀\u{fffd}\u{10ffff}",
        "a.example/../skipped",
        "a.example/skipped@sha256:00",
        "{\"keys\":[]}",
        "<script>&amp;",
    ];
    let twice = [asked, asked].concat();
    for endpoint in ENDPOINTS {
        let response = client.post(endpoint, body(&twice)).await.unwrap();
        assert_eq!(keys(&response), asked, "{endpoint}");
        let items = response["items"].as_array().unwrap();
        let answered = items.iter().filter(|item| item["value"].is_object() || item["value"].is_string());
        let refused = items.iter().filter(|item| item["error"].as_str().is_some_and(|error| !error.is_empty()));
        assert_eq!(answered.count() + refused.count(), asked.len(), "{endpoint}");
    }
    service.stop().await;
}

#[tokio::test]
async fn answers_malformed_requests_with_a_system_error_and_no_items() {
    let service = MountedService::start().await;
    let client = gatekeeper(&service);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let gzip = [0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];
    let bodies: [Vec<u8>; 14] = [
        Vec::new(),
        b"null".to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        gzip.to_vec(),
        b"\xff\xfe{\0}\0".to_vec(),
        br#"{"request":{"keys":["\ud800"]}}"#.to_vec(),
        b"{\"request\":{\"keys\":[\"\xff\"]}}".to_vec(),
        br#"{"request":{"keys":[["a"]]}}"#.to_vec(),
        br#"{"request":{"keys":["a"]},"request":{"keys":["b"]}}"#.to_vec(),
        br#"{"apiVersion":"externaldata.gatekeeper.sh/v2","kind":"ProviderRequest","request":{"keys":["a"]}}"#.to_vec(),
        br#"{"kind":"ProviderResponse","request":{"keys":["a"]}}"#.to_vec(),
        format!(r#"{{"request":{{"keys":{deep}}}}}"#).into_bytes(),
        deep.into_bytes(),
    ];
    for (number, body) in bodies.into_iter().enumerate() {
        for endpoint in ENDPOINTS {
            let response = client.post(endpoint, body.clone()).await.unwrap();
            assert_ne!(response["systemError"], "", "{number} {endpoint}");
            assert_eq!(keys(&response), [""; 0], "{number} {endpoint}");
        }
    }
    service.stop().await;
}

#[tokio::test]
async fn ignores_unknown_members_within_limits() {
    let service = MountedService::start().await;
    let client = gatekeeper(&service);
    let ask = async |new: &str| {
        let body = format!(r#"{{"new":1,"request":{{"keys":["a.example/skipped"],"new":{new}}}}}"#);
        client.post("/v1/verify", body).await.unwrap()
    };
    let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for new in ["null".to_owned(), nested(62), format!("[0{}]", ",0".repeat(60_000))] {
        let response = ask(&new).await;
        assert_eq!(response["systemError"], "", "{new:.20}");
        assert_eq!(keys(&response), ["a.example/skipped"], "{new:.20}");
    }
    for (new, why) in [
        (nested(63), "nested too deeply: expected at most 64 levels"),
        (nested(100_000), "nested too deeply: expected at most 64 levels"),
        (format!("[0{}]", ",0".repeat(70_000)), "found more than 65536 elements in one array, expected at most 65536"),
        (r#"{"a":1,"\u0061":2}"#.to_owned(), "member \"a\" is present twice"),
    ] {
        let response = ask(&new).await;
        let error = response["systemError"].as_str().unwrap();
        assert!(error.starts_with(&format!("request body is not a ProviderRequest: {why}")), "{error}");
        assert_eq!(keys(&response), [""; 0], "{new:.20}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_do_not_affect_other_requests() {
    let service = MountedService::start().await;
    let (load, client) = (load(&service), gatekeeper(&service));
    let chunked = |length: usize| {
        let chunks = (0..length / MIB).map(|_| Ok::<_, std::io::Error>(vec![b' '; MIB]));
        reqwest::Body::wrap_stream(stream::iter(chunks))
    };
    let refused = "request body is too large: expected at most 1048576 bytes; send fewer images in one request \
                   (request ";
    // The service reads the rest of a small body, so that the client certainly gets the response.
    for body in [vec![b' '; 10 * MIB].into(), chunked(10 * MIB)] {
        let response = client.post("/v1/verify", body).await.unwrap();
        assert!(response["systemError"].as_str().unwrap().starts_with(refused), "{response}");
    }
    // With a larger body the response may be lost with the connection.
    for body in [vec![b' '; 20 * MIB].into(), chunked(20 * MIB)] {
        if let Ok(response) = client.post("/v1/verify", body).await {
            assert!(response["systemError"].as_str().unwrap().starts_with(refused), "{response}");
        }
    }
    load.answers(SOME).await;
    load.end();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_bodies_do_not_delay_other_requests() {
    let service = MountedService::with("  verifyTimeout: 1500ms").await;
    let load = load(&service);
    let mut drips = JoinSet::new();
    for number in 0..100 {
        let mut stream = service.connect(service.gatekeeper(&service.clients)).await.unwrap();
        drips.spawn(async move {
            let head = "POST /v1/verify HTTP/1.1\r\nhost: a\r\n";
            let (start, drip) = match number % 2 {
                0 => (format!("{head}content-length: 1000\r\n\r\n{{"), " "),
                _ => (head.to_owned(), "a: b\r\n"),
            };
            stream.write_all(start.as_bytes()).await.unwrap();
            let (mut read, mut write) = tokio::io::split(stream);
            let write = async {
                while write.write_all(drip.as_bytes()).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                std::future::pending::<()>().await;
            };
            let mut response = String::new();
            tokio::select! {
                // A request head has ten seconds, which no test waits for; the connection ends with the service.
                _ = read.read_to_string(&mut response) => {}
                () = write => {}
            }
            (number, response)
        });
    }
    load.answers(SOME).await;
    let mut late = 0;
    while late < 50 {
        let (number, response) = drips.join_next().await.unwrap().unwrap();
        assert_eq!(number % 2, 0, "{response}");
        assert!(response.contains("\"systemError\":\"request body did not arrive in time (request "), "{response}");
        late += 1;
    }
    load.answers(SOME).await;
    load.end();
    drop(drips);
    service.stop().await;
}

#[tokio::test]
async fn answers_or_refuses_unusual_http() {
    let service = MountedService::start().await;
    let json = r#"{"request":{"keys":["a.example/skipped"]}}"#;
    let post = |version: &str, more: &str| {
        format!("POST /v1/verify HTTP/{version}\r\nhost: a\r\ncontent-length: {}\r\n{more}\r\n{json}", json.len())
    };
    let good = "\"verdict\":\"skipped\"";
    let old = raw_response(&service, post("1.0", "").as_bytes()).await;
    assert!(old.starts_with("HTTP/1.0 200 OK\r\n") && old.contains(good), "{old}");
    let close = "connection: close\r\n";
    for more in ["upgrade: h2c\r\n", "content-encoding: identity\r\n", "content-type: text/html\r\n"] {
        let response = raw_response(&service, post("1.1", &format!("{close}{more}")).as_bytes()).await;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n") && response.contains(good), "{more}: {response}");
    }
    let waits = raw_response(&service, post("1.1", &format!("{close}expect: 100-continue\r\n")).as_bytes()).await;
    assert!(waits.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n") && waits.contains(good), "{waits}");
    let big = format!(
        "POST /v1/verify HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        1_u64 << 40
    );
    let large_response = raw_response(&service, big.as_bytes()).await;
    assert!(
        large_response.starts_with("HTTP/1.1 200 OK\r\n")
            && large_response.contains("request body is too large: expected at most 1048576 bytes"),
        "{large_response}"
    );
    for (what, bytes) in [
        ("a head of 32 KiB", post("1.1", &format!("a: {}\r\n", "b".repeat(32 * 1024)))),
        ("a hundred fields", post("1.1", &"a: b\r\n".repeat(100))),
        ("an endless line", format!("POST /{} HTTP/1.1\r\n\r\n", "a".repeat(32 * 1024))),
        ("two lengths", post("1.1", "content-length: 1\r\n")),
        ("a length and chunks", post("1.1", "transfer-encoding: chunked, identity\r\n")),
        ("a length below zero", "POST /v1/verify HTTP/1.1\r\ncontent-length: -1\r\n\r\n".to_owned()),
        ("no HTTP", "\u{0}\u{1}\u{2}\r\n\r\n\r\n\r\n".to_owned()),
        ("HTTP/9.9", post("9.9", "")),
    ] {
        let response = raw_response(&service, bytes.as_bytes()).await;
        assert!(response.starts_with("HTTP/1.1 4") || response.is_empty(), "{what}: {response}");
        assert!(!response.contains(good), "{what}: {response}");
    }
    let three = format!("{}{}{}", post("1.1", ""), post("1.1", ""), post("1.1", close));
    let response = raw_response(&service, three.as_bytes()).await;
    assert_eq!((response.matches("HTTP/1.1 200 OK").count(), response.matches(good).count()), (3, 3), "{response}");
    service.stop().await;
}

#[tokio::test]
async fn answers_many_concurrent_http_2_requests_on_one_connection() {
    let service = MountedService::start().await;
    let mut tls = service.gatekeeper(&service.clients);
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let (client, signed) = (service.client(tls), service.image("app:signed"));
    let asked: Vec<_> = (0..100).map(|_| client.verdict(&signed)).collect();
    let answers: Vec<_> = stream::iter(asked).buffer_unordered(100).collect().await;
    assert!(answers.iter().all(|answer| answer.as_deref() == Ok("verified")), "{answers:?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_do_not_exclude_new_clients() {
    let service = MountedService::with("  maxConnections: 100").await;
    let load = load(&service);
    // Within the thousand files that a process may usually have open, both sides counted.
    let idle = stream::iter((0..200).map(|_| service.connect(service.gatekeeper(&service.clients))));
    let idle: Vec<_> = idle.buffer_unordered(16).collect().await;
    assert!(idle.iter().all(Result::is_ok));
    let mut silent = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"\x16\x03\x01\x40\x00garbage without end").await.unwrap();
        }
        silent.push(stream);
    }
    // The health port has no client authentication.
    for _ in 0..100 {
        silent.push(TcpStream::connect(service.health).await.unwrap());
    }
    let alive = tokio::time::timeout(Duration::from_secs(10), service.health("/livez")).await;
    assert_eq!(alive.unwrap(), "ok\n");
    load.answers(SOME).await;
    assert!(service.metric("countersign_open_connections").await.unwrap() <= 100.0);
    assert!(service.metric("countersign_evicted_connections_total").await.unwrap() >= 100.0);
    load.end();
    drop((idle, silent));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_connections_accepted_before_the_stop() {
    let service = MountedService::start().await;
    let signed = service.image("app:signed");
    // Idle connections, and one in use for every other.
    let client = || gatekeeper(&service);
    let kept: Vec<Client> = (0..20).map(|_| client()).collect();
    for client in &kept {
        assert_eq!(client.verdict("a.example/skipped").await.unwrap(), "skipped");
    }
    let held = service.registry.when(Route::Manifest).hold();
    let waiting: Vec<_> = (0..20)
        .map(|_| client())
        .map(|client| {
            let signed = signed.clone();
            tokio::spawn(async move { client.verdict(&signed).await })
        })
        .collect();
    let in_flight = async || service.metric("countersign_in_flight_requests").await == Some(20.0);
    service.until("all are at work", in_flight).await;
    let address = service.address;
    let run = service.stopping();
    // It accepts no new connections, and serves the open ones.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let answers = stream::iter(kept.iter().map(|client| client.verdict("a.example/skipped"))).buffer_unordered(20);
    let answers: Vec<_> = answers.collect().await;
    assert!(answers.iter().all(|answer| answer.as_deref() == Ok("skipped")), "{answers:?}");
    held.release();
    for answer in waiting {
        assert_eq!(answer.await.unwrap().unwrap(), "verified");
    }
    run.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_loses_no_request() {
    let service = MountedService::start().await;
    let load = load(&service);
    load.answers(SOME).await;
    load.stopping();
    service.stop().await;
    assert!(load.end() >= SOME);
}
