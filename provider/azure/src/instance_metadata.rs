//! The instance metadata service of the node ([tokens of managed
//! identities](https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token)).

use countersign_cloud::Answer;
use countersign_cloud::INSTANCE_METADATA;
use countersign_cloud::get_with;
use countersign_core::codec::json;
use countersign_core::codec::text::Text;
use countersign_core::name::ClientId;
use countersign_http::Payload;
use http::HeaderName;
use http::HeaderValue;
use serde::Deserialize;
use url::Url;

use crate::calls::Refused;
use crate::limits;
use crate::refusal::Refusal;
use crate::settings::AzureSettings;

/// The address of a token for `resource`.
pub(crate) fn url(settings: &AzureSettings, resource: &str, client_id: Option<&ClientId>) -> Url {
    let mut url = match &settings.metadata_endpoint {
        Some(endpoint) => endpoint.url().clone(),
        None => Url::parse(&format!("http://{INSTANCE_METADATA}/")).expect("an address is the host of a URL"),
    };
    url.set_path("/metadata/identity/oauth2/token");
    let mut query = url.query_pairs_mut();
    query.append_pair("api-version", "2018-02-01").append_pair("resource", resource);
    if let Some(client_id) = client_id {
        query.append_pair("client_id", client_id.as_str());
    }
    drop(query);
    url
}

/// A GET with the header that a forwarded request does not have.
pub(crate) fn payload() -> Payload {
    get_with(HeaderName::from_static("metadata"), HeaderValue::from_static("true"))
}

#[derive(Deserialize)]
struct RefusedBody {
    error: Option<String>,
    error_description: Option<String>,
}

/// The refusal of the service.
pub(crate) fn refused(answer: &Answer) -> Refused {
    let body = json::from_slice::<RefusedBody>(&answer.body, &limits::JSON).ok();
    let Some(RefusedBody { error, error_description }) = body else {
        return Refused::without_code(Refusal::of_instance_metadata(answer.status, ""));
    };
    let error = error.unwrap_or_default();
    let refusal = Refusal::of_instance_metadata(answer.status, &error);
    Refused { code: Text::at_most(64, error), message: error_description, refusal, claims: None }
}
