//! The proxy variables of the environment, for the registry client and for evidence. Read each time; never modified.

use countersign_core::codec::text::Text;
use countersign_http::ProxyEnvironment;
use countersign_http::ProxyVariableError;

use crate::config::Config;
use crate::config::RegistryProxy;

/// Variables that do not name a proxy, at least one, and a registry that it would apply to.
#[derive(Debug, thiserror::Error)]
#[error("{}", lines(mistakes))]
pub struct ProxyVariablesError {
    /// In the order of the variables.
    pub mistakes: Vec<ProxyVariableError>,
}

fn lines(mistakes: &[ProxyVariableError]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Reads the variables.
///
/// # Errors
/// A variable does not name a proxy, and an entry of `registries` leaves the choice to the variables. Otherwise only
/// `NO_PROXY` is used.
pub(crate) fn read(config: &Config) -> Result<ProxyEnvironment, ProxyVariablesError> {
    let is_used = config.registries.iter().any(|registry| registry.proxy == RegistryProxy::Environment);
    match ProxyEnvironment::read(variable) {
        Err(mistakes) if is_used => Err(ProxyVariablesError { mistakes }),
        Err(_) => Ok(ProxyEnvironment::only_exclusions(variable)),
        Ok(environment) => Ok(environment),
    }
}

/// The proxies for requests of another kind, whose setting is `proxy`: `evidence.proxy` or `aws.proxy`.
///
/// # Errors
/// A variable does not name a proxy, and `proxy` leaves the choice to the variables: no request is sent then. This disables these
/// requests and nothing else.
pub(crate) fn beside(proxy: &RegistryProxy) -> Result<ProxyEnvironment, Text> {
    match ProxyEnvironment::read(variable) {
        Err(mistakes) if *proxy == RegistryProxy::Environment => Err(Text::of(ProxyVariablesError { mistakes })),
        Err(_) => Ok(ProxyEnvironment::only_exclusions(variable)),
        Ok(environment) => Ok(environment),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
