//! Azure Container Registry: exchange, tokens, requests, blobs.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_testkit::azure::Directory;
use countersign_testkit::azure::Role;
use countersign_testkit::azure::acr;
use countersign_testkit::azure::acr::Acr;
use countersign_testkit::azure::blob_store::BlobStore;
use countersign_testkit::azure::entra::Entra;
use countersign_testkit::cloud::Setup;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Referrers;
use serde_json::Value;
use serde_json::json;

use super::CLIENT;
use super::TENANT;
use super::access_token;
use super::directory;
use super::setup;
use crate::clouds::client::get;
use crate::clouds::client::http;
use crate::clouds::client::json;
use crate::clouds::client::post;

const RESOURCE: &str = "https://containerregistry.azure.net";

struct Fixture {
    setup: Setup,
    directory: Directory,
    entra: Entra,
    blobs: BlobStore,
    acr: Acr,
}

impl Fixture {
    async fn new() -> Self {
        let (setup, directory) = (setup(), directory());
        let entra = Entra::start(&setup, &directory).await;
        let blobs = BlobStore::start(&setup).await;
        let acr = Acr::start(&setup, &directory, &blobs, TENANT).await;
        directory.assign(CLIENT, Role::AcrPull, &acr.name());
        Self { setup, directory, entra, blobs, acr }
    }

    async fn exchange(&self, replaced: &[(&str, &str)]) -> (u16, Value) {
        let token = access_token(&self.setup, &self.entra, RESOURCE).await;
        let name = self.acr.name();
        let mut form = vec![
            ("grant_type", "access_token"),
            ("service", name.as_str()),
            ("tenant", TENANT),
            ("access_token", token.as_str()),
        ];
        for (name, value) in replaced {
            form.retain(|(other, _)| other != name);
            form.push((name, value));
        }
        json(post(&format!("{}/oauth2/exchange", self.acr.url()), &form).await).await
    }

    async fn refresh_token(&self) -> String {
        let (status, body) = self.exchange(&[]).await;
        assert_eq!(status, 200, "{body}");
        body["refresh_token"].as_str().unwrap().to_owned()
    }

    async fn token(&self, refresh_token: &str, scope: &str) -> (u16, Value) {
        let name = self.acr.name();
        let form = [
            ("grant_type", "refresh_token"),
            ("service", name.as_str()),
            ("scope", scope),
            ("refresh_token", refresh_token),
        ];
        json(post(&format!("{}/oauth2/token", self.acr.url()), &form).await).await
    }

    /// `Authorization` for a repository.
    async fn bearer(&self, repository: &str) -> String {
        let refresh_token = self.refresh_token().await;
        let (status, body) = self.token(&refresh_token, &format!("repository:{repository}:pull")).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(body.as_object().unwrap().len(), 1, "there is no expires_in: {body}");
        format!("Bearer {}", body["access_token"].as_str().unwrap())
    }

    fn url(&self, path: &str) -> String {
        format!("{}/v2/{path}", self.acr.url())
    }
}

fn unauthorized() -> Value {
    let message = "authentication required, visit https://aka.ms/acr/authorization for more information.";
    json!({ "errors": [{ "code": "UNAUTHORIZED", "message": message }] })
}

#[tokio::test]
async fn three_tokens_lead_to_an_image() {
    let fixture = Fixture::new().await;
    fixture.acr.push_image("shop/app", "v1");
    let path = "shop/app/manifests/v1";
    let refused = get(&fixture.url(path), None).await;
    let name = fixture.acr.name();
    assert_eq!(
        refused.headers()["www-authenticate"],
        format!(r#"Bearer realm="http://{name}/oauth2/token",service="{name}",scope="repository:shop/app:pull""#)
    );
    let (status, body) = json(refused).await;
    let detail = json!([{ "Type": "repository", "Name": "shop/app", "Action": "pull" }]);
    assert_eq!((status, &body["errors"][0]["detail"]), (401, &detail));
    let bearer = fixture.bearer("shop/app").await;
    assert_eq!(get(&fixture.url(path), Some(&bearer)).await.status().as_u16(), 200);
    let other = get(&fixture.url("shop/other/manifests/v1"), Some(&bearer)).await;
    assert!(other.headers()["www-authenticate"].to_str().unwrap().ends_with(r#",error="insufficient_scope""#));
    let refresh_token = fixture.refresh_token().await;
    let as_bearer = get(&fixture.url(path), Some(&format!("Bearer {refresh_token}"))).await;
    assert!(as_bearer.headers()["www-authenticate"].to_str().unwrap().ends_with(r#",error="invalid_token""#));
    assert_eq!(fixture.acr.exchanges(), 2);
}

#[tokio::test]
async fn the_exchange_checks_the_access_token_and_its_tenant() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.exchange(&[("tenant", "other")]).await, (401, unauthorized()));
    assert_eq!(fixture.exchange(&[("access_token", "a.b.c")]).await, (401, unauthorized()));
    assert_eq!(fixture.exchange(&[("grant_type", "refresh_token")]).await.0, 400);
    assert_eq!(fixture.exchange(&[("service", "other.azurecr.io")]).await.0, 400);
    let vault = access_token(&fixture.setup, &fixture.entra, "https://vault.azure.net").await;
    assert_eq!(fixture.exchange(&[("access_token", &vault)]).await, (401, unauthorized()));
    let manager = access_token(&fixture.setup, &fixture.entra, "https://management.azure.com").await;
    assert_eq!(fixture.exchange(&[("access_token", &manager)]).await.0, 200);
    fixture.acr.accept_resource_manager_tokens(false);
    assert_eq!(fixture.exchange(&[("access_token", &manager)]).await, (401, unauthorized()));
    assert_eq!(get(&format!("{}/oauth2/exchange", fixture.acr.url()), None).await.status().as_u16(), 404);
    // A registry of another tenant.
    let tenant = "22222222-2222-3333-4444-555555555555";
    let other = Acr::start(&fixture.setup, &fixture.directory, &fixture.blobs, tenant).await;
    let token = access_token(&fixture.setup, &fixture.entra, RESOURCE).await;
    let name = other.name();
    let form = [("grant_type", "access_token"), ("service", name.as_str()), ("access_token", token.as_str())];
    assert_eq!(post(&format!("{}/oauth2/exchange", other.url()), &form).await.status().as_u16(), 401);
}

#[tokio::test]
async fn a_client_without_the_role_is_refused_by_the_token_endpoint_or_by_the_exchange() {
    let fixture = Fixture::new().await;
    let registry = fixture.acr.name();
    fixture.directory.unassign(CLIENT, Role::AcrPull, &registry);
    let refresh_token = fixture.refresh_token().await;
    assert_eq!(fixture.token(&refresh_token, "repository:shop/app:pull").await, (401, unauthorized()));
    fixture.directory.assign(CLIENT, Role::AcrPull, &format!("{registry}/shop/app"));
    assert_eq!(fixture.token(&refresh_token, "repository:shop/app:pull").await.0, 200);
    assert_eq!(fixture.token(&refresh_token, "repository:shop/app2:pull").await.0, 401);
    fixture.acr.refuse_at_exchange(true);
    assert_eq!(fixture.exchange(&[]).await, (401, unauthorized()));
}

#[tokio::test]
async fn tokens_end_and_can_be_revoked() {
    let fixture = Fixture::new().await;
    fixture.acr.push_image("app", "v1");
    fixture.acr.set_refresh_lifetime(Duration::from_secs(100));
    fixture.acr.set_access_lifetime(Duration::from_secs(50));
    let (refresh_token, bearer) = (fixture.refresh_token().await, fixture.bearer("app").await);
    let status = async |bearer: &str| get(&fixture.url("app/manifests/v1"), Some(bearer)).await.status().as_u16();
    let renewed = async || fixture.token(&refresh_token, "repository:app:pull").await.0;
    fixture.setup.clock().advance(Duration::from_secs(49));
    assert_eq!((status(&bearer).await, renewed().await), (200, 200));
    fixture.setup.clock().advance(Duration::from_secs(1));
    assert_eq!((status(&bearer).await, renewed().await), (401, 200));
    fixture.acr.revoke_refresh_tokens();
    assert_eq!(renewed().await, 401);
    let bearer = fixture.bearer("app").await;
    fixture.acr.revoke_access_tokens();
    assert_eq!(status(&bearer).await, 401);
}

#[tokio::test]
async fn docker_asks_with_basic_authentication() {
    let fixture = Fixture::new().await;
    let (name, refresh_token) = (fixture.acr.name(), fixture.refresh_token().await);
    let url = format!("{}/oauth2/token?service={name}&scope=repository%3Aapp%3Apull", fixture.acr.url());
    let basic = |user: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{refresh_token}")));
    assert_eq!(get(&url, Some(&basic(acr::NULL_USER))).await.status().as_u16(), 200);
    assert_eq!(get(&url, Some(&basic("user"))).await.status().as_u16(), 401);
    assert_eq!(get(&url, None).await.status().as_u16(), 401);
}

#[tokio::test]
async fn a_blob_is_at_a_signed_address_that_refuses_credentials_and_ends() {
    let fixture = Fixture::new().await;
    let blob = fixture.acr.put_blob("app", "application/octet-stream", b"content");
    let bearer = fixture.bearer("app").await;
    let redirect = get(&fixture.url(&format!("app/blobs/{}", blob.digest)), Some(&bearer)).await;
    assert_eq!(redirect.status().as_u16(), 307);
    let address = redirect.headers()["location"].to_str().unwrap().to_owned();
    assert!(address.starts_with(&fixture.blobs.url()), "{address}");
    assert_eq!(get(&address, None).await.bytes().await.unwrap().as_ref(), b"content");
    let part = http().get(&address).header("range", "bytes=4-4194303").send().await.unwrap();
    assert_eq!((part.status().as_u16(), &part.headers()["content-range"]), (206, &"bytes 4-6/7".parse().unwrap()));
    assert_eq!(part.bytes().await.unwrap().as_ref(), b"ent");
    let refused = get(&address, Some(&bearer)).await;
    assert_eq!(refused.headers()["x-ms-error-code"], "InvalidAuthenticationInfo");
    assert_eq!(refused.status().as_u16(), 400);
    let unsigned = address.split_once("&sig=").unwrap().0;
    assert_eq!(get(unsigned, None).await.headers()["x-ms-error-code"], "AuthenticationFailed");
    fixture.setup.clock().advance(Duration::from_secs(1200));
    assert_eq!(get(&address, None).await.status().as_u16(), 403);
}

#[tokio::test]
async fn limits_apply_to_tokens_and_to_requests() {
    let fixture = Fixture::new().await;
    fixture.acr.push_image("app", "v1");
    fixture.acr.fail_times(1, acr::throttled(Some("30")));
    assert_eq!(fixture.exchange(&[]).await.0, 429);
    let bearer = fixture.bearer("app").await;
    fixture.acr.when_any().reply(acr::throttled(None));
    let response = get(&fixture.url("app/manifests/v1"), Some(&bearer)).await;
    assert_eq!((response.status().as_u16(), response.headers().get("retry-after")), (429, None));
}

#[tokio::test]
async fn referrers_have_no_types_if_the_registry_leaves_them_out() {
    let fixture = Fixture::new().await;
    let signer = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
    let image = fixture.acr.push_image("app", "v1");
    notation::sign_image(&fixture.acr, "app", &image, &signer);
    let bearer = fixture.bearer("app").await;
    let url = fixture.url(&format!("app/referrers/{}?artifactType=application%2Fother", image.digest));
    for (mode, count, filtered) in [
        (Referrers::Api, 0, true),
        (Referrers::ApiWithoutTypes, 0, true),
        (Referrers::ApiWithoutTypesAndFilter, 1, false),
    ] {
        fixture.acr.referrers(mode);
        let response = http().get(&url).header("authorization", &bearer).send().await.unwrap();
        assert_eq!(response.headers().contains_key("oci-filters-applied"), filtered, "{mode:?}");
        let (_, body) = json(response).await;
        let entries = body["manifests"].as_array().unwrap();
        assert_eq!(entries.len(), count, "{mode:?}");
        assert!(entries.iter().all(|entry| entry.get("artifactType").is_none()), "{body}");
    }
}
