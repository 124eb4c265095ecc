//! The endpoint of EKS Pod Identity: `GET /v1/credentials` with the token of a service account.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use http::Method;

use crate::aws::container;
use crate::aws::exchange::Service;
use crate::aws::server::AwsServer;
use crate::aws::server::Errors;
use crate::aws::service_error::ServiceError;
use crate::aws::setup::Setup;
use crate::aws::sts::assumed_role;
use crate::cloud::service_account::ServiceAccountToken;
use crate::cloud::service_account::TokenError;
use crate::cloud::service_account::TokenIssuer;
use crate::registry::RecordedRequest;
use crate::registry::Reply;

/// The path of the credentials.
pub const PATH: &str = "/v1/credentials";

/// The agent of EKS Pod Identity on a node. No service account has an association at first.
///
/// Errors and faults are those of [`AwsServer`]; the agent writes only the status and the message of an error.
#[derive(Debug)]
pub struct PodIdentity {
    server: AwsServer,
    associations: Associations,
}

#[derive(Clone, Debug)]
struct Associations(Arc<Mutex<Table>>);

#[derive(Debug)]
struct Table {
    issuer: TokenIssuer,
    /// Subjects, and the roles of their sessions.
    roles: Vec<(String, String)>,
    lifetime: Duration,
}

impl PodIdentity {
    /// Starts the agent of a cluster with this issuer. Sessions last six hours.
    pub async fn start(setup: &Setup, issuer: &TokenIssuer) -> Self {
        let table = Table { issuer: issuer.clone(), roles: Vec::new(), lifetime: Duration::from_secs(6 * 3600) };
        let (errors, associations) = (Errors::default(), Associations(Arc::new(Mutex::new(table))));
        let (with, known, set) = (setup.clone(), associations.clone(), errors.clone());
        let server = AwsServer::start(setup, Service::PodIdentity, errors, move |request| {
            answer(request, &with, &known, &set)
                .unwrap_or_else(|error| Reply::status(error.status).body(format!("{}\n", error.message)))
        });
        Self { server: server.await, associations }
    }

    /// The value of `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
    #[must_use]
    pub fn credentials_uri(&self) -> String {
        format!("{}{PATH}", self.server.url())
    }

    /// Associates a service account with a role.
    pub fn associate(&self, namespace: &str, name: &str, role: &str) {
        let subject = TokenIssuer::subject(namespace, name);
        self.associations.lock().roles.push((subject, role.to_owned()));
    }

    /// Sets how long new sessions last.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.associations.lock().lifetime = lifetime;
    }
}

impl Deref for PodIdentity {
    type Target = AwsServer;

    fn deref(&self) -> &AwsServer {
        &self.server
    }
}

impl Associations {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().expect("the lock is not poisoned")
    }
}

fn answer(
    request: &RecordedRequest,
    setup: &Setup,
    associations: &Associations,
    errors: &Errors,
) -> Result<Reply, ServiceError> {
    let error = |status, code: &str, message: &str| ServiceError::new(status, code, message);
    if request.path != PATH || request.method != Method::GET {
        return Err(error(404, "NotFound", "404 page not found"));
    }
    let token = request.authorization().filter(|token| !token.is_empty());
    let token = token.ok_or(error(400, "ValidationException", "Service account token cannot be empty"))?;
    let now = setup.clock.now();
    let table = associations.lock();
    let subject = table.issuer.check(token, ServiceAccountToken::POD_IDENTITY, now).map_err(|why| match why {
        TokenError::Malformed => error(400, "InvalidTokenException", "Service account token cannot be parsed"),
        TokenError::Issuer(_) | TokenError::Signature | TokenError::Audience => {
            error(400, "InvalidTokenException", "Service account token is invalid")
        }
        TokenError::Expired { .. } => error(400, "ExpiredTokenException", "Service account token is expired"),
    })?;
    let role = table.roles.iter().find(|(known, _)| *known == subject).map(|(_, role)| role);
    let role = role.ok_or(error(404, "ResourceNotFoundException", "Pod Identity association not found"))?;
    errors.next()?;
    let end = (now + table.lifetime).replace_nanosecond(0).expect("0 is a nanosecond");
    let key = setup.keys.for_session(&assumed_role(role, "eks-testkit"), end);
    let mut body = container::credentials(&key);
    body["AccountId"] = setup.account.as_str().into();
    Ok(Reply::status(200).header("content-type", "application/json").body(body.to_string()))
}
