//! How a repository authenticates, and what a request is authorized by.

use std::sync::Arc;

use countersign_core::name::Repository;
use countersign_credentials::CredentialRevision;
use http::HeaderValue;

use crate::token_exchange::Token;
use crate::token_request::TokenRequest;

/// A scheme is for one credential: a token service may get one credential and not another.
pub(crate) type SchemeKey = (Repository, CredentialRevision);

/// How a repository authenticates, from its challenge.
#[derive(Clone)]
pub(crate) enum AuthScheme {
    Basic,
    Bearer(Arc<TokenRequest>),
}

impl AuthScheme {
    /// What it refers to occupies, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Basic => 0,
            Self::Bearer(request) => request.bytes(),
        }
    }
}

/// What a request is authorized by.
pub(crate) enum Authorization {
    Anonymous,
    /// A configured token of the registry: there is nothing else to try.
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
