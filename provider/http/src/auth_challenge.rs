//! Parses `WWW-Authenticate`, [RFC 9110 §11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1).

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;
use http_auth::ChallengeParser;
use http_auth::ChallengeRef;

use crate::limits;

/// A challenge: its scheme and parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthChallenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl AuthChallenge {
    /// The challenges of a response, in order. At most [`limits::CHALLENGES`] headers are read, and as many challenges of each. A
    /// syntax error ends the reading of its header.
    ///
    /// # Errors
    /// An element is an error if its header is longer than [`limits::CHALLENGE_BYTES`] or is not ASCII.
    pub fn of(headers: &HeaderMap) -> impl Iterator<Item = Result<Self, &'static str>> + '_ {
        headers.get_all(WWW_AUTHENTICATE).iter().take(limits::CHALLENGES).flat_map(|value| {
            let text = match value.to_str() {
                _ if value.len() > limits::CHALLENGE_BYTES => Err("a WWW-Authenticate header is longer than 4 KiB"),
                Ok(text) => Ok(text),
                Err(_) => Err("a WWW-Authenticate header is not ASCII"),
            };
            let (text, error) = (text.unwrap_or_default(), text.err());
            let challenges = ChallengeParser::new(text).map_while(Result::ok).take(limits::CHALLENGES);
            challenges.map(|challenge| Ok(Self::read(&challenge))).chain(error.map(Err))
        })
    }

    fn read(challenge: &ChallengeRef<'_>) -> Self {
        let parameters = challenge.params.iter().map(|(name, value)| ((*name).to_owned(), value.to_unescaped()));
        Self { scheme: challenge.scheme.to_owned(), parameters: parameters.collect() }
    }

    /// Whether it is of this scheme.
    #[must_use]
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The value of a parameter; `None` if there is none, or an empty one.
    ///
    /// # Errors
    /// It is there twice.
    pub fn parameter(&self, name: &str) -> Result<Option<&str>, &'static str> {
        let mut values = self.parameters.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        if values.next().is_some() {
            return Err("the challenge has a parameter twice");
        }
        Ok(value.filter(|value| !value.is_empty()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Vec<Result<AuthChallenge, &'static str>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        AuthChallenge::of(&headers).collect()
    }

    #[test]
    fn reads_the_parameters_of_every_challenge() {
        let found = of(&[r#"bEaReR A="x \"y\", z",b=c, Basic realm="r""#, "Negotiate"]);
        let [Ok(bearer), Ok(basic), Ok(negotiate)] = &found[..] else { panic!("{found:?}") };
        assert!(bearer.is("Bearer") && basic.is("basic") && negotiate.is("negotiate"));
        assert_eq!(bearer.parameter("a"), Ok(Some("x \"y\", z")));
        assert_eq!((bearer.parameter("B"), bearer.parameter("c")), (Ok(Some("c")), Ok(None)));
        assert_eq!(basic.parameter("realm"), Ok(Some("r")));
    }

    #[test]
    fn limits_what_is_read() {
        let long = format!("Bearer a=\"{}\"", "a".repeat(limits::CHALLENGE_BYTES));
        assert_eq!(of(&[&long]), [Err("a WWW-Authenticate header is longer than 4 KiB")]);
        let many = vec!["Bearer a=b"; limits::CHALLENGES + 1];
        assert_eq!(of(&many).len(), limits::CHALLENGES);
        assert_eq!(of(&[&many.join(", ")]).len(), limits::CHALLENGES);
        let twice = of(&["Bearer a=b, A=c"]);
        assert_eq!(twice[0].as_ref().unwrap().parameter("a"), Err("the challenge has a parameter twice"));
        assert_eq!(of(&["Bearer a=\"unterminated"]), []);
    }
}
