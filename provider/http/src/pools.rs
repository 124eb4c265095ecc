//! Connection pools, one for each set of trusted authorities and each address policy. Created once; connections are
//! reused.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use rustls::ClientConfig;

use crate::address::AddressPolicy;
use crate::connection::ConnectSettings;
use crate::connection::Direct;
use crate::connection::OpenConnections;
use crate::connection::Pool;
use crate::proxy::Forwarder;
use crate::proxy::ProxySource;
use crate::proxy::SelectedProxy;
use crate::shared_limits::SharedLimits;
use crate::tls::Sessions;
use crate::tls::TlsClient;
use crate::tls::http1_only;

/// A set of trusted authorities, as registered with a [`ClientBuilder`](crate::ClientBuilder), perhaps with a client certificate
/// and a timeout of connections. Connections are not shared between different values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RootsId(usize);

impl RootsId {
    /// The system's certificate authorities, which every client has.
    pub const SYSTEM: Self = Self(0);
}

/// A proxy rule, as registered with a [`ClientBuilder`](crate::ClientBuilder).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProxyRuleId(pub(crate) usize);

/// The pools of one client.
pub(crate) struct ConnectionPools {
    by_roots: Vec<HostPools>,
    settings: ConnectSettings,
    sessions: Sessions,
    open: ByPolicy<OpenConnections>,
    /// The pools through proxies, created on first use, as not every proxy is used with every set of authorities.
    /// Locked only to look up or insert, never across an await.
    forwarders: Mutex<Forwarders>,
    /// TLS configurations of proxies with their own authorities, by number of the rule.
    to_proxies: HashMap<usize, Arc<ClientConfig>>,
}

type Forwarders = HashMap<(ProxyId, RootsId), Arc<Pool<Forwarder>>>;

/// The connection for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// One of the pool.
    Any,
    /// A new one, which is not used for other requests.
    New,
}

/// The pools under one set of trusted authorities.
struct HostPools {
    direct: [Pool<Direct>; AddressPolicy::ALL.len()],
    tls: TlsClient,
    settings: ConnectSettings,
}

/// One value for each address policy.
struct ByPolicy<T> {
    configured: T,
    outside: T,
}

impl<T> ByPolicy<T> {
    fn of(&self, policy: AddressPolicy) -> &T {
        match policy {
            AddressPolicy::Any => &self.configured,
            AddressPolicy::WithLoopback | AddressPolicy::WithPrivate | AddressPolicy::PublicOnly => &self.outside,
        }
    }
}

/// The identity of a proxy of the settings or the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ProxyId {
    Variable(&'static str),
    Rule(usize),
}

impl ConnectionPools {
    /// Creates the pools, with `system` as the configuration of [`RootsId::SYSTEM`].
    pub(crate) fn new(settings: ConnectSettings, limits: &SharedLimits, system: ClientConfig) -> Self {
        let open = ByPolicy { configured: limits.open_configured().clone(), outside: limits.open_unlisted().clone() };
        let (by_roots, forwarders, to_proxies) = (Vec::new(), Mutex::default(), HashMap::new());
        let sessions = limits.sessions().clone();
        let mut pools = Self { by_roots, settings, sessions, open, forwarders, to_proxies };
        pools.add_roots(system, None);
        pools
    }

    /// Adds pools for this configuration of TLS. Without a timeout of their own, connections have that of the client.
    pub(crate) fn add_roots(&mut self, tls: ClientConfig, connect_timeout: Option<Duration>) -> RootsId {
        let tls = TlsClient::new(Arc::new(tls), self.sessions.clone());
        let settings = match connect_timeout {
            Some(timeout) => self.settings.with_timeout(timeout),
            None => self.settings.clone(),
        };
        let direct = AddressPolicy::ALL.map(|policy| {
            let (settings, tls, open) = (settings.clone(), tls.clone(), self.open.of(policy).clone());
            Pool::new(move || Direct::new(&settings, policy, tls.clone(), open.clone()))
        });
        self.by_roots.push(HostPools { direct, tls, settings });
        RootsId(self.by_roots.len() - 1)
    }

    /// Sets the TLS configuration for connections to the proxy of `rule`.
    pub(crate) fn set_tls_to_proxy(&mut self, rule: ProxyRuleId, tls: ClientConfig) {
        self.to_proxies.insert(rule.0, Arc::new(http1_only(tls)));
    }

    /// The client for direct requests.
    pub(crate) fn direct(&self, roots: RootsId, policy: AddressPolicy, over: Over) -> Direct {
        self.close_surplus(policy);
        // Only this value creates a `RootsId`, and each has a pool per policy.
        let pool = &self.by_roots[roots.0].direct[policy.position()];
        match over {
            Over::Any => pool.client(),
            Over::New => pool.apart(),
        }
    }

    /// The client for requests through `proxy`, under `rule`. The proxy decides which networks it reaches.
    pub(crate) fn forwarder(
        &self,
        proxy: &SelectedProxy<'_>,
        rule: ProxyRuleId,
        roots: RootsId,
        over: Over,
    ) -> Forwarder {
        let (id, own) = match proxy.source {
            ProxySource::Variable(name) => (ProxyId::Variable(name), None),
            ProxySource::Setting(_) => (ProxyId::Rule(rule.0), self.to_proxies.get(&rule.0)),
        };
        let make = || {
            let system = || Arc::new(http1_only(self.by_roots[RootsId::SYSTEM.0].tls.config().clone()));
            let to_proxy = own.map_or_else(system, Arc::clone);
            let HostPools { direct: _, tls, settings } = &self.by_roots[roots.0];
            let (to_host, settings) = (tls.clone(), settings.clone());
            let (server, open) = (proxy.server.clone(), self.open.configured.clone());
            let make = move || Forwarder::new(&settings, &server, Arc::clone(&to_proxy), to_host.clone(), open.clone());
            Arc::new(Pool::new(make))
        };
        self.close_surplus(AddressPolicy::Any);
        let mut forwarders = self.forwarders();
        let pool = forwarders.entry((id, roots)).or_insert_with(make);
        match over {
            Over::Any => pool.client(),
            Over::New => pool.apart(),
        }
    }

    /// Closes all idle connections.
    pub(crate) fn close_all_idle(&self) {
        // One policy for each counter of connections.
        self.close_idle(AddressPolicy::Any);
        self.close_idle(AddressPolicy::WithPrivate);
    }

    /// Closes idle connections if there are too many of the kind. The limit is higher than the number of requests, so
    /// some of them are idle.
    fn close_surplus(&self, policy: AddressPolicy) {
        if self.open.of(policy).is_over_limit() {
            self.close_idle(policy);
        }
    }

    fn close_idle(&self, policy: AddressPolicy) {
        let same = |other: &&AddressPolicy| std::ptr::eq(self.open.of(**other), self.open.of(policy));
        for other in AddressPolicy::ALL.iter().filter(same) {
            for pools in &self.by_roots {
                pools.direct[other.position()].close_idle();
            }
        }
        if policy == AddressPolicy::Any {
            let forwarders: Vec<_> = self.forwarders().values().cloned().collect();
            for forwarder in forwarders {
                forwarder.close_idle();
            }
        }
    }

    fn forwarders(&self) -> MutexGuard<'_, Forwarders> {
        self.forwarders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
