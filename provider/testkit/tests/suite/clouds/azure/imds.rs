//! Instance metadata.

use countersign_testkit::azure::Directory;
use countersign_testkit::azure::imds;
use countersign_testkit::azure::imds::Imds;
use reqwest::Response;
use serde_json::Value;
use serde_json::json;

use super::CLIENT;
use super::TENANT;
use super::directory;
use super::setup;
use crate::clouds::client::http;
use crate::clouds::client::json;

const OTHER: &str = "bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee";
const QUERY: &str = "api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net";

async fn ask(imds: &Imds, query: &str, headers: &[(&str, &str)]) -> Response {
    let request = http().get(format!("{}{}?{query}", imds.url(), imds::PATH));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

async fn token(imds: &Imds, query: &str) -> (u16, Value) {
    json(ask(imds, query, &[("metadata", "true")]).await).await
}

async fn fixture() -> (Imds, Directory) {
    let directory = directory();
    directory.add_application(TENANT, OTHER);
    (Imds::start(&setup(), &directory).await, directory)
}

#[tokio::test]
async fn an_identity_of_the_node_gets_a_token_with_numbers_as_texts() {
    let (imds, _) = fixture().await;
    imds.add_user_assigned(CLIENT);
    let (status, body) = token(&imds, QUERY).await;
    assert_eq!(
        (status, &body),
        (
            200,
            &json!({
                "access_token": body["access_token"],
                "client_id": CLIENT,
                "expires_in": "86400",
                "expires_on": "1778137689",
                "ext_expires_in": "86400",
                "not_before": "1778051289",
                "resource": "https://vault.azure.net",
                "token_type": "Bearer",
            })
        )
    );
}

#[tokio::test]
async fn the_identity_is_that_of_the_client_id_or_the_only_one() {
    let (imds, _) = fixture().await;
    let error = |description: &str| (400, json!({ "error": "invalid_request", "error_description": description }));
    assert_eq!(token(&imds, QUERY).await, error("Identity not found"));
    imds.add_user_assigned(CLIENT);
    imds.add_user_assigned(OTHER);
    assert_eq!(
        token(&imds, QUERY).await,
        error(
            "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token \
             request"
        )
    );
    let of = |client: &str| format!("{QUERY}&client_id={client}");
    assert_eq!(token(&imds, &of(OTHER)).await.1["client_id"], OTHER);
    assert_eq!(token(&imds, &of("unknown")).await, error("Identity not found"));
    imds.set_system_assigned(Some(CLIENT));
    assert_eq!(token(&imds, QUERY).await.1["client_id"], CLIENT);
}

#[tokio::test]
async fn wrong_requests_are_refused() {
    let (imds, _) = fixture().await;
    imds.add_user_assigned(CLIENT);
    let body = |error: &str, description: &str| json!({ "error": error, "error_description": description });
    let without = json(ask(&imds, QUERY, &[]).await).await;
    assert_eq!(without, (400, body("bad_request_102", "Required metadata header not specified")));
    let forwarded = json(ask(&imds, QUERY, &[("metadata", "true"), ("x-forwarded-for", "10.0.0.1")]).await).await;
    assert_eq!(forwarded, (400, body("invalid_request", "Request contains a X-Forwarded-For header")));
    for (query, description) in [
        ("resource=https%3A%2F%2Fvault.azure.net", "Required query variable 'api-version' is missing or not supported"),
        ("api-version=2017-09-01&resource=x", "Required query variable 'api-version' is missing or not supported"),
        ("api-version=2018-02-01", "Required query variable 'resource' is missing"),
    ] {
        assert_eq!(token(&imds, query).await, (400, body("invalid_request", description)), "{query}");
    }
    let (status, answer) = token(&imds, "api-version=2018-02-01&resource=https%3A%2F%2Fa.example").await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_resource")));
    assert_eq!(http().get(imds.url()).send().await.unwrap().status().as_u16(), 404);
}

#[tokio::test]
async fn statuses_of_an_update_and_of_limits_apply_to_valid_requests() {
    let (imds, directory) = fixture().await;
    imds.add_user_assigned(CLIENT);
    for status in [404, 410, 429, 500] {
        imds.fail_times(1, imds::failure(status));
        assert_eq!(token(&imds, QUERY).await.0, status);
    }
    assert_eq!(token(&imds, QUERY).await.0, 200);
    assert_eq!(directory.issued(), 1);
}
