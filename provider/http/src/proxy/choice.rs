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
    /// This proxy, regardless of the variables. `NO_PROXY` still applies to the hosts to which the host redirects.
    Server {
        /// The proxy.
        server: ProxyServer,
        /// Authorities of the proxy's own certificate, if it uses TLS.
        roots: Roots,
    },
}
