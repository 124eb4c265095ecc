//! Who may come in: Basic, or Bearer with a token service.

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

use crate::registry::fault::Reply;
use crate::registry::request::Place;
use crate::registry::request::query_values;

/// What the token endpoint answers when it would grant a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenAnswer {
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
    /// Spaces without end.
    Endless,
}

/// A token service and the registry's trust in it. Clones share their tokens.
#[derive(Clone)]
pub struct Bearer {
    realm: Option<String>,
    service: String,
    credentials: Option<(String, String)>,
    anonymous: bool,
    repositories: Option<Vec<String>>,
    expires_in: Option<u64>,
    lifetime: Option<Duration>,
    answer: TokenAnswer,
    granted: Arc<Mutex<Granted>>,
}

#[derive(Default)]
struct Granted {
    count: usize,
    tokens: HashMap<String, Token>,
}

struct Token {
    /// `None` lives for ever.
    until: Option<Instant>,
    scopes: Vec<String>,
}

impl Bearer {
    /// Tokens for everybody, for every repository, without credentials; they say 300 s and do not end.
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
            answer: TokenAnswer::Token,
            granted: Arc::default(),
        }
    }

    /// Tokens only for this user.
    #[must_use]
    pub fn for_user(user: &str, password: &str) -> Self {
        let credentials = Some((user.to_owned(), password.to_owned()));
        Self { credentials, anonymous: false, ..Self::anonymous() }
    }

    /// With or without credentials; wrong ones are refused all the same.
    #[must_use]
    pub fn or_anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// The URL in the challenge; this registry's own `/token` otherwise.
    #[must_use]
    pub fn realm(mut self, url: &str) -> Self {
        self.realm = Some(url.to_owned());
        self
    }

    /// The service in the challenge; `testkit` otherwise.
    #[must_use]
    pub fn service(mut self, service: &str) -> Self {
        service.clone_into(&mut self.service);
        self
    }

    /// Tokens are given for any scope asked, but grant nothing beyond these repositories.
    #[must_use]
    pub fn only_repositories(mut self, names: &[&str]) -> Self {
        self.repositories = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// What the answer says, in seconds; `None` leaves it out (then 60 by the protocol).
    #[must_use]
    pub fn expires_in(mut self, seconds: Option<u64>) -> Self {
        self.expires_in = seconds;
        self
    }

    /// When tokens really end, on tokio's clock.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// What a granted answer looks like.
    #[must_use]
    pub fn answer(mut self, answer: TokenAnswer) -> Self {
        self.answer = answer;
        self
    }

    /// Ends all tokens given so far.
    pub fn revoke_all(&self) {
        self.granted().tokens.clear();
    }

    /// How many tokens were given.
    #[must_use]
    pub fn tokens_given(&self) -> usize {
        self.granted().count
    }

    fn granted(&self) -> MutexGuard<'_, Granted> {
        self.granted.lock().expect("nobody panics while holding the tokens")
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
        // A scope parameter may also hold several, with spaces between.
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
        let mut json = match self.answer {
            TokenAnswer::Token => json!({ "token": token }),
            TokenAnswer::AccessToken => json!({ "access_token": token }),
            TokenAnswer::EmptyToken => json!({ "token": "" }),
            TokenAnswer::NewlineInToken => json!({ "token": format!("{token}\r\nx-injected: yes") }),
            TokenAnswer::NumberAsToken => json!({ "token": 7 }),
            TokenAnswer::NoToken => json!({}),
            TokenAnswer::NotJson => {
                return TokenReply::Plain(Reply::status(200).header("content-type", "text/html").body("<html>"));
            }
            TokenAnswer::Endless => return TokenReply::Endless,
        };
        if let Some(seconds) = self.expires_in {
            json["expires_in"] = json!(seconds);
        }
        TokenReply::Plain(Reply::status(200).header("content-type", "application/json").body(json.to_string()))
    }

    /// Lets a request in, or says what to do.
    fn admit(&self, place: &Place, headers: &HeaderMap, own_url: &str) -> Result<(), Reply> {
        let given = headers.get("authorization").and_then(|value| value.to_str().ok());
        let problem = match given.and_then(|value| value.strip_prefix("Bearer ")) {
            None => "",
            Some(token) => match self.granted().tokens.get(token) {
                None => r#",error="invalid_token""#,
                Some(known) if known.until.is_some_and(|until| Instant::now() >= until) => r#",error="invalid_token""#,
                Some(known) if place.repository.is_empty() || known.allows(&place.repository) => return Ok(()),
                Some(_) => r#",error="insufficient_scope""#,
            },
        };
        let realm = self.realm.clone().unwrap_or_else(|| format!("{own_url}/token"));
        let scope = if place.repository.is_empty() {
            String::new()
        } else {
            format!(r#",scope="repository:{}:pull""#, place.repository)
        };
        let challenge = format!(r#"Bearer realm="{realm}",service="{}"{scope}{problem}"#, self.service);
        Err(Reply::error(401, "UNAUTHORIZED").header("www-authenticate", &challenge))
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bearer(service {}, {} tokens given)", self.service, self.tokens_given())
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

/// What the token endpoint answers.
pub(crate) enum TokenReply {
    Plain(Reply),
    Endless,
}

/// What stands at the door.
#[derive(Clone)]
pub(crate) enum Guard {
    Open,
    /// Whole values of the Authorization header, any of which will do.
    Basic(Vec<String>),
    Bearer(Bearer),
}

impl Guard {
    pub(crate) fn basic(logins: &[(&str, &str)]) -> Self {
        Self::Basic(logins.iter().map(|(user, password)| basic(user, password)).collect())
    }

    /// Lets a request for `/v2/` or below in, or says what to do.
    pub(crate) fn admit(&self, place: &Place, headers: &HeaderMap, own_url: &str) -> Result<(), Reply> {
        match self {
            Self::Open => Ok(()),
            Self::Basic(wanted)
                if headers.get("authorization").is_some_and(|given| wanted.iter().any(|one| given == one)) =>
            {
                Ok(())
            }
            Self::Basic(_) => {
                Err(Reply::error(401, "UNAUTHORIZED").header("www-authenticate", r#"Basic realm="testkit""#))
            }
            Self::Bearer(bearer) => bearer.admit(place, headers, own_url),
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Basic(_) => "Basic",
            Self::Bearer(_) => "Bearer",
        })
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
