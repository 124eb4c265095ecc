//! A registry of Amazon ECR: Basic authentication with tokens that end, and blobs at another host.

use std::ops::Deref;

use serde_json::json;

use crate::aws::blob_store::BlobStore;
use crate::aws::ecr_tokens::EcrTokens;
use crate::aws::exchange::Exchange;
use crate::aws::exchange::Service;
use crate::aws::setup::Setup;
use crate::proxy::Proxy;
use crate::registry::RecordedRequest;
use crate::registry::Registry;
use crate::registry::Reply;
use crate::registry::Route;

/// A registry of one account and region.
///
/// It accepts the tokens of [`EcrTokens`] for its region that have not ended, and checks what their principals may do. A GET of
/// a blob is redirected to a [`BlobStore`]. Content, faults and the form of referrers are those of [`Registry`]: signatures
/// from before Amazon ECR had the referrers API are listed as
/// [`EmptyApiAndFallbackTag`](crate::registry::Referrers::EmptyApiAndFallbackTag) or
/// [`FallbackTag`](crate::registry::Referrers::FallbackTag) does.
///
/// Statuses are those that users report of the service: 401 without a token, 403 for one that has ended, 400 for one that is
/// unknown or of another region.
#[derive(Debug)]
pub struct EcrRegistry {
    registry: Registry,
}

impl EcrRegistry {
    /// Starts a registry whose blobs are in `blobs`.
    pub async fn start(setup: &Setup, tokens: &EcrTokens, blobs: &BlobStore) -> Self {
        let registry = Registry::start_on(setup.address, setup.identity.as_ref()).await;
        let (with, tokens) = (setup.clone(), tokens.clone());
        registry.require_by(move |request| check(request, &with, &tokens));
        let store = blobs.serve(registry.blob_source());
        registry.redirect_blobs(move |request| {
            let (repository, digest) = request.repository_and_reference();
            store.address(&repository, &digest)
        });
        Self { registry }
    }

    /// Starts a registry and the store of its blobs, and lets `proxy` resolve the names of both.
    pub async fn start_behind(
        proxy: &Proxy,
        setup: &Setup,
        tokens: &EcrTokens,
        [host, store]: [&str; 2],
    ) -> (Self, BlobStore) {
        let blobs = BlobStore::start(setup).await;
        blobs.set_base(&format!("https://{store}"));
        let registry = Self::start(setup, tokens, &blobs).await;
        proxy.resolve(&format!("{host}:443"), registry.address());
        proxy.resolve(&format!("{store}:443"), blobs.address());
        (registry, blobs)
    }

    /// Every request so far, in order of arrival.
    #[must_use]
    pub fn journal(&self) -> Vec<Exchange> {
        self.registry.requests().iter().map(|request| Exchange::of(Service::EcrRegistry, request)).collect()
    }

    /// Calls `observer` with each request from now on when it has been answered, or has ended without an answer.
    pub fn observe(&self, observer: impl Fn(&Exchange) + Send + Sync + 'static) {
        self.registry.observe(move |request| observer(&Exchange::of(Service::EcrRegistry, request)));
    }
}

impl Deref for EcrRegistry {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        &self.registry
    }
}

/// The answer over the limit of requests, for [`When::reply`](crate::registry::When::reply): 429 `TOOMANYREQUESTS` without
/// `Retry-After`.
#[must_use]
pub fn throttled() -> Reply {
    error(429, "TOOMANYREQUESTS", "Rate exceeded")
}

/// The answer to a request that is refused.
pub(super) fn denied(status: u16, message: &str) -> Reply {
    error(status, "DENIED", message)
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({ "errors": [{ "code": code, "message": message }] });
    Reply::status(status).header("content-type", "application/json").body(body.to_string())
}

/// The answer to a request that is refused.
fn check(request: &RecordedRequest, setup: &Setup, tokens: &EcrTokens) -> Option<Reply> {
    let Some(text) = request.authorization().and_then(|value| value.strip_prefix("Basic ")) else {
        let challenge = format!(r#"Basic realm="https://{}/",service="ecr.amazonaws.com""#, setup.ecr_host());
        let reply = Reply::status(401).header("www-authenticate", &challenge);
        return Some(reply.header("content-type", "text/plain; charset=utf-8").body("Not Authorized\n"));
    };
    let Some(token) = tokens.get(text).filter(|token| token.region == setup.region) else {
        return Some(denied(400, "Your Authorization Token is invalid."));
    };
    if setup.clock.now() >= token.expires_at {
        let message = "Your authorization token has expired. Reauthenticate and try again.";
        return Some(denied(403, message));
    }
    let action = match request.route {
        Route::Manifest | Route::Referrers => "ecr:BatchGetImage",
        Route::Blob => "ecr:GetDownloadUrlForLayer",
        Route::Ping | Route::Token | Route::Other => return None,
    };
    if setup.keys.allows(&token.principal, action) {
        return None;
    }
    let (repository, _) = request.repository_and_reference();
    let message = format!(
        "User: {} is not authorized to perform: {action} on resource: arn:{}:ecr:{}:{}:repository/{repository} because no \
         identity-based policy allows the {action} action",
        token.principal, setup.partition, setup.region, setup.account
    );
    Some(denied(403, &message))
}
