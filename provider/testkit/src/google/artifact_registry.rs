//! A host of Artifact Registry.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cloud::clock::Clock;
use crate::cloud::random::random_text;
use crate::cloud::server::CloudServer;
use crate::cloud::server::Failures;
use crate::cloud::server::dated;
use crate::cloud::setup::Setup;
use crate::google::accounts::AccessToken;
use crate::google::accounts::Accounts;
use crate::registry::Handler;
use crate::registry::RecordedRequest;
use crate::registry::Reply;
use crate::registry::Route;

/// The user of an access token in Basic authentication.
pub const USER: &str = "oauth2accesstoken";

/// The path of the token endpoint.
const TOKEN: &str = "/v2/token";

/// A host such as `europe-west1-docker.pkg.dev`; repositories are `PROJECT/REPOSITORY/IMAGE`.
///
/// The [challenge](https://github.com/oras-project/oras/issues/157) is Bearer with a realm at the same host. An access token is
/// accepted as the password of [`USER`], by the token endpoint or at once, and as a bearer token
/// ([methods](https://cloud.google.com/artifact-registry/docs/docker/authentication)). Content and faults are those of
/// [`Registry`](crate::registry::Registry). Signatures are listed by
/// [`Referrers::FallbackTag`](crate::registry::Referrers::FallbackTag) where a location has no referrers API, by
/// [`EmptyApiAndFallbackTag`](crate::registry::Referrers::EmptyApiAndFallbackTag) where it came later than they, and [with the type
/// of their configuration](https://github.com/notaryproject/notation/issues/1222) by
/// [`ApiWithConfigTypes`](crate::registry::Referrers::ApiWithConfigTypes). [`CloudServer::fail`] applies to the token endpoint.
#[derive(Debug)]
pub struct ArtifactRegistry {
    server: CloudServer,
    shared: Shared,
}

#[derive(Clone, Debug)]
struct Shared {
    clock: Clock,
    accounts: Accounts,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    name: String,
    url: String,
    lifetime: Duration,
    /// Tokens of this registry: the access token that each stands for, and its end.
    tokens: HashMap<String, (String, OffsetDateTime)>,
}

impl ArtifactRegistry {
    /// Starts a host. Its own tokens last an hour, and never longer than the access tokens.
    pub async fn start(setup: &Setup, accounts: &Accounts) -> Self {
        let server = CloudServer::start_registry(setup, "artifact-registry").await;
        let state = State {
            name: server.host(),
            url: server.url(),
            lifetime: Duration::from_secs(3600),
            tokens: HashMap::new(),
        };
        let shared =
            Shared { clock: setup.clock().clone(), accounts: accounts.clone(), state: Arc::new(Mutex::new(state)) };
        let check = shared.clone();
        server.require_by(move |request| check.check(request).err());
        let (issue, failures) = (shared.clone(), server.failures().clone());
        server.serve_by(TOKEN, Handler::new(move |request| dated(issue.token(request, &failures), &issue.clock)));
        Self { server, shared }
    }

    /// Sets the name that clients call, for clients that resolve one: `europe-west1-docker.pkg.dev`.
    pub fn set_name(&self, name: &str) {
        let mut state = self.shared.state();
        name.clone_into(&mut state.name);
        state.url = format!("https://{name}");
    }

    /// Sets how long new tokens of the registry last.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.shared.state().lifetime = lifetime;
    }

    /// Makes all tokens of the registry issued so far unknown.
    pub fn revoke_all(&self) {
        self.shared.state().tokens.clear();
    }

    /// All tokens of the registry that are known.
    pub(super) fn tokens(&self) -> Vec<String> {
        self.shared.state().tokens.keys().cloned().collect()
    }
}

impl Deref for ArtifactRegistry {
    type Target = CloudServer;

    fn deref(&self) -> &CloudServer {
        &self.server
    }
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({ "errors": [{ "code": code, "message": message }] });
    Reply::status(status).header("content-type", "application/json").body(body.to_string())
}

fn unauthenticated() -> Reply {
    error(
        401,
        "UNAUTHORIZED",
        "You don't have the needed permissions to perform this operation, and you may have invalid credentials. To authenticate \
         your request, follow the steps in: https://cloud.google.com/container-registry/docs/advanced-authentication",
    )
}

/// The answer over the [quota](https://cloud.google.com/artifact-registry/quotas): 429 without `Retry-After`.
#[must_use]
pub fn throttled() -> Reply {
    error(429, "TOOMANYREQUESTS", "Quota exceeded for quota metric 'Requests per project per region'.")
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the lock is not poisoned")
    }

    /// The access token of a request: the password of [`USER`], a bearer token, or the one that a token of this registry stands for.
    fn access_token(&self, request: &RecordedRequest) -> Option<String> {
        let given = request.authorization()?;
        if let Some(encoded) = given.strip_prefix("Basic ") {
            let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
            return decoded.strip_prefix(USER)?.strip_prefix(':').map(str::to_owned);
        }
        let token = given.strip_prefix("Bearer ")?;
        match self.state().tokens.get(token) {
            Some((access, end)) => (self.clock.now() < *end).then(|| access.clone()),
            None => Some(token.to_owned()),
        }
    }

    /// The holder of the access token of a request, if it is valid.
    fn caller(&self, request: &RecordedRequest) -> Option<AccessToken> {
        let token = self.accounts.token(&self.access_token(request)?)?;
        (self.clock.now() < token.expires_at).then_some(token)
    }

    fn check(&self, request: &RecordedRequest) -> Result<(), Reply> {
        if request.path == TOKEN {
            return Ok(());
        }
        let (image, _) = request.repository_and_reference();
        let about_image = [Route::Manifest, Route::Referrers, Route::Blob].contains(&request.route);
        let Some(caller) = self.caller(request) else {
            let state = self.state();
            let scope = if about_image { format!(r#",scope="repository:{image}:pull""#) } else { String::new() };
            let challenge = format!(r#"Bearer realm="{}{TOKEN}",service="{}"{scope}"#, state.url, state.name);
            return Err(unauthenticated().header("www-authenticate", &challenge));
        };
        if about_image && !self.accounts.may_read(&caller, &image) {
            return Err(denied(&image));
        }
        Ok(())
    }

    /// The token endpoint.
    fn token(&self, request: &RecordedRequest, failures: &Failures) -> Result<Reply, Reply> {
        if request.method != Method::GET {
            return Err(Reply::status(405));
        }
        let caller = self.caller(request).ok_or_else(unauthenticated)?;
        let scopes = request.query_values("scope");
        for image in scopes.iter().filter_map(|scope| scope.split(':').nth(1)) {
            if !self.accounts.may_read(&caller, image) {
                return Err(denied(image));
            }
        }
        failures.next()?;
        let access = self.access_token(request).unwrap_or_default();
        let now = self.clock.now();
        let mut state = self.state();
        let end = (now + state.lifetime).min(caller.expires_at);
        let token = random_text(300);
        state.tokens.insert(token.clone(), (access, end));
        let body = json!({
            "token": token,
            "expires_in": (end - now).whole_seconds(),
            "issued_at": now.format(&Rfc3339).expect("a year of four digits"),
        });
        Ok(Reply::status(200).header("content-type", "application/json").body(body.to_string()))
    }
}

/// The account has no role for the repository.
fn denied(image: &str) -> Reply {
    let mut parts = image.split('/');
    let (project, repository) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let message = format!(
        "Permission \"artifactregistry.repositories.downloadArtifacts\" denied on resource \
         \"projects/{project}/locations/europe-west1/repositories/{repository}\" (or it may not exist)"
    );
    error(403, "DENIED", &message)
}
