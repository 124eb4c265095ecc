//! Artifact Registry.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_testkit::google::Accounts;
use countersign_testkit::google::accounts::CLOUD_PLATFORM;
use countersign_testkit::google::artifact_registry;
use countersign_testkit::google::artifact_registry::ArtifactRegistry;
use serde_json::json;

use super::ACCOUNT;
use super::setup;
use crate::clouds::NOW;
use crate::clouds::client::get;
use crate::clouds::client::json;

const IMAGE: &str = "shop-project/images/app";

async fn fixture() -> (countersign_testkit::cloud::Setup, Accounts, ArtifactRegistry) {
    let (setup, accounts) = (setup(), Accounts::new());
    let registry = ArtifactRegistry::start(&setup, &accounts).await;
    accounts.grant(ACCOUNT, "shop-project/images");
    registry.push_image(IMAGE, "v1");
    (setup, accounts, registry)
}

fn basic(token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{}:{token}", artifact_registry::USER)))
}

#[tokio::test]
async fn an_access_token_is_a_password_a_bearer_token_or_exchanged() {
    let (setup, accounts, registry) = fixture().await;
    let token = accounts.issue(ACCOUNT, &[CLOUD_PLATFORM], NOW);
    let url = format!("{}/v2/{IMAGE}/manifests/v1", registry.url());
    let status = async |value: &str| get(&url, Some(value)).await.status().as_u16();
    assert_eq!(status(&basic(&token)).await, 200);
    assert_eq!(status(&format!("Bearer {token}")).await, 200);
    setup.clock().advance(Duration::from_secs(600));
    let scope = format!("service={}&scope=repository%3Ashop-project%2Fimages%2Fapp%3Apull", registry.host());
    let (code, body) = json(get(&format!("{}/v2/token?{scope}", registry.url()), Some(&basic(&token))).await).await;
    // Not longer than the access token.
    assert_eq!((code, &body["expires_in"]), (200, &json!(3000)), "{body}");
    let exchanged = format!("Bearer {}", body["token"].as_str().unwrap());
    assert_eq!(status(&exchanged).await, 200);
    registry.revoke_all();
    assert_eq!(status(&exchanged).await, 401);
    setup.clock().advance(Duration::from_secs(3000));
    assert_eq!(status(&basic(&token)).await, 401);
}

#[tokio::test]
async fn requests_without_a_valid_token_are_challenged() {
    let (_, accounts, registry) = fixture().await;
    let url = format!("{}/v2/{IMAGE}/manifests/v1", registry.url());
    let host = registry.host();
    let challenge =
        format!(r#"Bearer realm="http://{host}/v2/token",service="{host}",scope="repository:{IMAGE}:pull""#);
    let other_user = format!("Basic {}", STANDARD.encode("user:ya29.c.x"));
    for authorization in [None, Some("Bearer ya29.c.x"), Some(&other_user)] {
        let refused = get(&url, authorization).await;
        assert_eq!(refused.headers()["www-authenticate"], challenge);
        assert_eq!(json(refused).await.1["errors"][0]["code"], "UNAUTHORIZED");
    }
    assert_eq!(get(&format!("{}/v2/token", registry.url()), None).await.status().as_u16(), 401);
    let token = accounts.issue(ACCOUNT, &[CLOUD_PLATFORM], NOW);
    accounts.revoke_all();
    assert_eq!(get(&url, Some(&basic(&token))).await.status().as_u16(), 401);
}

#[tokio::test]
async fn an_account_without_the_role_or_the_scope_is_denied() {
    let (_, accounts, registry) = fixture().await;
    let denied = json!({ "errors": [{
        "code": "DENIED",
        "message": "Permission \"artifactregistry.repositories.downloadArtifacts\" denied on resource \
                    \"projects/shop-project/locations/europe-west1/repositories/images\" (or it may not exist)",
    }] });
    let url = format!("{}/v2/{IMAGE}/manifests/v1", registry.url());
    let narrow = accounts.issue(ACCOUNT, &["https://www.googleapis.com/auth/logging.write"], NOW);
    assert_eq!(json(get(&url, Some(&basic(&narrow))).await).await, (403, denied.clone()));
    let token = accounts.issue(ACCOUNT, &[CLOUD_PLATFORM], NOW);
    let similar = format!("{}/v2/shop-project/images2/app/manifests/v1", registry.url());
    assert_eq!(get(&similar, Some(&basic(&token))).await.status().as_u16(), 403);
    accounts.revoke_grant(ACCOUNT, "shop-project/images");
    assert_eq!(json(get(&url, Some(&basic(&token))).await).await, (403, denied.clone()));
    let scope = "scope=repository%3Ashop-project%2Fimages%2Fapp%3Apull";
    let refused = get(&format!("{}/v2/token?{scope}", registry.url()), Some(&basic(&token))).await;
    assert_eq!(json(refused).await, (403, denied));
    accounts.grant(ACCOUNT, "shop-project/images");
    registry.when_any().reply(artifact_registry::throttled());
    assert_eq!(get(&url, Some(&basic(&token))).await.status().as_u16(), 429);
}
