//! The exchange of a credential for a token at a registry's token service.
//!
//! oci-client has an exchange too (`Client::auth`). It is not used, as it reads bodies of any length, sends the Basic
//! credential to any realm in a challenge, follows redirects with it, does not support `expires_in` or identity
//! tokens, and panics on a token with a line break.

use std::time::Duration;

use countersign_core::codec::json;
use countersign_core::name::AcrHost;
use countersign_core::name::Host;
use countersign_credentials::AuthMethod;
use countersign_credentials::JwtTimes;
use countersign_credentials::Secret;
use countersign_credentials::limits::TOKEN_BYTES;
use countersign_http::BodyLimits;
use countersign_http::Retry;
use countersign_http::authority;
use countersign_http::bearer;
use http::HeaderValue;
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded;

use crate::error::Cause;
use crate::error::CredentialKind;
use crate::limits;
use crate::observer::Stage;
use crate::request::Payload;
use crate::request::REFRESH_TOKEN;
use crate::request::Reply;
use crate::request::Request;
use crate::token_request::TokenRequest;
use crate::transport::Transport;

/// A token as a header, with its expiry.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) header: HeaderValue,
    pub(crate) usable_until: Instant,
}

/// Requests a token from the token service, by [GET](https://distribution.github.io/distribution/spec/auth/token/)
/// with Basic credentials or none, by [POST](https://distribution.github.io/distribution/spec/auth/oauth/) with an
/// identity token.
pub(crate) async fn exchange(transport: &Transport, request: &TokenRequest) -> Result<Token, Cause> {
    let started = Instant::now();
    let deadline = started + transport.request_timeout(request.route);
    let host = authority(&request.realm);
    let mut url = request.realm.clone();
    let (authorization, credential, form) = match request.identity.method() {
        AuthMethod::IdentityToken(token) => {
            (None, CredentialKind::of(&request.identity), Some(refresh_form(request, token)))
        }
        AuthMethod::Basic { .. } => (request.identity.authorization(), CredentialKind::of(&request.identity), None),
        // A configured registry token is sent to the registry unchanged and never exchanged.
        AuthMethod::RegistryToken(_) | AuthMethod::Anonymous => (None, CredentialKind::Anonymous, None),
    };
    if form.is_none() {
        add_query(&mut url, request);
    }
    let mut retry = Retry::new();
    loop {
        let sent = Request {
            share: &request.share,
            registry: &request.registry,
            about: &request.scope,
            url: &url,
            referred_by: Some(&request.registry),
            route: request.route,
            accept: "application/json",
            authorization,
            within: None,
            credential,
            payload: form.clone().map_or(Payload::TokenQuery, Payload::TokenForm),
            body: BodyLimits::at_most(limits::TOKEN_BODY_BYTES),
            on_head: None,
        };
        match transport.send(Stage::Token, &sent, deadline).await {
            Ok(Reply::Success(response)) => {
                let (token, lifetime) = read(&response.body, &host).map_err(|detail| Cause::Token { host, detail })?;
                return Ok(Token { header: token, usable_until: started + reuse_duration(lifetime) });
            }
            Ok(Reply::Unauthorized { error, .. }) => {
                return Err(Cause::denied(host, 401, credential, error));
            }
            Err(cause) if retry.wait(cause.retry_advice(), deadline).await => {}
            Err(cause) => {
                let authorities = transport.routes.authorities_for(&request.registry, request.entry, &request.realm);
                return Err(cause.of_token_service(&request.registry, &host, authorities));
            }
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
    // The token is from a JSON document and therefore UTF-8.
    form.append_pair(REFRESH_TOKEN, &String::from_utf8_lossy(token.expose()));
    form.finish()
}

#[derive(Deserialize)]
struct Raw {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<serde_json::Number>,
}

/// Token and lifetime of a response of `host`. The parser's message is omitted, as it may contain the token.
fn read(body: &[u8], host: &str) -> Result<(HeaderValue, Duration), &'static str> {
    let raw: Raw = json::from_slice(body, &limits::TOKEN_JSON)
        .map_err(|_| "it is not a JSON object with token or access_token")?;
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let token = filled(raw.token).or_else(|| filled(raw.access_token)).ok_or("it has no token")?;
    if token.len() > TOKEN_BYTES {
        return Err("its token is longer than 16 KiB");
    }
    let header = bearer(token.as_bytes()).ok_or("its token is not visible ASCII")?;
    let lifetime = match raw.expires_in {
        None => life_at_azure(host, &token).unwrap_or(limits::TOKEN_DEFAULT_LIFETIME),
        Some(seconds) => seconds.as_u64().map(Duration::from_secs).ok_or("its expires_in is not a whole number")?,
    };
    Ok((header, lifetime.min(limits::TOKEN_LIFETIME)))
}

/// The life of a token of Azure Container Registry, which states it in the token only: 75 minutes, and not the default of a minute.
fn life_at_azure(host: &str, token: &str) -> Option<Duration> {
    match AcrHost::of(&host.parse::<Host>().ok()?)? {
        AcrHost::Registry(_) => JwtTimes::of(token).ok()?.life(),
        AcrHost::Data(_) => None,
    }
}

/// The time for which a token is used, shorter than its lifetime so that it does not expire in transit.
fn reuse_duration(lifetime: Duration) -> Duration {
    lifetime.saturating_sub((lifetime / 10).min(Duration::from_secs(10)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> Result<(HeaderValue, Duration), &'static str> {
        super::read(body, "auth.example")
    }

    fn lifetime(body: &str) -> Result<u64, &'static str> {
        read(body.as_bytes()).map(|(_, lifetime)| lifetime.as_secs())
    }

    #[test]
    fn only_a_token_of_azure_states_its_life_itself() {
        // {"exp":1795743111,"iat":1795738611}
        let token = "e30.eyJleHAiOjE3OTU3NDMxMTEsImlhdCI6MTc5NTczODYxMX0.c2ln";
        let of = |body: String, host: &str| super::read(body.as_bytes(), host).map(|(_, life)| life.as_secs());
        let body = format!(r#"{{"access_token":"{token}"}}"#);
        assert_eq!(of(body.clone(), "shops.azurecr.io"), Ok(75 * 60));
        for host in ["shops.azurecr.io.evil.example", "shops.westeurope.data.azurecr.io", "auth.example"] {
            assert_eq!(of(body.clone(), host), Ok(60), "{host}");
        }
        assert_eq!(of(r#"{"access_token":"opaque"}"#.to_owned(), "shops.azurecr.io"), Ok(60));
        let stated = format!(r#"{{"access_token":"{token}","expires_in":300}}"#);
        assert_eq!(of(stated, "shops.azurecr.io"), Ok(300));
    }

    #[test]
    fn accepts_token_and_access_token_and_limits_lifetimes() {
        assert_eq!(read(br#"{"token":"a","access_token":"b"}"#).unwrap().0.as_bytes(), b"Bearer a");
        assert_eq!(read(br#"{"token":"","access_token":"b"}"#).unwrap().0.as_bytes(), b"Bearer b");
        assert_eq!(lifetime(r#"{"token":"a"}"#), Ok(60));
        assert_eq!(lifetime(r#"{"token":"a","expires_in":300,"issued_at":"x","more":[]}"#), Ok(300));
        assert_eq!(lifetime(r#"{"token":"a","expires_in":999999999999}"#), Ok(86400));
        assert_eq!(lifetime(r#"{"token":"a","expires_in":0}"#), Ok(0));
    }

    #[test]
    fn refuses_responses_without_a_usable_token() {
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
        let long = format!(r#"{{"token":"{}"}}"#, "a".repeat(TOKEN_BYTES + 1));
        assert_eq!(lifetime(&long), Err("its token is longer than 16 KiB"));
    }

    #[test]
    fn refuses_arrays_and_repeated_members() {
        use countersign_testkit::variants;
        let good = serde_json::json!({"token": "a", "expires_in": 300, "issued_at": "x", "more": {"b": ["c"]}});
        assert_eq!(lifetime(&good.to_string()), Ok(300));
        let arrays = [r#"["a","b",300]"#.to_owned(), r#"[{"token":"a"}]"#.to_owned()];
        let repeated = variants::repeated_members(&good).into_iter();
        let repeated = repeated.map(|variant| String::from_utf8(variant.bytes).unwrap());
        for body in arrays.into_iter().chain(repeated) {
            assert_eq!(lifetime(&body), Err("it is not a JSON object with token or access_token"), "{body}");
        }
    }

    #[test]
    fn limits_the_number_of_values_in_a_response() {
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
    fn tokens_are_refreshed_early_by_a_tenth_but_at_most_ten_seconds() {
        assert_eq!(reuse_duration(Duration::from_secs(60)), Duration::from_secs(54));
        assert_eq!(reuse_duration(Duration::from_secs(3600)), Duration::from_secs(3590));
        assert_eq!(reuse_duration(Duration::ZERO), Duration::ZERO);
    }
}
