//! Bearer tokens: the exchange at a registry's token service, and what is kept of it.
//!
//! oci-client has an exchange too (`Client::auth`). It is not used: it reads bodies of any length, sends the Basic
//! credential to whatever realm the challenge names, follows redirects with it, does not know `expires_in` nor identity
//! tokens, and panics on a token with a line break. All of that is ruled out here.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::codec::json;
use http::HeaderValue;
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded;

use crate::body::Expect;
use crate::bounds;
use crate::credential::CredentialId;
use crate::credential::Identity;
use crate::error::Cause;
use crate::error::CredentialKind;
use crate::error::Phase;
use crate::login;
use crate::login::Login;
use crate::observer::Stage;
use crate::origin::authority;
use crate::retry::Retry;
use crate::secret::Secret;
use crate::wire::Outgoing;
use crate::wire::Payload;
use crate::wire::Peer;
use crate::wire::Reply;
use crate::wire::Wire;
use countersign_http::FlightError;
use countersign_http::Flights;
use countersign_http::Progress;
use countersign_http::Remembered;
use countersign_http::Share;

/// What a token is for, and where to get it. The realm was checked when this was made.
#[derive(Clone, Debug)]
pub(crate) struct TokenRequest {
    /// Authority of the registry, the only host the token is sent to.
    pub(crate) registry: String,
    /// For whose images it is.
    pub(crate) share: Share,
    pub(crate) realm: Url,
    pub(crate) peer: Peer,
    pub(crate) service: Option<String>,
    pub(crate) scope: String,
    pub(crate) identity: Option<Identity>,
}

/// What tokens are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct TokenKey {
    registry: String,
    realm: String,
    service: Option<String>,
    scope: String,
    identity: Option<CredentialId>,
}

/// A token as a header, and how long it may be used.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) header: HeaderValue,
    usable_until: Instant,
}

type Outcome = Result<Arc<Token>, Cause>;

/// Tokens, and exchanges in progress. One exchange serves all who want the same token.
pub(crate) struct Tokens {
    ready: Remembered<TokenKey, Arc<Token>>,
    exchanges: Flights<TokenKey, Outcome>,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self { ready: Remembered::new(bounds::TOKENS_BYTES), exchanges: Flights::default() }
    }

    /// Keeps at most so many bytes of tokens from now on.
    pub(crate) fn limit_to(&self, most_bytes: usize) {
        self.ready.limit_to(most_bytes);
    }

    /// A usable token, if there is one already.
    pub(crate) fn cached(&self, request: &TokenRequest) -> Option<Arc<Token>> {
        self.ready.get(&request.key(), Instant::now().into_std())
    }

    /// Drops `token`, which the registry no longer takes, unless it has been replaced already.
    pub(crate) fn forget(&self, request: &TokenRequest, token: &Arc<Token>) {
        self.ready.remove_if(&request.key(), |kept| Arc::ptr_eq(kept, token));
    }

    /// A usable token: remembered, from an exchange in progress, or from a new one.
    pub(crate) async fn get(self: &Arc<Self>, wire: &Arc<Wire>, request: &TokenRequest, deadline: Instant) -> Outcome {
        let exchange = |progress: Progress| {
            let (tokens, wire, request) = (Arc::clone(self), Arc::clone(wire), request.clone());
            async move {
                // Another exchange may just have come to its end.
                if let Some(token) = tokens.cached(&request) {
                    return Ok(token);
                }
                progress.enter("exchange");
                let token = exchange(&wire, &request).await?;
                // A failure is told to those who waited, and not remembered.
                let (key, end) = (request.key(), Some(token.usable_until.into_std()));
                let bytes = key.bytes() + token.header.len() + Remembered::<TokenKey, Arc<Token>>::AROUND;
                tokens.ready.put(key, Arc::clone(&token), bytes, end);
                Ok(token)
            }
        };
        match self.exchanges.join(request.key(), deadline, exchange).await {
            Ok(outcome) => outcome,
            Err(FlightError::Deadline { .. }) => {
                Err(Cause::Timeout { host: authority(&request.realm), phase: Phase::Token })
            }
            Err(FlightError::Panicked) => Err(Cause::Interrupted),
        }
    }
}

impl TokenKey {
    fn bytes(&self) -> usize {
        let Self { registry, realm, service, scope, identity: _ } = self;
        registry.len() + realm.len() + service.as_ref().map_or(0, String::len) + scope.len()
    }
}

impl TokenRequest {
    /// What it occupies, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let login = self.identity.as_ref().map_or(0, |identity| identity.login.bytes());
        size_of::<Self>() + self.key().bytes() + login
    }

    fn key(&self) -> TokenKey {
        TokenKey {
            registry: self.registry.clone(),
            realm: self.realm.to_string(),
            service: self.service.clone(),
            scope: self.scope.clone(),
            identity: self.identity.as_ref().map(|identity| identity.id),
        }
    }
}

/// Asks the token service, [GET](https://distribution.github.io/distribution/spec/auth/token/) with Basic credentials
/// or none, [POST](https://distribution.github.io/distribution/spec/auth/oauth/) with an identity token.
async fn exchange(wire: &Wire, request: &TokenRequest) -> Outcome {
    let asked = Instant::now();
    let deadline = asked + wire.request_timeout;
    let host = authority(&request.realm);
    let mut url = request.realm.clone();
    let mut authorization = None;
    let mut credential = CredentialKind::Anonymous;
    let mut form = None;
    match request.identity.as_ref().map(|identity| &identity.login) {
        Some(Login::IdentityToken(token)) => {
            credential = CredentialKind::IdentityToken;
            form = Some(refresh_form(request, token));
        }
        Some(Login::Basic { user, password }) => {
            credential = CredentialKind::Basic;
            let bad = Cause::Token { host: host.clone(), detail: "the configured credential is no header" };
            authorization = Some(login::basic(user, password).ok_or(bad)?);
            add_query(&mut url, request);
        }
        // A configured bearer token is sent to the registry as it is; no exchange is ever made with it.
        Some(Login::Bearer(_)) | None => add_query(&mut url, request),
    }
    let mut retry = Retry::new();
    loop {
        let outgoing = Outgoing {
            share: &request.share,
            registry: &request.registry,
            url: &url,
            led_by: Some(&request.registry),
            peer: request.peer,
            accept: "application/json",
            authorization: authorization.as_ref(),
            credential,
            payload: form.clone().map_or(Payload::TokenQuery, Payload::TokenForm),
            expect: Expect::at_most(bounds::TOKEN_BODY_BYTES),
        };
        match wire.once(Stage::Token, &outgoing, deadline).await {
            Ok(Reply::Answer(answer)) => {
                let (token, lifetime) = read(&answer.body).map_err(|detail| Cause::Token { host, detail })?;
                return Ok(Arc::new(Token { header: token, usable_until: asked + usable(lifetime) }));
            }
            Ok(Reply::Unauthorized { said, .. }) => return Err(Cause::Denied { host, status: 401, credential, said }),
            Err(cause) if retry.again(&cause, deadline).await => {}
            Err(cause) => return Err(cause),
        }
    }
}

fn add_query(url: &mut Url, request: &TokenRequest) {
    let mut query = url.query_pairs_mut();
    if let Some(service) = &request.service {
        query.append_pair("service", service);
    }
    for scope in request.scope.split_ascii_whitespace() {
        query.append_pair("scope", scope);
    }
}

fn refresh_form(request: &TokenRequest, token: &Secret) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token");
    form.append_pair("client_id", "countersign");
    if let Some(service) = &request.service {
        form.append_pair("service", service);
    }
    form.append_pair("scope", &request.scope);
    // From a JSON document, so that nothing is replaced.
    form.append_pair("refresh_token", &String::from_utf8_lossy(token.expose()));
    form.finish()
}

#[derive(Deserialize)]
struct Raw {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<serde_json::Number>,
}

/// Token and lifetime of an answer. The parser's words are left out, as they may quote the token.
fn read(body: &[u8]) -> Result<(HeaderValue, Duration), &'static str> {
    let raw: Raw = json::from_slice(body, &bounds::TOKEN_JSON)
        .map_err(|_| "it is not a JSON object with token or access_token")?;
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let token = filled(raw.token).or_else(|| filled(raw.access_token)).ok_or("it has no token")?;
    if token.len() > bounds::TOKEN_BYTES {
        return Err("its token is longer than 16 KiB");
    }
    let header = login::bearer(&Secret::new(token)).ok_or("its token is not visible ASCII")?;
    let lifetime = match raw.expires_in {
        None => bounds::TOKEN_DEFAULT_LIFETIME,
        Some(seconds) => seconds.as_u64().map(Duration::from_secs).ok_or("its expires_in is not a whole number")?,
    };
    Ok((header, lifetime.min(bounds::TOKEN_LIFETIME)))
}

/// How long a token is used of the time that it lives: it must not expire on the way.
fn usable(lifetime: Duration) -> Duration {
    lifetime.saturating_sub((lifetime / 10).min(Duration::from_secs(10)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lifetime(body: &str) -> Result<u64, &'static str> {
        read(body.as_bytes()).map(|(_, lifetime)| lifetime.as_secs())
    }

    #[test]
    fn takes_either_name_and_believes_bounded_lifetimes() {
        assert_eq!(read(br#"{"token":"a","access_token":"b"}"#).unwrap().0.as_bytes(), b"Bearer a");
        assert_eq!(read(br#"{"token":"","access_token":"b"}"#).unwrap().0.as_bytes(), b"Bearer b");
        assert_eq!(lifetime(r#"{"token":"a"}"#), Ok(60));
        assert_eq!(lifetime(r#"{"token":"a","expires_in":300,"issued_at":"x","more":[]}"#), Ok(300));
        assert_eq!(lifetime(r#"{"token":"a","expires_in":999999999999}"#), Ok(86400));
        assert_eq!(lifetime(r#"{"token":"a","expires_in":0}"#), Ok(0));
    }

    #[test]
    fn refuses_answers_without_a_token_that_can_be_sent() {
        for (body, error) in [
            ("", "it is not a JSON object with token or access_token"),
            ("[]", "it is not a JSON object with token or access_token"),
            (r#"{"token":"a","token":"b"}"#, "it is not a JSON object with token or access_token"),
            ("{}", "it has no token"),
            (r#"{"token":null,"access_token":""}"#, "it has no token"),
            (r#"{"token":"a\nb"}"#, "its token is not visible ASCII"),
            (r#"{"token":"a\r\nX-Evil: b"}"#, "its token is not visible ASCII"),
            (r#"{"token":"a b"}"#, "its token is not visible ASCII"),
            (r#"{"token":"a","expires_in":-1}"#, "its expires_in is not a whole number"),
            (r#"{"token":"a","expires_in":1.5}"#, "its expires_in is not a whole number"),
        ] {
            assert_eq!(lifetime(body), Err(error), "{body}");
        }
        let long = format!(r#"{{"token":"{}"}}"#, "a".repeat(bounds::TOKEN_BYTES + 1));
        assert_eq!(lifetime(&long), Err("its token is longer than 16 KiB"));
    }

    #[test]
    fn no_object_may_be_an_array_and_no_member_may_stand_twice() {
        use countersign_testkit::variants;
        let good = serde_json::json!({"token": "a", "expires_in": 300, "issued_at": "x", "more": {"b": ["c"]}});
        assert_eq!(lifetime(&good.to_string()), Ok(300));
        let answers = [r#"["a","b",300]"#.to_owned(), r#"[{"token":"a"}]"#.to_owned()];
        let repeated = variants::repeated_members(&good).into_iter();
        let repeated = repeated.map(|variant| String::from_utf8(variant.bytes).unwrap());
        for body in answers.into_iter().chain(repeated) {
            assert_eq!(lifetime(&body), Err("it is not a JSON object with token or access_token"), "{body}");
        }
    }

    #[test]
    fn counts_what_an_answer_holds() {
        let with = |more: &str| lifetime(&format!(r#"{{"token":"a","more":{more}}}"#));
        assert_eq!(with(&format!("[0{}]", ",0".repeat(1000))), Ok(60));
        for more in [
            format!("[0{}]", ",0".repeat(2000)),
            format!("{{{}\"x\":0}}", (0..100).map(|number| format!("\"{number}\":0,")).collect::<String>()),
            format!("{}{}", "[".repeat(16), "]".repeat(16)),
        ] {
            assert_eq!(with(&more), Err("it is not a JSON object with token or access_token"), "{more:.20}");
        }
    }

    #[test]
    fn is_refreshed_a_tenth_or_ten_seconds_early() {
        assert_eq!(usable(Duration::from_secs(60)), Duration::from_secs(54));
        assert_eq!(usable(Duration::from_secs(3600)), Duration::from_secs(3590));
        assert_eq!(usable(Duration::ZERO), Duration::ZERO);
    }
}
