//! Forward proxies: which are configured, and which requests go through one.
//!
//! Only requests under a proxy rule go through a proxy; without one, a request goes to its host directly. So instance
//! metadata and the API server are never asked through a proxy, nor are hosts whose addresses must be checked here.
//!
//! A proxy resolves names in our place, so that the address policy sees no address: what can be reached is then limited by
//! the proxy's own rules. Destinations that are internal by their name alone are refused before the proxy is asked, see
//! [`internal_host()`].

mod choice;
mod environment;
mod failure;
mod internal_host;
mod no_proxy;
mod selection;
mod server;
mod tunnel;

pub use choice::ProxyChoice;
pub use environment::ProxyEnvironment;
pub use environment::ProxyVariableError;
pub use failure::ProxyFailure;
pub use internal_host::InternalHost;
pub use internal_host::internal_host;
pub(crate) use selection::ProxyRefused;
pub use selection::ProxyRule;
pub(crate) use selection::ProxySource;
pub(crate) use selection::SelectedProxy;
pub(crate) use selection::Via;
pub(crate) use selection::select;
pub use server::ProxyServer;
pub use server::ProxyServerError;
pub(crate) use tunnel::Forwarder;
pub(crate) use tunnel::TunnelError;
