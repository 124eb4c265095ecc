//! The kind of credential that a request carried.

use countersign_credentials::AuthMethod;
use countersign_credentials::Identity;

/// The credential that a request carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// No credential is configured.
    Anonymous,
    /// No credential was sent, because the registry refused the request without asking for the one that is configured.
    NotRequested,
    /// A configured user name and a password.
    Basic,
    /// A user name and a password that a service issued for a time.
    Issued,
    /// An identity token, for the exchange for a token of the registry.
    IdentityToken,
    /// A configured registry token.
    Bearer,
    /// No credential was sent, because a redirect led to another host.
    Withheld,
}

impl CredentialKind {
    pub(crate) fn of(identity: &Identity) -> Self {
        match identity.method() {
            AuthMethod::Anonymous => Self::Anonymous,
            AuthMethod::Basic { .. } if identity.expires().is_some() => Self::Issued,
            AuthMethod::Basic { .. } => Self::Basic,
            AuthMethod::IdentityToken(_) => Self::IdentityToken,
            AuthMethod::RegistryToken(_) => Self::Bearer,
        }
    }

    /// The description of the sent credential for messages.
    pub(super) fn sent(self) -> &'static str {
        match self {
            Self::Anonymous => "a request without credentials, as none are configured for it",
            Self::NotRequested => "a request without credentials, as it did not ask for the configured ones",
            Self::Basic => "the configured user name and password",
            Self::Issued => "the issued token",
            Self::IdentityToken => "the configured identity token",
            Self::Bearer => "the configured bearer token",
            Self::Withheld => "a request without credentials, as redirects to other hosts carry none",
        }
    }
}
