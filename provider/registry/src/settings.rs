//! What an operator decides about registries, as values. Reading files is the caller's.

use std::time::Duration;

use countersign_core::name::Host;
use countersign_core::name::Repository;

use crate::credential::Credential;
use crate::error::Cause;
use crate::host::HostPattern;
use crate::host::HostPatternError;
use crate::login::LoginError;
use crate::proxy::ProxyChoice;
use crate::proxy::ProxyEnvironment;
use countersign_http::Class;
use countersign_http::Share;
use countersign_http::tls::Authorities;

/// How registries are talked to.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// The most specific entry that matches a host applies: exact before pattern, longer pattern before shorter.
    pub registries: Vec<RegistryEntry>,
    /// What happens with hosts that no entry matches.
    pub unlisted: Unlisted,
    /// For one connection, TLS included.
    pub connect_timeout: Duration,
    /// For one request with its redirects and its whole answer. Calls have a deadline of their own besides.
    pub request_timeout: Duration,
    /// Requests at the same time to one host, at least 1.
    pub requests_per_host: usize,
    /// Requests at the same time to all hosts, at least 1.
    pub requests: usize,
    /// How long a tag is taken to mean the same digest. Zero asks every time.
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
    /// They are asked over https without credentials, if they are not on loopback, link-local or metadata addresses.
    Anonymous,
    /// They are not talked to.
    Refuse,
}

/// How one host, or all below a suffix, are talked to.
///
/// An exact host may be anywhere, loopback included. Hosts that match by suffix are held to the same addresses as
/// unlisted ones, since not every name below a suffix need be the operator's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryEntry {
    pub pattern: HostPattern,
    pub credential: Credential,
    pub scheme: Scheme,
    pub roots: Roots,
    /// Hosts, other than the registry's own, whose token services may be given the credential, and may be in private
    /// networks. `auth.docker.io` is implied for `docker.io`.
    pub realm_hosts: Vec<Host>,
    pub proxy: ProxyChoice,
}

impl RegistryEntry {
    /// An entry over https with the system's certificate authorities, no further token services, and the proxies of the
    /// environment.
    #[must_use]
    pub fn new(pattern: HostPattern, credential: Credential) -> Self {
        Self {
            pattern,
            credential,
            scheme: Scheme::Https,
            roots: Roots::System,
            realm_hosts: Vec::new(),
            proxy: ProxyChoice::Environment,
        }
    }
}

/// How the registry is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Https,
    /// Plain HTTP: whoever is on the way reads the credential and alters answers.
    Http,
}

impl Scheme {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    /// The port of a URL without one.
    pub(crate) fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

/// Which certificate authorities vouch for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// Those of the system (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured).
    System,
    /// These, in place of the system's. A certificate among them that is its own issuer vouches for a server that
    /// shows exactly it, even if it is that of an authority. Redirects and token services on other hosts are judged by
    /// their own entries, or by the system's.
    Only(Authorities),
    /// Those in this file, which cannot be read: no host is believed.
    Unusable { file: String },
}

/// A mistake in [`RegistrySettings`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error(transparent)]
    Pattern(#[from] HostPatternError),
    #[error("registry {pattern} is the same place as {first}: want each place once")]
    Twice { pattern: HostPattern, first: HostPattern },
    #[error(
        "registry {pattern} is plain HTTP at the port of https, which references need not write: want another port, or none for port 80"
    )]
    PlainHttpPort { pattern: HostPattern },
    #[error("registry {pattern} is Docker Hub over plain HTTP, and its names stand for port 443: want https")]
    PlainDockerHub { pattern: HostPattern },
    #[error("registry {pattern} {error}")]
    Credential { pattern: HostPattern, error: LoginError },
    #[error("{member} is zero: want at least one")]
    Zero { member: &'static str },
    #[error("cannot make a TLS client: {detail}")]
    Client { detail: String },
}

/// A checked entry.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) pattern: HostPattern,
    pub(crate) credential: Credential,
    pub(crate) scheme: Scheme,
    pub(crate) realm_hosts: Vec<Host>,
    pub(crate) proxy: ProxyChoice,
}

impl RegistrySettings {
    /// Checks what types do not say already.
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
            if let Err(error) = entry.credential.check() {
                return Err(SettingsError::Credential { pattern, error });
            }
            let realm_hosts = entry.realm_hosts.clone();
            entries.push(Entry {
                pattern,
                credential: entry.credential.clone(),
                scheme: entry.scheme,
                realm_hosts,
                proxy: entry.proxy.clone(),
            });
        }
        Ok(entries)
    }
}

/// The entry for a reference's `host`: the most specific that matches, with its position.
pub(crate) fn entry_for<'a>(entries: &'a [Entry], host: &Host) -> Option<(usize, &'a Entry)> {
    most_specific(entries, |entry| entry.pattern.matches(host))
}

/// The entry for connections to `place`, whose port is written, with its position.
pub(crate) fn entry_at<'a>(entries: &'a [Entry], place: &Host) -> Option<(usize, &'a Entry)> {
    most_specific(entries, |entry| entry.pattern.connects_to(entry.scheme, place.name(), place.port()))
}

fn most_specific(entries: &[Entry], applies: impl Fn(&Entry) -> bool) -> Option<(usize, &Entry)> {
    entries.iter().enumerate().filter(|(_, entry)| applies(entry)).max_by_key(|(_, entry)| entry.pattern.rank())
}

/// Sees to it that a registry over plain HTTP without a port is one place under one spelling.
///
/// References know no scheme, so that there no port and 443 are equal. Over plain HTTP no port is 80. So a reference to
/// such a registry that writes 443 would be asked at another port than it names, and one that writes 80 is the same
/// place under a host that is not equal. Neither is asked.
///
/// # Errors
/// The port of `host` is written and is one of these, and the entry for the host without a port is over plain HTTP.
pub(crate) fn check_port(entries: &[Entry], host: &Host) -> Result<(), Cause> {
    let (http, https) = (Scheme::Http.default_port(), Scheme::Https.default_port());
    let Some(port) = host.written_port().filter(|port| [http, https].contains(port)) else { return Ok(()) };
    let unwritten = most_specific(entries, |entry| entry.pattern.connects_to(Scheme::Https, host.name(), https));
    match unwritten.map(|(_, entry)| entry.scheme) {
        Some(Scheme::Http) => Err(Cause::PlainHttpPort { host: host.to_string(), port }),
        Some(Scheme::Https) | None => Ok(()),
    }
}

/// The repository as its requests are sent, port 80 in writing, where its registry is over plain HTTP and `repository`
/// writes no port. See [`check_port`].
pub(crate) fn with_plain_port(entries: &[Entry], repository: &Repository) -> Option<Repository> {
    let host = repository.host();
    let (_, entry) = entry_for(entries, host)?;
    match (entry.scheme, host.written_port()) {
        (Scheme::Http, None) => {
            format!("{}:{}/{}", host.name(), Scheme::Http.default_port(), repository.path()).parse().ok()
        }
        (Scheme::Http, Some(_)) | (Scheme::Https, _) => None,
    }
}

/// Whose share of the limits work for `host` counts against.
pub(crate) fn share(entries: &[Entry], host: &Host) -> Share {
    let class = match entry_for(entries, host) {
        Some((_, entry)) if entry.pattern.is_exact() => Class::Listed,
        Some((_, entry)) => Class::Pattern(entry.pattern.to_string().into()),
        None => Class::Unlisted,
    };
    Share::new(&host.canonical(), class)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn entry(pattern: &str) -> RegistryEntry {
        RegistryEntry::new(pattern.parse().unwrap(), Credential::Anonymous)
    }

    fn settings(registries: Vec<RegistryEntry>) -> RegistrySettings {
        RegistrySettings { registries, ..RegistrySettings::default() }
    }

    #[test]
    fn the_most_specific_entry_applies() {
        let entries =
            settings(vec![entry("*.example.com"), entry("a.b.example.com"), entry("*.b.example.com")]).check().unwrap();
        let applies = |host: &str| entry_for(&entries, &host.parse().unwrap()).map(|(position, _)| position);
        assert_eq!(applies("a.b.example.com"), Some(1));
        assert_eq!(applies("c.b.example.com"), Some(2));
        assert_eq!(applies("c.example.com"), Some(0));
        assert_eq!(applies("example.com"), None);
    }

    #[test]
    fn names_the_mistake() {
        let pattern: HostPattern = "r.example".parse().unwrap();
        let twice = settings(vec![entry("r.example"), entry("R.example:443")]).check().unwrap_err();
        assert_eq!(twice.to_string(), "registry R.example:443 is the same place as r.example: want each place once");
        let plain = |pattern: &str| RegistryEntry { scheme: Scheme::Http, ..entry(pattern) };
        let twice = settings(vec![plain("r.example"), entry("r.example:80")]).check().unwrap_err();
        assert_eq!(twice.to_string(), "registry r.example:80 is the same place as r.example: want each place once");
        let port = SettingsError::PlainHttpPort { pattern: pattern.clone() };
        assert_eq!(settings(vec![plain("r.example:0443")]).check().err(), Some(port));
        for name in ["docker.io", "index.docker.io", "Registry-1.docker.io:0443", "registry.hub.docker.com"] {
            let hub = SettingsError::PlainDockerHub { pattern: name.parse().unwrap() };
            assert_eq!(settings(vec![plain(name)]).check().err(), Some(hub), "{name}");
        }
        for (credential, error) in [
            (Credential::Bearer(Secret::new("a\nb")), LoginError::NotVisible),
            (Credential::Basic { user: "a:b".to_owned(), password: Secret::new("c") }, LoginError::Colon),
            (Credential::Basic { user: String::new(), password: Secret::new("c") }, LoginError::EmptyUser),
            (Credential::Basic { user: "a".to_owned(), password: Secret::new("") }, LoginError::EmptyPassword),
        ] {
            let bad = RegistryEntry { credential, ..entry("r.example") };
            assert_eq!(
                settings(vec![bad]).check().err(),
                Some(SettingsError::Credential { pattern: pattern.clone(), error })
            );
        }
        let zero = RegistrySettings { requests: 0, ..RegistrySettings::default() };
        assert_eq!(zero.check().err(), Some(SettingsError::Zero { member: "requests" }));
    }

    #[test]
    fn a_plain_registry_without_a_port_has_one_spelling() {
        let plain = |pattern: &str| RegistryEntry { scheme: Scheme::Http, ..entry(pattern) };
        let entries = settings(vec![
            plain("r.example"),
            plain("*.in.example"),
            entry("tls.in.example"),
            plain("eighty.example:80"),
            entry("*.in.example:5000"),
        ])
        .check()
        .unwrap();
        let asked = |host: &str| check_port(&entries, &host.parse().unwrap());
        let refused = |host: &str, port| Err(Cause::PlainHttpPort { host: host.to_owned(), port });
        assert_eq!(asked("r.example"), Ok(()));
        assert_eq!(asked("r.example:5000"), Ok(()));
        assert_eq!(asked("R.example:0443"), refused("R.example:0443", 443));
        assert_eq!(asked("r.example:80"), refused("r.example:80", 80));
        assert_eq!(asked("a.in.example:80"), refused("a.in.example:80", 80));
        assert_eq!(asked("a.in.example:443"), refused("a.in.example:443", 443));
        // Over https these are no default, or the default.
        for host in ["tls.in.example:80", "tls.in.example:443", "eighty.example:80", "eighty.example:443", "other:80"] {
            assert_eq!(asked(host), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_repository_at_a_plain_registry_without_a_port_is_at_port_80() {
        let plain = |pattern: &str| RegistryEntry { scheme: Scheme::Http, ..entry(pattern) };
        let entries = settings(vec![
            plain("r.example"),
            plain("*.in.example"),
            entry("tls.in.example"),
            plain("eighty.example:80"),
            plain("[fd00::1]"),
        ])
        .check()
        .unwrap();
        let at = |text: &str| with_plain_port(&entries, &text.parse().unwrap()).map(|found| found.to_string());
        assert_eq!(at("R.example/team/app").as_deref(), Some("r.example:80/team/app"));
        assert_eq!(at("a.in.example/app").as_deref(), Some("a.in.example:80/app"));
        assert_eq!(at("[FD00:0::1]/app").as_deref(), Some("[fd00::1]:80/app"));
        for other in [
            "r.example:5000/app",
            "tls.in.example/app",
            "eighty.example:80/app",
            "eighty.example/app",
            "other.example/app",
        ] {
            assert_eq!(at(other), None, "{other}");
        }
    }

    #[test]
    fn connections_belong_to_the_entry_with_their_port() {
        let plain = |pattern: &str| RegistryEntry { scheme: Scheme::Http, ..entry(pattern) };
        let entries = settings(vec![entry("a.example"), plain("b.example"), plain("c.example:5000")]).check().unwrap();
        let at = |place: &str| entry_at(&entries, &place.parse().unwrap()).map(|(position, _)| position);
        assert_eq!(at("a.example:443"), Some(0));
        assert_eq!(at("a.example:80"), None);
        assert_eq!(at("b.example:80"), Some(1));
        assert_eq!(at("b.example:443"), None);
        assert_eq!(at("c.example:5000"), Some(2));
    }
}
