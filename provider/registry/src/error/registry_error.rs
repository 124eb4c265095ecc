//! The error of every call.

use countersign_core::name::Repository;

use super::cause::Cause;
use super::kind::RegistryErrorKind;
use crate::observer::Stage;

/// The error of a call about an image.
///
/// Contains no URL with its query, no token and no password. Text of a registry is an
/// [`Excerpt`](countersign_core::codec::excerpt::Excerpt), and host names from responses are DNS names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot get the {} of {repository}: {cause}", stage.as_str())]
pub struct RegistryError {
    /// The repository of the image.
    pub repository: Repository,
    /// The purpose of the request.
    pub stage: Stage,
    /// The cause of an error.
    pub cause: Cause,
}

impl RegistryError {
    /// The kind of failure, a closed set for reason codes.
    #[must_use]
    pub fn kind(&self) -> RegistryErrorKind {
        self.cause.kind()
    }
}
