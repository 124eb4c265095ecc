//! Authenticated requests: challenge, token, retries.

use std::net::SocketAddr;
use std::sync::Arc;

use countersign_core::name::Host;
use countersign_core::name::Repository;
use countersign_credentials::AuthMethod;
use countersign_credentials::CredentialScope;
use countersign_http::BodyLimits;
use countersign_http::Retry;
use countersign_http::Share;
use http::HeaderMap;
use http::StatusCode;
use tokio::time::Instant;
use url::Url;

use crate::authorization::AuthScheme;
use crate::authorization::Authorization;
use crate::authorizer::Authorizer;
use crate::authorizer::Start;
use crate::authorizer::WrongPrediction;
use crate::challenge;
use crate::challenge::Challenge;
use crate::entries::check_port;
use crate::entries::share;
use crate::entries::with_plain_port;
use crate::error::Cause;
use crate::error::RegistryError;
use crate::error_body::RegistryErrorBody;
use crate::locations::credential_scope;
use crate::observer::Stage;
use crate::repository_access::RepositoryAccess;
use crate::request::ApiResponse;
use crate::request::Payload;
use crate::request::Reply;
use crate::request::Request;
use crate::settings::Unlisted;
use crate::transport::Transport;

/// The transport, and the authorization of its requests.
pub(crate) struct Client {
    transport: Arc<Transport>,
    authorizer: Authorizer,
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
        let transport = Arc::new(transport);
        Self { authorizer: Authorizer::new(Arc::clone(&transport)), transport, unlisted }
    }

    /// Reduces the caches to the needs of requests in progress and closes idle connections, after a newer
    /// configuration was applied.
    pub(crate) fn retire(&self) {
        self.authorizer.retire();
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
    /// requested credential or token; so it is after a cached token was refused without a challenge. After a predicted token was
    /// refused, or with it nothing was found, all of this begins as without a prediction.
    async fn attempt(
        &self,
        access: &RepositoryAccess,
        query: &Query<'_>,
        payload: &impl Fn() -> Payload,
    ) -> Result<ApiResponse, RegistryError> {
        let failed = |stage, cause| RegistryError { repository: access.repository.clone(), stage, cause };
        let token_failed = |cause: Cause| failed(Stage::Token, cause.with_origin(&access.origin));
        let authorizer = &self.authorizer;
        let mut start = authorizer.start(access, query.deadline).await.map_err(token_failed)?;
        let mut challenged = false;
        let registry = access.authority();
        let mut retry = Retry::new();
        loop {
            // Before the body, which may be slow or large. After a 401 only its scheme lets others go on.
            let on_head = |status: StatusCode| {
                if status.is_success() && !challenged {
                    authorizer.confirm(access, &start);
                }
                if status != StatusCode::UNAUTHORIZED {
                    start.let_others_go_on();
                }
            };
            let request = Request {
                share: &access.share,
                registry: &registry,
                about: access.repository.path(),
                url: query.url,
                referred_by: None,
                route: access.route,
                accept: query.accept,
                authorization: start.authorization.header(),
                within: access.within(),
                credential: access.credential_kind(),
                payload: payload(),
                body: query.body.clone(),
                on_head: Some(&on_head),
            };
            let result = self.transport.send(query.stage, &request, query.deadline).await;
            match result {
                Ok(Reply::Success(response)) => return Ok(*response),
                Ok(Reply::Unauthorized { .. }) | Err(Cause::Denied { .. }) if start.is_predicted() => {
                    let again = authorizer.start_again(access, start, WrongPrediction::Refused, query.deadline).await;
                    start = again.map_err(token_failed)?;
                }
                // That something is absent is decided only by a response to what the host requires for this repository.
                Err(Cause::NotFound { .. }) if start.is_predicted() => {
                    let again = authorizer.start_again(access, start, WrongPrediction::NotFound, query.deadline).await;
                    start = again.map_err(token_failed)?;
                }
                Err(Cause::NotFound { .. } | Cause::Denied { .. }) if let Some(cause) = start.outage() => {
                    return Err(token_failed(cause.clone()));
                }
                Ok(Reply::Unauthorized { error, .. }) if challenged => {
                    return Err(failed(query.stage, denied(access, query.stage, error)));
                }
                Ok(Reply::Unauthorized { headers, peer, error }) => {
                    challenged = true;
                    if let Authorization::Token(request, token) = &start.authorization {
                        authorizer.remove_refused(request, token);
                    }
                    let scheme = self
                        .scheme_of_challenge(access, &start, &headers, peer, query.stage, error)
                        .map_err(|cause| failed(query.stage, cause))?;
                    start.let_others_go_on();
                    if let Some(cause) = start.failure_of(&scheme) {
                        return Err(token_failed(cause));
                    }
                    let authorization = authorizer.authorize_by(access, scheme, query.deadline).await;
                    start.authorization = authorization.map_err(token_failed)?;
                }
                Err(cause) if !challenged && cause.refuses_token() => {
                    challenged = true;
                    let Authorization::Token(request, token) = start.authorization else {
                        return Err(failed(query.stage, cause.with_origin(&access.origin)));
                    };
                    authorizer.remove_refused(&request, &token);
                    let again = authorizer.authorize_by(access, AuthScheme::Bearer(request), query.deadline).await;
                    start.authorization = again.map_err(token_failed)?;
                }
                Err(cause) => {
                    start.let_others_go_on();
                    if !retry.wait(cause.retry_advice(), query.deadline).await {
                        return Err(failed(query.stage, cause.with_origin(&access.origin)));
                    }
                }
            }
        }
    }

    /// The authentication scheme that a 401 requires, if it is supported.
    fn scheme_of_challenge(
        &self,
        access: &RepositoryAccess,
        start: &Start,
        headers: &HeaderMap,
        peer: Option<SocketAddr>,
        stage: Stage,
        error: RegistryErrorBody,
    ) -> Result<AuthScheme, Cause> {
        if let Authorization::Configured(_) = start.authorization {
            return Err(denied(access, stage, error));
        }
        let challenge =
            challenge::parse(headers).map_err(|detail| Cause::Challenge { host: access.authority(), detail })?;
        let scheme = match (challenge, access.identity.method()) {
            (Challenge::Basic, AuthMethod::Basic { .. }) if !matches!(start.authorization, Authorization::Basic(_)) => {
                AuthScheme::Basic
            }
            // There is no credential, it is of another kind, or it was just refused.
            (Challenge::Basic, _) => return Err(denied(access, stage, error)),
            (Challenge::Bearer(bearer), _) => self.authorizer.bearer(access, start, bearer, peer)?,
        };
        self.authorizer.keep(access, scheme.clone());
        Ok(scheme)
    }
}

fn denied(access: &RepositoryAccess, stage: Stage, error: RegistryErrorBody) -> Cause {
    let (host, credential) = (access.authority(), access.credential_kind());
    Cause::denied(host, 401, credential, error).for_stage(stage).with_origin(&access.origin)
}
