//! The registry of Amazon ECR Public: tokens of its own for everyone, with other answers to wrong ones than most registries have.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;

use crate::aws::blob_store::BlobStore;
use crate::aws::ecr_registry::denied;
use crate::aws::ecr_tokens::EcrTokens;
use crate::aws::exchange::Exchange;
use crate::aws::exchange::Service;
use crate::aws::setup::Setup;
use crate::cloud::random::random_text;
use crate::registry::Handler;
use crate::registry::RecordedRequest;
use crate::registry::Registry;
use crate::registry::Reply;

/// The path of the token endpoint.
const TOKEN: &str = "/token/";

/// The public registry.
///
/// A request without a token is challenged (401, Bearer). One with a wrong or an ended token, or with Basic authentication, is
/// answered with 400 `DENIED` and no challenge, as users report of the service. The token endpoint serves everyone, and those who
/// send a token of the public API that is valid. Not verified against the real service: how long its tokens last (12 hours here),
/// and how its token endpoint refuses.
#[derive(Debug)]
pub struct EcrPublicRegistry {
    registry: Registry,
    access: Access,
}

#[derive(Clone, Debug)]
struct Access(Arc<Mutex<Table>>);

#[derive(Debug)]
struct Table {
    realm: String,
    lifetime: Duration,
    tokens: HashMap<String, OffsetDateTime>,
}

impl EcrPublicRegistry {
    /// Starts the registry; its token endpoint knows the tokens of the public API.
    pub async fn start(setup: &Setup, tokens: &EcrTokens, blobs: &BlobStore) -> Self {
        let registry = Registry::start_on(setup.address, setup.identity.as_ref()).await;
        let realm = format!("{}{TOKEN}", registry.url());
        let lifetime = Duration::from_secs(12 * 3600);
        let access = Access(Arc::new(Mutex::new(Table { realm, lifetime, tokens: HashMap::new() })));
        let (with, known) = (setup.clone(), access.clone());
        registry.require_by(move |request| check(request, &with, &known));
        let (with, known, tokens) = (setup.clone(), access.clone(), tokens.clone());
        registry
            .serve_by(TOKEN.trim_end_matches('/'), Handler::new(move |request| issue(request, &with, &known, &tokens)));
        let store = blobs.serve(registry.blob_source());
        registry.redirect_blobs(move |request| {
            let (repository, digest) = request.repository_and_reference();
            store.address(&repository, &digest)
        });
        Self { registry, access }
    }

    /// Sets the realm of the challenge, for clients that resolve a name: `https://public.ecr.aws/token/`.
    pub fn set_realm(&self, url: &str) {
        url.clone_into(&mut self.access.table().realm);
    }

    /// Sets how long new tokens last.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.access.table().lifetime = lifetime;
    }

    /// The texts of all tokens issued so far.
    pub(super) fn tokens(&self) -> Vec<String> {
        self.access.table().tokens.keys().cloned().collect()
    }

    /// Every request so far, in order of arrival.
    #[must_use]
    pub fn journal(&self) -> Vec<Exchange> {
        self.registry.requests().iter().map(|request| Exchange::of(Service::EcrPublicRegistry, request)).collect()
    }

    /// Calls `observer` with each request from now on when it has been answered, or has ended without an answer.
    pub fn observe(&self, observer: impl Fn(&Exchange) + Send + Sync + 'static) {
        self.registry.observe(move |request| observer(&Exchange::of(Service::EcrPublicRegistry, request)));
    }
}

impl Deref for EcrPublicRegistry {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        &self.registry
    }
}

impl Access {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().expect("the lock is not poisoned")
    }
}

/// The answer to a request that is refused.
fn check(request: &RecordedRequest, setup: &Setup, access: &Access) -> Option<Reply> {
    let table = access.table();
    let Some(given) = request.authorization() else {
        let challenge = format!(r#"Bearer realm="{}",service="public.ecr.aws",scope="aws""#, table.realm);
        let reply = Reply::status(401).header("www-authenticate", &challenge);
        return Some(reply.header("content-type", "text/plain; charset=utf-8").body("Not Authorized\n"));
    };
    match given.strip_prefix("Bearer ").and_then(|token| table.tokens.get(token)) {
        None => Some(denied(400, "Your Authorization Token is invalid.")),
        Some(end) if setup.clock.now() >= *end => {
            Some(denied(400, "Your authorization token has expired. Reauthenticate and try again."))
        }
        Some(_) => None,
    }
}

/// The token endpoint.
fn issue(request: &RecordedRequest, setup: &Setup, access: &Access, tokens: &EcrTokens) -> Reply {
    let now = setup.clock.now();
    if let Some(given) = request.authorization() {
        let known = given.strip_prefix("Basic ").and_then(|text| tokens.get(text));
        if known.is_none_or(|token| now >= token.expires_at) {
            return denied(400, "Your Authorization Token is invalid.");
        }
    }
    let mut table = access.table();
    let (token, end) = (random_text(1500), now + table.lifetime);
    table.tokens.insert(token.clone(), end);
    Reply::status(200).header("content-type", "application/json").body(json!({ "token": token }).to_string())
}
