//! The health port: probes and metrics.

use std::net::SocketAddr;

use countersign::config::ListenAddress;
use countersign::server::ServerSettings;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use countersign_test_support::client::Client;
use countersign_test_support::client::connect;
use countersign_test_support::client::is_answered;
use countersign_test_support::client::rest;
use countersign_test_support::service::Service;
use countersign_test_support::service::settings;

#[tokio::test]
async fn the_health_port_reports_liveness_and_readiness() {
    let service = Service::start().await;
    // The client library needs a crypto provider even for plain HTTP. Another test may have installed it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let get = async |path: &str| {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let response = client.get(format!("http://{}{path}", service.health)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert!(is_answered(&Client::gatekeeper(&service)).await);
    assert_eq!(get("/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(get("/readyz").await, (200, "ok\n".to_owned()));
    assert_eq!(get("/readyz?verbose").await, (200, "[+] trust\n[+] tls\n[+] endpoints\n".to_owned()));
    let (status, text) = get("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        r#"countersign_requests_total{door="verify",endpoint="verify",outcome="ok"} 1"#,
        r#"countersign_requests_total{door="verify",endpoint="verify",outcome="system-error"} 0"#,
        r#"countersign_verdicts_total{code="revoked",statement="",verdict="rejected"} 0"#,
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is not in:\n{text}");
    }
}

#[tokio::test]
async fn the_health_port_answers_head_without_a_body() {
    let service = Service::start().await;
    let asked = async |method: &str, path: &str| {
        let mut stream = TcpStream::connect(service.health).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let response = rest(&mut stream).await;
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    };
    for (path, status) in [("/livez", "200 OK"), ("/readyz", "200 OK"), ("/", "404 Not Found")] {
        let (_, full) = asked("GET", path).await;
        let (head, body) = asked("HEAD", path).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{path}: {head}");
        assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", full.len())), "{path}: {head}");
        assert_eq!((body.as_str(), full.is_empty()), ("", false), "{path}");
    }
}

/// Both ports at `listen`, and one request to each over every family of loopback that this machine has.
async fn serves_over(listen: &str) -> Vec<&'static str> {
    let address: ListenAddress = listen.parse().unwrap();
    let mut service =
        Service::with(ServerSettings { listen: address.clone(), health_listen: address, ..settings() }).await;
    let (endpoints, health) = (service.address.port(), service.health.port());
    let mut served = Vec::new();
    for host in ["127.0.0.1", "::1"] {
        service.address = SocketAddr::new(host.parse().unwrap(), endpoints);
        let Ok(mut plain) = TcpStream::connect((host, health)).await else { continue };
        plain.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        assert!(rest(&mut plain).await.starts_with("HTTP/1.1 200 OK\r\n"), "{host}");
        let mut tls = connect(&service).await;
        tls.write_all(b"GET /v1/verify HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        assert!(rest(&mut tls).await.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{host}");
        served.push(host);
    }
    served
}

#[tokio::test]
async fn a_port_alone_serves_every_family_that_the_system_has() {
    let both = std::net::TcpListener::bind("[::1]:0").is_ok();
    let all: &[_] = if both { &["127.0.0.1", "::1"] } else { &["127.0.0.1"] };
    assert_eq!(serves_over(":0").await, all);
    assert_eq!(serves_over("0.0.0.0:0").await, ["127.0.0.1"]);
    if both {
        assert_eq!(serves_over("[::1]:0").await, ["::1"]);
    }
}
