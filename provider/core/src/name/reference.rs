//! Image references as people write them in a pod, expanded the way container runtimes do.
//!
//! Grammar and expansion: the [distribution project's reference grammar](https://github.com/distribution/reference/blob/v0.6.0/reference.go)
//! (`nginx` is `docker.io/library/nginx:latest`), and bracketed IPv6 hosts.

use std::fmt;
use std::str::FromStr;

use super::Digest;
use super::DigestAlgorithm;
use super::DigestError;
use super::Host;
use super::HostError;
use crate::codec::excerpt::Excerpt;
use crate::limits;

/// A repository with its host, `host[:port]/path`: what trust policy scopes name, and where requests go.
///
/// Equal, ordered and hashed by the host's place ([`Host`]) and the path; printed with the host as written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    host: Host,
    path: String,
}

/// What an [`ImageRef`] asks for within its repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// A mutable name. `latest` when nothing was written.
    Tag(String),
    /// A digest; a tag written beside it is for people and selects nothing.
    Digest(Digest),
}

/// An image reference: the text as written, and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageRef {
    written: String,
    name_length: usize,
    repository: Repository,
    selector: Selector,
}

/// Why a text is not an image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    #[error("image reference is empty: want [host[:port]/]repository[:tag][@digest]")]
    Empty,
    #[error("image reference has {found} bytes: want at most {}", limits::REFERENCE_BYTES)]
    TooLong { found: usize },
    #[error("image reference has a bad host {found:?}: {reason}")]
    Host { found: Excerpt, reason: HostError },
    /// In a scope, where the host must be written.
    #[error(
        "{found:?} has no host, as {part:?} is part of a repository on Docker Hub: want host[:port]/repository, docker.io/… for Docker Hub"
    )]
    NoHost { found: Excerpt, part: Excerpt },
    #[error(
        "image reference has the repository {path:?} at {host:?}: Docker Hub has none of one part, and container runtimes add library/ at docker.io only: want library/ in front"
    )]
    DockerHubPath { host: Excerpt, path: Excerpt },
    #[error(
        "image reference has a bad repository {found:?}: want lower-case letters and digits, with single . or _, double __ or - between them, parts separated by /"
    )]
    Repository { found: Excerpt },
    #[error("image reference has a repository name of {found} bytes: want at most {}", limits::REPOSITORY_BYTES)]
    RepositoryTooLong { found: usize },
    #[error(
        "image reference {found:?} is an image id of a node, or the beginning of one, and not a name: want [host[:port]/]repository[:tag][@digest]"
    )]
    ImageId { found: Excerpt },
    #[error("image reference has a bad tag {found:?}: want a letter, digit or _, then at most 127 of these, . and -")]
    Tag { found: Excerpt },
    #[error("image reference has a bad digest: {0}")]
    Digest(#[from] DigestError),
}

impl Repository {
    /// Host and port; `docker.io` where none was written.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The path below the host, `library/` included where the expansion adds it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

impl ImageRef {
    /// The text as it came, byte for byte.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Host and repository as written, without tag and digest and without expansion (`nginx` stays `nginx`).
    #[must_use]
    pub fn written_name(&self) -> &str {
        self.written.get(..self.name_length).unwrap_or(&self.written)
    }

    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

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
        // Runtimes look these up among the images that the node already has.
        if is_qualified_image_id(text) || is_image_id(text) {
            return Err(ReferenceError::ImageId { found: text.into() });
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>()?)),
            None => (text, None),
        };
        // A colon after the last slash starts a tag; one before it belongs to a port or an IPv6 address.
        let last = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest.get(last..).and_then(|part| part.find(':')) {
            Some(colon) => {
                let (name, tag) = rest.split_at(last + colon);
                (name, tag.strip_prefix(':'))
            }
            None => (rest, None),
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

/// Splits and expands the name: the first part is a host if it could not be a Docker Hub user.
fn repository(name: &str) -> Result<Repository, ReferenceError> {
    match name.split_once('/') {
        Some((first, path)) if Host::is_named_by(first) => at_host(first, path),
        Some(_) | None => expanded(Host::docker_hub(), name),
    }
}

/// An algorithm and the digits of a digest, or the first few of them. It could be a tag of `docker.io/library/sha256`,
/// too, and the kubelet takes it for that; but containerd looks it up among the images of the node, where
/// [an unambiguous beginning](https://github.com/opencontainers/go-digest/blob/v1.0.0/digestset/set.go) is enough,
/// and asks no registry if it finds one.
fn is_qualified_image_id(text: &str) -> bool {
    let Some((algorithm, digits)) = text.split_once(':') else { return false };
    DigestAlgorithm::ALL.iter().any(|known| known.name() == algorithm)
        && !digits.is_empty()
        && digits.bytes().all(is_lower_hex)
}

fn is_lower_hex(b: u8) -> bool {
    matches!(b, b'0'..=b'9' | b'a'..=b'f')
}

/// What [`Digest::hex`] of a sha256 looks like: runtimes look such a name up among the images of the node.
fn is_image_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(is_lower_hex)
}

fn at_host(host: &str, path: &str) -> Result<Repository, ReferenceError> {
    let host = host.parse().map_err(|reason| ReferenceError::Host { found: host.into(), reason })?;
    expanded(host, path)
}

/// Adds `library/` where container runtimes do. They also rewrite `index.docker.io`, which other names of Docker Hub
/// keep.
fn expanded(host: Host, path: &str) -> Result<Repository, ReferenceError> {
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
    Ok(Repository { host, path })
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
    if first && bytes.all(|b| word(b) || b == b'.' || b == b'-') && tag.len() <= 128 {
        Ok(())
    } else {
        Err(ReferenceError::Tag { found: tag.into() })
    }
}

/// A repository as a trust policy scope names it: a host must be written. It is read as in a reference otherwise, so
/// that `docker.io/nginx` is `docker.io/library/nginx`, and a first part that is no host in a reference is none here.
impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.len() > limits::REPOSITORY_BYTES {
            return Err(ReferenceError::RepositoryTooLong { found: text.len() });
        }
        match text.split_once('/') {
            Some((host, path)) if Host::is_named_by(host) => at_host(host, path),
            Some((part, _)) => Err(ReferenceError::NoHost { found: text.into(), part: part.into() }),
            None => Err(ReferenceError::NoHost { found: text.into(), part: text.into() }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SHA: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    fn expanded(text: &str) -> String {
        text.parse::<ImageRef>().unwrap().to_string()
    }

    #[test]
    fn expands_as_the_container_runtimes_do() {
        assert_eq!(expanded("nginx"), "docker.io/library/nginx:latest");
        assert_eq!(expanded("nginx:1.27"), "docker.io/library/nginx:1.27");
        assert_eq!(expanded("grafana/loki"), "docker.io/grafana/loki:latest");
        assert_eq!(expanded("index.docker.io/nginx"), "docker.io/library/nginx:latest");
        assert_eq!(expanded("registry-1.docker.io/library/nginx"), "registry-1.docker.io/library/nginx:latest");
        assert_eq!(expanded("registry:443/a"), "registry:443/a:latest");
        assert_eq!(expanded("localhost/a"), "localhost/a:latest");
        assert_eq!(expanded("localhost:5000/a/b:v1"), "localhost:5000/a/b:v1");
        assert_eq!(expanded("Registry/a"), "Registry/a:latest");
        assert_eq!(expanded("[::1]:5000/x"), "[::1]:5000/x:latest");
        assert_eq!(expanded(&format!("ghcr.io/a/b:v1@{SHA}")), format!("ghcr.io/a/b@{SHA}"));
    }

    #[test]
    fn keeps_the_name_as_written_for_mutation() {
        for (text, name) in [
            ("nginx", "nginx"),
            ("nginx:1.27", "nginx"),
            ("localhost:5000/a:v1", "localhost:5000/a"),
            ("index.docker.io/nginx", "index.docker.io/nginx"),
        ] {
            assert_eq!(text.parse::<ImageRef>().unwrap().written_name(), name);
        }
    }

    #[test]
    fn says_which_part_is_wrong() {
        let syntax = |found: &str| ReferenceError::Host { found: found.into(), reason: HostError::Syntax };
        let port = |found: &str| ReferenceError::Host { found: found.into(), reason: HostError::Port };
        let path = |found: &str| ReferenceError::Repository { found: found.into() };
        let tag = |found: &str| ReferenceError::Tag { found: found.into() };
        for (text, error) in [
            ("", ReferenceError::Empty),
            (" nginx", path(" nginx")),
            ("nginx\n", path("nginx\n")),
            ("UPPER", path("UPPER")),
            ("a..b", path("a..b")),
            ("a___b", path("a___b")),
            ("a/", path("a/")),
            ("/a", path("/a")),
            ("a//b", path("a//b")),
            ("nginx:", tag("")),
            ("nginx:-x", tag("-x")),
            ("-a.example/b", syntax("-a.example")),
            ("a.example:0/b", port("a.example:0")),
            ("a.example:65536/b", port("a.example:65536")),
            ("a.example:/b", syntax("a.example:")),
            ("[::1/b", syntax("[::1")),
            ("[::zz]/b", syntax("[::zz]")),
            ("[default]nginx", path("[default]nginx")),
            ("https://a.example/b", syntax("https:")),
        ] {
            assert_eq!(text.parse::<ImageRef>(), Err(error), "{text:?}");
        }
        assert_eq!(
            "a@sha256:00".parse::<ImageRef>(),
            Err(ReferenceError::Digest(DigestError::Hex { algorithm: "sha256", wanted: 64 }))
        );
        let long = "a".repeat(2000);
        assert_eq!(long.parse::<ImageRef>(), Err(ReferenceError::TooLong { found: 2000 }));
        let mirrored = "registry.hub.docker.com/nginx:1";
        let error = ReferenceError::DockerHubPath { host: "registry.hub.docker.com".into(), path: "nginx".into() };
        assert_eq!(mirrored.parse::<ImageRef>(), Err(error));
    }

    #[test]
    fn an_image_id_of_a_node_or_its_beginning_is_no_name() {
        let id = "a".repeat(64);
        for text in [
            id.clone(),
            format!("sha256:{id}"),
            format!("sha384:{id}{}", "0".repeat(32)),
            format!("sha512:{id}{id}"),
            // containerd finds the one image whose id begins so.
            "sha256:2".to_owned(),
            "sha256:44136fa355b3".to_owned(),
            format!("sha256:{}", &id[..63]),
            "sha384:0".to_owned(),
            "sha512:2024".to_owned(),
        ] {
            assert_eq!(
                text.parse::<ImageRef>(),
                Err(ReferenceError::ImageId { found: text.as_str().into() }),
                "{text}"
            );
        }
        // The kubelet adds `:latest` to digits alone, and no image id has that in it; nor a slash, an @ or other letters.
        for (text, is) in [
            ("44136fa355b3", "docker.io/library/44136fa355b3:latest".to_owned()),
            ("sha256", "docker.io/library/sha256:latest".to_owned()),
            ("sha256:v1", "docker.io/library/sha256:v1".to_owned()),
            ("sha256:ABC", "docker.io/library/sha256:ABC".to_owned()),
            ("md5:abc", "docker.io/library/md5:abc".to_owned()),
            ("library/sha256:abc", "docker.io/library/sha256:abc".to_owned()),
            ("registry.example/sha256:abc", "registry.example/sha256:abc".to_owned()),
            (&format!("sha256:abc@{SHA}"), format!("docker.io/library/sha256@{SHA}")),
        ] {
            assert_eq!(expanded(text), is);
        }
    }

    #[test]
    fn a_repository_is_compared_by_place_and_printed_as_written() {
        let repository = |text: &str| text.parse::<ImageRef>().unwrap().repository().clone();
        let written = repository("LOCALHOST:05000/app:v1");
        assert_eq!(written, repository("localhost:5000/app"));
        assert_ne!(written, repository("localhost:5001/app"));
        assert_ne!(written, repository("localhost:5000/other"));
        assert_eq!(written.to_string(), "LOCALHOST:05000/app");
        assert_eq!(repository("registry-1.docker.io/library/nginx"), repository("nginx"));
    }

    #[test]
    fn a_scope_names_its_host_and_is_read_as_a_reference() {
        let scope = |text: &str| text.parse::<Repository>().map(|repository| repository.to_string());
        let no_host = |text: &str| {
            Err(ReferenceError::NoHost { found: text.into(), part: text.split('/').next().unwrap().into() })
        };
        assert_eq!(scope("registry.example/a"), Ok("registry.example/a".to_owned()));
        assert_eq!(scope("docker.io/nginx"), Ok("docker.io/library/nginx".to_owned()));
        assert_eq!(scope("index.docker.io/nginx"), Ok("docker.io/library/nginx".to_owned()));
        assert_eq!(scope("Registry/a"), Ok("Registry/a".to_owned()));
        for text in ["nginx", "library/nginx", "registry/a", ""] {
            assert_eq!(scope(text), no_host(text), "{text}");
        }
        assert_eq!(
            scope("Docker.io/nginx"),
            Err(ReferenceError::Host { found: "Docker.io".into(), reason: HostError::DockerHub })
        );
    }
}
