//! Microsoft Entra: the token endpoint for applications with a federated credential or a secret, and its metadata.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;

use http::Method;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;

use crate::azure::directory::Directory;
use crate::azure::entra_error::EntraError;
use crate::cloud::server::CloudServer;
use crate::cloud::server::Failures;
use crate::cloud::setup::Setup;
use crate::registry::RecordedRequest;
use crate::registry::Reply;
use crate::registry::form_pairs;

/// The type of client assertions ([RFC 7523](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An authority: `GET /{tenant}/v2.0/.well-known/openid-configuration`, `GET /{tenant}/discovery/v2.0/keys`,
/// `POST /{tenant}/oauth2/v2.0/token`, `GET /common/discovery/instance`.
///
/// The token endpoint serves `client_credentials` with a [federated
/// assertion](https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow#third-case-access-token-request-with-a-federated-credential)
/// or a secret.
/// It checks in this order: tenant, grant, client, scope, resource, secret or type of the assertion and assertion. Not verified: the order of the
/// real service.
#[derive(Debug)]
pub struct Entra {
    server: CloudServer,
    url: Arc<Mutex<String>>,
}

impl Entra {
    /// Starts the authority of this directory.
    pub async fn start(setup: &Setup, directory: &Directory) -> Self {
        let url = Arc::new(Mutex::new(String::new()));
        let (clock, directory, shared) = (setup.clock().clone(), directory.clone(), Arc::clone(&url));
        let server = CloudServer::start(setup, "entra", move |request, failures| {
            let authority = shared.lock().expect("the lock is not poisoned").clone();
            let now = clock.now();
            answer(request, &directory, &authority, failures, now)
        });
        let server = server.await;
        let own = server.url();
        let this = Self { server, url };
        this.set_url(&own);
        this
    }

    /// Sets the URL that its metadata name, without a trailing slash, for clients that resolve a name:
    /// `https://login.microsoftonline.com`.
    pub fn set_url(&self, url: &str) {
        url.clone_into(&mut self.url.lock().expect("the lock is not poisoned"));
    }

    /// The URL that clients have as authority host, with a trailing slash, as `AZURE_AUTHORITY_HOST` has it.
    #[must_use]
    pub fn authority_host(&self) -> String {
        format!("{}/", self.url.lock().expect("the lock is not poisoned"))
    }
}

impl Deref for Entra {
    type Target = CloudServer;

    fn deref(&self) -> &CloudServer {
        &self.server
    }
}

fn json_reply(body: &Value) -> Reply {
    Reply::status(200).header("content-type", "application/json; charset=utf-8").body(body.to_string())
}

fn answer(
    request: &RecordedRequest,
    directory: &Directory,
    authority: &str,
    failures: &Failures,
    now: OffsetDateTime,
) -> Result<Reply, Reply> {
    if request.path == "/common/discovery/instance" {
        return instance(request, authority, now);
    }
    let Some((tenant, rest)) = request.path.trim_start_matches('/').split_once('/') else {
        return Err(Reply::status(404));
    };
    let expected = match rest {
        "v2.0/.well-known/openid-configuration" | "discovery/v2.0/keys" => Method::GET,
        "oauth2/v2.0/token" => Method::POST,
        _ => return Err(Reply::status(404)),
    };
    if request.method != expected {
        return Err(Reply::status(405));
    }
    if !directory.has_tenant(tenant) {
        return Err(EntraError::unknown_tenant(tenant).reply(now));
    }
    match rest {
        "oauth2/v2.0/token" => {
            let issued = token(request, directory, tenant, now).map_err(|error| error.reply(now))?;
            failures.next()?;
            Ok(issued(directory))
        }
        "discovery/v2.0/keys" => Ok(json_reply(&directory.public_keys())),
        _ => {
            failures.next()?;
            Ok(json_reply(&json!({
                "token_endpoint": format!("{authority}/{tenant}/oauth2/v2.0/token"),
                "token_endpoint_auth_methods_supported":
                    ["client_secret_post", "private_key_jwt", "client_secret_basic"],
                "jwks_uri": format!("{authority}/{tenant}/discovery/v2.0/keys"),
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "issuer": format!("{authority}/{tenant}/v2.0"),
                "authorization_endpoint": format!("{authority}/{tenant}/oauth2/v2.0/authorize"),
                "tenant_region_scope": "EU",
            })))
        }
    }
}

/// The [discovery of instances](https://learn.microsoft.com/en-us/entra/msal/javascript/browser/authority): which hosts are the same
/// authority.
fn instance(request: &RecordedRequest, authority: &str, now: OffsetDateTime) -> Result<Reply, Reply> {
    let host = |url: &str| url.split('/').nth(2).unwrap_or_default().to_owned();
    let endpoint = request.query_values("authorization_endpoint").pop().unwrap_or_default();
    if host(&endpoint) != host(authority) {
        return Err(EntraError::new(400, "invalid_instance", 50049, "Unknown or invalid instance.").reply(now));
    }
    let tenant = endpoint.split('/').nth(3).unwrap_or("common");
    let host = host(authority);
    Ok(json_reply(&json!({
        "tenant_discovery_endpoint": format!("{authority}/{tenant}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
    })))
}

/// Checks a request for a token. The result issues it.
fn token(
    request: &RecordedRequest,
    directory: &Directory,
    tenant: &str,
    now: OffsetDateTime,
) -> Result<impl Fn(&Directory) -> Reply, EntraError> {
    let form = form_pairs(&String::from_utf8_lossy(&request.body));
    let value = |name: &str| form.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
    let required = |name: &str| {
        value(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            let text = format!("The request body must contain the following parameter: '{name}'.");
            EntraError::new(400, "invalid_request", 900_144, &text)
        })
    };
    let grant = required("grant_type")?;
    if grant != "client_credentials" {
        let text = format!("The app requested an unsupported grant type '{grant}'.");
        return Err(EntraError::new(400, "unsupported_grant_type", 70003, &text));
    }
    let client = required("client_id")?;
    if !directory.has_application(tenant, &client) {
        return Err(EntraError::unknown_client(&client, tenant));
    }
    let scope = required("scope")?;
    let Some(resource) = scope.strip_suffix("/.default") else {
        let text = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default \
             suffixed to the resource identifier (application ID URI)."
        );
        return Err(EntraError::new(400, "invalid_scope", 1_002_012, &text));
    };
    if !directory.has_resource(resource) {
        return Err(EntraError::unknown_resource(resource, tenant));
    }
    match (value("client_secret"), value("client_assertion")) {
        (Some(secret), _) => {
            directory.check_secret(&client, &secret, now).map_err(|error| EntraError::secret(error, &client))?;
        }
        (None, Some(assertion)) if value("client_assertion_type").as_deref() == Some(ASSERTION_TYPE) => {
            directory.check_assertion(&client, &assertion, now).map_err(|error| EntraError::assertion(&error, now))?;
        }
        (None, _) => {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            return Err(EntraError::new(401, "invalid_client", 7_000_218, text));
        }
    }
    let (resource, claims) = (resource.to_owned(), value("claims"));
    Ok(move |directory: &Directory| {
        let token = directory.issue(&client, &resource, claims.as_deref(), now);
        let seconds = token.lifetime.as_secs();
        json_reply(&json!({
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": token.text,
        }))
    })
}
