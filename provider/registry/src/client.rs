//! Authenticated requests: challenge, token, retries.

use std::net::SocketAddr;
use std::sync::Arc;

use countersign_core::name::Host;
use countersign_core::name::Repository;
use countersign_credentials::AuthMethod;
use countersign_credentials::CredentialScope;
use countersign_http::BodyLimits;
use countersign_http::LruTtlCache;
use countersign_http::Retry;
use countersign_http::Share;
use http::HeaderMap;
use tokio::time::Instant;
use url::Url;

use crate::authorization::AuthScheme;
use crate::authorization::Authorization;
use crate::authorization::SchemeKey;
use crate::challenge;
use crate::challenge::Challenge;
use crate::entries::check_port;
use crate::entries::share;
use crate::entries::with_plain_port;
use crate::error::Cause;
use crate::error::RegistryError;
use crate::error_body::RegistryErrorBody;
use crate::limits;
use crate::locations::credential_scope;
use crate::observer::Stage;
use crate::pin_cache::repository_bytes;
use crate::repository_access::RepositoryAccess;
use crate::request::ApiResponse;
use crate::request::Payload;
use crate::request::Reply;
use crate::request::Request;
use crate::settings::Unlisted;
use crate::token_cache::Tokens;
use crate::transport::Transport;

/// The transport, tokens, and authentication schemes of repositories.
pub(crate) struct Client {
    transport: Arc<Transport>,
    tokens: Arc<Tokens>,
    /// Cached so that only the first request to a repository is challenged.
    schemes: LruTtlCache<SchemeKey, AuthScheme>,
    unlisted: Unlisted,
}

/// A request about a repository.
pub(crate) struct Query<'a> {
    pub(crate) stage: Stage,
    pub(crate) url: &'a Url,
    pub(crate) accept: &'a str,
    pub(crate) body: BodyLimits,
    pub(crate) deadline: Instant,
}

impl Client {
    pub(crate) fn new(transport: Transport, unlisted: Unlisted) -> Self {
        Self {
            transport: Arc::new(transport),
            tokens: Arc::new(Tokens::new()),
            schemes: LruTtlCache::new(limits::SCHEMES_BYTES),
            unlisted,
        }
    }

    /// Reduces the caches to the needs of requests in progress and closes idle connections, after a newer
    /// configuration was applied.
    pub(crate) fn retire(&self) {
        self.tokens.limit_to(limits::TOKENS_BYTES / limits::RETIRED);
        self.schemes.limit_to(limits::SCHEMES_BYTES / limits::RETIRED);
        self.transport.close_idle_connections();
    }

    /// How to send requests about `repository`, with its current identity.
    pub(crate) async fn access(&self, repository: &Repository, deadline: Instant) -> Result<RepositoryAccess, Cause> {
        RepositoryAccess::of(&self.transport.routes, self.unlisted, repository, deadline).await
    }

    pub(crate) fn check_port(&self, host: &Host) -> Result<(), Cause> {
        check_port(self.transport.routes.entries(), host)
    }

    pub(crate) fn with_plain_port(&self, repository: &Repository) -> Option<Repository> {
        with_plain_port(self.transport.routes.entries(), repository)
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(crate) fn credential_scope(&self, repository: &Repository) -> CredentialScope {
        credential_scope(self.transport.routes.entries(), repository)
    }

    pub(crate) fn share(&self, repository: &Repository) -> Share {
        share(self.transport.routes.entries(), repository)
    }

    /// Gets a 200 with its body.
    pub(crate) async fn get(&self, access: &RepositoryAccess, query: Query<'_>) -> Result<ApiResponse, RegistryError> {
        self.request(access, query, || Payload::Content).await
    }

    /// Gets the headers of a 200.
    pub(crate) async fn head(&self, access: &RepositoryAccess, query: Query<'_>) -> Result<HeaderMap, RegistryError> {
        Ok(self.request(access, query, || Payload::Head).await?.headers)
    }

    /// Sends a request, with retries, until the response is a 200. If the identity is refused and its source has another
    /// one, the request is sent once more.
    async fn request(
        &self,
        access: &RepositoryAccess,
        query: Query<'_>,
        payload: impl Fn() -> Payload,
    ) -> Result<ApiResponse, RegistryError> {
        let error = match self.attempt(access, &query, &payload).await {
            Err(error) if error.cause.is_refused_credential() => error,
            result => return result,
        };
        match access.with_replaced_identity(query.deadline).await {
            Ok(Some(renewed)) => self.attempt(&renewed, &query, &payload).await,
            Ok(None) => Err(error),
            Err(why) => Err(RegistryError { cause: error.cause.without_replacement(why), ..error }),
        }
    }

    /// Sends a request with the identity of `access`. After the first 401, the request is sent once more with the
    /// requested credential or token; so it is after a cached token was refused without a challenge.
    async fn attempt(
        &self,
        access: &RepositoryAccess,
        query: &Query<'_>,
        payload: &impl Fn() -> Payload,
    ) -> Result<ApiResponse, RegistryError> {
        let failed = |stage, cause| RegistryError { repository: access.repository.clone(), stage, cause };
        let token_failed = |cause: Cause| failed(Stage::Token, cause.with_origin(&access.origin));
        let mut authorization = self.authorize(access, query.deadline).await.map_err(token_failed)?;
        let mut challenged = false;
        let registry = access.authority();
        let mut retry = Retry::new();
        loop {
            let request = Request {
                share: &access.share,
                registry: &registry,
                url: query.url,
                referred_by: None,
                route: access.route,
                accept: query.accept,
                authorization: authorization.header(),
                within: access.within(),
                credential: access.credential_kind(),
                payload: payload(),
                body: query.body.clone(),
            };
            match self.transport.send(query.stage, &request, query.deadline).await {
                Ok(Reply::Success(response)) => return Ok(response),
                Ok(Reply::Unauthorized { error, .. }) if challenged => {
                    return Err(failed(query.stage, denied(access, query.stage, error)));
                }
                Ok(Reply::Unauthorized { headers, peer, error }) => {
                    challenged = true;
                    if let Authorization::Token(request, token) = &authorization {
                        self.tokens.remove_refused(request, token);
                    }
                    let scheme = self
                        .scheme_of_challenge(access, &authorization, &headers, peer, query.stage, error)
                        .map_err(|cause| failed(query.stage, cause))?;
                    authorization = self.authorize_by(access, scheme, query.deadline).await.map_err(token_failed)?;
                }
                Err(cause) if !challenged && cause.refuses_token() => {
                    challenged = true;
                    let Authorization::Token(request, token) = authorization else {
                        return Err(failed(query.stage, cause.with_origin(&access.origin)));
                    };
                    self.tokens.remove_refused(&request, &token);
                    let again = self.authorize_by(access, AuthScheme::Bearer(request), query.deadline).await;
                    authorization = again.map_err(token_failed)?;
                }
                Err(cause) if retry.wait(cause.retry_advice(), query.deadline).await => {}
                Err(cause) => return Err(failed(query.stage, cause.with_origin(&access.origin))),
            }
        }
    }

    /// The authorization of the first request, from the configuration and the caches.
    async fn authorize(&self, access: &RepositoryAccess, deadline: Instant) -> Result<Authorization, Cause> {
        let identity = &access.identity;
        if let (AuthMethod::RegistryToken(_), Some(header)) = (identity.method(), identity.authorization()) {
            return Ok(Authorization::Configured(header.clone()));
        }
        match self.schemes.get(&scheme_key(access), Instant::now().into_std()) {
            Some(scheme) => self.authorize_by(access, scheme, deadline).await,
            // Without a challenge, which costs a request for each repository and each token.
            None if access.is_private_ecr() => self.authorize_by(access, AuthScheme::Basic, deadline).await,
            None => Ok(Authorization::Anonymous),
        }
    }

    async fn authorize_by(
        &self,
        access: &RepositoryAccess,
        scheme: AuthScheme,
        deadline: Instant,
    ) -> Result<Authorization, Cause> {
        match scheme {
            AuthScheme::Basic => {
                let header = access.identity.authorization().cloned();
                Ok(header.map_or(Authorization::Anonymous, Authorization::Basic))
            }
            AuthScheme::Bearer(request) => {
                let token = match self.tokens.cached(&request) {
                    Some(token) => token,
                    None => self.tokens.get(&self.transport, &request, deadline).await?,
                };
                Ok(Authorization::Token(request, token))
            }
        }
    }

    /// The authentication scheme that a 401 requires, if it is supported.
    fn scheme_of_challenge(
        &self,
        access: &RepositoryAccess,
        authorization: &Authorization,
        headers: &HeaderMap,
        peer: Option<SocketAddr>,
        stage: Stage,
        error: RegistryErrorBody,
    ) -> Result<AuthScheme, Cause> {
        if let Authorization::Configured(_) = authorization {
            return Err(denied(access, stage, error));
        }
        let challenge =
            challenge::parse(headers).map_err(|detail| Cause::Challenge { host: access.authority(), detail })?;
        let scheme = match (challenge, access.identity.method()) {
            (Challenge::Basic, AuthMethod::Basic { .. }) if !matches!(authorization, Authorization::Basic(_)) => {
                AuthScheme::Basic
            }
            // There is no credential, it is of another kind, or it was just refused.
            (Challenge::Basic, _) => return Err(denied(access, stage, error)),
            (Challenge::Bearer(bearer), _) => {
                AuthScheme::Bearer(Arc::new(access.token_request(&self.transport.routes, bearer, peer)?))
            }
        };
        let key = scheme_key(access);
        let key_bytes = repository_bytes(&key.0) + key.1.bytes();
        let bytes = key_bytes + scheme.bytes() + LruTtlCache::<SchemeKey, AuthScheme>::ENTRY_OVERHEAD;
        self.schemes.put(key, scheme.clone(), bytes, None);
        Ok(scheme)
    }
}

fn scheme_key(access: &RepositoryAccess) -> SchemeKey {
    (access.repository.clone(), access.identity.revision().clone())
}

fn denied(access: &RepositoryAccess, stage: Stage, error: RegistryErrorBody) -> Cause {
    let (host, credential) = (access.authority(), access.credential_kind());
    Cause::denied(host, 401, credential, error).for_stage(stage).with_origin(&access.origin)
}
