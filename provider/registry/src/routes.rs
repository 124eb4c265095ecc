//! Routes by the settings: addresses, certificate authorities and proxies of registries, of their redirect targets,
//! and of their token services.

use std::net::SocketAddr;

use countersign_core::name::Host;
use countersign_core::name::Repository;
use countersign_http::AddressPolicy;
use countersign_http::ClientBuilder;
use countersign_http::Network;
use countersign_http::NoProxyScope;
use countersign_http::ProxyRoute;
use countersign_http::ProxyRule;
use countersign_http::ProxyRuleId;
use countersign_http::Roots;
use countersign_http::RootsId;
use countersign_http::Route;
use countersign_http::TlsSetupError;
use countersign_http::leads_to;
use countersign_http::server_of;
use url::Url;

use crate::entries::Entry;
use crate::entries::entry_at;
use crate::entries::entry_for;
use crate::entries::rule;
use crate::error::AuthoritiesOf;
use crate::settings::EntryCertificate;
use crate::settings::RegistryEntry;

/// The entries of the settings, and the client's data for each.
pub(crate) struct Routes {
    entries: Vec<Entry>,
    by_entry: Vec<EntryRoute>,
}

/// The client's data for an entry.
struct EntryRoute {
    /// Without the client certificate.
    roots: RootsId,
    /// With the client certificate, if the entry has one: for requests about its repositories.
    own: RootsId,
    /// With the client certificate: for the token services that get it beside the credential.
    realms: Vec<(Host, RootsId)>,
    proxy_rule: ProxyRuleId,
}

/// The route to a host, and the entry on whose behalf it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostRoute {
    pub(crate) route: Route,
    /// Position of the entry on whose behalf the request is sent: that of the host, or that of the registry that led
    /// there. `None` on behalf of a registry without an entry.
    pub(crate) entry: Option<usize>,
}

impl Routes {
    /// Adds the authorities and proxy rules of `entries` to the client; `checked` are the same entries, checked.
    ///
    /// # Errors
    /// The TLS library refuses a configuration.
    pub(crate) fn new(
        entries: &[RegistryEntry],
        checked: Vec<Entry>,
        client: &mut ClientBuilder,
    ) -> Result<Self, TlsSetupError> {
        let mut by_entry = Vec::with_capacity(entries.len());
        for (position, entry) in entries.iter().enumerate() {
            let rule = ProxyRule {
                choice: entry.proxy.clone(),
                setting: rule(position, &entry.pattern),
                exact: entry.pattern.host().is_exact(),
                no_proxy: NoProxyScope::OtherHosts,
            };
            let timeout = entry.numbers.connect_timeout;
            let roots = client.add_connections(&entry.roots, None, timeout)?;
            let (mut own, mut realms) = (roots, Vec::new());
            if let Some(EntryCertificate { certificate, for_realm_hosts }) = &entry.client_certificate {
                own = client.add_connections(&entry.roots, Some(certificate), timeout)?;
                for host in entry.realm_hosts.iter().filter(|_| *for_realm_hosts) {
                    let listed = entry_at(&checked, host).and_then(|(position, _)| entries.get(position));
                    let is_same = entry
                        .pattern
                        .host()
                        .exact()
                        .and_then(|own| own.parse().ok())
                        .is_some_and(|own: Host| own.name() == host.name());
                    let roots = listed.or(is_same.then_some(entry)).map_or(&Roots::System, |entry| &entry.roots);
                    realms.push((host.clone(), client.add_connections(roots, Some(certificate), timeout)?));
                }
            }
            by_entry.push(EntryRoute { roots, own, realms, proxy_rule: client.add_proxy_rule(rule)? });
        }
        Ok(Self { entries: checked, by_entry })
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry at `position`.
    pub(crate) fn entry(&self, position: Option<usize>) -> Option<&Entry> {
        position.and_then(|position| self.entries.get(position))
    }

    /// The route to the registry of `repository` at `url`.
    pub(crate) fn to_registry(&self, repository: &Repository, url: &Url) -> HostRoute {
        match entry_for(&self.entries, repository) {
            Some((position, entry)) => {
                let own = self.by_entry.get(position).map_or(RootsId::SYSTEM, |entry| entry.own);
                self.host_route(url, addresses_of(entry), own, Some(position))
            }
            None => self.host_route(url, AddressPolicy::WithPrivate, RootsId::SYSTEM, None),
        }
    }

    /// The route to `url` under its own entry, if the settings have one: without the client certificate of the entry, as another
    /// server has named the URL.
    pub(crate) fn listed(&self, url: &Url) -> Option<HostRoute> {
        let (position, entry) = entry_at(&self.entries, &server_of(url)?)?;
        Some(self.host_route(url, addresses_of(entry), self.roots_of(position), Some(position)))
    }

    /// The route to `target`, to which a request that began at `first` is redirected by a server at the address
    /// `peer`. `by_listed` is true if the settings have the redirecting server. Another server may redirect only to
    /// public addresses, not even to configured hosts, which it could not reach itself.
    pub(crate) fn after_redirect(
        &self,
        first: (&Url, HostRoute),
        target: &Url,
        by_listed: bool,
        peer: Option<SocketAddr>,
    ) -> HostRoute {
        let (first_url, first_route) = first;
        let listed = self.listed(target);
        let roots = match listed {
            Some(listed) => listed.route.roots,
            None if target.host() == first_url.host() => self.without_certificate(first_route).roots,
            None => RootsId::SYSTEM,
        };
        let addresses = match listed {
            Some(_) | None if !by_listed => AddressPolicy::PublicOnly,
            Some(HostRoute { route: Route { addresses: AddressPolicy::Any, .. }, .. }) => AddressPolicy::Any,
            Some(_) | None => redirect_policy(peer),
        };
        let entry = match listed {
            Some(listed) if by_listed => listed.entry,
            Some(_) | None => first_route.entry,
        };
        self.host_route(target, addresses, roots, entry)
    }

    /// The route to the token service `realm`, which the registry at `base` with the address `peer` names. `own` is
    /// true if it is the registry itself, `named` if the settings name it for this registry.
    pub(crate) fn to_realm(
        &self,
        base: (&Url, HostRoute),
        realm: &Url,
        own: bool,
        named: bool,
        peer: Option<SocketAddr>,
    ) -> HostRoute {
        let (base_url, registry) = base;
        // The registry itself under the entry of the repository.
        if own {
            return self.host_route(realm, registry.route.addresses, registry.route.roots, registry.entry);
        }
        let listed = self.listed(realm);
        let with_certificate = registry.entry.filter(|_| named).and_then(|position| self.by_entry.get(position));
        let with_certificate = with_certificate
            .and_then(|entry| entry.realms.iter().find(|(host, _)| leads_to(realm, host)))
            .map(|(_, roots)| *roots);
        let roots = match (with_certificate, listed) {
            (Some(roots), _) => roots,
            (None, Some(listed)) => listed.route.roots,
            (None, None) if realm.host() == base_url.host() => self.without_certificate(registry).roots,
            (None, None) => RootsId::SYSTEM,
        };
        let listed_exactly = listed.is_some_and(|listed| listed.route.addresses == AddressPolicy::Any);
        let addresses = match registry.entry {
            // Named without an entry: the token service of Docker Hub, which is fixed.
            None if named => registry.route.addresses,
            None => AddressPolicy::PublicOnly,
            Some(_) if named || listed_exactly => AddressPolicy::Any,
            Some(_) => realm_policy(peer),
        };
        let entry = registry.entry.and(listed.and_then(|listed| listed.entry).or(registry.entry));
        self.host_route(realm, addresses, roots, entry)
    }

    /// Whose entry has the certificate authorities for `target`, which a response of `registry` names. `entry` is the position of that of
    /// the registry.
    pub(crate) fn authorities_for(&self, registry: &str, entry: Option<usize>, target: &Url) -> AuthoritiesOf {
        let (registry, host) = (registry.parse::<Host>().ok(), server_of(target));
        let is_of_registry = match self.listed(target) {
            Some(listed) => listed.entry == entry,
            None => registry.zip(host).is_some_and(|(registry, host)| registry.name() == host.name()),
        };
        if is_of_registry { AuthoritiesOf::Registry } else { AuthoritiesOf::Host }
    }

    /// The same route without the client certificate of its entry.
    pub(crate) fn without_certificate(&self, HostRoute { route, entry }: HostRoute) -> Route {
        let roots = match entry.and_then(|position| self.by_entry.get(position)) {
            Some(entry) if route.roots == entry.own => entry.roots,
            Some(_) | None => route.roots,
        };
        Route { roots, ..route }
    }

    fn roots_of(&self, position: usize) -> RootsId {
        self.by_entry.get(position).map_or(RootsId::SYSTEM, |entry| entry.roots)
    }

    fn host_route(&self, url: &Url, addresses: AddressPolicy, roots: RootsId, entry: Option<usize>) -> HostRoute {
        let server = server_of(url);
        let is_of = |entry: &Entry| server.as_ref().is_some_and(|server| entry.connects_to(server));
        let proxy = entry
            .and_then(|position| Some((self.by_entry.get(position)?, self.entries.get(position)?)))
            .map(|(by_entry, entry)| ProxyRoute { rule: by_entry.proxy_rule, own: is_of(entry) });
        let listed = self.entries.iter().any(is_of);
        HostRoute { route: Route { addresses, roots, proxy, listed }, entry }
    }
}

/// The addresses that hosts of an entry may have. Not every subdomain of a suffix need belong to the operator.
fn addresses_of(entry: &Entry) -> AddressPolicy {
    if entry.pattern.host().is_exact() { AddressPolicy::Any } else { AddressPolicy::WithPrivate }
}

/// The addresses of redirect targets of a listed registry with the address `peer`.
fn redirect_policy(peer: Option<SocketAddr>) -> AddressPolicy {
    match peer.map(|peer| Network::of(peer.ip())) {
        Some(Network::Loopback) => AddressPolicy::WithLoopback,
        Some(Network::Public | Network::Private | Network::LinkLocal | Network::Unusable) | None => {
            AddressPolicy::WithPrivate
        }
    }
}

/// The addresses of token services that a listed registry with the address `peer` names and the settings do not.
fn realm_policy(peer: Option<SocketAddr>) -> AddressPolicy {
    match peer.map(|peer| Network::of(peer.ip())) {
        Some(Network::Loopback) => AddressPolicy::WithLoopback,
        Some(Network::Private) => AddressPolicy::WithPrivate,
        Some(Network::Public | Network::LinkLocal | Network::Unusable) | None => AddressPolicy::PublicOnly,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_token_service_that_the_settings_do_not_name_may_only_be_where_the_registry_is() {
        let at = |text: &str| Some(SocketAddr::new(text.parse().unwrap(), 443));
        assert_eq!(realm_policy(at("93.184.216.34")), AddressPolicy::PublicOnly);
        assert_eq!(realm_policy(None), AddressPolicy::PublicOnly);
        assert_eq!(realm_policy(at("10.0.0.1")), AddressPolicy::WithPrivate);
        assert_eq!(realm_policy(at("127.0.0.1")), AddressPolicy::WithLoopback);
        assert_eq!(redirect_policy(at("93.184.216.34")), AddressPolicy::WithPrivate);
        assert_eq!(redirect_policy(at("127.0.0.1")), AddressPolicy::WithLoopback);
    }
}
