//! The service stops after it has answered all accepted requests, within the grace.

use countersign_test_support::client::Client;
use countersign_test_support::client::is_answered;
use countersign_test_support::client::is_answered_about;
use countersign_test_support::service::Service;
use countersign_test_support::service::settings;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn answers_a_request_in_progress_before_it_stops() {
    let service = Service::start().await;
    let client = Client::gatekeeper(&service);
    let script = Arc::clone(&service.script);
    let (address, readiness) = (service.address, Arc::clone(&service.readiness));
    let answer = tokio::spawn(async move { client.ask("/v1/verify", &["a.example/gated"]).await });
    script.reached.notified().await;
    assert!(readiness.is_ready());
    let run = service.stop();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!readiness.is_ready());
    assert!(!run.is_finished());
    script.release.notify_one();
    assert_eq!(answer.await.unwrap()["items"][0]["value"]["verdict"], "skipped");
    assert_eq!(run.await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn stops_after_the_grace_with_requests_in_progress() {
    let mut settings = settings();
    settings.stop_grace = SHORT;
    let service = Service::with(settings).await;
    let client = Client::gatekeeper(&service);
    let script = Arc::clone(&service.script);
    let answer = tokio::spawn(async move { is_answered_about(&client, "a.example/gated").await });
    script.reached.notified().await;
    assert_eq!(service.stop().await.unwrap().unwrap(), 1);
    assert!(!answer.await.unwrap());
}

#[tokio::test]
async fn idle_connections_do_not_delay_the_stop() {
    let service = Service::start().await;
    let client = Client::gatekeeper(&service);
    assert!(is_answered(&client).await);
    let run = service.stop();
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), run).await.unwrap().unwrap().unwrap(), 0);
}

#[tokio::test]
async fn a_port_in_use_is_an_error_with_its_address() {
    let service = Service::start().await;
    let mut settings = settings();
    settings.listen = service.address.into();
    let other = Service::try_with(settings).await;
    let text = other.err().unwrap().to_string();
    let wanted = format!(
        "cannot listen on {} (server.listen, for the endpoints): the port is in use; stop the process that uses it, or \
         configure another port",
        service.address
    );
    assert_eq!(text, wanted);
}
