//! Microsoft Entra.

use std::time::Duration;

use countersign_testkit::azure::Directory;
use countersign_testkit::azure::entra::Entra;
use countersign_testkit::azure::entra_error::EntraError;
use countersign_testkit::cloud::Setup;
use countersign_testkit::cloud::service_account::ServiceAccountToken;
use countersign_testkit::cloud::service_account::TokenIssuer;
use serde_json::Value;
use serde_json::json;

use super::CLIENT;
use super::REGISTRY_SCOPE;
use super::TENANT;
use super::account_token;
use super::directory;
use super::issuer;
use super::setup;
use crate::clouds::NOW;
use crate::clouds::client::get;
use crate::clouds::client::json;
use crate::clouds::client::post;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

struct Fixture {
    setup: Setup,
    directory: Directory,
    entra: Entra,
}

impl Fixture {
    async fn new() -> Self {
        let (setup, directory) = (setup(), directory());
        let entra = Entra::start(&setup, &directory).await;
        Self { setup, directory, entra }
    }

    /// Asks for a token with these parameters replaced (`None`: removed).
    async fn token(&self, tenant: &str, replaced: &[(&str, Option<&str>)]) -> (u16, Value) {
        let assertion = issuer().token(&account_token(self.setup.clock().now()));
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.as_str()),
            ("scope", REGISTRY_SCOPE),
        ];
        for (name, value) in replaced {
            form.retain(|(other, _)| other != name);
            form.extend(value.map(|value| (*name, value)));
        }
        json(post(&format!("{}/{tenant}/oauth2/v2.0/token", self.entra.url()), &form).await).await
    }

    /// Status, error, code and the beginning of the description of a refusal.
    async fn refusal(&self, tenant: &str, replaced: &[(&str, Option<&str>)]) -> (u16, String, u64, String) {
        let (status, body) = self.token(tenant, replaced).await;
        let description = body["error_description"].as_str().unwrap();
        let (text, _) = description.split_once(" Trace ID: ").unwrap();
        let code = body["error_codes"][0].as_u64().unwrap();
        let text = text.strip_prefix(&format!("AADSTS{code}: ")).unwrap();
        (status, body["error"].as_str().unwrap().to_owned(), code, text.to_owned())
    }
}

#[tokio::test]
async fn a_service_account_is_an_application() {
    let fixture = Fixture::new().await;
    fixture.directory.set_lifetime(Duration::from_secs(3599));
    let (status, body) = fixture.token(TENANT, &[]).await;
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(
        (status, &body),
        (200, &json!({ "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token }))
    );
    assert_eq!(fixture.directory.issued(), 1);
    let journal = &fixture.entra.journal()[0];
    assert_eq!(journal.to_string(), format!("entra POST /{TENANT}/oauth2/v2.0/token 200"));
    assert_eq!(journal.parameter("scope"), Some(REGISTRY_SCOPE));
    assert!(journal.parameter("client_assertion").unwrap().ends_with(" characters)"), "{journal:?}");
}

#[tokio::test]
async fn wrong_requests_are_refused_with_the_code_of_each() {
    let fixture = Fixture::new().await;
    let other = "22222222-2222-3333-4444-555555555555";
    fixture.directory.add_tenant(other);
    let missing = |name: &str| format!("The request body must contain the following parameter: '{name}'.");
    for (tenant, replaced, status, error, code, text) in [
        ("unknown", vec![], 400, "invalid_request", 90002, "Tenant 'unknown' not found. Check to make sure".to_owned()),
        (TENANT, vec![("grant_type", None)], 400, "invalid_request", 900_144, missing("grant_type")),
        (
            TENANT,
            vec![("grant_type", Some("password"))],
            400,
            "unsupported_grant_type",
            70003,
            "The app requested an unsupported grant type 'password'.".to_owned(),
        ),
        (TENANT, vec![("client_id", None)], 400, "invalid_request", 900_144, missing("client_id")),
        (
            TENANT,
            vec![("client_id", Some("unknown"))],
            400,
            "unauthorized_client",
            700_016,
            format!("Application with identifier 'unknown' was not found in the directory '{TENANT}'."),
        ),
        (
            other,
            vec![],
            400,
            "unauthorized_client",
            700_016,
            format!("Application with identifier '{CLIENT}' was not found in the directory '{other}'."),
        ),
        (TENANT, vec![("scope", None)], 400, "invalid_request", 900_144, missing("scope")),
        (
            TENANT,
            vec![("scope", Some("https://vault.azure.net"))],
            400,
            "invalid_scope",
            1_002_012,
            "The provided value for scope https://vault.azure.net is not valid.".to_owned(),
        ),
        (
            TENANT,
            vec![("scope", Some("https://vault.azure.cn/.default"))],
            400,
            "invalid_resource",
            500_011,
            format!("The resource principal named https://vault.azure.cn was not found in the tenant named {TENANT}."),
        ),
        (
            TENANT,
            vec![("client_assertion_type", Some("jwt-bearer"))],
            401,
            "invalid_client",
            7_000_218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.".to_owned(),
        ),
        (
            TENANT,
            vec![("client_assertion", Some("a.b.c"))],
            400,
            "invalid_request",
            50027,
            "JWT token is invalid or malformed.".to_owned(),
        ),
    ] {
        let found = fixture.refusal(tenant, &replaced).await;
        assert_eq!((found.0, found.1.as_str(), found.2), (status, error, code), "{replaced:?}");
        assert!(found.3.starts_with(&text), "{}", found.3);
    }
    assert_eq!(fixture.directory.issued(), 0);
}

#[tokio::test]
async fn an_assertion_must_match_a_federated_credential() {
    let fixture = Fixture::new().await;
    let good = account_token(NOW);
    let with_name = ServiceAccountToken::new("gatekeeper-system", "Countersign", NOW);
    let no_match = |what: &str, found: &str| {
        format!(
            "No matching federated identity record found for presented assertion {what} '{found}'. Check your federated"
        )
    };
    for (assertion, code, text) in [
        (
            TokenIssuer::new("https://issuer.example/").token(&good),
            700_211,
            no_match("issuer", "https://issuer.example/"),
        ),
        (
            issuer().token(&good.clone().audience("sts.amazonaws.com")),
            700_212,
            no_match("audience", "sts.amazonaws.com"),
        ),
        // Upper and lower case differ.
        (
            issuer().token(&with_name.audience(ServiceAccountToken::ENTRA)),
            700_213,
            no_match("subject", "system:serviceaccount:gatekeeper-system:Countersign"),
        ),
        (
            issuer().token(&good.clone().expires_at(NOW)),
            700_024,
            "Client assertion is not within its valid time range. Current time: 2026-05-06T07:08:09.0000000Z"
                .to_owned(),
        ),
        (
            issuer().token(&account_token(NOW + time::Duration::HOUR)),
            700_024,
            "Client assertion is not within its valid time range. Current time: 2026-05-06T07:08:09.0000000Z"
                .to_owned(),
        ),
        (
            {
                let token = issuer().token(&good);
                let (signed, _) = token.rsplit_once('.').unwrap();
                format!("{signed}.AAAA")
            },
            700_027,
            "The certificate with identifier used to sign the client assertion is not registered".to_owned(),
        ),
    ] {
        let found = fixture.refusal(TENANT, &[("client_assertion", Some(&assertion))]).await;
        assert_eq!((found.0, found.1.as_str(), found.2), (401, "invalid_client", code));
        assert!(found.3.starts_with(&text), "{}", found.3);
    }
    fixture.directory.remove_federation(CLIENT);
    assert_eq!(fixture.refusal(TENANT, &[]).await.2, 700_211);
}

#[tokio::test]
async fn errors_that_the_test_sets_apply_to_valid_requests() {
    let fixture = Fixture::new().await;
    let propagation = EntraError::no_matching_credential("https://issuer.example", "system:serviceaccount:a:b");
    fixture.entra.fail_times(1, propagation.reply(NOW));
    fixture.entra.fail_times(1, EntraError::throttled().retry_after("7").reply(NOW));
    fixture.entra.fail_times(1, EntraError::throttled().reply(NOW));
    fixture.entra.fail_times(1, EntraError::unavailable().reply(NOW));
    let (status, body) = fixture.token(TENANT, &[]).await;
    assert_eq!((status, &body["error_codes"]), (400, &json!([70021])));
    let assertion = issuer().token(&account_token(NOW));
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", &assertion),
        ("scope", REGISTRY_SCOPE),
    ];
    let url = format!("{}/{TENANT}/oauth2/v2.0/token", fixture.entra.url());
    for (status, retry_after) in [(429, Some("7")), (429, None), (503, None)] {
        let response = post(&url, &form).await;
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers().get("retry-after").map(|value| value.to_str().unwrap()), retry_after);
        assert_eq!(response.headers()["date"], "Wed, 06 May 2026 07:08:09 GMT");
    }
    assert_eq!(fixture.token(TENANT, &[]).await.0, 200);
}

#[tokio::test]
async fn metadata_name_the_endpoints_of_the_tenant() {
    let fixture = Fixture::new().await;
    fixture.entra.set_url("https://login.microsoftonline.com");
    assert_eq!(fixture.entra.authority_host(), "https://login.microsoftonline.com/");
    let own = fixture.entra.url();
    let (status, body) = json(get(&format!("{own}/{TENANT}/v2.0/.well-known/openid-configuration"), None).await).await;
    assert_eq!(status, 200);
    let base = format!("https://login.microsoftonline.com/{TENANT}");
    assert_eq!(body["token_endpoint"], format!("{base}/oauth2/v2.0/token"));
    assert_eq!(body["issuer"], format!("{base}/v2.0"));
    fixture.directory.rotate_key();
    let (_, keys) = json(get(&format!("{own}/{TENANT}/discovery/v2.0/keys"), None).await).await;
    let ids: Vec<_> = keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect();
    assert_eq!(ids, ["entra-0", "entra-1"]);
    let (status, body) = json(get(&format!("{own}/other/v2.0/.well-known/openid-configuration"), None).await).await;
    assert_eq!((status, &body["error_codes"]), (400, &json!([90002])));
    let instance = |host: &str| {
        let endpoint = format!("https%3A%2F%2F{host}%2F{TENANT}%2Foauth2%2Fv2.0%2Fauthorize");
        format!("{own}/common/discovery/instance?api-version=1.1&authorization_endpoint={endpoint}")
    };
    let (status, body) = json(get(&instance("login.microsoftonline.com"), None).await).await;
    assert_eq!((status, &body["metadata"][0]["aliases"]), (200, &json!(["login.microsoftonline.com"])));
    let (status, body) = json(get(&instance("login.example"), None).await).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_instance")));
    assert_eq!(get(&format!("{own}/{TENANT}/oauth2/v2.0/token"), None).await.status().as_u16(), 405);
    assert_eq!(get(&format!("{own}/{TENANT}/saml2"), None).await.status().as_u16(), 404);
}
