//! Image references as written in a pod, expanded as container runtimes expand them.
//!
//! Grammar and expansion: the [distribution project's reference grammar](https://github.com/distribution/reference/blob/v0.6.0/reference.go)
//! (`nginx` is `docker.io/library/nginx:latest`), and bracketed IPv6 hosts.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::digest::Digest;
use super::digest::DigestAlgorithm;
use super::host::Host;
use super::reference_error::ReferenceError;
use crate::limits;

/// A repository with its host, `host[:port]/path`: the subject of trust policy scopes and of requests.
///
/// Compared, ordered and hashed by the server ([`Host`]) and the path; printed with the host as written. Clones share
/// the texts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository(Arc<Name>);

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Name {
    host: Host,
    path: String,
}

/// The part of an [`ImageRef`] that selects an image in its repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// A mutable name. `latest` when nothing was written.
    Tag(String),
    /// A digest. A tag written in addition selects nothing.
    Digest(Digest),
}

/// An image reference: the text as written and its parsed parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageRef {
    written: String,
    name_length: usize,
    repository: Repository,
    selector: Selector,
}

impl Repository {
    /// Host and port; `docker.io` by default.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// The path after the host, including `library/` if the expansion adds it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host(), self.path())
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository").field("host", self.host()).field("path", &self.path()).finish()
    }
}

impl ImageRef {
    /// The original text, byte for byte.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Host and repository as written, without tag and digest and without expansion (`nginx` stays `nginx`).
    #[must_use]
    pub fn written_name(&self) -> &str {
        self.written.get(..self.name_length).unwrap_or(&self.written)
    }

    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag or the digest.
    #[must_use]
    pub fn selector(&self) -> &Selector {
        &self.selector
    }
}

impl fmt::Display for ImageRef {
    /// The expanded form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.selector {
            Selector::Tag(tag) => write!(f, "{}:{tag}", self.repository),
            Selector::Digest(digest) => write!(f, "{}@{digest}", self.repository),
        }
    }
}

impl FromStr for ImageRef {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if text.len() > limits::REFERENCE_BYTES {
            return Err(ReferenceError::TooLong { found: text.len() });
        }
        // Image IDs: runtimes look them up among the node's images.
        if is_qualified_image_id(text) || is_image_id(text) {
            return Err(ReferenceError::ImageId { found: text.into() });
        }
        let (name_and_tag, digest) = match text.split_once('@') {
            Some((name_and_tag, digest)) => (name_and_tag, Some(digest.parse::<Digest>()?)),
            None => (text, None),
        };
        // A colon after the last slash starts a tag; one before it belongs to a port or an IPv6 address.
        let last_part_start = name_and_tag.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name_and_tag.get(last_part_start..).and_then(|part| part.find(':')) {
            Some(colon) => {
                let (name, tag) = name_and_tag.split_at(last_part_start + colon);
                (name, tag.strip_prefix(':'))
            }
            None => (name_and_tag, None),
        };
        if let Some(tag) = tag {
            check_tag(tag)?;
        }
        let repository = repository(name)?;
        let selector = match (digest, tag) {
            (Some(digest), _) => Selector::Digest(digest),
            (None, Some(tag)) => Selector::Tag(tag.to_owned()),
            (None, None) => Selector::Tag("latest".to_owned()),
        };
        Ok(Self { written: text.to_owned(), name_length: name.len(), repository, selector })
    }
}

/// Splits and expands the name. The first part is a host unless it can be a Docker Hub user name.
fn repository(name: &str) -> Result<Repository, ReferenceError> {
    match name.split_once('/') {
        Some((first, path)) if Host::is_host_part(first) => at_host(first, path),
        Some(_) | None => expand(Host::docker_hub(), name),
    }
}

/// Whether the text is an algorithm and the digits of a digest, or a prefix of them. It could also be a tag of
/// `docker.io/library/sha256`, as the kubelet reads it. But containerd looks it up in the node's local images, where
/// [an unambiguous prefix](https://github.com/opencontainers/go-digest/blob/v1.0.0/digestset/set.go) is enough, and
/// sends no request to a registry if it finds one.
fn is_qualified_image_id(text: &str) -> bool {
    let Some((algorithm, digits)) = text.split_once(':') else { return false };
    DigestAlgorithm::ALL.iter().any(|known| known.name() == algorithm)
        && !digits.is_empty()
        && digits.bytes().all(is_lower_hex)
}

fn is_lower_hex(b: u8) -> bool {
    matches!(b, b'0'..=b'9' | b'a'..=b'f')
}

/// Whether the name has the form of [`Digest::hex`] of a sha256. Runtimes look up such a name in the node's local
/// images.
fn is_image_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(is_lower_hex)
}

fn at_host(host: &str, path: &str) -> Result<Repository, ReferenceError> {
    let host = host.parse().map_err(|reason| ReferenceError::Host { found: host.into(), reason })?;
    expand(host, path)
}

/// Adds `library/` where container runtimes add it. Runtimes rewrite only `index.docker.io`; other names of Docker
/// Hub are kept.
fn expand(host: Host, path: &str) -> Result<Repository, ReferenceError> {
    check_path(path)?;
    let (host, path) = match (host.is_docker_hub(), path.contains('/')) {
        (true, has_namespace) if host.adds_library() => {
            (Host::docker_hub(), if has_namespace { path.to_owned() } else { format!("library/{path}") })
        }
        (true, false) => return Err(ReferenceError::DockerHubPath { host: host.as_str().into(), path: path.into() }),
        (true, true) | (false, _) => (host, path.to_owned()),
    };
    let found = host.as_str().len() + 1 + path.len();
    if found > limits::REPOSITORY_BYTES {
        return Err(ReferenceError::RepositoryTooLong { found });
    }
    Ok(Repository(Arc::new(Name { host, path })))
}

fn check_path(path: &str) -> Result<(), ReferenceError> {
    if path.split('/').all(is_path_component) { Ok(()) } else { Err(ReferenceError::Repository { found: path.into() }) }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(part: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let (Some(first), Some(last)) = (part.bytes().next(), part.bytes().last()) else {
        return false;
    };
    let separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    alphanumeric(first)
        && alphanumeric(last)
        && separators.into_iter().all(|run| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|b| b == b'-'))
}

fn check_tag(tag: &str) -> Result<(), ReferenceError> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let mut bytes = tag.bytes();
    let first = bytes.next().is_some_and(word);
    if first && bytes.all(|b| word(b) || b == b'.' || b == b'-') && tag.len() <= limits::TAG_BYTES {
        Ok(())
    } else {
        Err(ReferenceError::Tag { found: tag.into() })
    }
}

/// Parses a repository as written in a trust policy scope. A host is required. Otherwise it is parsed as in an image
/// reference: `docker.io/nginx` is `docker.io/library/nginx`, and the same first parts are hosts.
impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.len() > limits::REPOSITORY_BYTES {
            return Err(ReferenceError::RepositoryTooLong { found: text.len() });
        }
        match text.split_once('/') {
            Some((host, path)) if Host::is_host_part(host) => at_host(host, path),
            Some((part, _)) => Err(ReferenceError::NoHost { found: text.into(), part: part.into() }),
            None => Err(ReferenceError::NoHost { found: text.into(), part: text.into() }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
