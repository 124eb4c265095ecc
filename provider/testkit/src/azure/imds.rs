//! The instance metadata of a virtual machine: tokens of its managed identities.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use http::Method;
use serde_json::json;
use time::OffsetDateTime;

use crate::azure::directory::Directory;
use crate::cloud::server::CloudServer;
use crate::cloud::server::Failures;
use crate::cloud::setup::Setup;
use crate::registry::RecordedRequest;
use crate::registry::Reply;

/// The path of tokens.
pub const PATH: &str = "/metadata/identity/oauth2/token";

/// Instance metadata of a node without identities at first: [`GET
/// /metadata/identity/oauth2/token`](https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http).
///
/// It requires `Metadata: true` and refuses requests that were forwarded. Answers are
/// [`invalid_request`](https://github.com/Azure/aad-pod-identity/issues/778) for an identity that the node does not have. Further
/// statuses are set with [`CloudServer::fail`] and [`failure`]. The forms of App Service and Azure Arc do not exist here.
#[derive(Debug)]
pub struct Imds {
    server: CloudServer,
    identities: Identities,
}

#[derive(Clone, Debug, Default)]
struct Identities(Arc<Mutex<Assigned>>);

#[derive(Debug, Default)]
struct Assigned {
    system: Option<String>,
    users: Vec<String>,
}

/// An answer for [`CloudServer::fail`]: 404 and 410 (being updated), 429, 500 `unknown`.
#[must_use]
pub fn failure(status: u16) -> Reply {
    match status {
        404 | 410 => Reply::status(status),
        429 => error(429, "too_many_requests", "Too many requests"),
        other => error(other, "unknown", "Failed to retrieve token from the Active directory. For details see logs."),
    }
}

impl Imds {
    /// Starts the service.
    pub async fn start(setup: &Setup, directory: &Directory) -> Self {
        let identities = Identities::default();
        let (clock, directory, shared) = (setup.clock().clone(), directory.clone(), identities.clone());
        let server = CloudServer::start(setup, "imds", move |request, failures| {
            answer(request, &directory, &shared, failures, clock.now())
        });
        Self { server: server.await, identities }
    }

    /// Sets the identity of the node itself, an application of the directory; `None`: it has none.
    pub fn set_system_assigned(&self, client: Option<&str>) {
        self.identities.lock().system = client.map(str::to_owned);
    }

    /// Adds an identity, an application of the directory, to the node.
    pub fn add_user_assigned(&self, client: &str) {
        self.identities.lock().users.push(client.to_owned());
    }
}

impl Deref for Imds {
    type Target = CloudServer;

    fn deref(&self) -> &CloudServer {
        &self.server
    }
}

impl Identities {
    fn lock(&self) -> MutexGuard<'_, Assigned> {
        self.0.lock().expect("the lock is not poisoned")
    }

    /// The application for `client_id`.
    fn find(&self, client: Option<&str>) -> Result<String, &'static str> {
        let assigned = self.lock();
        match (client, &assigned.system, assigned.users.as_slice()) {
            (Some(client), system, users) => {
                let mut all = system.iter().chain(users);
                all.find(|known| *known == client).cloned().ok_or("Identity not found")
            }
            (None, Some(system), _) => Ok(system.clone()),
            (None, None, [only]) => Ok(only.clone()),
            (None, None, []) => Err("Identity not found"),
            (None, None, _) => {
                Err("Multiple user assigned identities exist, please specify the clientId / resourceId of the \
                                    identity in the token request")
            }
        }
    }
}

fn error(status: u16, error: &str, description: &str) -> Reply {
    let body = json!({ "error": error, "error_description": description });
    Reply::status(status).header("content-type", "application/json; charset=utf-8").body(body.to_string())
}

fn answer(
    request: &RecordedRequest,
    directory: &Directory,
    identities: &Identities,
    failures: &Failures,
    now: OffsetDateTime,
) -> Result<Reply, Reply> {
    let invalid = |description: &str| Err(error(400, "invalid_request", description));
    if request.path != PATH {
        return Err(Reply::status(404));
    }
    if request.method != Method::GET {
        return Err(Reply::status(405));
    }
    if request.header("metadata") != Some("true") {
        return Err(error(400, "bad_request_102", "Required metadata header not specified"));
    }
    if request.header("x-forwarded-for").is_some() {
        return invalid("Request contains a X-Forwarded-For header");
    }
    let parameter = |name: &str| request.query_values(name).pop().filter(|value| !value.is_empty());
    // Dates, of which any version since the first one is supported.
    if !parameter("api-version").is_some_and(|version| version.as_str() >= "2018-02-01" && version.len() == 10) {
        return invalid("Required query variable 'api-version' is missing or not supported");
    }
    let Some(resource) = parameter("resource") else {
        return invalid("Required query variable 'resource' is missing");
    };
    if ["object_id", "msi_res_id", "mi_res_id"].into_iter().any(|name| parameter(name).is_some()) {
        return invalid("Identity not found");
    }
    let client = match identities.find(parameter("client_id").as_deref()) {
        Ok(client) => client,
        Err(description) => return invalid(description),
    };
    if !directory.has_resource(&resource) {
        let tenant = directory.tenant_of(&client).unwrap_or_default();
        let description = format!(
            "AADSTS500011: The resource principal named {resource} was not found in the tenant named {tenant}. This can happen \
             if the application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant. You might have sent your authentication request to the wrong tenant."
        );
        return Err(error(400, "invalid_resource", &description));
    }
    failures.next()?;
    let token = directory.issue(&client, &resource, None, now);
    let seconds = token.lifetime.as_secs().to_string();
    // Numbers are texts here.
    let body = json!({
        "access_token": token.text,
        "client_id": client,
        "expires_in": seconds,
        "expires_on": token.expires_at.to_string(),
        "ext_expires_in": seconds,
        "not_before": now.unix_timestamp().to_string(),
        "resource": resource,
        "token_type": "Bearer",
    });
    Ok(Reply::status(200).header("content-type", "application/json; charset=utf-8").body(body.to_string()))
}
