//! Authentication methods.

use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::codec::mismatch::mismatch_error;
use countersign_http::basic;
use countersign_http::bearer;
use http::HeaderValue;

use crate::limits;
use crate::secret::Secret;

/// An authentication method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// No credential.
    Anonymous,
    /// A user name and a password.
    Basic {
        /// The name, without a colon.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token that is exchanged at a token service for a registry token; an OAuth 2 refresh token.
    IdentityToken(Secret),
    /// A registry token, which is sent unchanged.
    RegistryToken(Secret),
}

/// The reason why a credential cannot be sent, as a predicate about its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethodError {
    /// A password without a user name.
    EmptyUser,
    /// A user name without a password.
    EmptyPassword,
    /// An empty token.
    EmptyToken,
    /// The first colon ends the user name, [RFC 7617](https://www.rfc-editor.org/rfc/rfc7617#section-2).
    Colon,
    /// A header cannot carry the token.
    NotVisible,
    /// The credential is too long.
    TooLong {
        /// Its length in bytes.
        found: usize,
        /// The limit in bytes.
        max: usize,
    },
}

impl Mismatched for AuthMethodError {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::EmptyUser => Mismatch::new("has a password and an empty user name")
                .expecting("both, or neither for anonymous access"),
            Self::EmptyPassword => Mismatch::new("has a user name and an empty password")
                .expecting("both, or neither for anonymous access"),
            Self::EmptyToken => Mismatch::new("has an empty token").expecting("a token, or none"),
            Self::Colon => Mismatch::new("has a colon in the user name")
                .expecting("none; a colon separates the user name from the password"),
            Self::NotVisible => Mismatch::new("has a bearer token that is not visible ASCII")
                .expecting("one that an HTTP header can carry"),
            Self::TooLong { found, max } => Mismatch::new(format_args!("has a credential of {found} bytes"))
                .expecting(format_args!("at most {max}")),
        }
    }
}

mismatch_error!(AuthMethodError);

impl AuthMethod {
    /// Checks that the credential can be sent. Control characters are allowed where it is encoded, in Basic and in a
    /// form.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn check(&self) -> Result<(), AuthMethodError> {
        let within = |found, max| if found > max { Err(AuthMethodError::TooLong { found, max }) } else { Ok(()) };
        match self {
            Self::Anonymous => Ok(()),
            Self::Basic { user, password: _ } if user.is_empty() => Err(AuthMethodError::EmptyUser),
            Self::Basic { user: _, password } if password.expose().is_empty() => Err(AuthMethodError::EmptyPassword),
            Self::IdentityToken(token) | Self::RegistryToken(token) if token.expose().is_empty() => {
                Err(AuthMethodError::EmptyToken)
            }
            Self::Basic { user, password: _ } if user.contains(':') => Err(AuthMethodError::Colon),
            Self::Basic { user, password } => within(user.len() + password.expose().len(), limits::BASIC_BYTES),
            Self::IdentityToken(token) => within(token.expose().len(), limits::IDENTITY_TOKEN_BYTES),
            Self::RegistryToken(token) if bearer(token.expose()).is_none() => Err(AuthMethodError::NotVisible),
            Self::RegistryToken(token) => within(token.expose().len(), limits::TOKEN_BYTES),
        }
    }

    /// `Authorization`, if the credential is sent in a header and valid.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        match self {
            Self::Basic { user, password } => basic(user, password.expose()),
            Self::RegistryToken(token) => bearer(token.expose()),
            Self::Anonymous | Self::IdentityToken(_) => None,
        }
    }

    /// The total size of the texts, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Anonymous => 0,
            Self::Basic { user, password } => user.len() + password.expose().len(),
            Self::IdentityToken(token) | Self::RegistryToken(token) => token.expose().len(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn refuses_only_credentials_that_cannot_be_sent() {
        let basic = |user: &str, password: &[u8]| {
            AuthMethod::Basic { user: user.to_owned(), password: Secret::new(password) }.check()
        };
        // A Google key file, a password that is not UTF-8, and other bytes that base64 can encode.
        assert_eq!(basic("_json_key", b"{\n  \"private_key\": \"-----BEGIN\\nx\"\r\n}\n"), Ok(()));
        assert_eq!(basic("a", b"\xff\x00\x1b"), Ok(()));
        assert_eq!(basic("a\nb", b"c:d"), Ok(()));
        assert_eq!(basic("", b"c"), Err(AuthMethodError::EmptyUser));
        assert_eq!(basic("a", b""), Err(AuthMethodError::EmptyPassword));
        assert_eq!(basic("a:b", b"c"), Err(AuthMethodError::Colon));
        let max = limits::BASIC_BYTES;
        assert_eq!(basic("a", &vec![b'x'; max - 1]), Ok(()));
        assert_eq!(basic("a", &vec![b'x'; max]), Err(AuthMethodError::TooLong { found: max + 1, max }));
        let token = |text: &str| AuthMethod::RegistryToken(Secret::new(text)).check();
        assert_eq!(token("abc"), Ok(()));
        assert_eq!(token("a\nb"), Err(AuthMethodError::NotVisible));
        assert_eq!(token(""), Err(AuthMethodError::EmptyToken));
        assert_eq!(AuthMethod::IdentityToken(Secret::new("a b\n")).check(), Ok(()));
        assert_eq!(AuthMethod::IdentityToken(Secret::new("")).check(), Err(AuthMethodError::EmptyToken));
        let max = limits::IDENTITY_TOKEN_BYTES;
        let found = max + 1;
        let long = AuthMethod::IdentityToken(Secret::new(vec![b'x'; found]));
        assert_eq!(long.check(), Err(AuthMethodError::TooLong { found, max }));
    }
}
