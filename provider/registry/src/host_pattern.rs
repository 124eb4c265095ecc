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
use countersign_http::Scheme;

/// A pattern of the hosts of an entry: exactly one, or names with wildcards.
///
/// `*` stands for one label: `*.example.com` matches `a.example.com`, not `a.b.example.com`, `example.com` or
/// `evilexample.com`. `**.` in front stands for one or more labels. At least two labels follow the last wildcard, so that
/// no credential matches a whole top-level domain. The port must be written if references have one. Compared and hashed by
/// server, like [`Host`]; printed as written.
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
    Names(Names),
}

/// DNS names by their labels.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Names {
    /// Whether one or more labels are in front of `labels`.
    is_below: bool,
    /// In the order of the name.
    labels: Vec<Label>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Label {
    Any,
    /// In lower case.
    Is(String),
}

impl Label {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Is(own), Self::Is(other)) => own == other,
            (Self::Is(_), Self::Any) => false,
        }
    }
}

impl Names {
    /// The names that are exactly `name`.
    fn exactly(name: &str) -> Self {
        Self { is_below: false, labels: name.split('.').map(|label| Label::Is(label.to_owned())).collect() }
    }

    fn covers(&self, other: &Self) -> bool {
        let (own, others) = (self.labels.len(), other.labels.len());
        let has_length = match (self.is_below, other.is_below) {
            (false, false) => own == others,
            (false, true) => false,
            (true, false) => own < others,
            (true, true) => own <= others,
        };
        has_length && self.labels.iter().rev().zip(other.labels.iter().rev()).all(|(own, other)| own.covers(other))
    }

    /// Whether a name exists that both have.
    fn meets(&self, other: &Self) -> bool {
        let (own, others) = (self.labels.len(), other.labels.len());
        let has_length = match (self.is_below, other.is_below) {
            (false, false) => own == others,
            (false, true) => own > others,
            (true, false) => own < others,
            (true, true) => true,
        };
        let pairs = self.labels.iter().rev().zip(other.labels.iter().rev());
        has_length && pairs.into_iter().all(|(own, other)| own.covers(other) || other.covers(own))
    }
}

impl Hosts {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(own), Self::One(other)) => own == other,
            (Self::Names(own), Self::One(HostName::Dns(name))) => own.covers(&Names::exactly(name)),
            (Self::Names(_), Self::One(HostName::DockerHub | HostName::V4(_) | HostName::V6(_)))
            | (Self::One(_), Self::Names(_)) => false,
            (Self::Names(own), Self::Names(other)) => own.covers(other),
        }
    }

    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Names(own), Self::Names(other)) => own.meets(other),
            _ => self.covers(other) || other.covers(self),
        }
    }
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
            .expecting("host or host:port as in image references, with *. or **. only before at least two labels")
    }
}

mismatch_error!(HostPatternError);

impl HostPattern {
    /// Whether each host that `other` matches is matched by this pattern.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.port() == other.port() && self.hosts.covers(&other.hosts)
    }

    /// Whether there is a host that both match.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.port() == other.port() && self.hosts.meets(&other.hosts)
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

    /// Whether the pattern matches the host.
    #[must_use]
    pub fn matches(&self, host: &Host) -> bool {
        self.port() == host.port() && self.has_name(host.name())
    }

    /// Whether an entry with this pattern over `scheme` applies to connections to this name and port.
    pub(crate) fn connects_to(&self, scheme: Scheme, name: &HostName, port: u16) -> bool {
        self.port_over(scheme) == port && self.has_name(name)
    }

    fn has_name(&self, name: &HostName) -> bool {
        match (&self.hosts, name) {
            (Hosts::One(own), name) => own == name,
            (Hosts::Names(names), HostName::Dns(name)) => names.covers(&Names::exactly(name)),
            (Hosts::Names(_), HostName::DockerHub | HostName::V4(_) | HostName::V6(_)) => false,
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
            Hosts::Names(_) => false,
        }
    }

    /// The text of the host, if the pattern names exactly one.
    #[must_use]
    pub fn exact(&self) -> Option<String> {
        self.is_exact().then(|| self.to_string())
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
        let (hosts, port) = if text.contains('*') {
            names(text).map_err(bad)?
        } else {
            let host: Host = text.parse().map_err(bad)?;
            (Hosts::One(host.name().clone()), host.written_port())
        };
        Ok(Self { hosts, port, written: text.to_owned() })
    }
}

/// Reads names with wildcards, and the port. The labels are validated as those of a host, with `a` for each wildcard.
fn names(text: &str) -> Result<(Hosts, Option<u16>), HostError> {
    let (written, port) = text.split_once(':').map_or((text, None), |(names, port)| (names, Some(port)));
    let below = written.strip_prefix("**.");
    let labels: Vec<&str> = below.unwrap_or(written).split('.').collect();
    let plain: Vec<&str> = labels.iter().map(|label| if *label == "*" { "a" } else { label }).collect();
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    // With a label in front, so that it is none of the names of Docker Hub.
    let host: Host = format!("a.{}{port}", plain.join(".")).parse()?;
    let HostName::Dns(name) = host.name() else { return Err(HostError::Syntax) };
    if labels.iter().rev().take_while(|label| **label != "*").count() < 2 {
        return Err(HostError::Syntax);
    }
    let label = |(written, name): (&&str, &str)| if *written == "*" { Label::Any } else { Label::Is(name.to_owned()) };
    let labels = labels.iter().zip(name.split('.').skip(1)).map(label).collect();
    Ok((Hosts::Names(Names { is_below: below.is_some(), labels }), host.written_port()))
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
    fn a_wildcard_is_one_label_and_two_in_front_are_one_or_more() {
        assert!(matches("*.azurecr.io", "a.azurecr.io"));
        assert!(matches("**.azurecr.io", "a.azurecr.io"));
        assert!(matches("**.azurecr.io", "a.b.AZURECR.io:0443"));
        assert!(matches("*.AzureCR.io:443", "a.azurecr.io"));
        for pattern in ["*.azurecr.io", "**.azurecr.io"] {
            for host in ["azurecr.io", "evilazurecr.io", "a.azurecr.io.evil.example", "a.azurecr.io:5000", "10.0.0.1"] {
                assert!(!matches(pattern, host), "{pattern} {host}");
            }
        }
        assert!(!matches("*.azurecr.io", "a.b.azurecr.io"));
        assert!(matches("*.dkr.ecr.*.amazonaws.com", "1.dkr.ecr.eu-west-1.amazonaws.com"));
        assert!(!matches("*.dkr.ecr.*.amazonaws.com", "1.dkr.ecr.amazonaws.com"));
        assert!(!matches("*.dkr.ecr.*.amazonaws.com", "1.dkr.ecr.a.b.amazonaws.com"));
        assert!(matches("**.*.corp.example", "a.b.corp.example"));
        assert!(!matches("**.*.corp.example", "b.corp.example"));
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
    fn a_pattern_covers_another_if_it_matches_all_of_its_hosts() {
        let (covers, meets, apart) = ((true, true), (false, true), (false, false));
        for (a, b, expected) in [
            ("r.example", "R.example:443", covers),
            ("docker.io", "registry-1.docker.io", covers),
            ("r.example", "r.example:5000", apart),
            ("*.corp.example", "a.corp.example", covers),
            ("*.corp.example", "a.b.corp.example", apart),
            ("*.corp.example", "*.Corp.example", covers),
            ("*.corp.example", "*.corp.example:5000", apart),
            ("*.corp.example", "**.corp.example", meets),
            ("**.corp.example", "*.corp.example", covers),
            ("**.corp.example", "**.corp.example", covers),
            ("**.corp.example", "**.a.corp.example", covers),
            ("**.a.corp.example", "**.corp.example", meets),
            ("**.corp.example", "a.b.c.corp.example", covers),
            ("**.corp.example", "corp.example", apart),
            ("**.a.example.com", "*.*.a.example.com", covers),
            ("**.a.example.com", "*.example.com", apart),
            ("*.a.example.com", "**.example.com", meets),
            ("*.a.example.com", "x.*.example.com", meets),
            ("*.a.example.com", "x.b.example.com", apart),
            ("*.b.example.com", "x.*.example.com", meets),
            ("*.docker.io", "docker.io", apart),
            ("*.docker.io", "10.0.0.5", apart),
            ("a.corp.example", "*.corp.example", meets),
        ] {
            let (a, b) = (pattern(a), pattern(b));
            assert_eq!((a.covers(&b), a.meets(&b)), expected, "{a} {b}");
            assert_eq!(b.meets(&a), expected.1, "{b} {a}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_host_or_too_wide() {
        for (text, reason) in [
            ("", HostError::Syntax),
            ("*", HostError::Syntax),
            ("*.", HostError::Syntax),
            ("*.com", HostError::Syntax),
            ("**", HostError::Syntax),
            ("**.", HostError::Syntax),
            ("**.com", HostError::Syntax),
            ("***.example.com", HostError::Syntax),
            ("a*.example.com", HostError::Syntax),
            ("*a.example.com", HostError::Syntax),
            ("a.**.example.com", HostError::Syntax),
            ("**.**.example.com", HostError::Syntax),
            ("*..example.com", HostError::Syntax),
            ("*.example.*.com", HostError::Syntax),
            ("example.com.*", HostError::Syntax),
            ("*.example.com:*", HostError::Syntax),
            ("*.example.com:1:2", HostError::Syntax),
            ("[*.example.com]", HostError::Syntax),
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
             optional port), expected host or host:port as in image references, with *. or **. only before at least two \
             labels"
        );
    }

    #[test]
    fn is_printed_as_written() {
        for text in ["*.Example.com:0443", "**.Example.com", "[FD00:0::1]", "index.docker.io"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }
}
