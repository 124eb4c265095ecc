//! The port for probes and Prometheus.

use crate::support::client::Client;
use crate::support::client::is_answered;
use crate::support::service::Service;

#[tokio::test]
async fn the_health_port_tells_how_things_are() {
    let service = Service::start().await;
    // Nothing here is encrypted, but the client wants to be prepared. Another test may have been first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let get = async |path: &str| {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let response = client.get(format!("http://{}{path}", service.health)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert!(is_answered(&Client::gatekeeper(&service)).await);
    assert_eq!(get("/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(get("/readyz").await, (200, "ok\n".to_owned()));
    assert_eq!(get("/readyz?verbose").await, (200, "[+] trust\n[+] tls\n[+] doors\n".to_owned()));
    let (status, text) = get("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        r#"countersign_requests_total{door="verify",outcome="ok"} 1"#,
        r#"countersign_requests_total{door="verify",outcome="system-error"} 0"#,
        r#"countersign_verdicts_total{code="revoked",verdict="rejected"} 0"#,
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is not in:\n{text}");
    }
}
