//! The life of a token that is a JSON Web Token ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)). Nothing is verified: the token
//! comes from the service that it is for, over TLS, and only the time of its renewal depends on this.

use std::time::Duration;

use countersign_core::time::UnixTime;
use countersign_credentials::JwtTimes;

use crate::limits;

/// How long a token is valid from `now` on: until `exp`, and no longer than from `iat` to `exp`, as the clock may be behind. At most
/// [`limits::TOKEN_LIFE`].
///
/// # Errors
/// Why this is not known, or the token has ended.
pub(crate) fn life(token: &str, now: UnixTime) -> Result<Duration, &'static str> {
    let JwtTimes { end, issued } = JwtTimes::of(token)?;
    let start = issued.map_or(now.seconds(), |issued| issued.max(now.seconds()));
    match u64::try_from(end.saturating_sub(start)) {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds).min(limits::TOKEN_LIFE)),
        Ok(_) | Err(_) => Err("has ended already"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const NOW: i64 = 1_795_738_611;

    fn of(claims: &str) -> Result<u64, &'static str> {
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        life(&token, UnixTime::from_seconds(NOW).unwrap()).map(|life| life.as_secs())
    }

    #[test]
    fn a_token_lives_until_its_end() {
        let exp = NOW + 3600;
        assert_eq!(of(&format!(r#"{{"exp":{exp}}}"#)), Ok(3600));
        assert_eq!(of(&format!(r#"{{"exp":{exp},"iat":{},"more":[{{"a":1}}]}}"#, NOW - 100)), Ok(3600));
        // The clock is behind by 1000 seconds.
        assert_eq!(of(&format!(r#"{{"exp":{exp},"iat":{}}}"#, NOW + 1000)), Ok(2600));
        assert_eq!(of(&format!(r#"{{"exp":{}}}"#, i64::MAX)), Ok(24 * 3600));
    }

    #[test]
    fn a_token_without_a_life_is_refused() {
        for (claims, problem) in [
            ("{}".to_owned(), "has no end (exp)"),
            (r#"{"exp":1.5}"#.to_owned(), "has no end (exp)"),
            (r#"{"exp":"1"}"#.to_owned(), "is not a JSON Web Token"),
            (r#"{"exp":1,"exp":2}"#.to_owned(), "is not a JSON Web Token"),
            ("[]".to_owned(), "is not a JSON Web Token"),
            (format!(r#"{{"exp":{NOW}}}"#), "has ended already"),
            (format!(r#"{{"exp":{}}}"#, i64::MIN), "has ended already"),
        ] {
            assert_eq!(of(&claims), Err(problem), "{claims}");
        }
        let now = UnixTime::from_seconds(NOW).unwrap();
        for token in ["", "a", "a.b", "a.b.c", "a.e30.c.d", "a.e30=.c", "..."] {
            assert_eq!(life(token, now), Err("is not a JSON Web Token"), "{token}");
        }
    }
}
