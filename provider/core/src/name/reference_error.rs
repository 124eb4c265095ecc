//! Why a text is not an image reference.

use super::digest::DigestError;
use super::host_error::HostError;
use crate::codec::excerpt::Excerpt;
use crate::limits;

/// Why a text is not an image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// No text.
    #[error("image reference is empty: want [host[:port]/]repository[:tag][@digest]")]
    Empty,
    /// More bytes than [`limits::REFERENCE_BYTES`].
    #[error("image reference has {found} bytes: want at most {}", limits::REFERENCE_BYTES)]
    TooLong {
        /// What was found.
        found: usize,
    },
    /// A host that is refused.
    #[error("image reference has a bad host {found:?}: {reason}")]
    Host {
        /// What was found.
        found: Excerpt,
        /// Why it is refused.
        reason: HostError,
    },
    /// In a scope, where the host must be written.
    #[error(
        "{found:?} has no host, as {part:?} is part of a repository on Docker Hub: want host[:port]/repository, docker.io/… for Docker Hub"
    )]
    NoHost {
        /// What was found.
        found: Excerpt,
        /// The part that it is about.
        part: Excerpt,
    },
    /// A path that Docker Hub cannot have.
    #[error(
        "image reference has the repository {path:?} at {host:?}: Docker Hub has none of one part, and container runtimes add library/ at docker.io only: want library/ in front"
    )]
    DockerHubPath {
        /// The host as written.
        host: Excerpt,
        /// The path as written.
        path: Excerpt,
    },
    /// A path that no repository has.
    #[error(
        "image reference has a bad repository {found:?}: want lower-case letters and digits, with single . or _, double __ or - between them, parts separated by /"
    )]
    Repository {
        /// What was found.
        found: Excerpt,
    },
    /// More bytes than [`limits::REPOSITORY_BYTES`].
    #[error("image reference has a repository name of {found} bytes: want at most {}", limits::REPOSITORY_BYTES)]
    RepositoryTooLong {
        /// What was found.
        found: usize,
    },
    /// The identifier of an image, which no registry is asked by.
    #[error(
        "image reference {found:?} is an image id of a node, or the beginning of one, and not a name: want [host[:port]/]repository[:tag][@digest]"
    )]
    ImageId {
        /// What was found.
        found: Excerpt,
    },
    /// A tag that is none.
    #[error("image reference has a bad tag {found:?}: want a letter, digit or _, then at most 127 of these, . and -")]
    Tag {
        /// What was found.
        found: Excerpt,
    },
    /// A digest that is none.
    #[error("image reference has a bad digest: {0}")]
    Digest(#[from] DigestError),
}
