//! Builds a [`Client`] from the operator's settings.

use std::time::Duration;

use crate::client::Client;
use crate::connection::ConnectSettings;
use crate::connection::Lookups;
use crate::host_limiter::RequestLimits;
use crate::pools::ConnectionPools;
use crate::pools::ProxyRuleId;
use crate::pools::RootsId;
use crate::proxy::ProxyChoice;
use crate::proxy::ProxyEnvironment;
use crate::proxy::ProxyRule;
use crate::sender::Sender;
use crate::shared_limits::SharedLimits;
use crate::tls::ClientCertificate;
use crate::tls::RootCertificates;
use crate::tls::Roots;
use crate::tls::TlsConfigs;
use crate::tls::TlsSetupError;

/// The operator's settings of a client.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// The timeout of one connection, including name resolution and TLS.
    pub connect_timeout: Duration,
    /// Limits on concurrent requests.
    pub requests: RequestLimits,
    /// The proxies of the environment. Only requests under a proxy rule use them.
    pub proxies: ProxyEnvironment,
}

/// How connections are made. `None` for the system's authorities, and for the timeout of the client.
type Connected = (Option<RootCertificates>, Option<Duration>);

/// A client to which trusted authorities and proxy rules are added.
pub struct ClientBuilder {
    settings: ClientSettings,
    limits: SharedLimits,
    configs: TlsConfigs,
    pools: ConnectionPools,
    /// Equal sets share their connections, unless they have a client certificate.
    known: Vec<(Connected, RootsId)>,
    proxy_rules: Vec<ProxyRule>,
}

impl ClientBuilder {
    /// A client within `limits`, with the system's authorities and no proxy rules.
    ///
    /// # Errors
    /// The TLS library refuses the configuration.
    pub fn new(settings: ClientSettings, limits: &SharedLimits) -> Result<Self, TlsSetupError> {
        let lookups = Lookups::new(limits.lookups().clone(), settings.connect_timeout);
        Self::with_lookups(settings, limits, lookups)
    }

    fn with_lookups(settings: ClientSettings, limits: &SharedLimits, lookups: Lookups) -> Result<Self, TlsSetupError> {
        let configs = TlsConfigs::new();
        let connect = ConnectSettings {
            lookups,
            connect_timeout: settings.connect_timeout,
            // As many as concurrent requests are allowed. With fewer, each burst would open and close connections.
            idle_per_host: settings.requests.per_host,
        };
        let pools = ConnectionPools::new(connect, limits, configs.config(&Roots::System, None)?);
        let (known, proxy_rules) = (Vec::new(), Vec::new());
        Ok(Self { settings, limits: limits.clone(), configs, pools, known, proxy_rules })
    }

    /// Adds a set of trusted authorities.
    ///
    /// # Errors
    /// The TLS library refuses the configuration.
    pub fn add_roots(&mut self, roots: &Roots) -> Result<RootsId, TlsSetupError> {
        self.add_connections(roots, None, None)
    }

    /// Adds a set of trusted authorities, with the certificate that is presented to servers that request one, and with a timeout
    /// in place of that of the client. Each value with a certificate has connections of its own, also if another one is equal.
    ///
    /// # Errors
    /// The TLS library refuses the configuration.
    pub fn add_connections(
        &mut self,
        roots: &Roots,
        certificate: Option<&ClientCertificate>,
        connect_timeout: Option<Duration>,
    ) -> Result<RootsId, TlsSetupError> {
        let own = match (roots, certificate) {
            (_, Some(_)) | (Roots::Unusable { .. }, None) => None,
            (Roots::System, None) => Some((None, connect_timeout)),
            (Roots::Only(certificates), None) => Some((Some(certificates.clone()), connect_timeout)),
        };
        if own == Some((None, None)) {
            return Ok(RootsId::SYSTEM);
        }
        let known = self.known.iter().find(|(known, _)| own.as_ref() == Some(known));
        if let Some((_, id)) = known {
            return Ok(*id);
        }
        let id = self.pools.add_roots(self.configs.config(roots, certificate)?, connect_timeout);
        self.known.extend(own.map(|own| (own, id)));
        Ok(id)
    }

    /// Adds a proxy rule.
    ///
    /// # Errors
    /// The TLS library refuses the configuration.
    pub fn add_proxy_rule(&mut self, rule: ProxyRule) -> Result<ProxyRuleId, TlsSetupError> {
        let id = ProxyRuleId(self.proxy_rules.len());
        if let ProxyChoice::Server { server, roots } = &rule.choice
            && *roots != Roots::System
            && server.is_tls()
        {
            self.pools.set_tls_to_proxy(id, self.configs.config(roots, None)?);
        }
        self.proxy_rules.push(rule);
        Ok(id)
    }

    /// The client.
    #[must_use]
    pub fn build(self) -> Client {
        let Self { settings, limits, configs, pools, known: _, proxy_rules } = self;
        let sender = Sender { pools, environment: settings.proxies, proxy_rules };
        Client::new(sender, settings.requests, &limits, configs.system_count())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
