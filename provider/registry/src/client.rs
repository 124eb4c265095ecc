//! One authenticated request: challenge, token, retry.

use std::sync::Arc;

use countersign_core::name::Host;
use countersign_core::name::Repository;
use http::HeaderMap;
use http::HeaderValue;
use std::net::SocketAddr;
use tokio::time::Instant;
use url::Url;

use crate::body::Expect;
use crate::bounds;
use crate::challenge;
use crate::challenge::Challenge;
use crate::endpoint::Endpoint;
use crate::error::Cause;
use crate::error::RegistryError;
use crate::login;
use crate::login::Login;
use crate::observer::Stage;
use crate::retry::Retry;
use crate::said::Said;
use crate::settings::Unlisted;
use crate::settings::check_port;
use crate::settings::share;
use crate::settings::with_plain_port;
use crate::token::Token;
use crate::token::TokenRequest;
use crate::token::Tokens;
use crate::wire::Answer;
use crate::wire::Outgoing;
use crate::wire::Payload;
use crate::wire::Reply;
use crate::wire::Wire;
use countersign_http::Remembered;
use countersign_http::Share;
use countersign_http::repository_bytes;

/// The wire, and what was learned about how registries want to be asked.
pub(crate) struct Client {
    wire: Arc<Wire>,
    tokens: Arc<Tokens>,
    /// So that only the first request about a repository is answered by a challenge.
    learned: Remembered<Repository, Learned>,
    unlisted: Unlisted,
}

#[derive(Clone)]
enum Learned {
    Basic,
    Bearer(Arc<TokenRequest>),
}

impl Learned {
    fn bytes(&self) -> usize {
        match self {
            Self::Basic => 0,
            Self::Bearer(request) => request.bytes(),
        }
    }
}

/// What is asked of a repository.
pub(crate) struct Ask<'a> {
    pub(crate) stage: Stage,
    pub(crate) url: &'a Url,
    pub(crate) accept: &'a str,
    pub(crate) expect: Expect,
    pub(crate) deadline: Instant,
}

/// With what a request identified itself.
enum Identified {
    Not,
    /// A configured bearer token: there is nothing better to try.
    Configured(HeaderValue),
    Basic(HeaderValue),
    Token(Arc<TokenRequest>, Arc<Token>),
}

impl Identified {
    fn header(&self) -> Option<&HeaderValue> {
        match self {
            Self::Not => None,
            Self::Configured(header) | Self::Basic(header) => Some(header),
            Self::Token(_, token) => Some(&token.header),
        }
    }
}

impl Client {
    pub(crate) fn new(wire: Wire, unlisted: Unlisted) -> Self {
        Self {
            wire: Arc::new(wire),
            tokens: Arc::new(Tokens::new()),
            learned: Remembered::new(bounds::LEARNED_BYTES),
            unlisted,
        }
    }

    /// There is a newer configuration: what was remembered is forgotten, but for what requests under way still need, and
    /// connections that are not in use are closed.
    pub(crate) fn retire(&self) {
        self.tokens.limit_to(bounds::TOKENS_BYTES / bounds::RETIRED);
        self.learned.limit_to(bounds::LEARNED_BYTES / bounds::RETIRED);
        self.wire.clients.close_all_idle();
    }

    pub(crate) fn endpoint(&self, repository: &Repository) -> Result<Endpoint, Cause> {
        Endpoint::of(&self.wire, self.unlisted, repository)
    }

    pub(crate) fn check_port(&self, host: &Host) -> Result<(), Cause> {
        check_port(&self.wire.entries, host)
    }

    pub(crate) fn with_plain_port(&self, repository: &Repository) -> Option<Repository> {
        with_plain_port(&self.wire.entries, repository)
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    pub(crate) fn share(&self, repository: &Repository) -> Share {
        share(&self.wire.entries, repository.host())
    }

    pub(crate) fn system_roots(&self) -> usize {
        self.wire.clients.system_roots()
    }

    /// Gets a 200 with its body.
    pub(crate) async fn get(&self, endpoint: &Endpoint, ask: Ask<'_>) -> Result<Answer, RegistryError> {
        self.request(endpoint, ask, || Payload::Content).await
    }

    /// The headers of a 200 without its body.
    pub(crate) async fn head(&self, endpoint: &Endpoint, ask: Ask<'_>) -> Result<HeaderMap, RegistryError> {
        Ok(self.request(endpoint, ask, || Payload::Head).await?.headers)
    }

    /// Sends a request until it has a 200. A first 401 is answered once with the credential or token that it asks for.
    async fn request(
        &self,
        endpoint: &Endpoint,
        ask: Ask<'_>,
        payload: impl Fn() -> Payload,
    ) -> Result<Answer, RegistryError> {
        let failed = |stage, cause| RegistryError { repository: endpoint.repository.clone(), stage, cause };
        let token_failed = |cause| failed(Stage::Token, cause);
        let mut identified = self.identify(endpoint, ask.deadline).await.map_err(token_failed)?;
        let mut challenged = false;
        let registry = endpoint.authority();
        let mut retry = Retry::new();
        loop {
            let outgoing = Outgoing {
                share: &endpoint.share,
                registry: &registry,
                url: ask.url,
                led_by: None,
                peer: endpoint.peer,
                accept: ask.accept,
                authorization: identified.header(),
                credential: endpoint.credential_kind(),
                payload: payload(),
                expect: ask.expect.clone(),
            };
            match self.wire.once(ask.stage, &outgoing, ask.deadline).await {
                Ok(Reply::Answer(answer)) => return Ok(answer),
                Ok(Reply::Unauthorized { said, .. }) if challenged => {
                    return Err(failed(ask.stage, denied(endpoint, said)));
                }
                Ok(Reply::Unauthorized { headers, from, said }) => {
                    challenged = true;
                    if let Identified::Token(request, token) = &identified {
                        self.tokens.forget(request, token);
                    }
                    let learned = self
                        .learn(endpoint, &identified, &headers, from, said)
                        .map_err(|cause| failed(ask.stage, cause))?;
                    identified = self.identify_as(endpoint, learned, ask.deadline).await.map_err(token_failed)?;
                }
                Err(cause) if retry.again(&cause, ask.deadline).await => {}
                Err(cause) => return Err(failed(ask.stage, cause)),
            }
        }
    }

    /// How to identify the first request, from what is configured and known.
    async fn identify(&self, endpoint: &Endpoint, deadline: Instant) -> Result<Identified, Cause> {
        if let Some(Login::Bearer(token)) = endpoint.identity.as_ref().map(|identity| &identity.login) {
            return Ok(login::bearer(token).map_or(Identified::Not, Identified::Configured));
        }
        let learned = self.learned.get(&endpoint.repository, Instant::now().into_std());
        match learned {
            Some(learned) => self.identify_as(endpoint, learned, deadline).await,
            None => Ok(Identified::Not),
        }
    }

    async fn identify_as(&self, endpoint: &Endpoint, learned: Learned, deadline: Instant) -> Result<Identified, Cause> {
        match learned {
            Learned::Basic => match endpoint.identity.as_ref().map(|identity| &identity.login) {
                Some(Login::Basic { user, password }) => {
                    Ok(login::basic(user, password).map_or(Identified::Not, Identified::Basic))
                }
                Some(Login::IdentityToken(_) | Login::Bearer(_)) | None => Ok(Identified::Not),
            },
            Learned::Bearer(request) => {
                let token = match self.tokens.cached(&request) {
                    Some(token) => token,
                    None => self.tokens.get(&self.wire, &request, deadline).await?,
                };
                Ok(Identified::Token(request, token))
            }
        }
    }

    /// What a 401 asks for, if it can be given.
    fn learn(
        &self,
        endpoint: &Endpoint,
        identified: &Identified,
        headers: &HeaderMap,
        from: Option<SocketAddr>,
        said: Said,
    ) -> Result<Learned, Cause> {
        if let Identified::Configured(_) = identified {
            return Err(denied(endpoint, said));
        }
        let challenge =
            challenge::parse(headers).map_err(|detail| Cause::Challenge { host: endpoint.authority(), detail })?;
        let learned = match (challenge, endpoint.identity.as_ref().map(|identity| &identity.login)) {
            (Challenge::Basic, Some(Login::Basic { .. })) if !matches!(identified, Identified::Basic(_)) => {
                Learned::Basic
            }
            // Nothing to show, or nothing of the kind, or it has just been refused.
            (Challenge::Basic, _) => return Err(denied(endpoint, said)),
            (Challenge::Bearer(bearer), _) => {
                Learned::Bearer(Arc::new(endpoint.token_request(&self.wire, bearer, from)?))
            }
        };
        let repository = endpoint.repository.clone();
        let bytes = repository_bytes(&repository) + learned.bytes() + Remembered::<Repository, Learned>::AROUND;
        self.learned.put(repository, learned.clone(), bytes, None);
        Ok(learned)
    }
}

fn denied(endpoint: &Endpoint, said: Said) -> Cause {
    Cause::Denied { host: endpoint.authority(), status: 401, credential: endpoint.credential_kind(), said }
}
