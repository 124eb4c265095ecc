//! The operator's settings of registries, as values. The caller reads the files.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod fixtures;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::name::Host;
use countersign_credentials::IdentitySource;
use countersign_http::ClientCertificate;
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::RequestLimits;
use countersign_http::Roots;
use countersign_http::Scheme;
use countersign_http::TlsSetupError;

use crate::entries::Entry;
use crate::entries::rule;
use crate::entry_numbers::EntryNumbers;
use crate::fallback_tag::FallbackTag;
use crate::mirror::Mirrors;
use crate::mirror::MirrorsMistake;
use crate::mirror::check_mirrors;
use crate::mirror::mirror_circle;
use crate::registry_pattern::RegistryPattern;
use crate::registry_pattern::RegistryPatternError;

/// The settings of registry access.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// The first entry that matches a repository applies.
    pub registries: Vec<RegistryEntry>,
    /// The handling of repositories that no entry matches.
    pub unlisted: Unlisted,
    /// The timeout of one connection, including TLS.
    pub connect_timeout: Duration,
    /// The timeout of one request with its redirects and its whole response. In addition, calls have a deadline.
    pub request_timeout: Duration,
    /// Maximum number of concurrent requests to one host, at least 1.
    pub requests_per_host: usize,
    /// Maximum number of concurrent requests to all hosts, at least 1.
    pub requests: usize,
    /// The time for which the digest of a tag is cached. Zero disables the cache.
    pub tag_lifetime: Duration,
    /// How long after the last request to a registry with an entry a connection to it is kept open, by small requests. Zero for none.
    pub keep_connections: Duration,
    /// The proxies of the environment. Used only by entries whose [`ProxyChoice`] selects them.
    pub proxies: ProxyEnvironment,
}

impl Default for RegistrySettings {
    /// No entries, anonymous requests to unlisted hosts, 1 s to connect, 5 s per request, 32 requests per host and
    /// 128 in all, tags for 5 s, no connections that are kept open, no proxies.
    fn default() -> Self {
        Self {
            registries: Vec::new(),
            unlisted: Unlisted::Anonymous,
            connect_timeout: Duration::from_secs(1),
            request_timeout: Duration::from_secs(5),
            requests_per_host: 32,
            requests: 128,
            tag_lifetime: Duration::from_secs(5),
            keep_connections: Duration::ZERO,
            proxies: ProxyEnvironment::default(),
        }
    }
}

/// The handling of hosts that are not in the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// Requests over https without credentials are sent, except to loopback, link-local and metadata addresses.
    Anonymous,
    /// No requests are sent.
    Refuse,
}

/// The settings of repositories on one host, or on hosts whose names match wildcards.
///
/// An exact host may have any address, loopback included. Hosts that match wildcards may have the same addresses as
/// unlisted ones, as not every subdomain of a suffix need belong to the operator.
#[derive(Clone, Debug)]
pub struct RegistryEntry {
    /// The repositories.
    pub pattern: RegistryPattern,
    /// The source of identities for these hosts and their token services.
    pub identities: Arc<dyn IdentitySource>,
    /// HTTP with or without TLS.
    pub scheme: Scheme,
    /// The certificate authorities that are trusted for these hosts. Redirect targets and token services on other
    /// hosts use the authorities of their own entries, or the system's.
    pub roots: Roots,
    /// Presented to these hosts, if they request a client certificate.
    pub client_certificate: Option<EntryCertificate>,
    /// Other hosts whose token services may get the credential, and may be in private networks. `auth.docker.io` is implied
    /// for `docker.io`.
    pub realm_hosts: Vec<Host>,
    /// The proxy for these hosts, their redirect targets and token services.
    pub proxy: ProxyChoice,
    /// Other locations of the repositories, tried before the registry.
    pub mirrors: Mirrors,
    /// Whether the referrers tag is read.
    pub fallback_tag: FallbackTag,
    /// Its own limits.
    pub numbers: EntryNumbers,
}

impl RegistryEntry {
    /// An entry over https with the system's certificate authorities, no further token services, the proxies of the
    /// environment, and the referrers tag when it is needed.
    #[must_use]
    pub fn new(pattern: RegistryPattern, identities: impl IdentitySource) -> Self {
        Self {
            pattern,
            identities: Arc::new(identities),
            scheme: Scheme::Https,
            roots: Roots::System,
            client_certificate: None,
            realm_hosts: Vec::new(),
            proxy: ProxyChoice::Environment,
            mirrors: Mirrors::default(),
            fallback_tag: FallbackTag::WhenNeeded,
            numbers: EntryNumbers::default(),
        }
    }
}

/// The client certificate of an entry.
///
/// Only connections to the hosts of the entry present it, for requests about its repositories and for tokens of the same server.
/// No other entry uses these connections. After a redirect to another host it is not presented, nor to a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryCertificate {
    /// The certificate.
    pub certificate: ClientCertificate,
    /// Whether it is also presented to the token services of [`RegistryEntry::realm_hosts`].
    pub for_realm_hosts: bool,
}

/// A mistake in [`RegistrySettings`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// A pattern is not well-formed.
    Pattern(RegistryPatternError),
    /// An entry can never apply, because an earlier one matches all of its repositories.
    Covered {
        /// The pattern of the later entry.
        pattern: RegistryPattern,
        /// The pattern of the earlier entry.
        first: RegistryPattern,
    },
    /// Two entries are for the same servers under hosts that differ in references.
    Twice {
        /// The pattern of the later entry.
        pattern: RegistryPattern,
        /// The pattern of the earlier entry.
        first: RegistryPattern,
    },
    /// Two entries that can be for repositories of one host have different schemes.
    Schemes {
        /// The pattern of the later entry.
        pattern: RegistryPattern,
        /// The pattern of the earlier entry.
        first: RegistryPattern,
    },
    /// An entry over plain HTTP has the port of https.
    PlainHttpPort {
        /// The pattern of the entry.
        pattern: RegistryPattern,
    },
    /// An entry configures Docker Hub over plain HTTP.
    PlainDockerHub {
        /// The pattern of the entry.
        pattern: RegistryPattern,
    },
    /// The mirrors of an entry.
    Mirrors {
        /// The pattern of the entry.
        pattern: RegistryPattern,
        /// The mistake.
        mistake: MirrorsMistake,
    },
    /// A number or time is zero.
    Zero {
        /// The member of the settings.
        member: &'static str,
    },
    /// The TLS client cannot be created.
    Tls(TlsSetupError),
}

impl Mismatched for SettingsError {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::Pattern(error) => error.mismatch(),
            Self::Covered { pattern, first } => Mismatch::new(format_args!(
                "registry {pattern} never applies, as {first} is before it and has all of its repositories"
            ))
            .expecting("each registry once, and the narrower one first"),
            Self::Schemes { pattern, first } => Mismatch::new(format_args!(
                "registry {pattern} and {first} are for repositories of one host, and one of them is plain HTTP"
            ))
            .expecting("plain HTTP for both or for none"),
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
            Self::Mirrors { pattern, mistake } => mistake.mismatch().of(format_args!("mirrors of registry {pattern}:")),
            Self::Zero { member } => Mismatch::new(format_args!("{member}: found zero")).expecting("at least one"),
            Self::Tls(error) => Mismatch::new(error).expecting("a TLS library with its default versions"),
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
            | Self::Covered { .. }
            | Self::Twice { .. }
            | Self::Schemes { .. }
            | Self::PlainHttpPort { .. }
            | Self::PlainDockerHub { .. }
            | Self::Mirrors { .. }
            | Self::Zero { .. } => None,
        }
    }
}

impl From<RegistryPatternError> for SettingsError {
    fn from(error: RegistryPatternError) -> Self {
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

    /// Checks requirements that the types do not guarantee.
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
            let EntryNumbers { connect_timeout, request_timeout, requests, per_second: _ } = entry.numbers;
            if requests == Some(0) {
                return Err(SettingsError::Zero { member: "requests" });
            }
            if request_timeout.is_some_and(|timeout| timeout.is_zero()) {
                return Err(SettingsError::Zero { member: "request_timeout" });
            }
            if connect_timeout.is_some_and(|timeout| timeout.is_zero()) {
                return Err(SettingsError::Zero { member: "connect_timeout" });
            }
            for other in &entries {
                let first = || other.pattern.clone();
                if other.pattern.covers(&pattern) {
                    return Err(SettingsError::Covered { pattern, first: first() });
                }
                if other.pattern.is_other_spelling_of(other.scheme, &pattern, entry.scheme) {
                    return Err(SettingsError::Twice { pattern, first: first() });
                }
                if other.pattern.shares_host_with(&pattern) && other.scheme != entry.scheme {
                    return Err(SettingsError::Schemes { pattern, first: first() });
                }
            }
            if entry.scheme == Scheme::Http && pattern.host().written_port() == Some(Scheme::Https.default_port()) {
                return Err(SettingsError::PlainHttpPort { pattern });
            }
            if entry.scheme == Scheme::Http && pattern.host().is_docker_hub() {
                return Err(SettingsError::PlainDockerHub { pattern });
            }
            let realm_hosts = entry.realm_hosts.clone();
            entries.push(Entry {
                name: pattern.to_string().into(),
                rule: rule(entries.len(), &pattern).into(),
                pattern,
                identities: Arc::clone(&entry.identities),
                scheme: entry.scheme,
                realm_hosts,
                mirrors: entry.mirrors.clone(),
                fallback_tag: entry.fallback_tag,
                numbers: entry.numbers,
            });
        }
        let all: Vec<_> = entries.iter().map(|entry| (&entry.pattern, &entry.mirrors)).collect();
        let failed = |pattern: &RegistryPattern, mistake| SettingsError::Mirrors { pattern: pattern.clone(), mistake };
        for (pattern, mirrors) in &all {
            check_mirrors(pattern, mirrors).map_err(|mistake| failed(pattern, mistake))?;
        }
        match mirror_circle(&all) {
            Some((position, mistake)) => Err(failed(all[position].0, mistake)),
            None => Ok(entries),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::fixtures::entry;
    use super::fixtures::settings;
    use super::*;

    #[test]
    fn names_the_mistake() {
        let pattern: RegistryPattern = "r.example".parse().unwrap();
        let covered = settings(vec![entry("r.example"), entry("R.example:443/team")]).check().unwrap_err();
        assert_eq!(
            covered.to_string(),
            "registry R.example:443/team never applies, as r.example is before it and has all of its repositories, expected \
             each registry once, and the narrower one first"
        );
        let plain = |pattern: &str| RegistryEntry { scheme: Scheme::Http, ..entry(pattern) };
        let twice = settings(vec![plain("r.example"), entry("r.example:80")]).check().unwrap_err();
        assert_eq!(
            twice.to_string(),
            "registry r.example:80 is the same registry as r.example, expected each \
                                       registry once"
        );
        let schemes = settings(vec![plain("*.r.example/team"), entry("a.r.example")]).check().unwrap_err();
        assert_eq!(
            schemes.to_string(),
            "registry a.r.example and *.r.example/team are for repositories of one host, and one of them is plain HTTP, \
             expected plain HTTP for both or for none"
        );
        // No repository of one host can have both.
        assert!(settings(vec![entry("a.r.example"), plain("*.r.example/team")]).check().is_ok());
        assert!(settings(vec![plain("r.example/team"), plain("r.example")]).check().is_ok());
        let port = SettingsError::PlainHttpPort { pattern: pattern.clone() };
        assert_eq!(settings(vec![plain("r.example:0443")]).check().err(), Some(port));
        for name in ["docker.io", "index.docker.io", "Registry-1.docker.io:0443", "registry.hub.docker.com"] {
            let hub = SettingsError::PlainDockerHub { pattern: name.parse().unwrap() };
            assert_eq!(settings(vec![plain(name)]).check().err(), Some(hub), "{name}");
        }
        let pattern = SettingsError::from("a..b".parse::<RegistryPattern>().unwrap_err()).mismatch();
        assert_eq!(
            pattern.expected(),
            Some("host or host:port as in image references, with *. or **. only before at least two labels")
        );
        let zero = RegistrySettings { requests: 0, ..RegistrySettings::default() };
        assert_eq!(zero.check().err(), Some(SettingsError::Zero { member: "requests" }));
    }
}
