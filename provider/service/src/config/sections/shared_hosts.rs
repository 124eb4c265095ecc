//! Domains below which anybody can have a registry: a password for all of their hosts would be sent to the registry of a stranger.

use countersign_registry::HostPattern;
use countersign_registry::RegistryPattern;

use super::credentials::Credentials;
use crate::config::fields::Fields;

/// Each account or project has registries of its own below these.
const DOMAINS: [&str; 11] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "azurecr.cn",
    "azurecr.io",
    "azurecr.us",
    "gcr.io",
    "ocir.io",
    "pkg.dev",
    "jfrog.io",
    "cr.aliyuncs.com",
];

/// Refuses a user name and a password for all hosts of a pattern that strangers have hosts of. A Docker configuration has the exact host of
/// each credential, and tokens of ECR are accepted by Amazon only.
pub(super) fn check(entry: &Fields<'_>, host: Option<&RegistryPattern>, credentials: &Credentials) {
    let (Credentials::Files { .. }, Some(host)) = (credentials, host) else { return };
    if let Some(domain) = shared_domain(host.host()) {
        let found = format_args!("a password for every host of {host}");
        let wanted = format_args!(
            "the exact name of the registry in host: anybody can have a registry below {domain}, and whoever creates a pod with an image of \
             it would get the password"
        );
        entry.conflict_in("credentials", "passwordFile", found, wanted);
    }
}

/// The domain of [`DOMAINS`] of which the pattern has hosts; `None` for an exact host.
fn shared_domain(pattern: &HostPattern) -> Option<&'static str> {
    if pattern.exact().is_some() {
        return None;
    }
    let written = pattern.to_string();
    let name = written.split(':').next().unwrap_or_default();
    // What follows the last wildcard is the same in all hosts of the pattern.
    let fixed = name.rsplit_once('*').map_or(name, |(_, fixed)| fixed).trim_start_matches('.');
    let is_below =
        |domain: &&str| fixed == *domain || fixed.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    DOMAINS.iter().copied().find(|domain| is_below(domain))
}
