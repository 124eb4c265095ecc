//! What an operator decides about registries, as values. The caller reads the files.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::name::Host;
use countersign_credentials::IdentitySource;
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::RequestLimits;
use countersign_http::Roots;
use countersign_http::Scheme;
use countersign_http::TlsSetupError;

use crate::entries::Entry;
use crate::host_pattern::HostPattern;
use crate::host_pattern::HostPatternError;

/// How registries are reached.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// The most specific entry that matches a host applies: exact before pattern, longer pattern before shorter.
    pub registries: Vec<RegistryEntry>,
    /// What happens with hosts that no entry matches.
    pub unlisted: Unlisted,
    /// For one connection, TLS included.
    pub connect_timeout: Duration,
    /// For one request with its redirects and its whole response. Calls have a deadline of their own in addition.
    pub request_timeout: Duration,
    /// Requests at the same time to one host, at least 1.
    pub requests_per_host: usize,
    /// Requests at the same time to all hosts, at least 1.
    pub requests: usize,
    /// How long the digest of a tag is cached. Zero disables that.
    pub tag_lifetime: Duration,
    /// The proxies of the environment. Only entries whose [`ProxyChoice`] says so use them.
    pub proxies: ProxyEnvironment,
}

impl Default for RegistrySettings {
    /// No entries, unlisted hosts anonymously, 1 s to connect, 5 s per request, 32 requests per host and 128 in all,
    /// tags for 5 s, no proxies.
    fn default() -> Self {
        Self {
            registries: Vec::new(),
            unlisted: Unlisted::Anonymous,
            connect_timeout: Duration::from_secs(1),
            request_timeout: Duration::from_secs(5),
            requests_per_host: 32,
            requests: 128,
            tag_lifetime: Duration::from_secs(5),
            proxies: ProxyEnvironment::default(),
        }
    }
}

/// What happens with hosts that are not in the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// They are asked over https without credentials, unless they have a loopback, link-local or metadata address.
    Anonymous,
    /// They are not asked.
    Refuse,
}

/// How one host, or all below a suffix, are reached.
///
/// An exact host may have any address, loopback included. Hosts that match by suffix may have the same addresses as unlisted
/// ones, since not every name below a suffix need be the operator's.
#[derive(Clone, Debug)]
pub struct RegistryEntry {
    /// The hosts.
    pub pattern: HostPattern,
    /// The source of identities for these hosts and their token services.
    pub identities: Arc<dyn IdentitySource>,
    /// HTTP with or without TLS.
    pub scheme: Scheme,
    /// The certificate authorities that are trusted for these hosts. Redirects and token services on other hosts have those
    /// of their own entries, or the system's.
    pub roots: Roots,
    /// Other hosts whose token services may get the credential, and may be in private networks. `auth.docker.io` is implied
    /// for `docker.io`.
    pub realm_hosts: Vec<Host>,
    /// The proxy for these hosts and for what they lead to.
    pub proxy: ProxyChoice,
}

impl RegistryEntry {
    /// An entry over https with the system's certificate authorities, no further token services, and the proxies of the
    /// environment.
    #[must_use]
    pub fn new(pattern: HostPattern, identities: impl IdentitySource) -> Self {
        Self {
            pattern,
            identities: Arc::new(identities),
            scheme: Scheme::Https,
            roots: Roots::System,
            realm_hosts: Vec::new(),
            proxy: ProxyChoice::Environment,
        }
    }
}

/// A mistake in [`RegistrySettings`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// A pattern of hosts is not well-formed.
    Pattern(HostPatternError),
    /// Two entries are for the same hosts.
    Twice {
        /// That of the later entry.
        pattern: HostPattern,
        /// That of the earlier entry.
        first: HostPattern,
    },
    /// An entry over plain HTTP has the port of https.
    PlainHttpPort {
        /// That of the entry.
        pattern: HostPattern,
    },
    /// An entry has Docker Hub over plain HTTP.
    PlainDockerHub {
        /// That of the entry.
        pattern: HostPattern,
    },
    /// A number or time is zero.
    Zero {
        /// The member of the settings.
        member: &'static str,
    },
    /// There is no TLS client.
    Tls(TlsSetupError),
}

impl Mismatched for SettingsError {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::Pattern(error) => Mismatch::new(error),
            Self::Twice { pattern, first } => {
                Mismatch::new(format_args!("registry {pattern} is the same registry as {first}"))
                    .expecting("each registry once")
            }
            Self::PlainHttpPort { pattern } => Mismatch::new(format_args!(
                "registry {pattern} is plain HTTP at the port of https, which references need not write"
            ))
            .expecting("another port, or none for port 80"),
            Self::PlainDockerHub { pattern } => {
                Mismatch::new(format_args!("registry {pattern} is Docker Hub over plain HTTP"))
                    .expecting("https; its names mean port 443")
            }
            Self::Zero { member } => Mismatch::new(format_args!("{member}: found zero")).expecting("at least one"),
            Self::Tls(error) => Mismatch::new(error),
        }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mismatch().fmt(f)
    }
}

impl Error for SettingsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Tls(error) => error.source(),
            Self::Pattern(_)
            | Self::Twice { .. }
            | Self::PlainHttpPort { .. }
            | Self::PlainDockerHub { .. }
            | Self::Zero { .. } => None,
        }
    }
}

impl From<HostPatternError> for SettingsError {
    fn from(error: HostPatternError) -> Self {
        Self::Pattern(error)
    }
}

impl From<TlsSetupError> for SettingsError {
    fn from(error: TlsSetupError) -> Self {
        Self::Tls(error)
    }
}

impl RegistrySettings {
    /// The limits on requests.
    pub(crate) fn request_limits(&self) -> RequestLimits {
        RequestLimits { per_host: self.requests_per_host, total: self.requests }
    }

    /// Checks what the types do not guarantee.
    pub(crate) fn check(&self) -> Result<Vec<Entry>, SettingsError> {
        let numbers = [
            ("requests_per_host", self.requests_per_host == 0),
            ("requests", self.requests == 0),
            ("connect_timeout", self.connect_timeout.is_zero()),
            ("request_timeout", self.request_timeout.is_zero()),
        ];
        if let Some((member, _)) = numbers.into_iter().find(|(_, zero)| *zero) {
            return Err(SettingsError::Zero { member });
        }
        let mut entries: Vec<Entry> = Vec::new();
        for entry in &self.registries {
            let pattern = entry.pattern.clone();
            if let Some(other) =
                entries.iter().find(|other| pattern.is_one_place(entry.scheme, &other.pattern, other.scheme))
            {
                return Err(SettingsError::Twice { pattern, first: other.pattern.clone() });
            }
            if entry.scheme == Scheme::Http && pattern.written_port() == Some(Scheme::Https.default_port()) {
                return Err(SettingsError::PlainHttpPort { pattern });
            }
            if entry.scheme == Scheme::Http && pattern.is_docker_hub() {
                return Err(SettingsError::PlainDockerHub { pattern });
            }
            let realm_hosts = entry.realm_hosts.clone();
            entries.push(Entry {
                name: pattern.to_string().into(),
                pattern,
                identities: Arc::clone(&entry.identities),
                scheme: entry.scheme,
                realm_hosts,
            });
        }
        Ok(entries)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use countersign_credentials::Credential;

    fn entry(pattern: &str) -> RegistryEntry {
        RegistryEntry::new(pattern.parse().unwrap(), Credential::Anonymous)
    }

    fn settings(registries: Vec<RegistryEntry>) -> RegistrySettings {
        RegistrySettings { registries, ..RegistrySettings::default() }
    }

    #[test]
    fn names_the_mistake() {
        let pattern: HostPattern = "r.example".parse().unwrap();
        let twice = settings(vec![entry("r.example"), entry("R.example:443")]).check().unwrap_err();
        assert_eq!(
            twice.to_string(),
            "registry R.example:443 is the same registry as r.example, expected each \
                                       registry once"
        );
        let plain = |pattern: &str| RegistryEntry { scheme: Scheme::Http, ..entry(pattern) };
        let twice = settings(vec![plain("r.example"), entry("r.example:80")]).check().unwrap_err();
        assert_eq!(
            twice.to_string(),
            "registry r.example:80 is the same registry as r.example, expected each \
                                       registry once"
        );
        let port = SettingsError::PlainHttpPort { pattern: pattern.clone() };
        assert_eq!(settings(vec![plain("r.example:0443")]).check().err(), Some(port));
        for name in ["docker.io", "index.docker.io", "Registry-1.docker.io:0443", "registry.hub.docker.com"] {
            let hub = SettingsError::PlainDockerHub { pattern: name.parse().unwrap() };
            assert_eq!(settings(vec![plain(name)]).check().err(), Some(hub), "{name}");
        }
        let zero = RegistrySettings { requests: 0, ..RegistrySettings::default() };
        assert_eq!(zero.check().err(), Some(SettingsError::Zero { member: "requests" }));
    }
}
