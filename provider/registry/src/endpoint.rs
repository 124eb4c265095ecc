//! Where requests about a repository go, with what identity, and which token services may learn it.

use std::net::SocketAddr;

use countersign_core::name::Host;
use countersign_core::name::Repository;
use url::Url;

use crate::challenge::Bearer;
use crate::credential::Identity;
use crate::error::Cause;
use crate::error::CredentialKind;
use crate::error::RealmRefusal;
use crate::origin::authority;
use crate::origin::leads_to;
use crate::origin::with_plain_host;
use crate::settings::Scheme;
use crate::settings::Unlisted;
use crate::settings::check_port;
use crate::settings::entry_for;
use crate::settings::share;
use crate::tls::Group;
use crate::token::TokenRequest;
use crate::wire::Peer;
use crate::wire::Wire;
use countersign_http::Guard;
use countersign_http::Share;
use countersign_http::limits;

/// A repository's place on the network, by the settings.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) repository: Repository,
    base: Url,
    pub(crate) peer: Peer,
    pub(crate) identity: Option<Identity>,
    pub(crate) share: Share,
    scheme: Scheme,
    realm_hosts: Vec<Host>,
}

impl Endpoint {
    /// # Errors
    /// The settings refuse the host, or its name cannot stand in a URL.
    pub(crate) fn of(wire: &Wire, unlisted: Unlisted, repository: &Repository) -> Result<Self, Cause> {
        let unusable = || Cause::Unreachable {
            host: repository.host().to_string(),
            detail: "it is no host name that can be asked".to_owned(),
        };
        let host = repository.host();
        check_port(&wire.entries, host)?;
        let entry = entry_for(&wire.entries, host);
        if entry.is_none() && unlisted == Unlisted::Refuse {
            return Err(Cause::HostRefused { host: host.to_string() });
        }
        let scheme = entry.map_or(Scheme::Https, |(_, entry)| entry.scheme);
        let base = Url::parse(&format!("{}://{}/", scheme.text(), host.authority())).map_err(|_| unusable())?;
        let peer = match entry {
            Some((position, entry)) => Peer {
                group: wire.clients.group_of(position),
                guard: if entry.pattern.is_exact() { Guard::Configured } else { Guard::Outside },
                entry: Some(position),
            },
            None => Peer { group: Group::SYSTEM, guard: Guard::Outside, entry: None },
        };
        let identity = match entry {
            Some((position, entry)) => entry
                .credential
                .identity(position, host, repository.path())
                .map_err(|why| Cause::Misconfigured { host: host.to_string(), why })?,
            None => None,
        };
        let mut realm_hosts = entry.map(|(_, entry)| entry.realm_hosts.clone()).unwrap_or_default();
        if host.is_docker_hub() {
            realm_hosts.extend("auth.docker.io".parse());
        }
        let share = share(&wire.entries, host);
        Ok(Self { repository: repository.clone(), base, peer, identity, share, scheme, realm_hosts })
    }

    /// `/v2/<repository>/<kind>/<what>` on the registry. Names and digests have no character that a path must escape.
    pub(crate) fn url(&self, kind: &str, what: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/v2/{}/{kind}/{what}", self.repository.path()));
        url
    }

    pub(crate) fn authority(&self) -> String {
        authority(&self.base)
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    pub(crate) fn credential_kind(&self) -> CredentialKind {
        self.identity.as_ref().map_or(CredentialKind::Anonymous, |identity| identity.login.kind())
    }

    /// What to ask which token service for, after a challenge that came from the address `from`.
    ///
    /// The registry chooses the realm. So it must be https unless the registry itself is plain; the credential goes
    /// there only if it is the registry's own host and port or one that the settings name; and where nobody vouches for
    /// it, it may be on no loopback, link-local or private address unless the registry is there too, and stands in the
    /// settings. There is no way from a credential back to an anonymous token.
    ///
    /// # Errors
    /// The realm is refused.
    pub(crate) fn token_request(
        &self,
        wire: &Wire,
        bearer: Bearer,
        from: Option<SocketAddr>,
    ) -> Result<TokenRequest, RealmRefusal> {
        let realm = self.realm(&bearer.realm)?;
        let own =
            realm.host() == self.base.host() && realm.port_or_known_default() == self.base.port_or_known_default();
        let named = self.realm_hosts.iter().any(|host| leads_to(&realm, host));
        if self.identity.is_some() && !own && !named {
            return Err(RealmRefusal::Host { host: authority(&realm) });
        }
        let listed = wire.listed(&realm);
        let group = match listed {
            Some(peer) => peer.group,
            None if realm.host() == self.base.host() => self.peer.group,
            None => Group::SYSTEM,
        };
        let guard = match (self.peer.entry, listed) {
            _ if own => self.peer.guard,
            // Not in the settings, and yet named: Docker Hub's, whose name is not the registry's choice.
            (None, _) if named => self.peer.guard,
            (None, _) => Guard::Public,
            (Some(_), _) if named => Guard::Configured,
            (Some(_), Some(Peer { guard: Guard::Configured, .. })) => Guard::Configured,
            (Some(_), Some(_) | None) => Guard::realm_after(from),
        };
        let entry = self.peer.entry.and(listed.and_then(|peer| peer.entry).or(self.peer.entry));
        Ok(TokenRequest {
            registry: self.authority(),
            share: self.share.clone(),
            realm,
            peer: Peer { group, guard, entry },
            service: bearer.service,
            scope: bearer.scope.unwrap_or_else(|| format!("repository:{}:pull", self.repository.path())),
            identity: self.identity.clone(),
        })
    }

    fn realm(&self, text: &str) -> Result<Url, RealmRefusal> {
        let mut realm = Url::parse(text).map_err(|_| RealmRefusal::Url)?;
        realm.set_fragment(None);
        let named = !realm.username().is_empty() || realm.password().is_some();
        if text.len() > limits::URL_BYTES || named {
            return Err(RealmRefusal::Url);
        }
        let realm = with_plain_host(realm).ok_or(RealmRefusal::Url)?;
        match (realm.scheme(), self.scheme) {
            ("https", _) | ("http", Scheme::Http) => Ok(realm),
            (found, Scheme::Http | Scheme::Https) => Err(RealmRefusal::Scheme { found: found.into() }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Credential;
    use crate::RegistryEntry;
    use crate::RegistrySettings;
    use crate::Secret;
    use crate::Unobserved;
    use crate::process::Process;

    fn wire(patterns: &[&str], realm_hosts: &[&str]) -> Wire {
        let entry = |text: &&str| RegistryEntry {
            realm_hosts: realm_hosts.iter().map(|host| host.parse().unwrap()).collect(),
            ..RegistryEntry::new(text.parse().unwrap(), Credential::Anonymous)
        };
        let settings =
            RegistrySettings { registries: patterns.iter().map(entry).collect(), ..RegistrySettings::default() };
        Wire::new(&settings, &Process::new(&settings, Arc::new(Unobserved))).unwrap()
    }

    /// The guard of a realm that `registry` names from an address.
    fn guard(wire: &Wire, registry: &str, realm: &str, from: &str) -> Guard {
        let endpoint = Endpoint::of(wire, Unlisted::Anonymous, &format!("{registry}/app").parse().unwrap()).unwrap();
        let bearer = Bearer { realm: format!("https://{realm}/token"), service: None, scope: None };
        let from = SocketAddr::new(from.parse().unwrap(), 443);
        endpoint.token_request(wire, bearer, Some(from)).unwrap().peer.guard
    }

    #[test]
    fn an_unlisted_registry_names_token_services_at_public_addresses_only() {
        let wire = wire(&["listed.example", "*.below.example"], &["named.example"]);
        for from in ["93.184.216.34", "10.0.0.1", "fd00::1"] {
            for realm in ["other.example", "listed.example", "x.below.example", "named.example", "r.example:444"] {
                assert_eq!(guard(&wire, "r.example", realm, from), Guard::Public, "{realm} {from}");
            }
            assert_eq!(guard(&wire, "r.example", "r.example", from), Guard::Outside);
            assert_eq!(guard(&wire, "docker.io", "auth.docker.io", from), Guard::Outside);
        }
    }

    #[test]
    fn a_listed_registry_may_name_what_the_settings_name() {
        let wire = wire(&["listed.example", "other.example", "*.below.example"], &["named.example"]);
        let guard = |realm, from| guard(&wire, "listed.example", realm, from);
        assert_eq!(guard("listed.example", "10.0.0.1"), Guard::Configured);
        assert_eq!(guard("named.example", "93.184.216.34"), Guard::Configured);
        assert_eq!(guard("other.example", "93.184.216.34"), Guard::Configured);
        assert_eq!(guard("x.below.example", "93.184.216.34"), Guard::Public);
        assert_eq!(guard("x.example", "93.184.216.34"), Guard::Public);
        assert_eq!(guard("x.example", "10.0.0.1"), Guard::Outside);
    }

    #[test]
    fn a_realm_in_another_spelling_of_the_registry_is_its_own() {
        let credential = || Credential::Basic { user: "a".to_owned(), password: Secret::new("b") };
        let entry = |text: &str| RegistryEntry {
            realm_hosts: vec!["named.example".parse().unwrap()],
            ..RegistryEntry::new(text.parse().unwrap(), credential())
        };
        let settings = RegistrySettings {
            registries: vec![entry("10.0.0.5:5000"), entry("r.example")],
            ..RegistrySettings::default()
        };
        let wire = Wire::new(&settings, &Process::new(&settings, Arc::new(Unobserved))).unwrap();
        let realm = |registry: &str, realm: &str| {
            let repository = format!("{registry}/app").parse().unwrap();
            let endpoint = Endpoint::of(&wire, Unlisted::Refuse, &repository).unwrap();
            let bearer = Bearer { realm: realm.to_owned(), service: None, scope: None };
            endpoint.token_request(&wire, bearer, None).map(|request| request.realm.to_string())
        };
        for (registry, written, asked) in [
            ("10.0.0.5:5000", "https://[::ffff:a00:5]:05000/token", "https://10.0.0.5:5000/token"),
            ("[::ffff:a00:5]:5000", "https://[::FFFF:10.0.0.5]:5000/token", "https://10.0.0.5:5000/token"),
            ("r.example", "https://R.example.:0443/token", "https://r.example/token"),
            ("r.example", "https://Named.example./token", "https://named.example/token"),
        ] {
            assert_eq!(realm(registry, written), Ok(asked.to_owned()), "{registry} {written}");
        }
        let elsewhere = |host: &str| Err(RealmRefusal::Host { host: host.to_owned() });
        assert_eq!(realm("10.0.0.5:5000", "https://[::ffff:a00:6]:5000/token"), elsewhere("10.0.0.6:5000"));
        assert_eq!(realm("10.0.0.5:5000", "https://[::a00:5]:5000/token"), elsewhere("[::a00:5]:5000"));
        assert_eq!(realm("r.example", "https://r.example.:444/token"), elsewhere("r.example:444"));
        assert_eq!(realm("r.example", "https://r.example../token"), Err(RealmRefusal::Url));
    }

    /// Every spelling that is taken, in the table that all readers of references share, is asked at its place.
    #[test]
    fn each_reference_is_asked_at_its_place() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/references.json");
        let rows: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let wire = wire(&[], &[]);
        let mut asked = 0;
        for row in rows.as_array().unwrap() {
            let Some(place) = row["place"].as_str() else { continue };
            let image: countersign_core::name::ImageRef = row["image"].as_str().unwrap().parse().unwrap();
            let endpoint = Endpoint::of(&wire, Unlisted::Anonymous, image.repository()).unwrap();
            let place = place
                .strip_prefix("docker.io/")
                .map_or(place.to_owned(), |path| format!("registry-1.docker.io/{path}"));
            let (host, path) = place.split_once('/').unwrap();
            let expected = format!("https://{host}/v2/{path}/manifests/latest");
            assert_eq!(endpoint.url("manifests", "latest").as_str(), expected, "{image}");
            assert_eq!(endpoint.authority(), host, "one text for messages and limits: {image}");
            asked += 1;
        }
        assert!(asked > 70, "{asked}");
    }
}
