//! The operator's choice of a proxy.

use super::server::ProxyServer;
use crate::tls::Roots;

/// Through which proxy a host is asked, and what it leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxyChoice {
    /// As the variables `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
    #[default]
    Environment,
    /// Through none.
    Direct,
    /// Through this one, whatever the variables say. For hosts that the host leads to, `NO_PROXY` still applies.
    Server {
        /// The proxy.
        server: ProxyServer,
        /// Authorities of the proxy's own certificate, if it is reached by TLS.
        roots: Roots,
    },
}
