//! What an operator decides about registries, as values. Reading files is the caller's.

use std::time::Duration;

use crate::credential::Credential;
use crate::host::Host;
use crate::host::HostPattern;
use crate::host::HostPatternError;
use crate::login::Login;
use crate::share::Class;
use crate::share::Share;
use crate::tls::Authorities;

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
}

impl Default for RegistrySettings {
    /// No entries, unlisted hosts anonymously, 1 s to connect, 5 s per request, 32 requests per host and 256 in all,
    /// tags for 5 s.
    fn default() -> Self {
        Self {
            registries: Vec::new(),
            unlisted: Unlisted::Anonymous,
            connect_timeout: Duration::from_secs(1),
            request_timeout: Duration::from_secs(5),
            requests_per_host: 32,
            requests: 256,
            tag_lifetime: Duration::from_secs(5),
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
#[derive(Clone, Debug)]
pub struct RegistryEntry {
    pub pattern: HostPattern,
    pub credential: Credential,
    pub scheme: Scheme,
    pub roots: Roots,
    /// Hosts (`host[:port]`), other than the registry's own, whose token services may be given the credential, and may
    /// be in private networks. `auth.docker.io` is implied for `docker.io`.
    pub realm_hosts: Vec<String>,
}

impl RegistryEntry {
    /// An entry over https with the system's certificate authorities and no further token services.
    #[must_use]
    pub fn new(pattern: HostPattern, credential: Credential) -> Self {
        Self { pattern, credential, scheme: Scheme::Https, roots: Roots::System, realm_hosts: Vec::new() }
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
}

/// A mistake in [`RegistrySettings`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error(transparent)]
    Pattern(#[from] HostPatternError),
    #[error("registry {pattern} is there twice")]
    Twice { pattern: HostPattern },
    #[error("registry {pattern} has realm host {found:?}: want host or host:port")]
    RealmHost { pattern: HostPattern, found: String },
    #[error(
        "registry {pattern} has a credential that cannot be sent: want a user name without colon, a password without control characters, a token of visible ASCII"
    )]
    Credential { pattern: HostPattern },
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
            if entries.iter().any(|other| other.pattern == pattern) {
                return Err(SettingsError::Twice { pattern });
            }
            if !is_sendable(&entry.credential) {
                return Err(SettingsError::Credential { pattern });
            }
            let realm_hosts = entry
                .realm_hosts
                .iter()
                .map(|text| {
                    Host::parse(text)
                        .ok_or_else(|| SettingsError::RealmHost { pattern: pattern.clone(), found: text.clone() })
                })
                .collect::<Result<_, _>>()?;
            entries.push(Entry { pattern, credential: entry.credential.clone(), scheme: entry.scheme, realm_hosts });
        }
        Ok(entries)
    }
}

fn is_sendable(credential: &Credential) -> bool {
    match credential {
        Credential::Basic { user, password } => {
            Login::Basic { user: user.clone(), password: password.clone() }.is_sendable()
        }
        Credential::Bearer(token) => Login::Bearer(token.clone()).is_sendable(),
        // The configuration was checked when it was read.
        Credential::Anonymous | Credential::DockerConfig(_) => true,
    }
}

/// The entry for `host`: the most specific that matches, with its position.
pub(crate) fn entry_for<'a>(entries: &'a [Entry], host: &Host) -> Option<(usize, &'a Entry)> {
    entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.pattern.matches(host))
        .max_by_key(|(_, entry)| entry.pattern.rank())
}

/// Whose share of the limits work for `host` counts against.
pub(crate) fn share(entries: &[Entry], host: &Host) -> Share {
    let class = match entry_for(entries, host) {
        Some((_, entry)) if entry.pattern.is_exact() => Class::Listed,
        Some((_, entry)) => Class::Pattern(entry.pattern.to_string().into()),
        None => Class::Unlisted,
    };
    Share::new(&host.to_string(), class)
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
        let applies = |host: &str| entry_for(&entries, &Host::parse(host).unwrap()).map(|(position, _)| position);
        assert_eq!(applies("a.b.example.com"), Some(1));
        assert_eq!(applies("c.b.example.com"), Some(2));
        assert_eq!(applies("c.example.com"), Some(0));
        assert_eq!(applies("example.com"), None);
    }

    #[test]
    fn names_the_mistake() {
        let pattern: HostPattern = "r.example".parse().unwrap();
        let twice = settings(vec![entry("r.example"), entry("R.example:443")]).check().err();
        assert_eq!(twice, Some(SettingsError::Twice { pattern: pattern.clone() }));
        let realm = RegistryEntry { realm_hosts: vec!["https://a.example".to_owned()], ..entry("r.example") };
        assert_eq!(
            settings(vec![realm]).check().err(),
            Some(SettingsError::RealmHost { pattern: pattern.clone(), found: "https://a.example".to_owned() })
        );
        for credential in [
            Credential::Bearer(Secret::new("a\nb".to_owned())),
            Credential::Basic { user: "a:b".to_owned(), password: Secret::new("c".to_owned()) },
            Credential::Basic { user: "a".to_owned(), password: Secret::new("c\r\n".to_owned()) },
        ] {
            let bad = RegistryEntry { credential, ..entry("r.example") };
            assert_eq!(settings(vec![bad]).check().err(), Some(SettingsError::Credential { pattern: pattern.clone() }));
        }
        let zero = RegistrySettings { requests: 0, ..RegistrySettings::default() };
        assert_eq!(zero.check().err(), Some(SettingsError::Zero { member: "requests" }));
    }
}
