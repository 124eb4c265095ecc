//! Patterns of registry hosts in the settings.

use std::fmt;
use std::hash::Hash;
use std::hash::Hasher;
use std::str::FromStr;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::codec::mismatch::mismatch_error;
use countersign_core::name::Host;
use countersign_core::name::HostError;
use countersign_core::name::HostName;
use countersign_core::name::Repository;

use countersign_http::Scheme;

/// A pattern of the hosts of an entry: exactly one, or all subdomains of a suffix.
///
/// `*.example.com` matches `a.example.com` and `a.b.example.com`, not `example.com` and not `evilexample.com`. The
/// port must be written if references have one. The suffix has at least two labels, so that no credential matches a
/// whole top-level domain. Compared and hashed by server, like [`Host`]; printed as written.
#[derive(Clone)]
pub struct HostPattern {
    hosts: Hosts,
    /// The port if one is written.
    port: Option<u16>,
    written: String,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Hosts {
    One(HostName),
    /// The suffix in lower case, without a leading dot.
    Below(String),
}

/// The error for a text that is not a [`HostPattern`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPatternError {
    /// The text.
    pub found: String,
    /// The reason. [`HostError::Syntax`] if the suffix is missing or too short.
    pub reason: HostError,
}

impl Mismatched for HostPatternError {
    fn mismatch(&self) -> Mismatch {
        let found = format_args!("found registry host {:?} ({})", Excerpt::of(&self.found), self.reason);
        Mismatch::new(found)
            .expecting("host, host:port or *.suffix as in image references, with at least two labels after *.")
    }
}

mismatch_error!(HostPatternError);

impl HostPattern {
    /// Whether the pattern matches the registry of the repository.
    #[must_use]
    pub fn is_for(&self, repository: &Repository) -> bool {
        self.matches(repository.host())
    }

    /// Whether entries with this pattern and `other`, over these schemes, are for the same servers. Without a port,
    /// the default of the scheme applies.
    #[must_use]
    pub fn is_same_registry(&self, scheme: Scheme, other: &Self, other_scheme: Scheme) -> bool {
        let connects_to = self.port_over(scheme) == other.port_over(other_scheme);
        self.hosts == other.hosts && (self.port() == other.port() || connects_to)
    }

    /// The port if one is written.
    #[must_use]
    pub fn written_port(&self) -> Option<u16> {
        self.port
    }

    pub(crate) fn matches(&self, host: &Host) -> bool {
        self.port() == host.port() && self.has_name(host.name())
    }

    /// Whether an entry with this pattern over `scheme` applies to connections to this name and port.
    pub(crate) fn connects_to(&self, scheme: Scheme, name: &HostName, port: u16) -> bool {
        self.port_over(scheme) == port && self.has_name(name)
    }

    fn has_name(&self, name: &HostName) -> bool {
        match (&self.hosts, name) {
            (Hosts::One(own), name) => own == name,
            (Hosts::Below(suffix), HostName::Dns(name)) => {
                name.strip_suffix(suffix.as_str()).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
            }
            (Hosts::Below(_), HostName::DockerHub | HostName::V4(_) | HostName::V6(_)) => false,
        }
    }

    /// The port in references, by default that of https.
    fn port(&self) -> u16 {
        self.port_over(Scheme::Https)
    }

    fn port_over(&self, scheme: Scheme) -> u16 {
        self.port.unwrap_or(scheme.default_port())
    }

    /// Whether it is Docker Hub, under any of its names.
    #[must_use]
    pub fn is_docker_hub(&self) -> bool {
        self.hosts == Hosts::One(HostName::DockerHub)
    }

    /// Whether the pattern names exactly one host, for which all addresses are allowed.
    pub(crate) fn is_exact(&self) -> bool {
        match self.hosts {
            Hosts::One(_) => true,
            Hosts::Below(_) => false,
        }
    }

    /// The text of the host, if the pattern names exactly one.
    #[must_use]
    pub fn exact(&self) -> Option<String> {
        self.is_exact().then(|| self.to_string())
    }

    /// The rank of the pattern: greater if it is more specific.
    pub(crate) fn rank(&self) -> (bool, usize) {
        match &self.hosts {
            Hosts::One(_) => (true, 0),
            Hosts::Below(suffix) => (false, suffix.len()),
        }
    }
}

impl PartialEq for HostPattern {
    fn eq(&self, other: &Self) -> bool {
        self.hosts == other.hosts && self.port() == other.port()
    }
}

impl Eq for HostPattern {}

impl Hash for HostPattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.hosts, self.port()).hash(state);
    }
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let bad = |reason| HostPatternError { found: text.to_owned(), reason };
        let no_suffix = || bad(HostError::Syntax);
        let (hosts, port) = match text.strip_prefix("*.") {
            Some(suffix) => {
                // Validates the suffix as part of a host.
                let host: Host = format!("a.{suffix}").parse().map_err(bad)?;
                let HostName::Dns(name) = host.name() else { return Err(no_suffix()) };
                let suffix = name.strip_prefix("a.").filter(|suffix| suffix.contains('.')).ok_or_else(no_suffix)?;
                (Hosts::Below(suffix.to_owned()), host.written_port())
            }
            None => {
                let host: Host = text.parse().map_err(bad)?;
                (Hosts::One(host.name().clone()), host.written_port())
            }
        };
        Ok(Self { hosts, port, written: text.to_owned() })
    }
}

impl fmt::Display for HostPattern {
    /// Prints the text as it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.written)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        text.parse().unwrap()
    }

    fn matches(text: &str, host: &str) -> bool {
        pattern(text).matches(&host.parse().unwrap())
    }

    #[test]
    fn a_suffix_begins_at_a_dot_and_is_not_the_host_itself() {
        assert!(matches("*.azurecr.io", "a.azurecr.io"));
        assert!(matches("*.azurecr.io", "a.b.AZURECR.io:0443"));
        assert!(matches("*.AzureCR.io:443", "a.azurecr.io"));
        for host in ["azurecr.io", "evilazurecr.io", "a.azurecr.io.evil.example", "a.azurecr.io:5000"] {
            assert!(!matches("*.azurecr.io", host), "{host}");
        }
        assert!(matches("*.corp.example:5000", "a.corp.example:05000"));
        assert_eq!(pattern("*.corp.example"), pattern("*.CORP.example:443"));
        assert_ne!(pattern("*.corp.example"), pattern("corp.example"));
    }

    #[test]
    fn an_exact_host_is_compared_by_server() {
        assert!(matches("Registry.example", "registry.example"));
        assert!(matches("registry.example:443", "registry.example"));
        assert!(!matches("registry.example", "registry.example:5000"));
        assert!(matches("[FD00:0::1]:5000", "[fd00::1]:05000"));
        assert!(matches("10.0.0.5:5000", "[::ffff:a00:5]:5000"));
        for name in ["docker.io", "index.docker.io", "registry-1.docker.io", "Registry.Hub.docker.com:443"] {
            assert!(matches("docker.io", name), "{name}");
            assert_eq!(pattern(name), pattern("docker.io"), "{name}");
        }
        // Docker Hub's registry is not a subdomain of docker.io.
        assert!(!matches("*.docker.io", "registry-1.docker.io"));
        assert!(matches("*.docker.io", "auth.docker.io"));
    }

    #[test]
    fn one_server_is_one_entry_over_either_scheme() {
        let (http, https) = (Scheme::Http, Scheme::Https);
        for (a, over_a, b, over_b, one) in [
            ("r.example", https, "R.example:0443", https, true),
            ("r.example", http, "r.example:80", http, true),
            ("r.example", http, "r.example:80", https, true),
            // In references these two are equal.
            ("r.example", http, "r.example:443", https, true),
            ("r.example", https, "r.example:80", http, false),
            ("r.example", https, "r.example:5000", https, false),
            ("*.r.example", http, "*.r.example:80", http, true),
            ("*.r.example", http, "r.example:80", http, false),
        ] {
            assert_eq!(pattern(a).is_same_registry(over_a, &pattern(b), over_b), one, "{a} {b}");
            assert_eq!(pattern(b).is_same_registry(over_b, &pattern(a), over_a), one, "{b} {a}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_host_or_too_wide() {
        for (text, reason) in [
            ("", HostError::Syntax),
            ("*", HostError::Syntax),
            ("*.", HostError::Syntax),
            ("*.com", HostError::Syntax),
            ("*.*.example.com", HostError::Syntax),
            ("a.*.example", HostError::Syntax),
            ("https://a.example", HostError::Syntax),
            ("a.example/b", HostError::Syntax),
            ("a.example:0", HostError::Port),
            ("a.example.", HostError::Syntax),
            ("*.10.0.0.1", HostError::Number),
            ("*.0x1", HostError::Number),
            ("127.1", HostError::Number),
            ("Docker.io", HostError::DockerHub),
            ("docker.io:443", HostError::DockerHub),
            ("*.xn--a.example", HostError::Punycode),
            ("a b", HostError::Syntax),
        ] {
            let error = HostPatternError { found: text.to_owned(), reason };
            assert_eq!(text.parse::<HostPattern>(), Err(error), "{text:?}");
        }
        let error = "*.com".parse::<HostPattern>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "found registry host \"*.com\" (expected a DNS name, an IPv4 address or a bracketed IPv6 address, and an \
             optional port), expected host, host:port or *.suffix as in image references, with at least two labels \
             after *."
        );
    }

    #[test]
    fn is_printed_as_written() {
        for text in ["*.Example.com:0443", "[FD00:0::1]", "index.docker.io"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }
}
