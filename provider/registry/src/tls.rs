//! Clients for each set of certificate authorities and each guard. Made once; connections are reused.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;

use crate::process::Process;
use crate::proxy::Forwarder;
use crate::proxy::Proxy;
use crate::proxy::ProxyChoice;
use crate::proxy::ProxySource;
use crate::settings::RegistrySettings;
use crate::settings::Roots;
use crate::settings::SettingsError;
use countersign_http::Direct;
use countersign_http::Guard;
use countersign_http::Lookups;
use countersign_http::Means;
use countersign_http::Open;
use countersign_http::Pool;

use countersign_http::tls::Authorities;
use countersign_http::tls::Verifier;

/// Index of a set of certificate authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Group(usize);

impl Group {
    /// The system's certificate authorities.
    pub(crate) const SYSTEM: Self = Self(0);
}

/// All clients of the process, and which entry of the settings uses which group.
pub(crate) struct Clients {
    groups: Vec<Under>,
    by_entry: Vec<Group>,
    system_roots: usize,
    means: Means,
    open: ByGuard<Open>,
    /// Those by a proxy, made when they are first needed: not every proxy is asked under every set of authorities. Held
    /// only to look up or insert, never across an await.
    forwarders: Mutex<Forwarders>,
    /// For the proxies of entries that are reached by TLS, by position of the entry.
    to_proxies: HashMap<usize, Arc<ClientConfig>>,
}

type Forwarders = HashMap<(ProxyId, Group), Arc<Pool<Forwarder>>>;

/// What is asked under one set of certificate authorities.
struct Under {
    direct: [Pool<Direct>; Guard::ALL.len()],
    tls: Arc<ClientConfig>,
}

/// One for hosts that the settings name, and one for those whose names are chosen outside.
struct ByGuard<T> {
    configured: T,
    outside: T,
}

impl<T> ByGuard<T> {
    fn of(&self, guard: Guard) -> &T {
        match guard {
            Guard::Configured => &self.configured,
            Guard::Loopback | Guard::Outside | Guard::Public => &self.outside,
        }
    }
}

/// Which proxy of the settings or of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ProxyId {
    Variable(&'static str),
    Entry(usize),
}

impl Clients {
    pub(crate) fn new(settings: &RegistrySettings, process: &Process) -> Result<Self, SettingsError> {
        let entries = &settings.registries;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let means = Means {
            lookups: Lookups::new(process.lookups.clone(), settings.connect_timeout),
            connect_timeout: settings.connect_timeout,
            // As many as there may be requests: with fewer, each burst would open connections and close them again.
            idle_per_host: settings.requests_per_host,
        };
        let open = ByGuard { configured: process.open_configured.clone(), outside: process.open_outside.clone() };
        let under = |verifier| {
            let tls = Arc::new(config(&provider, verifier)?);
            Ok::<_, SettingsError>(under(&means, &open, tls))
        };
        let mut system = RootCertStore::empty();
        // Files of the system that are no certificates are its maintainer's affair: what can be read is used. None at
        // all shows when a host cannot be authenticated, and is known to the caller by `system_roots`.
        let (system_roots, _) = system.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let mut groups = vec![under(Verifier::system(&provider, system))?];
        let mut known: Vec<(&Authorities, Group)> = Vec::new();
        let mut by_entry = Vec::with_capacity(entries.len());
        for entry in entries {
            let group = match &entry.roots {
                Roots::System => Group::SYSTEM,
                Roots::Unusable { file } => {
                    let group = Group(groups.len());
                    groups.push(under(Verifier::nobody(&provider, file))?);
                    group
                }
                Roots::Only(authorities) => match known.iter().find(|(known, _)| *known == authorities) {
                    Some((_, group)) => *group,
                    None => {
                        let group = Group(groups.len());
                        groups.push(under(Verifier::only(&provider, authorities))?);
                        known.push((authorities, group));
                        group
                    }
                },
            };
            by_entry.push(group);
        }
        let mut to_proxies = HashMap::new();
        for (position, entry) in entries.iter().enumerate() {
            let ProxyChoice::Server { server, roots } = &entry.proxy else { continue };
            let verifier = match roots {
                Roots::System => continue,
                Roots::Only(authorities) => Verifier::only(&provider, authorities),
                Roots::Unusable { file } => Verifier::nobody(&provider, file),
            };
            if server.is_tls() {
                to_proxies.insert(position, Arc::new(to_proxy(config(&provider, verifier)?)));
            }
        }
        let forwarders = Mutex::default();
        Ok(Self { groups, by_entry, system_roots, means, open, forwarders, to_proxies })
    }

    /// The group of the entry at `position` of the settings.
    pub(crate) fn group_of(&self, position: usize) -> Group {
        self.by_entry.get(position).copied().unwrap_or(Group::SYSTEM)
    }

    /// The client for a request under `guard`.
    pub(crate) fn direct(&self, group: Group, guard: Guard) -> Direct {
        self.make_room(guard);
        // Groups come from this value, and each has a client per guard.
        self.groups[group.0].direct[guard.position()].client()
    }

    /// Closes connections that are not in use where there are too many of the kind. One more than there may be requests is
    /// never in use, so that it helps.
    fn make_room(&self, guard: Guard) {
        if !self.open.of(guard).is_over() {
            return;
        }
        self.close_idle(guard);
    }

    /// Closes all connections that are not in use.
    pub(crate) fn close_all_idle(&self) {
        // One of each kind.
        self.close_idle(Guard::Configured);
        self.close_idle(Guard::Outside);
    }

    fn close_idle(&self, guard: Guard) {
        let same = |other: &&Guard| std::ptr::eq(self.open.of(**other), self.open.of(guard));
        for other in Guard::ALL.iter().filter(same) {
            for group in &self.groups {
                group.direct[other.position()].close_idle();
            }
        }
        if guard == Guard::Configured {
            let forwarders: Vec<_> = self.forwarders().values().cloned().collect();
            for forwarder in forwarders {
                forwarder.close_idle();
            }
        }
    }

    fn forwarders(&self) -> MutexGuard<'_, Forwarders> {
        self.forwarders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client by `proxy`, on behalf of the entry at `position`. Which networks it reaches is the proxy's affair.
    pub(crate) fn forwarder(&self, proxy: &Proxy<'_>, position: usize, group: Group) -> Forwarder {
        let id = match proxy.source {
            ProxySource::Variable(name) => ProxyId::Variable(name),
            ProxySource::Entry(_) => ProxyId::Entry(position),
        };
        let own = match id {
            ProxyId::Variable(_) => None,
            ProxyId::Entry(position) => self.to_proxies.get(&position),
        };
        let make = || {
            let system = || Arc::new(to_proxy(ClientConfig::clone(&self.groups[Group::SYSTEM.0].tls)));
            let to_proxy = own.map_or_else(system, Arc::clone);
            let to_registry = Arc::clone(&self.groups[group.0].tls);
            let (means, server, open) = (self.means.clone(), proxy.server.clone(), self.open.configured.clone());
            let make =
                move || Forwarder::new(&means, &server, Arc::clone(&to_proxy), Arc::clone(&to_registry), open.clone());
            Arc::new(Pool::new(make))
        };
        self.make_room(Guard::Configured);
        self.forwarders().entry((id, group)).or_insert_with(make).client()
    }

    pub(crate) fn system_roots(&self) -> usize {
        self.system_roots
    }
}

fn config(provider: &Arc<CryptoProvider>, verifier: Verifier) -> Result<ClientConfig, SettingsError> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // A session has a ticket of up to 64 KiB and the server's certificates, and rustls keeps 256 for each configuration.
    // Connections are kept open, so that there is little to gain.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Proxies are asked in HTTP/1.1.
fn to_proxy(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

fn bad(error: &dyn std::error::Error) -> SettingsError {
    SettingsError::Client { detail: error.to_string() }
}

fn under(means: &Means, open: &ByGuard<Open>, tls: Arc<ClientConfig>) -> Under {
    let direct = Guard::ALL.map(|guard| {
        let (means, tls, open) = (means.clone(), Arc::clone(&tls), open.of(guard).clone());
        Pool::new(move || Direct::new(&means, guard, Arc::clone(&tls), open.clone()))
    });
    Under { direct, tls }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn no_session_of_a_server_is_kept() {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let made = config(&provider, Verifier::nobody(&provider, "ca.pem")).unwrap();
        let kept = format!("{:?}", made.resumption);
        assert!(kept.contains("NoClientSessionStorage"), "{kept}");
    }
}
