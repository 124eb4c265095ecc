//! The error for a text that is not an image reference.

use super::digest::DigestError;
use super::host_error::HostError;
use crate::codec::excerpt::Excerpt;
use crate::limits;

/// The error for a text that is not an image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The text is empty.
    #[error("image reference is empty, expected [host[:port]/]repository[:tag][@digest]")]
    Empty,
    /// More bytes than [`limits::REFERENCE_BYTES`].
    #[error("image reference: found {found} bytes, expected at most {}", limits::REFERENCE_BYTES)]
    TooLong {
        /// The size in bytes.
        found: usize,
    },
    /// The host is invalid.
    #[error("image reference has an invalid host: found {found:?}: {reason}")]
    Host {
        /// The text in the position of the host.
        found: Excerpt,
        /// The reason.
        reason: HostError,
    },
    /// A scope without the required host.
    #[error(
        "found no host in {found:?} ({part:?} is part of a repository on Docker Hub), expected \
         host[:port]/repository; write docker.io/… for Docker Hub"
    )]
    NoHost {
        /// The scope as written.
        found: Excerpt,
        /// The part with the mistake.
        part: Excerpt,
    },
    /// The path is not possible on Docker Hub.
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
    /// The path is not a valid repository name.
    #[error(
        "image reference has an invalid repository: found {found:?}, expected lower-case letters and digits, with \
         single . or _, double __ or - between them, parts separated by /"
    )]
    Repository {
        /// The path of the repository.
        found: Excerpt,
    },
    /// More bytes than [`limits::REPOSITORY_BYTES`].
    #[error("image reference: found a repository name of {found} bytes, expected at most {}", limits::REPOSITORY_BYTES)]
    RepositoryTooLong {
        /// The size in bytes.
        found: usize,
    },
    /// The text is a local image ID.
    #[error(
        "image reference: found {found:?}, which is a node's image ID or a prefix of one, expected a name \
         [host[:port]/]repository[:tag][@digest]"
    )]
    ImageId {
        /// The reference as written.
        found: Excerpt,
    },
    /// The tag is invalid.
    #[error(
        "image reference has an invalid tag: found {found:?}, expected a letter, digit or _, then at most 127 \
             of these, . and -"
    )]
    Tag {
        /// The tag.
        found: Excerpt,
    },
    /// The digest is invalid.
    #[error("image reference has an invalid digest: {0}")]
    Digest(#[from] DigestError),
}
