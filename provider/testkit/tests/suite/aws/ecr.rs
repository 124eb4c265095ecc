//! Amazon ECR: its API, a registry that accepts the API's tokens, and the store of its blobs.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_testkit::Descriptor;
use countersign_testkit::aws::AccessKey;
use countersign_testkit::aws::Protocol;
use countersign_testkit::aws::ServiceError;
use countersign_testkit::aws::Setup;
use countersign_testkit::aws::blob_store::BlobStore;
use countersign_testkit::aws::ecr_api::ACTION;
use countersign_testkit::aws::ecr_api::EcrApi;
use countersign_testkit::aws::ecr_public_registry::EcrPublicRegistry;
use countersign_testkit::aws::ecr_registry::EcrRegistry;
use countersign_testkit::aws::ecr_registry::throttled;
use countersign_testkit::aws::ecr_tokens::EcrTokens;
use countersign_testkit::aws::signature::SignerPki;
use countersign_testkit::aws::signature::SignerSignature;
use countersign_testkit::aws::sts::assumed_role;
use countersign_testkit::registry::Referrers;
use countersign_testkit::registry::Route;
use reqwest::Response;
use serde_json::Value;
use serde_json::json;

use crate::aws::NOW;
use crate::aws::REGION;
use crate::aws::ROLE;
use crate::aws::USER;
use crate::aws::client::Client;
use crate::aws::client::http;
use crate::aws::client::text;
use crate::aws::setup;

const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
const PUBLIC_TARGET: &str = "SpencerFrontendService.GetAuthorizationToken";
const JSON: &str = "application/x-amz-json-1.1";

struct Fixture {
    setup: Setup,
    tokens: EcrTokens,
    api: EcrApi,
    blobs: BlobStore,
    registry: EcrRegistry,
    key: AccessKey,
}

impl Fixture {
    async fn new() -> Self {
        let (setup, tokens) = (setup(), EcrTokens::new());
        let (api, blobs) = (EcrApi::start(&setup, &tokens).await, BlobStore::start(&setup).await);
        let registry = EcrRegistry::start(&setup, &tokens, &blobs).await;
        let key = setup.keys().for_user(USER);
        Self { setup, tokens, api, blobs, registry, key }
    }

    async fn call(&self, target: &str, body: &str) -> Response {
        let client = Client::new(&self.key, "ecr", REGION, self.setup.clock().now());
        client.post(&self.api.host(), &[("content-type", JSON), ("x-amz-target", target)], body).await
    }

    async fn token(&self) -> String {
        let (status, body) = text(self.call(TARGET, "{}").await).await;
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        body["authorizationData"][0]["authorizationToken"].as_str().unwrap().to_owned()
    }

    async fn get(&self, token: &str, path: &str) -> Response {
        let request = http().get(format!("{}{path}", self.registry.url()));
        request.header("authorization", format!("Basic {token}")).send().await.unwrap()
    }
}

fn denied(message: &str) -> String {
    json!({ "errors": [{ "code": "DENIED", "message": message }] }).to_string()
}

#[tokio::test]
async fn the_api_issues_a_token_for_the_registries_of_its_region() {
    let fixture = Fixture::new().await;
    fixture.tokens.set_lifetime(Duration::from_millis(1500));
    let response = fixture.call(TARGET, "{}").await;
    assert_eq!(response.headers()["content-type"], JSON);
    let body: Value = serde_json::from_str(&text(response).await.1).unwrap();
    let data = &body["authorizationData"];
    let token = data[0]["authorizationToken"].as_str().unwrap();
    assert_eq!(
        data,
        &json!([{
            "authorizationToken": token,
            "expiresAt": 1778051290.5,
            "proxyEndpoint": "https://111122223333.dkr.ecr.eu-central-1.amazonaws.com",
        }])
    );
    let decoded = STANDARD.decode(token).unwrap();
    assert!(decoded.starts_with(b"AWS:") && decoded.len() > 1500, "{} bytes", decoded.len());
    let known = fixture.tokens.get(token).unwrap();
    assert_eq!((known.principal.as_str(), known.region.as_str()), (USER, REGION));
    assert_eq!(fixture.api.journal()[0].to_string(), "ecr-api POST / GetAuthorizationToken 200");
    assert_eq!(fixture.tokens.issued(), 1);
}

#[tokio::test]
async fn the_public_api_answers_with_one_object() {
    let setup = setup().region("us-east-1");
    let tokens = EcrTokens::new();
    let api = EcrApi::start_public(&setup, &tokens).await;
    let client = Client::new(&setup.keys().for_user(USER), "ecr-public", "us-east-1", NOW);
    let headers = [("content-type", JSON), ("x-amz-target", PUBLIC_TARGET)];
    let (status, body) = text(client.post(&api.host(), &headers, "{}").await).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let token = body["authorizationData"]["authorizationToken"].as_str().unwrap();
    assert_eq!(status, 200);
    assert_eq!(body, json!({ "authorizationData": { "authorizationToken": token, "expiresAt": 1778094489.0 } }));
    assert_eq!(tokens.get(token).unwrap().region, "us-east-1");
    let private = Client::new(&setup.keys().for_user(USER), "ecr", "us-east-1", NOW);
    let (status, body) = text(private.post(&api.host(), &headers, "{}").await).await;
    let message = "Credential should be scoped to a valid service: found ecr, expected ecr-public";
    let expected = json!({ "__type": "InvalidSignatureException", "message": message }).to_string();
    assert_eq!((status, body), (400, expected));
}

#[tokio::test]
async fn the_api_refuses_what_is_not_its_call() {
    let fixture = Fixture::new().await;
    let error = |response: Response| async {
        let (status, body) = text(response).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        (status, body["__type"].as_str().unwrap().to_owned())
    };
    let expected = |code: &str| (400, code.to_owned());
    assert_eq!(error(fixture.call(PUBLIC_TARGET, "{}").await).await, expected("UnknownOperationException"));
    assert_eq!(error(fixture.call(TARGET, "").await).await, expected("SerializationException"));
    let unsigned = http().post(fixture.api.url()).header("content-type", JSON).header("x-amz-target", TARGET);
    let unsigned = unsigned.body("{}").send().await.unwrap();
    assert_eq!(error(unsigned).await, expected("MissingAuthenticationTokenException"));
    fixture.setup.keys().deny(USER, ACTION);
    assert_eq!(error(fixture.call(TARGET, "{}").await).await, expected("AccessDeniedException"));
    fixture.setup.keys().allow(USER, ACTION);
    fixture.api.fail_times(1, ServiceError::throttled(Protocol::Json11));
    fixture.api.fail_times(1, ServiceError::internal(Protocol::Json11));
    assert_eq!(error(fixture.call(TARGET, "{}").await).await, expected("ThrottlingException"));
    assert_eq!(error(fixture.call(TARGET, "{}").await).await, (500, "ServerException".to_owned()));
    fixture.setup.keys().delete(&fixture.key.id);
    assert_eq!(error(fixture.call(TARGET, "{}").await).await, expected("UnrecognizedClientException"));
    assert_eq!(fixture.tokens.issued(), 0);
}

#[tokio::test]
async fn a_session_that_has_ended_gets_no_token() {
    let mut fixture = Fixture::new().await;
    fixture.key = fixture.setup.keys().for_session(&assumed_role(ROLE, "s"), NOW);
    let (status, body) = text(fixture.call(TARGET, "{}").await).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["__type"]), (400, &json!("ExpiredTokenException")));
}

#[tokio::test]
async fn the_registry_challenges_for_basic_authentication() {
    let fixture = Fixture::new().await;
    for path in ["/v2/", "/v2/app/manifests/v1", "/v2/app/tags/list"] {
        let response = http().get(format!("{}{path}", fixture.registry.url())).send().await.unwrap();
        assert_eq!(
            response.headers()["www-authenticate"],
            r#"Basic realm="https://111122223333.dkr.ecr.eu-central-1.amazonaws.com/",service="ecr.amazonaws.com""#
        );
        assert_eq!(text(response).await, (401, "Not Authorized\n".to_owned()));
    }
}

#[tokio::test]
async fn the_registry_accepts_tokens_of_the_api_until_they_end() {
    let fixture = Fixture::new().await;
    let image = fixture.registry.push_image("team/app", "v1");
    let token = fixture.token().await;
    assert_eq!(fixture.get(&token, "/v2/").await.status(), 200);
    let manifest = fixture.get(&token, "/v2/team/app/manifests/v1").await;
    assert_eq!(manifest.headers()["docker-content-digest"], image.digest.as_str());
    fixture.setup.clock().advance(Duration::from_secs(12 * 3600 - 1));
    assert_eq!(fixture.get(&token, "/v2/").await.status(), 200);
    fixture.setup.clock().advance(Duration::from_secs(1));
    let expired = denied("Your authorization token has expired. Reauthenticate and try again.");
    assert_eq!(text(fixture.get(&token, "/v2/team/app/manifests/v1").await).await, (403, expired));
    let token = fixture.token().await;
    assert_eq!(fixture.get(&token, "/v2/").await.status(), 200);
    let invalid = (400, denied("Your Authorization Token is invalid."));
    assert_eq!(text(fixture.get("QVdTOng=", "/v2/").await).await, invalid);
    let (elsewhere, _) = fixture.tokens.issue(USER, "us-east-1", NOW + Duration::from_secs(12 * 3600));
    assert_eq!(text(fixture.get(&elsewhere, "/v2/").await).await, invalid);
    fixture.tokens.revoke_all();
    assert_eq!(text(fixture.get(&token, "/v2/").await).await, invalid);
    let journal = fixture.registry.journal();
    assert_eq!(journal[1].to_string(), "ecr-registry GET /v2/team/app/manifests/v1 200");
    assert_eq!(journal[1].authorization.as_deref(), Some("Basic"));
}

#[tokio::test]
async fn each_route_needs_its_action() {
    let fixture = Fixture::new().await;
    let image = fixture.registry.push_image("team/app", "v1");
    let (token, keys) = (fixture.token().await, fixture.setup.keys());
    let blob = fixture.registry.put_blob("team/app", "text/plain", b"x");
    for (action, path) in [
        ("ecr:BatchGetImage", "/v2/team/app/manifests/v1".to_owned()),
        ("ecr:BatchGetImage", format!("/v2/team/app/referrers/{}", image.digest)),
        ("ecr:GetDownloadUrlForLayer", format!("/v2/team/app/blobs/{}", blob.digest)),
    ] {
        keys.deny(USER, action);
        let message = format!(
            "User: {USER} is not authorized to perform: {action} on resource: \
             arn:aws:ecr:eu-central-1:111122223333:repository/team/app because no identity-based policy allows the {action} \
             action"
        );
        assert_eq!(text(fixture.get(&token, &path).await).await, (403, denied(&message)));
        keys.allow(USER, action);
        assert!(fixture.get(&token, &path).await.status().as_u16() < 400, "{path}");
    }
}

#[tokio::test]
async fn a_blob_is_at_a_signed_address_of_another_host() {
    let fixture = Fixture::new().await;
    let blob = fixture.registry.put_blob("team/app", "text/plain", b"content");
    let path = format!("/v2/team/app/blobs/{}", blob.digest);
    let token = fixture.token().await;
    let redirect = || async {
        let response = fixture.get(&token, &path).await;
        assert_eq!(response.status(), 307);
        response.headers()["location"].to_str().unwrap().to_owned()
    };
    let address = redirect().await;
    assert!(address.starts_with(&format!("{}/111122223333/team/app/sha256/", fixture.blobs.url())), "{address}");
    let get = |url: String| async { text(http().get(url).send().await.unwrap()).await };
    let error = |code: &str, message: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        )
    };
    assert_eq!(get(address.clone()).await, (200, "content".to_owned()));
    let twice = http().get(&address).header("authorization", format!("Basic {token}")).send().await.unwrap();
    let both = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter \
                or the Authorization header should be specified";
    assert_eq!(text(twice).await, (400, error("InvalidArgument", both)));
    let mismatch = "The request signature we calculated does not match the signature you provided.";
    let mismatch = (403, error("SignatureDoesNotMatch", mismatch));
    let (bare, _) = address.split_once('?').unwrap();
    assert_eq!(get(bare.to_owned()).await, mismatch);
    assert_eq!(get(address.replace("/sha256/", "/sha256/0")).await, mismatch);
    assert_eq!(http().head(&address).send().await.unwrap().status(), 403);
    fixture.setup.clock().advance(Duration::from_secs(3600));
    assert_eq!(get(address).await, (403, error("AccessDenied", "Request has expired")));
    let address = redirect().await;
    fixture.registry.remove("team/app", &blob.digest);
    assert_eq!(get(address).await, (404, error("NoSuchKey", "The specified key does not exist.")));
    assert_eq!(fixture.get(&token, &path).await.status(), 404);
    fixture.blobs.set_base("https://bucket.s3.eu-central-1.amazonaws.com");
    let blob = fixture.registry.put_blob("team/app", "text/plain", b"other");
    let head = http().head(format!("{}/v2/team/app/blobs/{}", fixture.registry.url(), blob.digest));
    let head = head.header("authorization", format!("Basic {token}")).send().await.unwrap();
    assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &"5".parse().unwrap()));
    let response = fixture.get(&token, &format!("/v2/team/app/blobs/{}", blob.digest)).await;
    let location = response.headers()["location"].to_str().unwrap();
    assert!(location.starts_with("https://bucket.s3.eu-central-1.amazonaws.com/111122223333/team/app/"), "{location}");
    let shown = fixture.blobs.journal();
    assert_eq!(shown[0].parameter("X-Amz-Signature"), Some("(64 characters)"));
    assert_eq!(shown[1].authorization.as_deref(), Some("Basic"));
}

#[tokio::test]
async fn signatures_may_be_listed_by_the_fallback_tag_only() {
    let fixture = Fixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    let signature = SignerSignature::new(&SignerPki::new(REGION), &image).attach(&fixture.registry, "app");
    let token = fixture.token().await;
    let listed = |path: String| {
        let token = token.clone();
        let fixture = &fixture;
        async move {
            let (status, body) = text(fixture.get(&token, &path).await).await;
            let body: Value = serde_json::from_str(&body).unwrap_or_default();
            let entries = body["manifests"].as_array().into_iter().flatten();
            (status, entries.map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect::<Vec<_>>())
        }
    };
    let api = |image: &Descriptor| format!("/v2/app/referrers/{}", image.digest);
    let tag = format!("/v2/app/manifests/{}", image.digest.replacen(':', "-", 1));
    let found = (200, vec![signature.digest.clone()]);
    for (mode, by_api, by_tag) in [
        (Referrers::Api, found.clone(), (404, vec![])),
        (Referrers::FallbackTag, (404, vec![]), found.clone()),
        (Referrers::EmptyApiAndFallbackTag, (200, vec![]), found.clone()),
    ] {
        fixture.registry.referrers(mode);
        assert_eq!((listed(api(&image)).await, listed(tag.clone()).await), (by_api, by_tag), "{mode:?}");
    }
}

#[tokio::test]
async fn the_registry_has_a_limit_of_requests() {
    let fixture = Fixture::new().await;
    let token = fixture.token().await;
    let over = fixture.registry.when(Route::Ping).times(1).reply(throttled());
    let response = fixture.get(&token, "/v2/").await;
    assert_eq!(response.headers().get("retry-after"), None);
    let body = json!({ "errors": [{ "code": "TOOMANYREQUESTS", "message": "Rate exceeded" }] }).to_string();
    assert_eq!(text(response).await, (429, body));
    assert_eq!(over.hits(), 1);
    assert_eq!(fixture.get(&token, "/v2/").await.status(), 200);
}

#[tokio::test]
async fn hosts_have_the_suffix_of_their_partition() {
    for (partition, region, host) in [
        ("aws", "us-east-1", "111122223333.dkr.ecr.us-east-1.amazonaws.com"),
        ("aws-us-gov", "us-gov-west-1", "111122223333.dkr.ecr.us-gov-west-1.amazonaws.com"),
        ("aws-cn", "cn-north-1", "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn"),
        ("aws-eusc", "eusc-de-east-1", "111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu"),
    ] {
        assert_eq!(setup().partition(partition).region(region).ecr_host(), host);
    }
}

#[tokio::test]
async fn an_action_is_denied_to_all_sessions_of_a_role() {
    let mut fixture = Fixture::new().await;
    fixture.key = fixture.setup.keys().for_session(&assumed_role(ROLE, "one"), NOW + Duration::from_secs(60));
    fixture.setup.keys().deny(ROLE, ACTION);
    let (status, body) = text(fixture.call(TARGET, "{}").await).await;
    let message = "User: arn:aws:sts::111122223333:assumed-role/countersign/one is not authorized to perform: \
                   ecr:GetAuthorizationToken because no identity-based policy allows the ecr:GetAuthorizationToken action";
    assert_eq!((status, body), (400, json!({ "__type": "AccessDeniedException", "message": message }).to_string()));
}

#[tokio::test]
async fn the_public_registry_refuses_wrong_tokens_without_a_challenge() {
    let setup = setup().region("us-east-1");
    let (tokens, blobs) = (EcrTokens::new(), BlobStore::start(&setup).await);
    let registry = EcrPublicRegistry::start(&setup, &tokens, &blobs).await;
    registry.push_image("team/app", "v1");
    let get = |path: &'static str, authorization: Option<String>| {
        let request = http().get(format!("{}{path}", registry.url()));
        let request = authorization.into_iter().fold(request, |request, value| request.header("authorization", value));
        async { request.send().await.unwrap() }
    };
    const MANIFEST: &str = "/v2/team/app/manifests/v1";
    const TOKEN: &str = "/token/?service=public.ecr.aws&scope=aws";
    let challenge = get(MANIFEST, None).await.headers()["www-authenticate"].to_str().unwrap().to_owned();
    let realm = format!("{}/token/", registry.url());
    assert_eq!(challenge, format!(r#"Bearer realm="{realm}",service="public.ecr.aws",scope="aws""#));
    let issued = |authorization| async {
        let body: Value = serde_json::from_str(&text(get(TOKEN, authorization).await).await.1).unwrap();
        body["token"].as_str().unwrap().to_owned()
    };
    let anonymous = format!("Bearer {}", issued(None).await);
    assert_eq!(get(MANIFEST, Some(anonymous.clone())).await.status(), 200);
    let (login, _) = tokens.issue(USER, "us-east-1", NOW);
    let basic = format!("Basic {login}");
    assert_eq!(get(MANIFEST, Some(format!("Bearer {}", issued(Some(basic.clone())).await))).await.status(), 200);
    let invalid = (400, denied("Your Authorization Token is invalid."));
    for wrong in [basic, "Bearer x".to_owned()] {
        let response = get(MANIFEST, Some(wrong)).await;
        assert_eq!(response.headers().get("www-authenticate"), None);
        assert_eq!(text(response).await, invalid);
    }
    assert_eq!(text(get(TOKEN, Some("Basic QVdTOng=".to_owned())).await).await, invalid);
    setup.clock().advance(Duration::from_secs(12 * 3600));
    let expired = (400, denied("Your authorization token has expired. Reauthenticate and try again."));
    assert_eq!(text(get(MANIFEST, Some(anonymous)).await).await, expired);
    registry.set_realm("https://public.ecr.aws/token/");
    let challenge = get(MANIFEST, None).await.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(challenge.starts_with(r#"Bearer realm="https://public.ecr.aws/token/","#), "{challenge}");
    assert_eq!(registry.journal()[1].to_string(), "ecr-public-registry GET /token/ 200");
}
