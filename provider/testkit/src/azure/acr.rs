//! A registry of Azure Container Registry: the exchange of access tokens of Entra, its own tokens, blobs at another host.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::Value;
use serde_json::json;

use crate::azure::acr_token::AcrTokens;
use crate::azure::acr_token::Kind;
use crate::azure::blob_store::BlobStore;
use crate::azure::directory::Directory;
use crate::azure::directory::Role;
use crate::cloud::clock::Clock;
use crate::cloud::server::CloudServer;
use crate::cloud::server::Failures;
use crate::cloud::server::dated;
use crate::cloud::setup::Setup;
use crate::registry::Handler;
use crate::registry::RecordedRequest;
use crate::registry::Reply;
use crate::registry::Route;
use crate::registry::form_pairs;

/// The user of a refresh token in Basic authentication.
pub const NULL_USER: &str = "00000000-0000-0000-0000-000000000000";

/// The resources whose access tokens the exchange accepts: that of the registry, and Resource Manager as long as
/// [`Acr::accept_resource_manager_tokens`] permits it.
const RESOURCES: [&str; 2] = ["https://containerregistry.azure.net", "https://management.azure.com"];

/// A registry of one tenant, as [documented](https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md).
///
/// `POST /oauth2/exchange` makes a refresh token of an access token, `POST /oauth2/token` an access token of the registry of a
/// refresh token; `GET /oauth2/token` does so for Basic authentication with [`NULL_USER`]. Neither answer has `expires_in`: the
/// tokens are JWTs with `exp`. Refresh tokens last three hours, access tokens 75 minutes.
///
/// A client without [`Role::AcrPull`] gets [401 from
/// `/oauth2/token`](https://github.com/Azure/AKS/issues/4593), or already from the exchange with [`Self::refuse_at_exchange`] (not
/// verified: when the real service does which). A blob is redirected to a [`BlobStore`]. Content and faults are those of
/// [`Registry`](crate::registry::Registry); entries of referrers [without a type](https://github.com/Azure/acr/issues/784) are
/// [`Referrers::ApiWithoutTypesAndFilter`](crate::registry::Referrers::ApiWithoutTypesAndFilter) or, with a filter,
/// [`ApiWithoutTypes`](crate::registry::Referrers::ApiWithoutTypes). [`CloudServer::fail`] applies to both endpoints of tokens.
#[derive(Debug)]
pub struct Acr {
    server: CloudServer,
    shared: Shared,
}

#[derive(Clone, Debug)]
struct Shared {
    clock: Clock,
    directory: Directory,
    tokens: AcrTokens,
    settings: Arc<Mutex<Settings>>,
}

#[derive(Clone, Debug)]
struct Settings {
    /// The value of `service`.
    name: String,
    /// The beginning of the realm.
    url: String,
    tenant: String,
    resource_manager: bool,
    refuse_at_exchange: bool,
}

impl Acr {
    /// Starts a registry of this tenant, whose blobs are in `blobs`.
    pub async fn start(setup: &Setup, directory: &Directory, blobs: &BlobStore, tenant: &str) -> Self {
        let server = CloudServer::start_registry(setup, "acr").await;
        let settings = Settings {
            name: server.host(),
            url: server.url(),
            tenant: tenant.to_owned(),
            resource_manager: true,
            refuse_at_exchange: false,
        };
        let shared = Shared {
            clock: setup.clock().clone(),
            directory: directory.clone(),
            tokens: AcrTokens::new(),
            settings: Arc::new(Mutex::new(settings)),
        };
        let state = shared.clone();
        server.require_by(move |request| state.check(request).err());
        type Endpoint = fn(&Shared, &RecordedRequest, &Failures) -> Result<Reply, Reply>;
        let endpoints: [(&str, Endpoint); 2] =
            [("/oauth2/exchange", Shared::exchange), ("/oauth2/token", Shared::token)];
        for (path, endpoint) in endpoints {
            let (state, failures) = (shared.clone(), server.failures().clone());
            let answer = move |request: &RecordedRequest| dated(endpoint(&state, request, &failures), &state.clock);
            server.serve_by(path, Handler::new(answer));
        }
        let store = blobs.serve(server.blob_source());
        server.redirect_blobs(move |request| {
            let (repository, digest) = request.repository_and_reference();
            store.address(&repository, &digest)
        });
        Self { server, shared }
    }

    /// The name that clients call, which is the `service` of its tokens and the scope of roles. Default: `127.0.0.1:PORT`.
    #[must_use]
    pub fn name(&self) -> String {
        self.shared.settings().name.clone()
    }

    /// Sets the name that clients call, for clients that resolve one: `shop.azurecr.io`. The realm is at this name too.
    pub fn set_name(&self, name: &str) {
        let mut settings = self.shared.settings();
        name.clone_into(&mut settings.name);
        settings.url = format!("https://{name}");
    }

    /// Whether access tokens for Resource Manager are exchanged too, as by
    /// [default](https://learn.microsoft.com/en-us/azure/container-registry/container-registry-disable-authentication-as-arm).
    pub fn accept_resource_manager_tokens(&self, accepted: bool) {
        self.shared.settings().resource_manager = accepted;
    }

    /// Whether a client without a role on the registry is refused by the exchange already.
    pub fn refuse_at_exchange(&self, refuse: bool) {
        self.shared.settings().refuse_at_exchange = refuse;
    }

    /// Sets how long new refresh tokens last.
    pub fn set_refresh_lifetime(&self, lifetime: Duration) {
        self.shared.tokens.set_lifetime(Kind::Refresh, lifetime);
    }

    /// Sets how long new access tokens of the registry last.
    pub fn set_access_lifetime(&self, lifetime: Duration) {
        self.shared.tokens.set_lifetime(Kind::Access, lifetime);
    }

    /// Refuses all refresh tokens issued so far.
    pub fn revoke_refresh_tokens(&self) {
        self.shared.tokens.revoke_all(Kind::Refresh);
    }

    /// Refuses all access tokens of the registry issued so far.
    pub fn revoke_access_tokens(&self) {
        self.shared.tokens.revoke_all(Kind::Access);
    }

    /// The number of refresh tokens issued so far, which is that of exchanges.
    #[must_use]
    pub fn exchanges(&self) -> usize {
        self.shared.tokens.all().iter().filter(|(kind, _)| *kind == Kind::Refresh).count()
    }

    /// All tokens issued so far, with their kinds.
    pub(super) fn tokens(&self) -> Vec<(&'static str, String)> {
        self.shared.tokens.all().into_iter().map(|(kind, token)| (kind.name(), token)).collect()
    }
}

impl Deref for Acr {
    type Target = CloudServer;

    fn deref(&self) -> &CloudServer {
        &self.server
    }
}

/// The answer over the limit of requests, for faults and [`CloudServer::fail`]: 429 `TOOMANYREQUESTS`, with `Retry-After` or without.
#[must_use]
pub fn throttled(retry_after: Option<&str>) -> Reply {
    let reply = error(429, "TOOMANYREQUESTS", "too many requests", json!(null));
    retry_after.into_iter().fold(reply, |reply, value| reply.header("retry-after", value))
}

fn error(status: u16, code: &str, message: &str, detail: Value) -> Reply {
    let mut error = json!({ "code": code, "message": message });
    if !detail.is_null() {
        error["detail"] = detail;
    }
    let body = json!({ "errors": [error] });
    Reply::status(status).header("content-type", "application/json; charset=utf-8").body(body.to_string())
}

fn unauthorized(detail: Value) -> Reply {
    let message = "authentication required, visit https://aka.ms/acr/authorization for more information.";
    error(401, "UNAUTHORIZED", message, detail)
}

/// The value of a parameter of a form.
fn value<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

impl Shared {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().expect("the lock is not poisoned")
    }

    fn may_pull(&self, client: &str, registry: &str, repository: &str) -> bool {
        [registry, &format!("{registry}/{repository}")]
            .into_iter()
            .any(|scope| self.directory.is_assigned(client, Role::AcrPull, scope))
    }

    /// Checks a request for `/v2/` or below.
    fn check(&self, request: &RecordedRequest) -> Result<(), Reply> {
        let settings = self.settings().clone();
        let (repository, _) = request.repository_and_reference();
        let about_repository = [Route::Manifest, Route::Referrers, Route::Blob].contains(&request.route);
        let challenge = |error: &str| {
            let (scope, detail) = if about_repository {
                let detail = json!([{ "Type": "repository", "Name": repository, "Action": "pull" }]);
                (format!(r#",scope="repository:{repository}:pull""#), detail)
            } else {
                (String::new(), json!(null))
            };
            let challenge =
                format!(r#"Bearer realm="{}/oauth2/token",service="{}"{scope}{error}"#, settings.url, settings.name);
            unauthorized(detail).header("www-authenticate", &challenge)
        };
        let Some(token) = request.authorization().and_then(|value| value.strip_prefix("Bearer ")) else {
            return Err(challenge(""));
        };
        let claims = self.tokens.check(Kind::Access, &settings.name, token, self.clock.now());
        let claims = claims.ok_or_else(|| challenge(r#",error="invalid_token""#))?;
        let access = claims["access"].as_array().map(Vec::as_slice).unwrap_or_default();
        let pull = json!({ "type": "repository", "name": repository, "actions": ["pull"] });
        if about_repository && !access.contains(&pull) {
            return Err(challenge(r#",error="insufficient_scope""#));
        }
        Ok(())
    }

    /// `POST /oauth2/exchange`: [another method is 404](https://github.com/Azure/acr/issues/166).
    fn exchange(&self, request: &RecordedRequest, failures: &Failures) -> Result<Reply, Reply> {
        if request.method != Method::POST {
            return Err(Reply::status(404));
        }
        let settings = self.settings().clone();
        let form = form_pairs(&String::from_utf8_lossy(&request.body));
        let invalid = |message: &str| error(400, "UNSUPPORTED", message, json!(null));
        if value(&form, "grant_type") != Some("access_token") {
            return Err(invalid("grant_type is not supported"));
        }
        if value(&form, "service") != Some(&settings.name) {
            return Err(invalid("service is not this registry"));
        }
        let resources = if settings.resource_manager { &RESOURCES[..] } else { &RESOURCES[..1] };
        let now = self.clock.now();
        let token = value(&form, "access_token").unwrap_or_default();
        let caller = self.directory.check(token, resources, now).map_err(|_| unauthorized(json!(null)))?;
        let other_tenant = value(&form, "tenant").is_some_and(|tenant| tenant != caller.tenant);
        if other_tenant || caller.tenant != settings.tenant {
            return Err(unauthorized(json!(null)));
        }
        if settings.refuse_at_exchange && !self.directory.is_assigned(&caller.client, Role::AcrPull, &settings.name) {
            return Err(unauthorized(json!(null)));
        }
        failures.next()?;
        let more = json!({ "tenant": caller.tenant, "permissions": { "actions": ["read"], "notActions": [] } });
        let token = self.tokens.issue(Kind::Refresh, &settings.name, &caller.client, more, now);
        Ok(answer("refresh_token", &token))
    }

    /// `POST /oauth2/token` with a refresh token, or `GET` with Basic authentication.
    fn token(&self, request: &RecordedRequest, failures: &Failures) -> Result<Reply, Reply> {
        let settings = self.settings().clone();
        let posted = request.method == Method::POST;
        let parameters = match posted {
            true => form_pairs(&String::from_utf8_lossy(&request.body)),
            false => form_pairs(request.query.as_deref().unwrap_or_default()),
        };
        if value(&parameters, "service") != Some(&settings.name) {
            return Err(error(400, "UNSUPPORTED", "service is not this registry", json!(null)));
        }
        if posted && value(&parameters, "grant_type") != Some("refresh_token") {
            return Err(error(400, "UNSUPPORTED", "grant_type is not supported", json!(null)));
        }
        let refresh = match posted {
            true => value(&parameters, "refresh_token").map(str::to_owned),
            false => basic_password(request),
        };
        let now = self.clock.now();
        let claims = refresh.and_then(|token| self.tokens.check(Kind::Refresh, &settings.name, &token, now));
        let claims = claims.ok_or_else(|| unauthorized(json!(null)))?;
        let client = claims["appid"].as_str().unwrap_or_default();
        let scopes = parameters.iter().filter(|(name, _)| name == "scope").flat_map(|(_, value)| value.split(' '));
        let mut access = Vec::new();
        for scope in scopes.clone() {
            let [kind, name, actions] = scope.splitn(3, ':').collect::<Vec<_>>()[..] else { continue };
            let pulls = actions.split(',').any(|action| action == "pull" || action == "*");
            if kind == "repository" && pulls && self.may_pull(client, &settings.name, name) {
                access.push(json!({ "type": kind, "name": name, "actions": ["pull"] }));
            }
        }
        if access.is_empty() && scopes.clone().next().is_some() {
            return Err(unauthorized(json!(null)));
        }
        failures.next()?;
        let token = self.tokens.issue(Kind::Access, &settings.name, client, json!({ "access": access }), now);
        Ok(answer("access_token", &token))
    }
}

/// The password of [`NULL_USER`] in Basic authentication.
fn basic_password(request: &RecordedRequest) -> Option<String> {
    let decoded = STANDARD.decode(request.authorization()?.strip_prefix("Basic ")?).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    decoded.strip_prefix(NULL_USER)?.strip_prefix(':').map(str::to_owned)
}

fn answer(name: &str, token: &str) -> Reply {
    Reply::status(200)
        .header("content-type", "application/json; charset=utf-8")
        .body(json!({ name: token }).to_string())
}
