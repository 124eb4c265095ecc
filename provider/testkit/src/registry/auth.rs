//! Authentication: Basic, or Bearer with a token service.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::json;
use tokio::time::Instant;

use crate::registry::reply::Reply;
use crate::registry::request::RecordedRequest;
use crate::registry::request::RequestPath;
use crate::registry::request::query_values;

/// The form of the token endpoint's response when it issues a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenResponse {
    /// `{"token": …, "expires_in": …}`
    #[default]
    Token,
    /// `{"access_token": …}` instead.
    AccessToken,
    /// `{"token": ""}`
    EmptyToken,
    /// A token with a line feed and a header in it.
    NewlineInToken,
    /// `{"token": 7}`
    NumberAsToken,
    /// `{}`
    NoToken,
    /// `<html>`
    NotJson,
    /// A body of spaces that never ends.
    Endless,
}

/// A token service that a registry trusts. Clones share their tokens.
#[derive(Clone)]
pub struct TokenService {
    realm: Option<String>,
    service: String,
    credentials: Option<(String, String)>,
    anonymous: bool,
    repositories: Option<Vec<String>>,
    expires_in: Option<u64>,
    lifetime: Option<Duration>,
    response: TokenResponse,
    challenges_unknown_tokens: bool,
    granted: Arc<Mutex<Granted>>,
}

#[derive(Default)]
struct Granted {
    count: usize,
    tokens: HashMap<String, Token>,
}

struct Token {
    /// `None` does not expire.
    until: Option<Instant>,
    scopes: Vec<String>,
}

impl TokenService {
    /// Issues tokens without credentials, for all repositories. Tokens state 300 s and do not expire.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            realm: None,
            service: "testkit".to_owned(),
            credentials: None,
            anonymous: true,
            repositories: None,
            expires_in: Some(300),
            lifetime: None,
            response: TokenResponse::Token,
            challenges_unknown_tokens: true,
            granted: Arc::default(),
        }
    }

    /// Issues tokens to this user only.
    #[must_use]
    pub fn for_user(user: &str, password: &str) -> Self {
        let credentials = Some((user.to_owned(), password.to_owned()));
        Self { credentials, anonymous: false, ..Self::anonymous() }
    }

    /// Issues tokens without credentials too; wrong credentials are still refused.
    #[must_use]
    pub fn or_anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// The realm in the challenge. Default: `/token` of this registry.
    #[must_use]
    pub fn realm(mut self, url: &str) -> Self {
        self.realm = Some(url.to_owned());
        self
    }

    /// The service in the challenge. Default: `testkit`.
    #[must_use]
    pub fn service(mut self, service: &str) -> Self {
        service.clone_into(&mut self.service);
        self
    }

    /// Issues tokens for any scope; they grant access to these repositories only.
    #[must_use]
    pub fn only_repositories(mut self, names: &[&str]) -> Self {
        self.repositories = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// `expires_in` of the response, in seconds; `None` omits it (60 by the protocol).
    #[must_use]
    pub fn expires_in(mut self, seconds: Option<u64>) -> Self {
        self.expires_in = seconds;
        self
    }

    /// When tokens actually expire, on tokio's clock.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// The form of the response that issues a token.
    #[must_use]
    pub fn response(mut self, response: TokenResponse) -> Self {
        self.response = response;
        self
    }

    /// Answers a token that is unknown or has ended with 403 `DENIED`, without a challenge.
    #[must_use]
    pub fn without_challenge_for_unknown_tokens(mut self) -> Self {
        self.challenges_unknown_tokens = false;
        self
    }

    /// Revokes all tokens issued so far.
    pub fn revoke_all(&self) {
        self.granted().tokens.clear();
    }

    /// The number of tokens issued.
    #[must_use]
    pub fn tokens_issued(&self) -> usize {
        self.granted().count
    }

    fn granted(&self) -> MutexGuard<'_, Granted> {
        self.granted.lock().expect("the lock is not poisoned")
    }

    /// The token endpoint.
    pub(crate) fn exchange(&self, query: Option<&str>, headers: &HeaderMap) -> TokenReply {
        let refused = || TokenReply::Plain(Reply::error(401, "UNAUTHORIZED"));
        match (headers.get("authorization"), &self.credentials) {
            (Some(given), Some((user, password))) if given.as_bytes() != basic(user, password).as_bytes() => {
                return refused();
            }
            (Some(_), Some(_)) => {}
            (Some(_), None) | (None, _) if self.anonymous => {}
            (Some(_), None) | (None, _) => return refused(),
        }
        let allowed = |scope: &String| match (&self.repositories, scope.split(':').nth(1)) {
            (Some(only), Some(name)) => only.iter().any(|one| one == name),
            (Some(_), None) => false,
            (None, _) => true,
        };
        // A scope parameter may hold several scopes, separated by spaces.
        let scopes = query_values(query, "scope");
        let scopes = scopes.iter().flat_map(|scope| scope.split(' ')).map(str::to_owned).filter(allowed).collect();
        let token = {
            let mut granted = self.granted();
            granted.count += 1;
            let token = format!("testkit-token-{}", granted.count);
            let until = self.lifetime.map(|lifetime| Instant::now() + lifetime);
            granted.tokens.insert(token.clone(), Token { until, scopes });
            token
        };
        let mut json = match self.response {
            TokenResponse::Token => json!({ "token": token }),
            TokenResponse::AccessToken => json!({ "access_token": token }),
            TokenResponse::EmptyToken => json!({ "token": "" }),
            TokenResponse::NewlineInToken => json!({ "token": format!("{token}\r\nx-injected: yes") }),
            TokenResponse::NumberAsToken => json!({ "token": 7 }),
            TokenResponse::NoToken => json!({}),
            TokenResponse::NotJson => {
                return TokenReply::Plain(Reply::status(200).header("content-type", "text/html").body("<html>"));
            }
            TokenResponse::Endless => return TokenReply::Endless,
        };
        if let Some(seconds) = self.expires_in {
            json["expires_in"] = json!(seconds);
        }
        TokenReply::Plain(Reply::status(200).header("content-type", "application/json").body(json.to_string()))
    }

    /// Checks the token of a request; the error is the response with the challenge.
    fn check(&self, path: &RequestPath, headers: &HeaderMap, own_url: &str) -> Result<(), Reply> {
        let given = headers.get("authorization").and_then(|value| value.to_str().ok());
        let error = match given.and_then(|value| value.strip_prefix("Bearer ")) {
            None => "",
            Some(token) => match self.granted().tokens.get(token) {
                None => r#",error="invalid_token""#,
                Some(known) if known.until.is_some_and(|until| Instant::now() >= until) => r#",error="invalid_token""#,
                Some(known) if path.repository.is_empty() || known.allows(&path.repository) => return Ok(()),
                Some(_) => r#",error="insufficient_scope""#,
            },
        };
        if error.contains("invalid_token") && !self.challenges_unknown_tokens {
            return Err(Reply::error(403, "DENIED"));
        }
        let realm = self.realm.clone().unwrap_or_else(|| format!("{own_url}/token"));
        let scope = if path.repository.is_empty() {
            String::new()
        } else {
            format!(r#",scope="repository:{}:pull""#, path.repository)
        };
        let challenge = format!(r#"Bearer realm="{realm}",service="{}"{scope}{error}"#, self.service);
        Err(Reply::error(401, "UNAUTHORIZED").header("www-authenticate", &challenge))
    }
}

impl fmt::Debug for TokenService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenService(service {}, {} tokens issued)", self.service, self.tokens_issued())
    }
}

impl Token {
    fn allows(&self, repository: &str) -> bool {
        self.scopes.iter().any(|scope| match scope.rsplit_once(':') {
            Some((name, actions)) => {
                name == format!("repository:{repository}") && actions.split(',').any(|action| action == "pull")
            }
            None => false,
        })
    }
}

/// A response of the token endpoint.
pub(crate) enum TokenReply {
    Plain(Reply),
    Endless,
}

/// A check that the test computes.
pub(crate) type Check = Arc<dyn Fn(&RecordedRequest) -> Option<Reply> + Send + Sync>;

/// The authentication that a registry requires.
#[derive(Clone)]
pub(crate) enum Authentication {
    NotRequired,
    /// Complete values of the Authorization header; any of them is accepted.
    Basic(Vec<String>),
    Bearer(TokenService),
    /// Computed by the test: `None` allows the request, a reply refuses it.
    By(Check),
}

impl Authentication {
    pub(crate) fn basic(credentials: &[(&str, &str)]) -> Self {
        Self::Basic(credentials.iter().map(|(user, password)| basic(user, password)).collect())
    }

    /// Checks a request for `/v2/` or below; the error is the response with the challenge.
    pub(crate) fn check(&self, path: &RequestPath, request: &RecordedRequest, own_url: &str) -> Result<(), Reply> {
        let headers = &request.headers;
        match self {
            Self::NotRequired => Ok(()),
            Self::Basic(accepted)
                if headers.get("authorization").is_some_and(|given| accepted.iter().any(|one| given == one)) =>
            {
                Ok(())
            }
            Self::Basic(_) => {
                Err(Reply::error(401, "UNAUTHORIZED").header("www-authenticate", r#"Basic realm="testkit""#))
            }
            Self::Bearer(service) => service.check(path, headers, own_url),
            Self::By(check) => check(request).map_or(Ok(()), Err),
        }
    }
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRequired => "NotRequired",
            Self::Basic(_) => "Basic",
            Self::Bearer(_) => "Bearer",
            Self::By(_) => "By",
        })
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
