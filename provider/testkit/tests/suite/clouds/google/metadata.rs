//! The metadata server.

use std::time::Duration;

use countersign_testkit::cloud::Setup;
use countersign_testkit::google::Accounts;
use countersign_testkit::google::metadata;
use countersign_testkit::google::metadata::Metadata;
use reqwest::Response;
use serde_json::json;

use super::ACCOUNT;
use super::PROJECT;
use super::setup;
use crate::clouds::client::http;
use crate::clouds::client::json;

const PATH: &str = "/computeMetadata/v1/instance/service-accounts";

async fn fixture() -> (Setup, Accounts, Metadata) {
    let (setup, accounts) = (setup(), Accounts::new());
    let metadata = Metadata::start(&setup, &accounts, PROJECT).await;
    metadata.set_account(Some(ACCOUNT));
    (setup, accounts, metadata)
}

async fn get(metadata: &Metadata, path: &str) -> Response {
    let request = http().get(format!("{}{path}", metadata.url())).header("metadata-flavor", "Google");
    request.send().await.unwrap()
}

async fn text(metadata: &Metadata, path: &str) -> (u16, String) {
    let response = get(metadata, path).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn a_token_is_the_same_one_until_five_minutes_before_its_end() {
    let (setup, accounts, metadata) = fixture().await;
    let token = async || {
        let (status, body) = json(get(&metadata, &format!("{PATH}/default/token")).await).await;
        assert_eq!((status, &body["token_type"]), (200, &json!("Bearer")), "{body}");
        (body["access_token"].as_str().unwrap().to_owned(), body["expires_in"].as_u64().unwrap())
    };
    let (first, seconds) = token().await;
    assert!(first.starts_with("ya29.") && seconds == 3600, "{seconds}");
    setup.clock().advance(Duration::from_secs(3299));
    assert_eq!(token().await, (first.clone(), 301));
    setup.clock().advance(Duration::from_secs(1));
    let (second, seconds) = token().await;
    assert_eq!((second != first, seconds, accounts.issued()), (true, 3600, 2));
    metadata.renew();
    assert_ne!(token().await.0, second);
    let scoped = get(&metadata, &format!("{PATH}/{ACCOUNT}/token?scopes=a,b")).await;
    assert_ne!(json(scoped).await.1["access_token"], second);
}

#[tokio::test]
async fn the_header_is_required_and_sent() {
    let (_, accounts, metadata) = fixture().await;
    let url = format!("{}{PATH}/default/token", metadata.url());
    let refused = http().get(&url).send().await.unwrap();
    assert_eq!(refused.headers()["metadata-flavor"], "Google");
    assert_eq!(refused.status().as_u16(), 403);
    assert_eq!(refused.text().await.unwrap(), "Missing required header \"Metadata-Flavor\": \"Google\"\n");
    let forwarded = http().get(&url).header("metadata-flavor", "Google").header("x-forwarded-for", "10.0.0.1");
    assert_eq!(forwarded.send().await.unwrap().status().as_u16(), 403);
    assert_eq!(accounts.issued(), 0);
    let probe = http().get(metadata.url()).send().await.unwrap();
    assert_eq!((probe.status().as_u16(), &probe.headers()["metadata-flavor"]), (200, &"Google".parse().unwrap()));
    metadata.set_flavor(None);
    assert!(!get(&metadata, &format!("{PATH}/default/token")).await.headers().contains_key("metadata-flavor"));
}

#[tokio::test]
async fn accounts_are_described_and_absent_ones_are_not_found() {
    let (_, _, metadata) = fixture().await;
    let expected = |text: &str| (200, text.to_owned());
    assert_eq!(text(&metadata, &format!("{PATH}/default/email")).await, expected(ACCOUNT));
    let scope = "https://www.googleapis.com/auth/cloud-platform\n";
    assert_eq!(text(&metadata, &format!("{PATH}/default/scopes")).await, expected(scope));
    assert_eq!(text(&metadata, &format!("{PATH}/")).await, expected(&format!("default/\n{ACCOUNT}/\n")));
    assert_eq!(text(&metadata, "/computeMetadata/v1/project/project-id").await, expected(PROJECT));
    let (_, body) = json(get(&metadata, &format!("{PATH}/default/?recursive=true")).await).await;
    assert_eq!((&body["email"], &body["aliases"]), (&json!(ACCOUNT), &json!(["default"])));
    for path in ["/other/token", "/default/password"] {
        assert_eq!(text(&metadata, &format!("{PATH}{path}")).await.0, 404, "{path}");
    }
    metadata.set_account(None);
    assert_eq!(text(&metadata, &format!("{PATH}/default/token")).await.0, 404);
    assert_eq!(text(&metadata, &format!("{PATH}/")).await, expected(""));
}

#[tokio::test]
async fn a_missing_binding_is_an_error_of_valid_requests() {
    let (_, _, metadata) = fixture().await;
    metadata.fail_times(1, metadata::missing_binding());
    let (status, body) = text(&metadata, &format!("{PATH}/default/token")).await;
    assert_eq!(status, 403);
    assert!(body.starts_with("Unable to generate access token; IAM returned 403 Forbidden: Permission"), "{body}");
    assert_eq!(text(&metadata, &format!("{PATH}/default/token")).await.0, 200);
}
