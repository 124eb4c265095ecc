//! Chooses among the challenges of a `WWW-Authenticate`: Basic, or Bearer with the parameters of the [token
//! specification](https://distribution.github.io/distribution/spec/auth/token/).

use countersign_http::AuthChallenge;
use http::HeaderMap;

/// The scheme of a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    Bearer(Bearer),
}

/// The parameters of a Bearer challenge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bearer {
    pub(crate) realm: String,
    pub(crate) service: Option<String>,
    /// Space-separated scopes as received.
    pub(crate) scope: Option<String>,
}

/// Selects the first Bearer challenge, otherwise Basic. A syntax error ends the parsing of its header; earlier
/// challenges are used.
///
/// # Errors
/// The reason why no challenge is supported.
pub(crate) fn parse(headers: &HeaderMap) -> Result<Challenge, &'static str> {
    let mut basic = false;
    for challenge in AuthChallenge::of(headers) {
        let challenge = challenge?;
        if challenge.is("bearer") {
            return bearer(&challenge).map(Challenge::Bearer);
        }
        basic |= challenge.is("basic");
    }
    if basic { Ok(Challenge::Basic) } else { Err("there is no Basic or Bearer challenge in its 401") }
}

fn bearer(challenge: &AuthChallenge) -> Result<Bearer, &'static str> {
    let parameter = |name: &str| {
        let value = challenge.parameter(name).map_err(|_| "the Bearer challenge has a parameter twice")?;
        Ok::<_, &'static str>(value.map(str::to_owned))
    };
    let realm = parameter("realm")?.ok_or("the Bearer challenge has no realm")?;
    Ok(Bearer { realm, service: parameter("service")?, scope: parameter("scope")? })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_http::limits;
    use http::header::WWW_AUTHENTICATE;

    use super::*;

    fn check(values: &[&str]) -> Result<Challenge, &'static str> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        parse(&headers)
    }

    fn token(realm: &str, service: Option<&str>, scope: Option<&str>) -> Result<Challenge, &'static str> {
        Ok(Challenge::Bearer(Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }))
    }

    #[test]
    fn reads_quotes_escapes_commas_and_any_case() {
        assert_eq!(
            check(&[r#"bEaReR REALM="https://a.example/t",service="s \"x\"",scope="repository:a/b:pull,push""#]),
            token("https://a.example/t", Some("s \"x\""), Some("repository:a/b:pull,push"))
        );
    }

    #[test]
    fn prefers_bearer_to_basic_in_one_header_or_several() {
        assert_eq!(check(&[r#"Basic realm="r", Bearer realm="https://a/t""#]), token("https://a/t", None, None));
        assert_eq!(check(&[r#"Basic realm="r""#, r#"Bearer realm="https://a/t""#]), token("https://a/t", None, None));
        assert_eq!(check(&[r#"Basic realm="r""#]), Ok(Challenge::Basic));
    }

    #[test]
    fn refuses_what_cannot_be_answered() {
        let none = Err("there is no Basic or Bearer challenge in its 401");
        assert_eq!(check(&[]), none);
        assert_eq!(check(&["Negotiate"]), none);
        assert_eq!(check(&["Bearer realm=\"unterminated"]), none);
        assert_eq!(check(&["Bearer service=\"s\""]), Err("the Bearer challenge has no realm"));
        assert_eq!(
            check(&[r#"Bearer realm="https://a/", realm="https://b/""#]),
            Err("the Bearer challenge has a parameter twice")
        );
        let long = format!("Bearer realm=\"{}\"", "a".repeat(limits::CHALLENGE_BYTES));
        assert_eq!(check(&[&long]), Err("a WWW-Authenticate header is longer than 4 KiB"));
    }
}
