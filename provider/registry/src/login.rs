//! One way to log in, and how it stands in a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use crate::error::CredentialKind;
use crate::secret::Secret;

/// One way to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    Basic { user: String, password: Secret },
    IdentityToken(Secret),
    Bearer(Secret),
}

impl Login {
    pub(crate) fn kind(&self) -> CredentialKind {
        match self {
            Self::Basic { .. } => CredentialKind::Basic,
            Self::IdentityToken(_) => CredentialKind::IdentityToken,
            Self::Bearer(_) => CredentialKind::Bearer,
        }
    }

    /// Whether it fits into a header or form: a line break in it would otherwise end the header.
    pub(crate) fn is_sendable(&self) -> bool {
        match self {
            Self::Basic { user, password } => {
                !user.contains(':') && !user.chars().chain(password.expose().chars()).any(char::is_control)
            }
            Self::IdentityToken(token) => !token.expose().chars().any(char::is_control),
            Self::Bearer(token) => bearer(token).is_some(),
        }
    }
}

/// `Authorization` for Basic, [RFC 7617](https://www.rfc-editor.org/rfc/rfc7617#section-2).
pub(crate) fn basic(user: &str, password: &Secret) -> Option<HeaderValue> {
    sensitive(&format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose()))))
}

/// `Authorization` for a bearer token of visible ASCII.
pub(crate) fn bearer(token: &Secret) -> Option<HeaderValue> {
    let text = token.expose();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    sensitive(&format!("Bearer {text}"))
}

/// A header value that is kept out of debug output and header compression tables.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_hidden_and_cannot_be_broken_out_of() {
        let header = basic("Aladdin", &Secret::new("open sesame".to_owned())).unwrap();
        assert_eq!(header.as_bytes(), b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(format!("{header:?}"), "Sensitive");
        for text in ["", "a\nb", "a\r\nX: y", "a b", "ü"] {
            assert_eq!(bearer(&Secret::new(text.to_owned())), None, "{text:?}");
        }
        assert_eq!(bearer(&Secret::new("a.b-c~d+e/f=".to_owned())).unwrap().as_bytes(), b"Bearer a.b-c~d+e/f=");
    }
}
