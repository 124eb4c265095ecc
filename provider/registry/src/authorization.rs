//! Authentication schemes of repositories, and the authorization of requests.

use std::sync::Arc;

use countersign_core::name::Repository;
use countersign_credentials::CredentialRevision;
use http::HeaderValue;

use crate::token_exchange::Token;
use crate::token_request::TokenRequest;

/// The key of a scheme includes the credential, as a token service may be allowed to receive one credential and not
/// another.
pub(crate) type SchemeKey = (Repository, CredentialRevision);

/// The authentication scheme of a repository, from its challenge or its first response.
#[derive(Clone)]
pub(crate) enum AuthScheme {
    /// A request without authorization was successful.
    Open,
    Basic,
    Bearer(Arc<TokenRequest>),
}

impl AuthScheme {
    /// The memory of the referenced values, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Open | Self::Basic => 0,
            Self::Bearer(request) => request.bytes(),
        }
    }
}

/// The authorization of a request.
pub(crate) enum Authorization {
    Anonymous,
    /// A configured registry token, without an alternative.
    Configured(HeaderValue),
    Basic(HeaderValue),
    Token(Arc<TokenRequest>, Arc<Token>),
}

impl Authorization {
    pub(crate) fn header(&self) -> Option<&HeaderValue> {
        match self {
            Self::Anonymous => None,
            Self::Configured(header) | Self::Basic(header) => Some(header),
            Self::Token(_, token) => Some(&token.header),
        }
    }
}
