//! How requests about a repository are authorized: by what its host required before, by what it is expected to require, or by nothing, so
//! that the host says what it requires.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use countersign_credentials::AuthMethod;
use countersign_http::LruTtlCache;
use tokio::time::Instant;

use crate::authorization::AuthScheme;
use crate::authorization::Authorization;
use crate::authorization::SchemeKey;
use crate::challenge::Bearer;
use crate::challenge_gate::ChallengeGate;
use crate::challenge_gate::Entered;
use crate::challenge_gate::First;
use crate::error::Cause;
use crate::error::RealmRefusal;
use crate::limits;
use crate::locations::scope_at;
use crate::pin_cache::repository_bytes;
use crate::realm_memory::Realm;
use crate::realm_memory::RealmKey;
use crate::realm_memory::RealmMemory;
use crate::repository_access::RepositoryAccess;
use crate::token_cache::Tokens;
use crate::token_exchange::Token;
use crate::token_request::TokenRequest;
use crate::transport::Transport;

/// Tokens, the authentication schemes of repositories, and the token services of hosts.
pub(crate) struct Authorizer {
    transport: Arc<Transport>,
    tokens: Arc<Tokens>,
    /// Cached so that only the first request to a repository is challenged.
    schemes: LruTtlCache<SchemeKey, AuthScheme>,
    /// So that not even the first one is, if the host is known.
    realms: RealmMemory,
    gate: ChallengeGate,
}

/// The authorization of a request before its first response, and what it stands on.
pub(crate) struct Start {
    pub(crate) authorization: Authorization,
    basis: Basis,
    /// The prediction that was wrong.
    refused: Option<Arc<Realm>>,
    /// The predicted exchange that failed, with the error.
    failed: Option<(Arc<TokenRequest>, Cause)>,
}

/// How a registry answered a request with a predicted token.
#[derive(Clone, Copy)]
pub(crate) enum WrongPrediction {
    Refused,
    /// A host may hide what a token is not for.
    NotFound,
}

enum Basis {
    Known,
    Predicted(Arc<Realm>),
    /// With the guard of the gate, if the request is the first one.
    Unknown(Mutex<Option<First>>),
}

impl Start {
    fn new(authorization: Authorization, basis: Basis) -> Self {
        Self { authorization, basis, refused: None, failed: None }
    }

    /// Whether the token is from an exchange that no challenge about this repository asked for.
    pub(crate) fn is_predicted(&self) -> bool {
        matches!(self.basis, Basis::Predicted(_))
    }

    /// Lets other requests about the repository go on: there is a response, or none to be waited for.
    pub(crate) fn let_others_go_on(&self) {
        if let Basis::Unknown(first) = &self.basis {
            // No operation can panic while it is locked.
            *first.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// The error of the exchange `scheme` if it failed just now. It is not repeated for one request: services count failed logins, and
    /// an outage has had its retries.
    pub(crate) fn failure_of(&self, scheme: &AuthScheme) -> Option<Cause> {
        let (failed, cause) = self.failed.as_ref()?;
        match scheme {
            AuthScheme::Bearer(request) if request.key() == failed.key() => Some(cause.clone()),
            AuthScheme::Bearer(_) | AuthScheme::Basic | AuthScheme::Open => None,
        }
    }

    /// Why nothing is known to be absent: a host may hide from a request without a token what it shows to one with it, and the expected
    /// token could not be had.
    pub(crate) fn outage(&self) -> Option<&Cause> {
        let (_, cause) = self.failed.as_ref().filter(|_| matches!(self.authorization, Authorization::Anonymous))?;
        (!denies_exchange(cause)).then_some(cause)
    }
}

impl Authorizer {
    pub(crate) fn new(transport: Arc<Transport>) -> Self {
        Self {
            transport,
            tokens: Arc::new(Tokens::new()),
            schemes: LruTtlCache::new(limits::SCHEMES_BYTES),
            realms: RealmMemory::new(),
            gate: ChallengeGate::default(),
        }
    }

    /// Reduces the caches to the needs of requests in progress.
    pub(crate) fn retire(&self) {
        self.tokens.limit_to(limits::TOKENS_BYTES / limits::RETIRED);
        self.schemes.limit_to(limits::SCHEMES_BYTES / limits::RETIRED);
        self.realms.limit_to(limits::REALMS_BYTES / limits::RETIRED);
    }

    /// The authorization of the first request, from the configuration and the caches.
    ///
    /// # Errors
    /// A token that is known to be needed cannot be had. If it is only expected to be, the request is sent as if nothing was known.
    pub(crate) async fn start(&self, access: &RepositoryAccess, deadline: Instant) -> Result<Start, Cause> {
        if let Some(authorization) = self.known(access, deadline).await? {
            return Ok(Start::new(authorization, Basis::Known));
        }
        let Some((realm, request)) = self.predicted(access) else { return self.unknown(access, deadline).await };
        match self.authorize_by(access, AuthScheme::Bearer(Arc::clone(&request)), deadline).await {
            Ok(authorization) => Ok(Start::new(authorization, Basis::Predicted(realm))),
            Err(cause) => {
                // Even after an outage: the host may name another token service by now.
                self.realms.forget(&self.realm_key(access), &realm);
                if Instant::now() >= deadline {
                    return Err(cause);
                }
                let start = self.unknown(access, deadline).await?;
                Ok(Start { refused: Some(realm), failed: Some((request, cause)), ..start })
            }
        }
    }

    /// The authorization after a predicted token was refused, or nothing was found with it: as if nothing had been predicted.
    ///
    /// # Errors
    /// Another request has found out what is required, and it cannot be had.
    pub(crate) async fn start_again(
        &self,
        access: &RepositoryAccess,
        former: Start,
        why: WrongPrediction,
        deadline: Instant,
    ) -> Result<Start, Cause> {
        match why {
            WrongPrediction::Refused => {}
            // The token may be right: it is used again if the host requires it.
            WrongPrediction::NotFound => return self.unknown(access, deadline).await,
        }
        if let Authorization::Token(request, token) = &former.authorization {
            self.remove_refused(request, token);
        }
        let refused = match former.basis {
            Basis::Predicted(realm) => {
                self.realms.forget(&self.realm_key(access), &realm);
                Some(realm)
            }
            Basis::Known | Basis::Unknown(_) => None,
        };
        Ok(Start { refused, ..self.unknown(access, deadline).await? })
    }

    /// The authorization that the configuration or an earlier response about the repository requires; `None` if there is none.
    async fn known(&self, access: &RepositoryAccess, deadline: Instant) -> Result<Option<Authorization>, Cause> {
        let identity = &access.identity;
        if let (AuthMethod::RegistryToken(_), Some(header)) = (identity.method(), identity.authorization()) {
            return Ok(Some(Authorization::Configured(header.clone())));
        }
        match self.schemes.get(&scheme_key(access), Instant::now().into_std()) {
            Some(scheme) => self.authorize_by(access, scheme, deadline).await.map(Some),
            // Without a challenge, which costs a request for each repository and each token.
            None if access.is_private_ecr() => self.authorize_by(access, AuthScheme::Basic, deadline).await.map(Some),
            None => Ok(None),
        }
    }

    /// The token request that the host is expected to require, with all checks of one that it did require for this repository.
    fn predicted(&self, access: &RepositoryAccess) -> Option<(Arc<Realm>, Arc<TokenRequest>)> {
        let key = self.realm_key(access);
        let realm = self.realms.get(&key).filter(|_| key.credential.is_usable())?;
        let bearer = realm.challenge(&access.repository);
        // A refusal is no error here: the host may require something else for this repository.
        let request = access.token_request(&self.transport.routes, bearer, realm.peer).ok()?;
        Some((realm, Arc::new(request)))
    }

    /// No authorization, or that which another request about the repository has found to be required in the meantime.
    async fn unknown(&self, access: &RepositoryAccess, deadline: Instant) -> Result<Start, Cause> {
        let first = match self.gate.enter(scheme_key(access), deadline).await {
            Entered::First(first) => Some(first),
            Entered::After => None,
        };
        // The first one may have ended just before this one became the first.
        let has_scheme = self.schemes.contains(&scheme_key(access));
        let first = first.filter(|_| !has_scheme);
        match self.known(access, deadline).await? {
            Some(authorization) => Ok(Start::new(authorization, Basis::Known)),
            None => Ok(Start::new(Authorization::Anonymous, Basis::Unknown(Mutex::new(first)))),
        }
    }

    /// The authorization by `scheme`: its cached token, or an exchange.
    ///
    /// # Errors
    /// The exchange fails.
    pub(crate) async fn authorize_by(
        &self,
        access: &RepositoryAccess,
        scheme: AuthScheme,
        deadline: Instant,
    ) -> Result<Authorization, Cause> {
        match scheme {
            AuthScheme::Open => Ok(Authorization::Anonymous),
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

    /// The host answered the request that `start` began with a 200: what it stood on holds for further ones.
    pub(crate) fn confirm(&self, access: &RepositoryAccess, start: &Start) {
        match (&start.basis, &start.authorization) {
            (Basis::Predicted(_), Authorization::Token(request, _)) => {
                self.keep(access, AuthScheme::Bearer(Arc::clone(request)));
            }
            (Basis::Unknown(_), Authorization::Anonymous) => self.keep(access, AuthScheme::Open),
            (Basis::Predicted(_) | Basis::Unknown(_) | Basis::Known, _) => {}
        }
    }

    /// The scheme of a Bearer challenge from the address `peer`.
    ///
    /// # Errors
    /// The realm is refused.
    pub(crate) fn bearer(
        &self,
        access: &RepositoryAccess,
        start: &Start,
        bearer: Bearer,
        peer: Option<SocketAddr>,
    ) -> Result<AuthScheme, RealmRefusal> {
        let request = access.token_request(&self.transport.routes, bearer.clone(), peer)?;
        let refused = start.refused.as_ref();
        self.realms.learn(self.realm_key(access), (&bearer, peer), &access.repository, refused);
        Ok(AuthScheme::Bearer(Arc::new(request)))
    }

    /// Keeps the scheme of the repository of `access`.
    pub(crate) fn keep(&self, access: &RepositoryAccess, scheme: AuthScheme) {
        let key = scheme_key(access);
        let key_bytes = repository_bytes(&key.0) + key.1.bytes();
        let bytes = key_bytes + scheme.bytes() + LruTtlCache::<SchemeKey, AuthScheme>::ENTRY_OVERHEAD;
        self.schemes.put(key, scheme, bytes, None);
    }

    /// Removes a token that the registry no longer accepts.
    pub(crate) fn remove_refused(&self, request: &TokenRequest, token: &Arc<Token>) {
        self.tokens.remove_refused(request, token);
    }

    fn realm_key(&self, access: &RepositoryAccess) -> RealmKey {
        RealmKey {
            authority: access.authority(),
            entry: access.route.entry,
            credential: scope_at(self.transport.routes.entries(), &access.repository),
            is_anonymous: access.identity.is_anonymous(),
        }
    }
}

/// Whether the token service refused the request, so that the registry may require another one. Everything else is an outage.
fn denies_exchange(cause: &Cause) -> bool {
    matches!(cause, Cause::Denied { .. } | Cause::TokenNotFound { .. } | Cause::Status { status: 400, .. })
}

fn scheme_key(access: &RepositoryAccess) -> SchemeKey {
    (access.repository.clone(), access.identity.revision().clone())
}
