//! The configured choice of a proxy.

use super::server::ProxyServer;
use crate::tls::Roots;

/// The proxy of a host, and of the hosts to which it redirects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxyChoice {
    /// The proxy of the variables `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
    #[default]
    Environment,
    /// No proxy.
    Direct,
    /// This proxy, whatever `HTTPS_PROXY` and `HTTP_PROXY` name. The rule states for which hosts `NO_PROXY` still applies.
    Server {
        /// The proxy.
        server: ProxyServer,
        /// Authorities of the proxy's own certificate, if it uses TLS.
        roots: Roots,
    },
}
