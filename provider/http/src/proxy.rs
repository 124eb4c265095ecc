//! Forward proxies: their configuration, and the requests that use them.
//!
//! Only requests under a proxy rule use a proxy; others are sent directly. Requests to instance metadata and the API
//! server, and to hosts whose addresses must be checked, therefore never use a proxy.
//!
//! A proxy resolves names itself, so the address policy cannot check addresses, and the proxy's own rules limit the
//! reachable hosts. Hosts that are internal by name are refused before a request is sent to the proxy; see
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
pub use environment::ProxyVariableWarning;
pub use failure::ProxyFailure;
pub use internal_host::InternalHost;
pub use internal_host::internal_host;
pub use selection::NoProxyScope;
pub(crate) use selection::ProxyRefused;
pub use selection::ProxyRule;
pub(crate) use selection::ProxySource;
pub(crate) use selection::SelectedProxy;
pub(crate) use selection::select;
pub use server::ProxyServer;
pub use server::ProxyServerError;
pub(crate) use tunnel::Forwarder;
pub(crate) use tunnel::TunnelError;
