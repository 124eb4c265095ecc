//! Files with the token of the service account.

use std::fmt;

use countersign_core::codec::text::Text;

use crate::limits;

/// A file with the token of the service account, by what names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenFile {
    /// For STS (IRSA).
    WebIdentity,
    /// For the endpoint of credentials on the node (EKS Pod Identity).
    Container,
    /// For STS, by a profile.
    Profile,
}

/// The file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: found the file {path}, which {problem}, expected the token of the service account", file.named_by())]
pub(crate) struct TokenFileError {
    pub(crate) file: TokenFile,
    /// As it is named there.
    pub(crate) path: Text,
    pub(crate) problem: TokenFileProblem,
}

/// Why it cannot be used, as the end of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenFileProblem {
    /// The error of the operating system.
    Unreadable(Text),
    /// It has more bytes than [`limits::TOKEN_FILE_BYTES`].
    TooLarge,
    /// The file system does not respond.
    Late,
    /// There is no content.
    Empty,
    /// The content is not text, or has characters that no token has.
    NoToken,
}

impl TokenFile {
    /// What has the path: a variable, or a key.
    pub(crate) fn named_by(self) -> &'static str {
        match self {
            Self::WebIdentity => "AWS_WEB_IDENTITY_TOKEN_FILE",
            Self::Container => "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            Self::Profile => "web_identity_token_file of aws.profile",
        }
    }
}

impl fmt::Display for TokenFileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "cannot be read ({why})"),
            Self::TooLarge => write!(f, "has more than {} bytes", limits::TOKEN_FILE_BYTES),
            Self::Late => f.write_str("was not read in time"),
            Self::Empty => f.write_str("is empty"),
            Self::NoToken => f.write_str("has other content than a token"),
        }
    }
}
