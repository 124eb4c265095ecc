//! The key of an entry, which selects its images, as the [kubelet reads
//! it](https://kubernetes.io/docs/concepts/containers/images/#config-json).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use countersign_core::name::Host;
use countersign_core::name::HostName;
use countersign_core::name::Repository;

/// A host or a pattern of hosts, with an optional path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    hosts: Hosts,
    /// The path without slashes at its ends; empty for the whole host.
    path: String,
    spelling: Spelling,
}

/// Ordered by precedence: an exact host precedes a pattern; of patterns, the one that is later in text order
/// precedes, as in the kubelet, where `*` sorts before letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hosts {
    /// Labels of which at least one has a `*`, in lower case.
    Like {
        labels: Vec<String>,
        port: u16,
    },
    One(Host),
}

/// The closeness of a key to the name in image references. Of two keys for the same images, the greater one applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Spelling {
    docker_hub: DockerHub,
    scheme: Scheme,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum DockerHub {
    OtherName,
    Index,
    AsInReferences,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scheme {
    Http,
    Https,
    None,
}

/// An invalid key, which no image can match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyError {
    /// The host is invalid, so the hosts of the entry are unknown.
    Host,
    /// The path is invalid; the hosts are known.
    Path(Hosts),
}

impl Key {
    /// Parses `ghcr.io`, `*.example.com:5000/team` or `https://index.docker.io/v1/`. The scheme and the API version
    /// `v1` or `v2` at the start of the path are ignored.
    pub(super) fn parse(text: &str) -> Result<Self, KeyError> {
        let (scheme, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (Scheme::Https, rest),
            (None, Some(rest)) => (Scheme::Http, rest),
            (None, None) => (Scheme::None, text),
        };
        let rest = rest.split(['?', '#']).next().unwrap_or(rest);
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let hosts = Hosts::parse(host).ok_or(KeyError::Host)?;
        let path = path.trim_matches('/');
        let path = match path.split_once('/') {
            Some(("v1" | "v2", rest)) => rest.trim_start_matches('/'),
            Some(_) => path,
            None if matches!(path, "v1" | "v2") => "",
            None => path,
        };
        if !path.is_empty() && format!("host.invalid/{path}").parse::<Repository>().is_err() {
            return Err(KeyError::Path(hosts));
        }
        let docker_hub = match host {
            "docker.io" => DockerHub::AsInReferences,
            "index.docker.io" => DockerHub::Index,
            _ => DockerHub::OtherName,
        };
        Ok(Self { hosts, path: path.to_owned(), spelling: Spelling { docker_hub, scheme } })
    }

    pub(super) fn covers(&self, host: &Host, path: &str) -> bool {
        let in_path = |rest: &str| rest.is_empty() || rest.starts_with('/');
        self.hosts.has(host) && (self.path.is_empty() || path.strip_prefix(self.path.as_str()).is_some_and(in_path))
    }

    /// Whether the key matches some path on `host`.
    pub(super) fn is_on(&self, host: &Host) -> bool {
        self.hosts.has(host)
    }

    /// The precedence: of two keys that match an image, the greater one is used.
    pub(super) fn precedence(&self) -> (&Hosts, usize) {
        (&self.hosts, self.path.len())
    }

    /// The order of precedence of the key, relative to keys of exactly that host.
    pub(super) fn compared_to(&self, host: &Host) -> Ordering {
        match &self.hosts {
            Hosts::Like { .. } => Ordering::Less,
            Hosts::One(one) => one.cmp(host),
        }
    }

    /// Whether the key has a pattern of hosts.
    pub(super) fn is_pattern(&self) -> bool {
        match self.hosts {
            Hosts::Like { .. } => true,
            Hosts::One(_) => false,
        }
    }

    /// Whether both are for the same images.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        self.hosts == other.hosts && self.path == other.path
    }

    /// The rank of the spelling: of two keys for the same images, the greater one is used.
    pub(super) fn spelling(&self) -> impl Ord + use<> {
        self.spelling
    }
}

impl fmt::Display for Key {
    /// Prints the same text for keys for the same images.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hosts {
            Hosts::One(host) => f.write_str(&host.canonical())?,
            Hosts::Like { labels, port } => write!(f, "{}:{port}", labels.join("."))?,
        }
        write!(f, "/{}", self.path)
    }
}

impl Hosts {
    fn parse(text: &str) -> Option<Self> {
        if !text.contains('*') {
            return Some(Self::One(text.parse().ok()?));
        }
        // With a letter or a digit instead of each star, a pattern must be a host.
        let filled = |with| text.replace('*', with).parse::<Host>().ok();
        let port = filled("x").or_else(|| filled("0"))?.port();
        let name = text.split_once(':').map_or(text, |(name, _)| name);
        Some(Self::Like { labels: name.to_ascii_lowercase().split('.').map(str::to_owned).collect(), port })
    }

    pub(super) fn has(&self, host: &Host) -> bool {
        match self {
            Self::One(one) => one == host,
            Self::Like { labels, port } => {
                if *port != host.port() {
                    return false;
                }
                let name: Cow<'_, str> = match host.name() {
                    HostName::DockerHub => "docker.io".into(),
                    HostName::Dns(name) => name.into(),
                    HostName::V4(address) => address.to_string().into(),
                    HostName::V6(_) => return false,
                };
                labels.len() == name.split('.').count()
                    && labels.iter().zip(name.split('.')).all(|(pattern, label)| is_like(pattern, label))
            }
        }
    }
}

/// Whether `label` matches `pattern`, in which each `*` matches any text.
fn is_like(pattern: &str, label: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == label };
    let Some(mut label) = label.strip_prefix(first) else { return false };
    let (inner, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in inner.split('*') {
        match label.find(part) {
            Some(at) => label = label.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    label.ends_with(last)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn covers(key: &str, image: &str) -> bool {
        let (host, path) = image.split_once('/').unwrap();
        Key::parse(key).unwrap_or_else(|error| panic!("{key}: {error:?}")).covers(&host.parse().unwrap(), path)
    }

    #[test]
    fn a_star_matches_any_text_within_one_label_as_in_the_kubelet() {
        for (key, image) in [
            ("*.kubernetes.io", "prefix.kubernetes.io/a"),
            ("prefix.*.io", "prefix.kubernetes.io/a"),
            ("prefix.kubernetes.*", "prefix.kubernetes.io/a"),
            ("*-good.kubernetes.io", "prefix-good.kubernetes.io/a"),
            ("p*x-g*d.kubernetes.io", "prefix-good.kubernetes.io/a"),
            ("a*b*b.example", "abb.example/a"),
            ("**.example", "a.example/a"),
            ("*.kubernetes.io/blah", "prefix.kubernetes.io/blah"),
            ("prefix.*.io/foo", "prefix.kubernetes.io/foo/bar"),
            ("*.kubernetes.io:1111/blah", "prefix.kubernetes.io:1111/blah"),
            ("https://*.example.com/v2/", "a.example.com/a"),
            ("http://*.*.example.com", "a.b.example.com/a"),
            ("*", "localhost/a"),
            ("*:5000", "registry:5000/a"),
            ("10.0.*.5", "10.0.7.5/a"),
            ("10.0.0.*:5000", "10.0.0.7:05000/a"),
            // Compared by server, not by spelling.
            ("*.EXAMPLE.com:0443", "A.example.COM/a"),
            ("*.io", "docker.io/library/a"),
        ] {
            assert!(covers(key, image), "{key} {image}");
        }
        for (key, image) in [
            ("*.kubernetes.io", "kubernetes.io/a"),
            ("*.kubernetes.io", "a.b.kubernetes.io/a"),
            ("*.*.kubernetes.io", "prefix.kubernetes.io/a"),
            ("*.example.com", "a.example.com.evil.example/a"),
            ("k*.io", "quay.io/a"),
            ("a*a.example", "a.example/a"),
            ("a*b*b.example", "ab.example/a"),
            ("*.kubernetes.io:1234/blah", "prefix.kubernetes.io:1111/blah"),
            ("prefix.*.io/foo", "prefix.kubernetes.io:1111/foo/bar"),
            ("*.example.com", "a.example.com:5000/a"),
            ("*.docker.io", "docker.io/library/a"),
            ("*.docker.io", "registry-1.docker.io/library/a"),
            ("*", "[::1]/a"),
            ("*", "a.example/a"),
        ] {
            assert!(!covers(key, image), "{key} {image}");
        }
    }

    #[test]
    fn schemes_versions_and_spellings_do_not_matter() {
        for key in [
            "registry.example/team",
            "https://registry.example/team",
            "http://Registry.example:443/v1/team/",
            "registry.example:0443/v2//team",
            "https://registry.example/team?service=x#y",
        ] {
            assert!(covers(key, "registry.example/team/app"), "{key}");
            assert!(covers(key, "registry.example/team"), "{key}");
            assert!(!covers(key, "registry.example/teammate"), "{key}");
        }
        for key in ["https://index.docker.io/v1/", "docker.io", "registry-1.docker.io", "https://index.docker.io/v1"] {
            assert!(covers(key, "docker.io/library/nginx"), "{key}");
        }
        // Docker Desktop also writes these; no image has such a path.
        assert!(!covers("https://index.docker.io/v1/access-token", "docker.io/library/nginx"));
    }

    #[test]
    fn other_keys_are_errors_that_tell_a_bad_path_from_a_bad_host() {
        for key in
            ["", "https://", "a b", "user:password@a.example", "a.example:port", "[*]", "*.5", "a_b.example", "ssh://a"]
        {
            assert_eq!(Key::parse(key), Err(KeyError::Host), "{key}");
        }
        let Err(KeyError::Path(hosts)) = Key::parse("a.example/Team") else { panic!("not a path") };
        assert!(hosts.has(&"a.example".parse().unwrap()));
    }
}
