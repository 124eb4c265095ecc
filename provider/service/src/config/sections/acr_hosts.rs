//! The hosts of an entry of `registries` with `credentials.acr`.

use countersign_core::name::AcrHost;
use countersign_core::name::Host;
use countersign_registry::RegistryPattern;

use super::azure::WITHOUT_CLIENTS;
use super::credentials::Credentials;
use crate::config::fields::Fields;

/// Records what credentials of Azure Container Registry contradict in their entry.
pub(super) fn check(
    entry: &Fields<'_>,
    host: Option<&RegistryPattern>,
    credentials: &Credentials,
    realm_hosts: &[Host],
) {
    let (Credentials::Acr(_), Some(host)) = (credentials, host) else { return };
    if !cfg!(feature = "azure") {
        let wanted = format_args!("another key: {WITHOUT_CLIENTS}");
        return entry.conflict_in("credentials", "acr", "tokens of Azure Container Registry", wanted);
    }
    let own = host.host().exact().and_then(|host| host.parse().ok()).and_then(|host| AcrHost::of(&host));
    if !matches!(own, Some(AcrHost::Registry(_))) {
        let wanted = "the host of one registry of Azure: NAME.azurecr.io, NAME.azurecr.us or NAME.azurecr.cn; no token of Azure is sent \
                      to another host";
        return entry.conflict_in("credentials", "acr", format_args!("credentials for {host}"), wanted);
    }
    if !realm_hosts.is_empty() {
        let wanted = "none; a registry of Azure issues its tokens itself";
        entry.conflict("realmHosts", "hosts beside credentials.acr", wanted);
    }
}
