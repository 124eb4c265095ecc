//! The instance metadata service, version 2: a session token by PUT, then metadata by GET.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use http::Method;
use time::OffsetDateTime;

use crate::aws::container;
use crate::aws::exchange::Service;
use crate::aws::server::AwsServer;
use crate::aws::server::Errors;
use crate::aws::service_error::ServiceError;
use crate::aws::setup::Setup;
use crate::aws::sts::assumed_role;
use crate::cloud::random::random_text;
use crate::registry::RecordedRequest;
use crate::registry::Reply;

/// The path of session tokens.
const TOKEN: &str = "/latest/api/token";
/// The path of roles.
const ROLES: &str = "/latest/meta-data/iam/security-credentials";
/// The header with the lifetime of a session token, in seconds.
const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";

/// Instance metadata of a node. It has no role at first.
///
/// Errors and faults are those of [`AwsServer`]; only the status of an error is sent.
#[derive(Debug)]
pub struct Imds {
    server: AwsServer,
    state: Shared,
}

#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// The ARN.
    role: Option<String>,
    lifetime: Duration,
    /// Session tokens and their ends.
    tokens: HashMap<String, OffsetDateTime>,
}

impl Default for State {
    fn default() -> Self {
        Self { role: None, lifetime: Duration::from_secs(6 * 3600), tokens: HashMap::new() }
    }
}

impl Imds {
    /// Starts the service. Credentials last six hours.
    pub async fn start(setup: &Setup) -> Self {
        let (errors, state) = (Errors::default(), Shared::default());
        let (with, shared, set) = (setup.clone(), state.clone(), errors.clone());
        let server = AwsServer::start(setup, Service::Imds, errors, move |request| {
            answer(request, &with, &shared, &set).unwrap_or_else(|error| Reply::status(error.status))
        });
        Self { server: server.await, state }
    }

    /// Sets the role of the node; `None`: it has none.
    pub fn set_role(&self, role: Option<&str>) {
        self.state.lock().role = role.map(str::to_owned);
    }

    /// Sets how long new credentials last.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.state.lock().lifetime = lifetime;
    }
}

impl Deref for Imds {
    type Target = AwsServer;

    fn deref(&self) -> &AwsServer {
        &self.server
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("the lock is not poisoned")
    }
}

fn answer(request: &RecordedRequest, setup: &Setup, shared: &Shared, errors: &Errors) -> Result<Reply, ServiceError> {
    let error = |status| ServiceError::new(status, "", "");
    // A hop behind the node, such as a proxy, gets no token.
    if request.header("x-forwarded-for").is_some() {
        return Err(error(403));
    }
    let now = setup.clock.now();
    let mut state = shared.lock();
    if request.path == TOKEN {
        if request.method != Method::PUT {
            return Err(error(405));
        }
        let ttl = request.header(TTL).and_then(|text| text.parse().ok()).filter(|ttl| (1..=21_600).contains(ttl));
        let ttl: u64 = ttl.ok_or(error(400))?;
        errors.next()?;
        let token = random_text(56);
        state.tokens.insert(token.clone(), now + Duration::from_secs(ttl));
        return Ok(Reply::status(200).header(TTL, &ttl.to_string()).body(token));
    }
    if request.method != Method::GET {
        return Err(error(405));
    }
    let end = request.header("x-aws-ec2-metadata-token").and_then(|token| state.tokens.get(token));
    if end.is_none_or(|end| now >= *end) {
        return Err(error(401));
    }
    errors.next()?;
    let name = state.role.as_deref().and_then(|role| role.rsplit('/').next());
    let text = |text: &str| Ok(Reply::status(200).header("content-type", "text/plain").body(text.to_owned()));
    match request.path.as_str() {
        "/latest/meta-data/placement/region" => text(&setup.region),
        "/latest/meta-data/placement/availability-zone" => text(&format!("{}a", setup.region)),
        path => match (path.strip_prefix(ROLES), name) {
            (Some("" | "/"), Some(name)) => text(name),
            (Some(rest), Some(name)) if rest.strip_prefix('/') == Some(name) => {
                let role = state.role.as_deref().expect("its name is known");
                let end = (now + state.lifetime).replace_nanosecond(0).expect("0 is a nanosecond");
                let key = setup.keys.for_session(&assumed_role(role, "i-00000000000000000"), end);
                let mut body = container::credentials(&key);
                body["Code"] = "Success".into();
                body["Type"] = "AWS-HMAC".into();
                body["LastUpdated"] = container::text(now.replace_nanosecond(0).expect("0 is a nanosecond")).into();
                Ok(Reply::status(200).header("content-type", "text/plain").body(body.to_string()))
            }
            _ => Err(error(404)),
        },
    }
}
