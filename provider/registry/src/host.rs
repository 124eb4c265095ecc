//! Registry hosts as they stand in image references, and patterns of them.

use std::fmt;
use std::str::FromStr;

use countersign_core::name::Repository;

/// A host name and port, in lower case, with Docker Hub's several names made one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Host {
    name: String,
    port: Option<u16>,
}

impl Host {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // One grammar for hosts: that of references.
        let repository: Repository = format!("{text}/x").parse().ok()?;
        if repository.host() != text {
            return None;
        }
        let after_address = text.rfind(']').map_or(0, |at| at + 1);
        let (name, port) = match text.get(after_address..)?.rfind(':') {
            Some(colon) => {
                let (name, port) = text.split_at(after_address + colon);
                (name, Some(port.strip_prefix(':')?.parse().ok()?))
            }
            None => (text, None),
        };
        let name = name.to_ascii_lowercase();
        // The default port of https is no other host.
        let port = port.filter(|port| *port != 443);
        match (name.as_str(), port) {
            ("docker.io" | "index.docker.io" | "registry-1.docker.io", None) => {
                Some(Self { name: "docker.io".to_owned(), port: None })
            }
            _ => Some(Self { name, port }),
        }
    }

    /// Where requests go: Docker Hub's registry does not answer at the name that references use.
    pub(crate) fn authority(&self) -> String {
        if self.is_docker_hub() { "registry-1.docker.io".to_owned() } else { self.to_string() }
    }

    pub(crate) fn is_docker_hub(&self) -> bool {
        self.name == "docker.io" && self.port.is_none()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Which hosts an entry of the settings is for: exactly one, or all below a suffix.
///
/// `*.example.com` is for `a.example.com` and `a.b.example.com`, not for `example.com` and not for `evilexample.com`.
/// A port must be written where references have one. The suffix has at least two labels, so that no credential is meant
/// for a whole top-level domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPattern {
    suffix_only: bool,
    host: Host,
}

/// The text is not a [`HostPattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "registry host {found:?} is not host, host:port or *.suffix: want a name as in image references, and at least two labels after *."
)]
pub struct HostPatternError {
    pub found: String,
}

impl HostPattern {
    /// Whether this is for the registry of that repository.
    #[must_use]
    pub fn is_for(&self, repository: &Repository) -> bool {
        Host::parse(repository.host()).is_some_and(|host| self.matches(&host))
    }

    pub(crate) fn matches(&self, host: &Host) -> bool {
        if !self.suffix_only {
            return *host == self.host;
        }
        host.port == self.host.port
            && host
                .name
                .strip_suffix(self.host.name.as_str())
                .is_some_and(|front| front.len() > 1 && front.ends_with('.'))
    }

    /// Whether this names one host. Only then an operator has vouched for where it is.
    pub(crate) fn is_exact(&self) -> bool {
        !self.suffix_only
    }

    /// Greater for the more specific pattern of two that match the same host.
    pub(crate) fn rank(&self) -> (bool, usize) {
        (self.is_exact(), self.host.name.len())
    }
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let bad = || HostPatternError { found: text.to_owned() };
        match text.strip_prefix("*.") {
            Some(suffix) => {
                let host = Host::parse(suffix).ok_or_else(bad)?;
                let address = host.name.parse::<std::net::Ipv4Addr>().is_ok() || host.name.starts_with('[');
                if address || !host.name.contains('.') || suffix.eq_ignore_ascii_case("index.docker.io") {
                    return Err(bad());
                }
                Ok(Self { suffix_only: true, host })
            }
            None => Ok(Self { suffix_only: false, host: Host::parse(text).ok_or_else(bad)? }),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.suffix_only { "*." } else { "" }, self.host)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn matches(pattern: &str, host: &str) -> bool {
        pattern.parse::<HostPattern>().unwrap().matches(&Host::parse(host).unwrap())
    }

    #[test]
    fn a_suffix_begins_at_a_dot_and_is_not_the_host_itself() {
        assert!(matches("*.azurecr.io", "a.azurecr.io"));
        assert!(matches("*.azurecr.io", "a.b.AZURECR.io"));
        for host in ["azurecr.io", "evilazurecr.io", "a.azurecr.io.evil.example", "a.azurecr.io:5000"] {
            assert!(!matches("*.azurecr.io", host), "{host}");
        }
        assert!(matches("*.corp.example:5000", "a.corp.example:5000"));
    }

    #[test]
    fn an_exact_host_is_compared_with_its_port_and_without_case() {
        assert!(matches("Registry.example", "registry.example"));
        assert!(matches("registry.example:443", "registry.example"));
        assert!(!matches("registry.example", "registry.example:5000"));
        assert!(matches("[::1]:5000", "[::1]:5000"));
        for name in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
            assert!(matches("docker.io", name), "{name}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_host_or_too_wide() {
        for text in [
            "",
            "*",
            "*.",
            "*.com",
            "*.*.example.com",
            "a.*.example",
            "https://a.example",
            "a.example/b",
            "a.example:0",
            "*.10.0.0.1",
            "a b",
        ] {
            assert_eq!(text.parse::<HostPattern>(), Err(HostPatternError { found: text.to_owned() }), "{text:?}");
        }
    }

    #[test]
    fn docker_hub_is_asked_at_its_registry() {
        assert_eq!(Host::parse("docker.io").unwrap().authority(), "registry-1.docker.io");
        assert_eq!(Host::parse("docker.io:5000").unwrap().authority(), "docker.io:5000");
        assert_eq!(Host::parse("GHCR.io:443").unwrap().authority(), "ghcr.io");
    }
}
