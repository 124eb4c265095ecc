//! The times of a token that is a JSON Web Token ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)). Nothing is verified: the token
//! comes from the service that it is for, over TLS, and only the time of its renewal depends on this.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::codec::json;
use serde::Deserialize;

use crate::limits;

/// When a token ends, and when it was issued; in seconds since 1970, by the clock of its issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JwtTimes {
    /// `exp`
    pub end: i64,
    /// `iat`
    pub issued: Option<i64>,
}

#[derive(Deserialize)]
struct Claims {
    exp: Option<serde_json::Number>,
    iat: Option<serde_json::Number>,
}

impl JwtTimes {
    /// Those of `token`.
    ///
    /// # Errors
    /// It is not a JSON Web Token, or has no end, as a predicate.
    pub fn of(token: &str) -> Result<Self, &'static str> {
        let mut parts = token.split('.');
        let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err("is not a JSON Web Token");
        };
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| "is not a JSON Web Token")?;
        let claims: Claims = json::from_slice(&claims, &limits::JWT_JSON).map_err(|_| "is not a JSON Web Token")?;
        let seconds = |number: Option<serde_json::Number>| number.and_then(|number| number.as_i64());
        Ok(Self { end: seconds(claims.exp).ok_or("has no end (exp)")?, issued: seconds(claims.iat) })
    }

    /// From its issue to its end, whatever the clock of this machine; `None` if either is not known, or it ends before.
    #[must_use]
    pub fn life(self) -> Option<Duration> {
        let seconds = u64::try_from(self.end.checked_sub(self.issued?)?).ok()?;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(claims: &str) -> Result<JwtTimes, &'static str> {
        JwtTimes::of(&format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)))
    }

    #[test]
    fn the_life_of_a_token_is_from_its_issue_to_its_end() {
        let times = of(r#"{"exp":4500,"iat":0,"access":[{"type":"repository"}]}"#).unwrap();
        assert_eq!(times, JwtTimes { end: 4500, issued: Some(0) });
        assert_eq!(times.life(), Some(Duration::from_secs(4500)));
        for claims in [r#"{"exp":1}"#, r#"{"exp":1,"iat":1}"#, r#"{"exp":1,"iat":2}"#, r#"{"exp":1,"iat":0.5}"#] {
            assert_eq!(of(claims).unwrap().life(), None, "{claims}");
        }
        let extremes = format!(r#"{{"exp":{},"iat":{}}}"#, i64::MAX, i64::MIN);
        assert_eq!(of(&extremes).unwrap().life(), None);
    }

    #[test]
    fn what_is_no_token_has_no_times() {
        assert_eq!(of("{}"), Err("has no end (exp)"));
        assert_eq!(of(r#"{"exp":"1"}"#), Err("is not a JSON Web Token"));
        assert_eq!(of(r#"{"exp":1,"exp":2}"#), Err("is not a JSON Web Token"));
        for token in ["", "a", "a.b", "a.b.c", "a.e30.c.d", "a.e30=.c", "..."] {
            assert_eq!(JwtTimes::of(token), Err("is not a JSON Web Token"), "{token}");
        }
    }
}
