//! Clients for each set of certificate authorities and each guard. Made once; connections are reused.

mod authorities;
mod failure;
mod verifier;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;

use crate::address::Guard;
use crate::address::GuardedResolver;
use crate::bounds;
use crate::proxy::Forwarder;
use crate::proxy::Proxy;
use crate::proxy::ProxyChoice;
use crate::proxy::ProxySource;
use crate::renewed::Renewed;
use crate::settings::RegistryEntry;
use crate::settings::Roots;
use crate::settings::SettingsError;

pub use authorities::Authorities;
pub use authorities::AuthoritiesError;
pub use failure::Names;
pub use failure::TlsFailure;
pub use failure::Vouchers;
pub(crate) use failure::of as tls_failure;

use self::verifier::Verifier;

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
    connect_timeout: Duration,
    requests_per_host: usize,
    /// Those by a proxy, made when they are first needed: not every proxy is asked under every set of authorities. Held
    /// only to look up or insert, never across an await.
    forwarders: Mutex<HashMap<(ProxyId, Group), Forwarder>>,
    /// For the proxies of entries that are reached by TLS, by position of the entry.
    to_proxies: HashMap<usize, Arc<ClientConfig>>,
}

/// What is asked under one set of certificate authorities.
struct Under {
    direct: [Renewed<Client>; Guard::ALL.len()],
    tls: ClientConfig,
}

/// Which proxy of the settings or of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ProxyId {
    Variable(&'static str),
    Entry(usize),
}

impl Clients {
    pub(crate) fn new(
        entries: &[RegistryEntry],
        connect_timeout: Duration,
        requests_per_host: usize,
    ) -> Result<Self, SettingsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let under = |verifier| under(config(&provider, verifier)?, connect_timeout, requests_per_host);
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
        Ok(Self { groups, by_entry, system_roots, connect_timeout, requests_per_host, forwarders, to_proxies })
    }

    /// The group of the entry at `position` of the settings.
    pub(crate) fn group_of(&self, position: usize) -> Group {
        self.by_entry.get(position).copied().unwrap_or(Group::SYSTEM)
    }

    /// The client for a request to `authority`.
    pub(crate) fn client(&self, group: Group, guard: Guard, authority: &str) -> Client {
        // Groups come from this value, and each has a client per guard.
        self.groups[group.0].direct[guard.position()].client(authority)
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
            let system = || Arc::new(to_proxy(self.groups[Group::SYSTEM.0].tls.clone()));
            let to_proxy = own.map_or_else(system, Arc::clone);
            let to_registry = Arc::new(self.groups[group.0].tls.clone());
            Forwarder::new(proxy.server, to_proxy, to_registry, self.connect_timeout, self.requests_per_host)
        };
        let mut forwarders = self.forwarders.lock().unwrap_or_else(PoisonError::into_inner);
        forwarders.entry((id, group)).or_insert_with(make).clone()
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

fn under(config: ClientConfig, connect_timeout: Duration, requests_per_host: usize) -> Result<Under, SettingsError> {
    let [a, b, c, d] = Guard::ALL;
    let pools = |guard| pools(config.clone(), guard, connect_timeout, requests_per_host);
    Ok(Under { direct: [pools(a)?, pools(b)?, pools(c)?, pools(d)?], tls: config.clone() })
}

/// Connections under one guard.
fn pools(
    config: ClientConfig,
    guard: Guard,
    connect_timeout: Duration,
    requests_per_host: usize,
) -> Result<Renewed<Client>, SettingsError> {
    let (hosts, idle) = match guard {
        // The settings name these, each by its own name. As many as there may be requests: with fewer, each burst would
        // open connections and close them again.
        Guard::Configured => (bounds::HOSTS, requests_per_host),
        Guard::Loopback | Guard::Outside | Guard::Public => {
            (bounds::POOL_OUTSIDE_HOSTS, requests_per_host.min(bounds::POOL_OUTSIDE_IDLE))
        }
    };
    let client = move || {
        Client::builder()
            .tls_backend_preconfigured(config.clone())
            .dns_resolver(GuardedResolver(guard))
            .connect_timeout(connect_timeout)
            // Redirects are followed by `wire`, which looks at each target.
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            // Who asks by a proxy has a `Forwarder`. One from the environment would resolve names in our place, past the
            // guard.
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .pool_max_idle_per_host(idle)
            .pool_idle_timeout(bounds::POOL_IDLE)
            .tcp_keepalive(bounds::TCP_KEEPALIVE)
            .http2_initial_stream_window_size(bounds::HTTP2_STREAM_WINDOW)
            .http2_initial_connection_window_size(bounds::HTTP2_CONNECTION_WINDOW)
            .http2_keep_alive_interval(bounds::HTTP2_PING)
            .http2_keep_alive_timeout(bounds::HTTP2_PONG)
            .user_agent(bounds::USER_AGENT)
            .build()
            .map_err(|error| bad(&error))
    };
    let first = client()?;
    Ok(Renewed::new(first, hosts, move || client().ok()))
}
