//! What registries that are in use do differently from one that follows the specification.

use http::Method;
use serde_json::json;

use crate::registry::Registry;
use crate::registry::auth::TokenService;
use crate::registry::reply::Reply;
use crate::registry::request::Route;
use crate::registry::store::Referrers;

/// A registry that is in use. What a document or a report shows of it is set by [`Registry::behave_as`]; the rest is the usual
/// behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Lists referrers without types ([report](https://github.com/Azure/acr/issues/784)). Not verified: whether it filters then.
    AzureContainerRegistry,
    /// Lists referrers under the type of their configuration, and keeps the fallback tag too
    /// ([report](https://github.com/notaryproject/notation/issues/1222)).
    ArtifactRegistry,
    /// Refuses requests that accept image indexes only with 406 ([form](https://github.com/kubewarden/kwctl/issues/59)), which are
    /// those for referrers, and answers 403 for tags that do not exist ([report](https://github.com/sigstore/cosign/issues/2973)).
    Artifactory,
    /// Issues tokens to everyone for any scope ([report](https://github.com/docker/hub-feedback/issues/1771)), without `expires_in`
    /// ([report](https://github.com/distribution/distribution/issues/1589)), and states its quota in every answer to a request for a
    /// manifest ([report](https://github.com/docker/hub-feedback/issues/2464)).
    DockerHub,
    /// Has no referrers API, and answers so with an error of manifests
    /// ([report](https://github.com/NVIDIA/aicr/issues/1957)); tokens have no `expires_in`, and a token that it does not know is
    /// refused without a challenge ([report](https://github.com/renovatebot/renovate/issues/11446)).
    GitHub,
    /// Has no referrers API, and takes the fallback tag for the digest: the answer is the image itself
    /// ([report](https://github.com/oras-project/oras-go/issues/1396)).
    GitLab,
    /// Answers HEAD with the length of a compressed body ([report](https://github.com/oras-project/oras-go/issues/1176)).
    Harbor,
    /// A cache of another registry that is not aware of referrers: no API, and no fallback tag, as the other registry has the API and
    /// needs no tag ([API missing in distribution](https://github.com/oras-project/rust-oci-client/pull/259)).
    PullThroughCache,
    /// Before version 3.12: lists referrers without types and annotations
    /// ([change](https://github.com/quay/quay/pull/3047)).
    Quay,
}

impl Product {
    /// All.
    pub const ALL: [Self; 9] = [
        Self::AzureContainerRegistry,
        Self::ArtifactRegistry,
        Self::Artifactory,
        Self::DockerHub,
        Self::GitHub,
        Self::GitLab,
        Self::Harbor,
        Self::PullThroughCache,
        Self::Quay,
    ];
}

/// The answer of Docker Hub to a pull over the quota: 429 without `Retry-After`
/// ([text](https://github.com/docker/hub-feedback/issues/2464)).
#[must_use]
pub fn docker_hub_pull_limit() -> Reply {
    let message = "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit";
    let body = json!({ "errors": [{ "code": "TOOMANYREQUESTS", "message": message }] });
    docker_hub_quota("0").into_iter().fold(
        Reply::status(429).header("content-type", "application/json").body(body.to_string()),
        |reply, (name, value)| reply.header(name, &value),
    )
}

/// The answer of Docker Hub to too many requests of any kind: 429 with `Retry-After` and a text
/// ([report](https://github.com/docker/hub-feedback/issues/1907)).
#[must_use]
pub fn docker_hub_abuse_limit() -> Reply {
    let reply = Reply::status(429).header("content-type", "text/plain").header("retry-after", "60");
    reply.header("cache-control", "no-cache").body("Too Many Requests (HAP429).\n")
}

fn docker_hub_quota(remaining: &str) -> [(&'static str, String); 3] {
    [
        ("ratelimit-limit", "100;w=21600".to_owned()),
        ("ratelimit-remaining", format!("{remaining};w=21600")),
        ("docker-ratelimit-source", "192.0.2.7".to_owned()),
    ]
}

impl Registry {
    /// Behaves as this product from now on. Its faults are removed by [`clear_faults`](Self::clear_faults) as others are.
    pub fn behave_as(&self, product: Product) {
        match product {
            Product::AzureContainerRegistry => self.referrers(Referrers::ApiWithoutTypesAndFilter),
            Product::ArtifactRegistry => self.referrers(Referrers::ApiWithConfigTypes),
            Product::Artifactory => {
                self.referrers(Referrers::FallbackTag);
                let body = json!({ "errors": [{ "status": 406, "message": "Not Acceptable" }] });
                let reply = Reply::status(406).header("content-type", "application/json").body(body.to_string());
                self.when(Route::Referrers).reply(reply);
                let message = "The client does not have permission for manifest";
                let body = json!({ "errors": [{ "code": "UNAUTHORIZED", "message": message, "detail": {} }] });
                let reply = Reply::status(403).header("content-type", "application/json").body(body.to_string());
                self.set_absent_manifests(reply);
            }
            Product::DockerHub => {
                self.require_bearer(&TokenService::anonymous().expires_in(None));
                for (name, value) in docker_hub_quota("99") {
                    self.when(Route::Manifest).header(name, &value);
                }
            }
            Product::GitHub => {
                self.referrers(Referrers::FallbackTag);
                self.when(Route::Referrers).error(404, "MANIFEST_UNKNOWN");
                let service = TokenService::anonymous().expires_in(None).without_challenge_for_unknown_tokens();
                self.require_bearer(&service);
            }
            Product::GitLab => self.referrers(Referrers::FallbackTagIsImage),
            Product::Harbor => {
                for (name, value) in [("content-encoding", "gzip"), ("content-length", "123")] {
                    self.when(Route::Manifest).method(Method::HEAD).header(name, value);
                }
            }
            Product::PullThroughCache => self.referrers(Referrers::NotCached),
            Product::Quay => self.referrers(Referrers::ApiWithoutTypesAndFilter),
        }
    }
}
