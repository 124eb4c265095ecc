//! Access tokens in answers ([RFC 6749 §5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).

use std::time::Duration;

use countersign_core::codec::json;
use countersign_core::codec::text::Text;
use countersign_credentials::Secret;
use serde::Deserialize;

use crate::limits;

/// A token with its life. Its `Debug` output does not show it.
#[derive(Debug)]
pub struct AccessToken {
    /// The token: not empty, at most [`limits::TOKEN_BYTES`].
    pub token: Secret,
    /// How long it is valid, from now on: more than zero, at most [`limits::TOKEN_LIFE`].
    pub life: Duration,
}

#[derive(Deserialize)]
struct Issued {
    access_token: Option<String>,
    token_type: Option<String>,
    /// A number, which the metadata service of Azure writes as a text.
    expires_in: Option<serde_json::Value>,
}

impl AccessToken {
    /// The token in the body of an answer. The message of the parser is omitted, as it may contain the token.
    ///
    /// # Errors
    /// There is none that can be used: the text says why, without the token.
    pub fn read(body: &[u8]) -> Result<Self, Text> {
        let issued: Issued =
            json::from_slice(body, &limits::JSON).map_err(|_| Text::of("it is not the expected JSON object"))?;
        let token =
            issued.access_token.filter(|token| !token.is_empty()).ok_or("found no access_token, expected one")?;
        if token.len() > limits::TOKEN_BYTES {
            return Err(Text::of("access_token has more than 16 KiB"));
        }
        // The types are not case-sensitive.
        if issued.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(Text::of("found another token_type, expected Bearer"));
        }
        let seconds = match issued.expires_in {
            Some(serde_json::Value::String(text)) => text.parse().ok(),
            Some(other) => other.as_u64(),
            None => None,
        };
        let life = seconds
            .filter(|seconds| *seconds > 0)
            .ok_or("found no expires_in with a number of seconds, expected one")?;
        Ok(Self { token: Secret::new(token), life: Duration::from_secs(life).min(limits::TOKEN_LIFE) })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<(Vec<u8>, u64), String> {
        let read = AccessToken::read(body.as_bytes());
        read.map(|AccessToken { token, life }| (token.expose().to_vec(), life.as_secs())).map_err(|why| why.to_string())
    }

    #[test]
    fn a_token_has_a_life_of_at_most_a_day() {
        for (body, life) in [
            (r#"{"access_token":"a","expires_in":3599,"token_type":"Bearer"}"#, 3599),
            (r#"{"access_token":"a","expires_in":"60","token_type":"bearer"}"#, 60),
            (r#"{"access_token":"a","expires_in":86401,"more":[{}]}"#, 86400),
            (r#"{"access_token":"a","expires_in":18446744073709551615}"#, 86400),
        ] {
            assert_eq!(read(body), Ok((b"a".to_vec(), life)), "{body}");
        }
        let token = AccessToken::read(br#"{"access_token":"s3cret","expires_in":60}"#).unwrap();
        assert_eq!(format!("{token:?}"), "AccessToken { token: Secret(..), life: 60s }");
    }

    #[test]
    fn an_answer_without_a_usable_token_is_refused() {
        let (object, life) =
            ("it is not the expected JSON object", "found no expires_in with a number of seconds, expected one");
        let none = "found no access_token, expected one";
        for (body, problem) in [
            ("", object),
            ("[]", object),
            (r#"["a","Bearer",60]"#, object),
            (r#"{"access_token":"a","access_token":"b","expires_in":60}"#, object),
            (r#"{"access_token":"a","expires_in":60} x"#, object),
            (r#"{"access_token":1,"expires_in":60}"#, object),
            ("{}", none),
            (r#"{"access_token":"","expires_in":60}"#, none),
            (r#"{"access_token":"a"}"#, life),
            (r#"{"access_token":"a","expires_in":0}"#, life),
            (r#"{"access_token":"a","expires_in":-1}"#, life),
            (r#"{"access_token":"a","expires_in":1.5}"#, life),
            (r#"{"access_token":"a","expires_in":"x"}"#, life),
            (r#"{"access_token":"a","expires_in":60,"token_type":"pop"}"#, "found another token_type, expected Bearer"),
        ] {
            assert_eq!(read(body), Err(problem.to_owned()), "{body}");
        }
        let long = format!(r#"{{"access_token":"{}","expires_in":60}}"#, "a".repeat(limits::TOKEN_BYTES + 1));
        assert_eq!(read(&long), Err("access_token has more than 16 KiB".to_owned()));
    }
}
