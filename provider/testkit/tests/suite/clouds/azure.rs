//! Azure.

mod acr;
mod entra;
mod imds;
mod key_vault;
mod process;

use countersign_testkit::azure::Directory;
use countersign_testkit::azure::entra::Entra;
use countersign_testkit::cloud::Clock;
use countersign_testkit::cloud::Setup;
use countersign_testkit::cloud::service_account::ServiceAccountToken;
use countersign_testkit::cloud::service_account::TokenIssuer;
use time::OffsetDateTime;

use crate::clouds::NOW;
use crate::clouds::client::json;
use crate::clouds::client::post;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const REGISTRY_SCOPE: &str = "https://containerregistry.azure.net/.default";

fn setup() -> Setup {
    Setup::new(&Clock::at(NOW))
}

fn issuer() -> TokenIssuer {
    TokenIssuer::new("https://westeurope.oic.prod-aks.azure.com/testkit/")
}

/// A directory in which the service account is the client.
fn directory() -> Directory {
    let directory = Directory::new(TENANT);
    directory.add_application(TENANT, CLIENT);
    directory.federate(CLIENT, &issuer(), "gatekeeper-system", "countersign");
    directory
}

fn account_token(now: OffsetDateTime) -> ServiceAccountToken {
    ServiceAccountToken::new("gatekeeper-system", "countersign", now).audience(ServiceAccountToken::ENTRA)
}

/// An access token of Entra for this resource.
async fn access_token(setup: &Setup, entra: &Entra, resource: &str) -> String {
    access_token_with(setup, entra, resource, &[]).await
}

/// As [`access_token`], with further parameters.
async fn access_token_with(setup: &Setup, entra: &Entra, resource: &str, more: &[(&str, &str)]) -> String {
    let assertion = issuer().token(&account_token(setup.clock().now()));
    let scope = format!("{resource}/.default");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.as_str()),
        ("scope", scope.as_str()),
    ];
    let form: Vec<_> = form.iter().chain(more).copied().collect();
    let (status, body) = json(post(&format!("{}/{TENANT}/oauth2/v2.0/token", entra.url()), &form).await).await;
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}
