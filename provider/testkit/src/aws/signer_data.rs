//! The data plane of AWS Signer: `GET /revocations`.

mod inputs;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use http::Method;
use serde_json::json;
use time::OffsetDateTime;

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
use inputs::Inputs;

const PROTOCOL: Protocol = Protocol::RestJson;

/// The IAM action of its only operation.
pub const ACTION: &str = "signer:GetRevocationStatus";

/// The data plane of AWS Signer in one region. Nothing is revoked at first.
///
/// It checks the signature of the request, then its five parameters, the partition of both ARNs, and whether the principal may
/// call it. Errors and faults are those of [`AwsServer`].
#[derive(Debug)]
pub struct SignerData {
    server: AwsServer,
    revoked: Revoked,
}

/// What is revoked. Clones are the same table.
#[derive(Clone, Debug, Default)]
struct Revoked(Arc<Mutex<HashMap<String, Option<OffsetDateTime>>>>);

impl SignerData {
    /// Starts the service.
    pub async fn start(setup: &Setup) -> Self {
        let (errors, revoked) = (Errors::default(), Revoked::default());
        let (with, table, set) = (setup.clone(), revoked.clone(), errors.clone());
        let server = AwsServer::start(setup, Service::SignerData, errors, move |request| {
            answer(request, &with, &table, &set).unwrap_or_else(|error| error.reply(PROTOCOL))
        });
        Self { server: server.await, revoked }
    }

    /// Revokes a signing job, a version of a profile (both by ARN), or a certificate (by its hash of 192 digits) for every time
    /// of signing.
    pub fn revoke(&self, entity: &str) {
        self.revoked.lock().insert(entity.to_owned(), None);
    }

    /// Revokes a version of a profile for signatures of this time and later.
    pub fn revoke_from(&self, entity: &str, effective: OffsetDateTime) {
        self.revoked.lock().insert(entity.to_owned(), Some(effective));
    }

    /// Nothing is revoked any more, which the real service cannot do.
    pub fn revoke_nothing(&self) {
        self.revoked.lock().clear();
    }
}

impl Deref for SignerData {
    type Target = AwsServer;

    fn deref(&self) -> &AwsServer {
        &self.server
    }
}

impl Revoked {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Option<OffsetDateTime>>> {
        self.0.lock().expect("the lock is not poisoned")
    }

    fn contains(&self, entity: &str, signed_at: OffsetDateTime) -> bool {
        self.lock().get(entity).is_some_and(|effective| effective.is_none_or(|effective| signed_at >= effective))
    }
}

fn answer(request: &RecordedRequest, setup: &Setup, revoked: &Revoked, errors: &Errors) -> Result<Reply, ServiceError> {
    if request.path != "/revocations" || request.method != Method::GET {
        let message = format!("found {} {}, expected GET /revocations", request.method, request.path);
        return Err(ServiceError::new(404, "UnknownOperationException", &message));
    }
    let scope = Scope { service: "signer", region: setup.region.clone() };
    let key = sigv4::verify(request, &scope, &setup.keys, &setup.clock).map_err(|why| why.service_error(PROTOCOL))?;
    let inputs = Inputs::parse(request, &setup.partition)
        .map_err(|message| ServiceError::new(400, "ValidationException", &message))?;
    if !setup.keys.allows(&key.principal, ACTION) {
        return Err(ServiceError::access_denied(PROTOCOL, &key.principal, ACTION));
    }
    errors.next()?;
    let entities: Vec<&str> =
        inputs.entities().filter(|entity| revoked.contains(entity, inputs.signature_timestamp)).collect();
    let body = json!({ "revokedEntities": entities }).to_string();
    Ok(Reply::status(200).header("content-type", "application/json").body(body))
}
