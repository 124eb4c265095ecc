//! Azure Key Vault.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_testkit::Hash;
use countersign_testkit::azure::Directory;
use countersign_testkit::azure::Role;
use countersign_testkit::azure::entra::Entra;
use countersign_testkit::azure::key_vault::KeyVault;
use countersign_testkit::azure::key_vault::Secret;
use countersign_testkit::azure::key_vault_error;
use countersign_testkit::cloud::Setup;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use reqwest::Response;
use serde_json::Value;
use serde_json::json;

use super::CLIENT;
use super::TENANT;
use super::access_token;
use super::access_token_with;
use super::directory;
use super::setup;
use crate::clouds::NOW;
use crate::clouds::client::get;
use crate::clouds::client::json;

const AUTHORITY: &str = "https://login.microsoftonline.com";
const RESOURCE: &str = "https://vault.azure.net";

struct Fixture {
    setup: Setup,
    directory: Directory,
    entra: Entra,
    vault: KeyVault,
}

impl Fixture {
    async fn new() -> Self {
        let (setup, directory) = (setup(), directory());
        let entra = Entra::start(&setup, &directory).await;
        let vault = KeyVault::start(&setup, &directory, TENANT, AUTHORITY).await;
        for role in [Role::KeyVaultCertificateUser, Role::KeyVaultSecretsUser] {
            directory.assign(CLIENT, role, &vault.name());
        }
        Self { setup, directory, entra, vault }
    }

    async fn get(&self, path: &str) -> Response {
        let token = access_token(&self.setup, &self.entra, RESOURCE).await;
        let separator = if path.contains('?') { '&' } else { '?' };
        get(&format!("{}{path}{separator}api-version=7.5", self.vault.url()), Some(&format!("Bearer {token}"))).await
    }

    async fn json(&self, path: &str) -> (u16, Value) {
        json(self.get(path).await).await
    }

    /// Status, code and inner code of an error.
    async fn error(&self, path: &str) -> (u16, String, Value) {
        let (status, body) = self.json(path).await;
        let error = &body["error"];
        (status, error["code"].as_str().unwrap_or_default().to_owned(), error["innererror"]["code"].clone())
    }
}

fn chain(name: &str) -> Chain {
    Chain::self_signed(CertSpec::leaf().common_name(name))
}

#[tokio::test]
async fn a_certificate_is_its_leaf_and_its_secret_has_the_key() {
    let fixture = Fixture::new().await;
    let chain = chain("signing");
    let version = fixture.vault.add_version("signing", &chain);
    fixture.vault.set_period("signing", &version, Some(NOW), None);
    let url = fixture.vault.url();
    let (status, bundle) = fixture.json(&format!("/certificates/signing/{version}")).await;
    assert_eq!(status, 200, "{bundle}");
    assert_eq!(bundle["id"], format!("{url}/certificates/signing/{version}"));
    assert_eq!(bundle["cer"], STANDARD.encode(chain.leaf_der()));
    assert_eq!(bundle["x5t"], URL_SAFE_NO_PAD.encode(Hash::Sha1.digest(chain.leaf_der())));
    assert_eq!((&bundle["attributes"]["enabled"], &bundle["attributes"]["nbf"]), (&json!(true), &json!(1_778_051_289)));
    let (_, secret) = fixture.json("/secrets/signing").await;
    assert_eq!(secret["contentType"], "application/x-pem-file");
    assert_eq!(secret["value"], format!("{}{}", chain.key_pem(), chain.pem()));
    fixture.vault.set_secret("signing", &version, Secret::PemWithoutKey);
    assert_eq!(fixture.json("/secrets/signing").await.1["value"], chain.pem());
    let given = Secret::Given { content_type: "application/x-pkcs12".to_owned(), value: "MII=".to_owned() };
    fixture.vault.set_secret("signing", &version, given);
    assert_eq!(fixture.json("/secrets/signing").await.1["contentType"], "application/x-pkcs12");
}

#[tokio::test]
async fn versions_are_listed_in_pages_by_their_identifiers() {
    let fixture = Fixture::new().await;
    let mut expected: Vec<String> =
        (0..5).map(|number| fixture.vault.add_version("signing", &chain(&number.to_string()))).collect();
    let newest = expected.last().unwrap().clone();
    expected.sort();
    fixture.vault.set_page_size(2);
    let (mut path, mut found, mut pages) = ("/certificates/signing/versions?maxresults=25".to_owned(), Vec::new(), 0);
    loop {
        let token = access_token(&fixture.setup, &fixture.entra, RESOURCE).await;
        let url = format!("{}{path}", fixture.vault.url());
        let url = if url.contains("api-version") { url } else { format!("{url}&api-version=7.5") };
        let (status, body) = json(get(&url, Some(&format!("Bearer {token}"))).await).await;
        assert_eq!(status, 200, "{body}");
        pages += 1;
        for item in body["value"].as_array().unwrap() {
            found.push(item["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned());
        }
        let Some(next) = body["nextLink"].as_str() else { break };
        path = next.strip_prefix(&fixture.vault.url()).unwrap().to_owned();
    }
    assert_eq!((pages, &found), (3, &expected));
    let (_, bundle) = fixture.json("/certificates/signing").await;
    assert!(bundle["id"].as_str().unwrap().ends_with(&newest), "{bundle}");
    assert_eq!(fixture.error("/certificates/signing/versions?maxresults=26").await.0, 400);
}

#[tokio::test]
async fn a_disabled_version_has_no_secret_and_is_not_the_newest() {
    let fixture = Fixture::new().await;
    let (old, new) = (chain("old"), chain("new"));
    fixture.vault.add_version("signing", &old);
    let version = fixture.vault.add_version("signing", &new);
    fixture.vault.set_enabled("signing", &version, false);
    assert_eq!(fixture.json("/certificates/signing").await.1["cer"], STANDARD.encode(old.leaf_der()));
    let (_, bundle) = fixture.json(&format!("/certificates/signing/{version}")).await;
    assert_eq!(bundle["attributes"]["enabled"], false);
    let (status, body) = fixture.json(&format!("/secrets/signing/{version}")).await;
    let message = "Operation get is not allowed on a disabled secret.";
    let error = json!({ "code": "Forbidden", "message": message, "innererror": { "code": "SecretDisabled" } });
    assert_eq!((status, body), (403, json!({ "error": error })));
    fixture.vault.refuse_disabled_certificates(true);
    let refused = fixture.error(&format!("/certificates/signing/{version}")).await;
    assert_eq!(refused, (403, "Forbidden".to_owned(), json!("CertificateDisabled")));
    fixture.vault.set_enabled("signing", &version, true);
    assert_eq!(fixture.json("/certificates/signing").await.1["cer"], STANDARD.encode(new.leaf_der()));
}

#[tokio::test]
async fn wrong_requests_are_refused() {
    let fixture = Fixture::new().await;
    fixture.vault.add_version("signing", &chain("signing"));
    let none = json!(null);
    for (path, status, code) in [
        ("/certificates/other", 404, "CertificateNotFound"),
        ("/certificates/signing/00000000000000000000000000000000", 404, "CertificateNotFound"),
        ("/secrets/other", 404, "SecretNotFound"),
        ("/certificates", 400, "BadParameter"),
        ("/keys/signing", 404, ""),
    ] {
        assert_eq!(fixture.error(path).await, (status, code.to_owned(), none.clone()), "{path}");
    }
    let token = access_token(&fixture.setup, &fixture.entra, RESOURCE).await;
    let without_version = format!("{}/certificates/signing", fixture.vault.url());
    assert_eq!(get(&without_version, Some(&format!("Bearer {token}"))).await.status().as_u16(), 400);
    fixture.directory.unassign(CLIENT, Role::KeyVaultSecretsUser, &fixture.vault.name());
    let forbidden = (403, "Forbidden".to_owned(), json!("ForbiddenByRbac"));
    assert_eq!(fixture.error("/secrets/signing").await, forbidden);
    assert_eq!(fixture.json("/certificates/signing").await.0, 200);
    fixture.vault.fail_times(1, key_vault_error::throttled(Some("10")));
    let throttled = fixture.get("/certificates/signing").await;
    assert_eq!((throttled.status().as_u16(), &throttled.headers()["retry-after"]), (429, &"10".parse().unwrap()));
    fixture.vault.delete("signing");
    assert_eq!(fixture.error("/certificates/signing").await.0, 404);
}

#[tokio::test]
async fn a_request_without_a_token_for_the_vault_is_challenged() {
    let fixture = Fixture::new().await;
    fixture.vault.add_version("signing", &chain("signing"));
    let url = format!("{}/certificates/signing?api-version=7.5", fixture.vault.url());
    let challenge = format!(r#"Bearer authorization="{AUTHORITY}/{TENANT}", resource="{RESOURCE}""#);
    let refused = get(&url, None).await;
    assert_eq!(refused.headers()["www-authenticate"], challenge);
    let message = "AKV10000: Request is missing a Bearer or PoP token.";
    let body = json!({ "error": { "code": "Unauthorized", "message": message } });
    assert_eq!(json(refused).await, (401, body));
    let other = access_token(&fixture.setup, &fixture.entra, "https://management.azure.com").await;
    let (status, body) = json(get(&url, Some(&format!("Bearer {other}"))).await).await;
    let message = "AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://management.azure.com.";
    assert_eq!((status, &body["error"]["message"]), (401, &json!(message)));
    let token = access_token(&fixture.setup, &fixture.entra, RESOURCE).await;
    let bearer = format!("Bearer {token}");
    fixture.vault.demand_claims(Some(r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#));
    let refused = get(&url, Some(&bearer)).await;
    let value = refused.headers()["www-authenticate"].to_str().unwrap();
    let encoded = value.strip_prefix(&format!(r#"{challenge}, error="insufficient_claims", claims=""#)).unwrap();
    let claims = STANDARD.decode(encoded.trim_end_matches('"')).unwrap();
    assert_eq!(claims, br#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#);
    // A token that was requested with them, and with others.
    let claims = r#"{"access_token":{"nbf":{"value":"1","essential":true},"xms_cc":{"values":["CP1"]}}}"#;
    let evaluated = access_token_with(&fixture.setup, &fixture.entra, RESOURCE, &[("claims", claims)]).await;
    assert_eq!(get(&url, Some(&format!("Bearer {evaluated}"))).await.status().as_u16(), 200);
    fixture.vault.demand_claims(None);
    assert_eq!(get(&url, Some(&bearer)).await.status().as_u16(), 200);
    fixture.setup.clock().advance(std::time::Duration::from_secs(86_400));
    assert_eq!(get(&url, Some(&bearer)).await.status().as_u16(), 401);
}
