//! The error of every call.

use countersign_core::name::Repository;

use super::cause::Cause;
use super::kind::RegistryErrorKind;
use crate::observer::Stage;

/// A question about an image that has no answer.
///
/// Never carries a URL with its query, a token or a password. What a registry has written is an
/// [`Excerpt`](countersign_core::codec::excerpt::Excerpt), and
/// host names that a response chose are DNS names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot get the {} of {repository}: {cause}", stage.as_str())]
pub struct RegistryError {
    /// The repository of the image.
    pub repository: Repository,
    /// What was asked for.
    pub stage: Stage,
    /// What happened.
    pub cause: Cause,
}

impl RegistryError {
    /// The kind of failure, a closed set for reason codes.
    #[must_use]
    pub fn kind(&self) -> RegistryErrorKind {
        self.cause.kind()
    }
}
