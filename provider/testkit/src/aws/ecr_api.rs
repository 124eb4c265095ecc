//! The API of Amazon ECR and of Amazon ECR Public: `GetAuthorizationToken`.

use std::ops::Deref;

use http::Method;
use serde_json::Value;
use serde_json::json;

use crate::aws::ecr_tokens::EcrTokens;
use crate::aws::exchange::Service;
use crate::aws::server::AwsServer;
use crate::aws::server::Errors;
use crate::aws::service_error::Protocol;
use crate::aws::service_error::ServiceError;
use crate::aws::setup::Setup;
use crate::aws::sigv4;
use crate::aws::sigv4::Scope;
use crate::registry::RecordedRequest;
use crate::registry::Reply;

const PROTOCOL: Protocol = Protocol::Json11;

/// The IAM action of the API.
pub const ACTION: &str = "ecr:GetAuthorizationToken";
/// The IAM action of the public API.
pub const PUBLIC_ACTION: &str = "ecr-public:GetAuthorizationToken";

/// Private or public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Private,
    Public,
}

/// The API in one region. Errors and faults are those of [`AwsServer`].
#[derive(Debug)]
pub struct EcrApi {
    server: AwsServer,
}

impl EcrApi {
    /// Starts the API of Amazon ECR, which issues tokens for the registries of its region.
    pub async fn start(setup: &Setup, tokens: &EcrTokens) -> Self {
        Self::run(setup, tokens, Kind::Private).await
    }

    /// Starts the API of Amazon ECR Public. The real one is in us-east-1 only.
    pub async fn start_public(setup: &Setup, tokens: &EcrTokens) -> Self {
        Self::run(setup, tokens, Kind::Public).await
    }

    async fn run(setup: &Setup, tokens: &EcrTokens, kind: Kind) -> Self {
        let errors = Errors::default();
        let (with, tokens, set) = (setup.clone(), tokens.clone(), errors.clone());
        let server = AwsServer::start(setup, Service::EcrApi, errors, move |request| {
            answer(request, kind, &with, &tokens, &set).unwrap_or_else(|error| error.reply(PROTOCOL))
        });
        Self { server: server.await }
    }
}

impl Deref for EcrApi {
    type Target = AwsServer;

    fn deref(&self) -> &AwsServer {
        &self.server
    }
}

fn answer(
    request: &RecordedRequest,
    kind: Kind,
    setup: &Setup,
    tokens: &EcrTokens,
    errors: &Errors,
) -> Result<Reply, ServiceError> {
    let (target, service, action) = match kind {
        Kind::Private => ("AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken", "ecr", ACTION),
        Kind::Public => ("SpencerFrontendService.GetAuthorizationToken", "ecr-public", PUBLIC_ACTION),
    };
    let found = [request.header("content-type"), request.header("x-amz-target")].map(Option::unwrap_or_default);
    if request.method != Method::POST || request.path != "/" || found != ["application/x-amz-json-1.1", target] {
        let message = format!(
            "found {} {} with {found:?}, expected POST / with [\"application/x-amz-json-1.1\", {target:?}]",
            request.method, request.path
        );
        return Err(ServiceError::new(400, "UnknownOperationException", &message));
    }
    let scope = Scope { service, region: setup.region.clone() };
    let key = sigv4::verify(request, &scope, &setup.keys, &setup.clock).map_err(|why| why.service_error(PROTOCOL))?;
    if !serde_json::from_slice::<Value>(&request.body).is_ok_and(|body| body.is_object()) {
        return Err(ServiceError::new(400, "SerializationException", "expected a JSON object"));
    }
    if !setup.keys.allows(&key.principal, action) {
        return Err(ServiceError::access_denied(PROTOCOL, &key.principal, action));
    }
    errors.next()?;
    let (text, token) = tokens.issue(&key.principal, &setup.region, setup.clock.now());
    // Seconds since 1970 with a fraction.
    let expires_at = token.expires_at.unix_timestamp() as f64 + f64::from(token.expires_at.millisecond()) / 1000.0;
    let body = match kind {
        Kind::Private => json!({ "authorizationData": [{
            "authorizationToken": text,
            "expiresAt": expires_at,
            "proxyEndpoint": format!("https://{}", setup.ecr_host()),
        }] }),
        Kind::Public => json!({ "authorizationData": { "authorizationToken": text, "expiresAt": expires_at } }),
    };
    Ok(Reply::status(200).header("content-type", "application/x-amz-json-1.1").body(body.to_string()))
}
