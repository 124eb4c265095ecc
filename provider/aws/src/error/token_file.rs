//! Files with the token of the service account.

use std::fmt;

use countersign_core::codec::text::Text;

/// A file with the token of the service account, which a variable names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenFile {
    /// For STS (IRSA).
    WebIdentity,
    /// For the endpoint of credentials on the node (EKS Pod Identity).
    Container,
}

/// The file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: found the file {path}, which {problem}, expected the token of the service account", file.variable())]
pub(crate) struct TokenFileError {
    pub(crate) file: TokenFile,
    /// As the variable names it.
    pub(crate) path: Text,
    pub(crate) problem: TokenFileProblem,
}

/// Why it cannot be used, as the end of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenFileProblem {
    /// The error of the operating system.
    Unreadable(Text),
    /// There is no content.
    Empty,
    /// The content is not text, or has characters that no token has.
    NoToken,
}

impl TokenFile {
    /// The variable with the path.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::WebIdentity => "AWS_WEB_IDENTITY_TOKEN_FILE",
            Self::Container => "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        }
    }
}

impl fmt::Display for TokenFileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "cannot be read ({why})"),
            Self::Empty => f.write_str("is empty"),
            Self::NoToken => f.write_str("has other content than a token"),
        }
    }
}
