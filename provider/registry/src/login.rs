//! One way to log in, and how it stands in a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use crate::bounds;
use crate::error::CredentialKind;
use crate::secret::Secret;

/// One way to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    Basic { user: String, password: Secret },
    IdentityToken(Secret),
    Bearer(Secret),
}

/// Why a login is not sent. A predicate, about what holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    #[error("has an empty user name beside a password: want both, or neither for no login")]
    EmptyUser,
    #[error("has an empty password beside a user name: want both, or neither for no login")]
    EmptyPassword,
    #[error("has an empty token")]
    EmptyToken,
    /// The first colon ends the user name, [RFC 7617](https://www.rfc-editor.org/rfc/rfc7617#section-2).
    #[error("has a colon in the user name: want none, as nothing could be told from the password")]
    Colon,
    #[error("has a bearer token that is not visible ASCII, which a header cannot carry")]
    NotVisible,
    #[error("has a credential of {found} bytes: want at most {most}")]
    TooLong { found: usize, most: usize },
}

impl Login {
    pub(crate) fn kind(&self) -> CredentialKind {
        match self {
            Self::Basic { .. } => CredentialKind::Basic,
            Self::IdentityToken(_) => CredentialKind::IdentityToken,
            Self::Bearer(_) => CredentialKind::Bearer,
        }
    }

    /// What its texts occupy, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Basic { user, password } => user.len() + password.expose().len(),
            Self::IdentityToken(token) | Self::Bearer(token) => token.expose().len(),
        }
    }

    /// Whether it can be sent as it is. Control characters do no harm where it is encoded: in Basic and in a form.
    pub(crate) fn check(&self) -> Result<(), LoginError> {
        let within = |found, most| if found > most { Err(LoginError::TooLong { found, most }) } else { Ok(()) };
        match self {
            Self::Basic { user, password: _ } if user.is_empty() => Err(LoginError::EmptyUser),
            Self::Basic { user: _, password } if password.expose().is_empty() => Err(LoginError::EmptyPassword),
            Self::IdentityToken(token) | Self::Bearer(token) if token.expose().is_empty() => {
                Err(LoginError::EmptyToken)
            }
            Self::Basic { user, password: _ } if user.contains(':') => Err(LoginError::Colon),
            Self::Basic { user, password } => within(user.len() + password.expose().len(), bounds::BASIC_BYTES),
            Self::IdentityToken(token) => within(token.expose().len(), bounds::IDENTITY_TOKEN_BYTES),
            Self::Bearer(token) if bearer(token).is_none() => Err(LoginError::NotVisible),
            Self::Bearer(token) => within(token.expose().len(), bounds::TOKEN_BYTES),
        }
    }
}

/// `Authorization` for Basic, [RFC 7617](https://www.rfc-editor.org/rfc/rfc7617#section-2).
pub(crate) fn basic(user: &str, password: &Secret) -> Option<HeaderValue> {
    sensitive(&format!("Basic {}", STANDARD.encode([user.as_bytes(), b":", password.expose()].concat())))
}

/// `Authorization` for a bearer token of visible ASCII.
pub(crate) fn bearer(token: &Secret) -> Option<HeaderValue> {
    let text = std::str::from_utf8(token.expose()).ok()?;
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
        let header = basic("Aladdin", &Secret::new("open sesame")).unwrap();
        assert_eq!(header.as_bytes(), b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(format!("{header:?}"), "Sensitive");
        for text in ["", "a\nb", "a\r\nX: y", "a b", "ü"] {
            assert_eq!(bearer(&Secret::new(text)), None, "{text:?}");
        }
        assert_eq!(bearer(&Secret::new("a.b-c~d+e/f=")).unwrap().as_bytes(), b"Bearer a.b-c~d+e/f=");
    }

    #[test]
    fn only_what_cannot_be_carried_is_refused() {
        let basic = |user: &str, password: &[u8]| {
            Login::Basic { user: user.to_owned(), password: Secret::new(password) }.check()
        };
        // A key file of Google's, a password of no encoding, and whatever else base64 carries.
        assert_eq!(basic("_json_key", b"{\n  \"private_key\": \"-----BEGIN\\nx\"\r\n}\n"), Ok(()));
        assert_eq!(basic("a", b"\xff\x00\x1b"), Ok(()));
        assert_eq!(basic("a\nb", b"c:d"), Ok(()));
        assert_eq!(basic("", b"c"), Err(LoginError::EmptyUser));
        assert_eq!(basic("a", b""), Err(LoginError::EmptyPassword));
        assert_eq!(basic("a:b", b"c"), Err(LoginError::Colon));
        let most = bounds::BASIC_BYTES;
        assert_eq!(basic("a", &vec![b'x'; most - 1]), Ok(()));
        assert_eq!(basic("a", &vec![b'x'; most]), Err(LoginError::TooLong { found: most + 1, most }));
        let token = |text: &str| Login::Bearer(Secret::new(text)).check();
        assert_eq!(token("abc"), Ok(()));
        assert_eq!(token("a\nb"), Err(LoginError::NotVisible));
        assert_eq!(token(""), Err(LoginError::EmptyToken));
        assert_eq!(Login::IdentityToken(Secret::new("a b\n")).check(), Ok(()));
        assert_eq!(Login::IdentityToken(Secret::new("")).check(), Err(LoginError::EmptyToken));
        let most = bounds::IDENTITY_TOKEN_BYTES;
        let found = most + 1;
        let long = Login::IdentityToken(Secret::new(vec![b'x'; found]));
        assert_eq!(long.check(), Err(LoginError::TooLong { found, most }));
    }
}
