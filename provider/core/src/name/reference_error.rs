//! Why a text is not an image reference.

use super::digest::DigestError;
use super::host_error::HostError;
use crate::codec::excerpt::Excerpt;
use crate::limits;

/// Why a text is not an image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// No text.
    #[error("image reference is empty, expected [host[:port]/]repository[:tag][@digest]")]
    Empty,
    /// More bytes than [`limits::REFERENCE_BYTES`].
    #[error("image reference: found {found} bytes, expected at most {}", limits::REFERENCE_BYTES)]
    TooLong {
        /// What was found.
        found: usize,
    },
    /// A host that is refused.
    #[error("image reference has an invalid host: found {found:?}: {reason}")]
    Host {
        /// What was found.
        found: Excerpt,
        /// Why it is refused.
        reason: HostError,
    },
    /// In a scope, where the host must be written.
    #[error(
        "found no host in {found:?} ({part:?} is part of a repository on Docker Hub), expected \
         host[:port]/repository; write docker.io/… for Docker Hub"
    )]
    NoHost {
        /// What was found.
        found: Excerpt,
        /// The part that it is about.
        part: Excerpt,
    },
    /// A path that Docker Hub cannot have.
    #[error(
        "image reference: found repository {path:?} at {host:?}, expected library/ in front; Docker Hub has no \
         repository of one part, and container runtimes add library/ only for docker.io"
    )]
    DockerHubPath {
        /// The host as written.
        host: Excerpt,
        /// The path as written.
        path: Excerpt,
    },
    /// A path that no repository has.
    #[error(
        "image reference has an invalid repository: found {found:?}, expected lower-case letters and digits, with \
         single . or _, double __ or - between them, parts separated by /"
    )]
    Repository {
        /// What was found.
        found: Excerpt,
    },
    /// More bytes than [`limits::REPOSITORY_BYTES`].
    #[error("image reference: found a repository name of {found} bytes, expected at most {}", limits::REPOSITORY_BYTES)]
    RepositoryTooLong {
        /// What was found.
        found: usize,
    },
    /// The identifier of an image, which no registry is asked by.
    #[error(
        "image reference: found {found:?}, which is a node's image ID or a prefix of one, expected a name \
         [host[:port]/]repository[:tag][@digest]"
    )]
    ImageId {
        /// What was found.
        found: Excerpt,
    },
    /// A tag that is none.
    #[error(
        "image reference has an invalid tag: found {found:?}, expected a letter, digit or _, then at most 127 \
             of these, . and -"
    )]
    Tag {
        /// What was found.
        found: Excerpt,
    },
    /// A digest that is none.
    #[error("image reference has an invalid digest: {0}")]
    Digest(#[from] DigestError),
}
