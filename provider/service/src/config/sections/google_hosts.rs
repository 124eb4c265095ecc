//! The hosts of an entry of `registries` with `credentials.google`.

use countersign_core::name::GoogleRegistryHost;
use countersign_core::name::Host;
use countersign_registry::RegistryPattern;

use super::credentials::Credentials;
use super::google::WITHOUT_CLIENTS;
use crate::config::fields::Fields;

/// Records what credentials of Google contradict in their entry.
pub(super) fn check(
    entry: &Fields<'_>,
    host: Option<&RegistryPattern>,
    credentials: &Credentials,
    realm_hosts: &[Host],
) {
    let (Credentials::Google(_), Some(host)) = (credentials, host) else { return };
    if !cfg!(feature = "google") {
        let wanted = format_args!("another key: {WITHOUT_CLIENTS}");
        return entry.conflict_in("credentials", "google", "tokens of Google Cloud", wanted);
    }
    let own = host.host().exact().and_then(|host| host.parse().ok()).and_then(|host| GoogleRegistryHost::of(&host));
    if own.is_none() {
        let wanted = "one host of Artifact Registry: LOCATION-docker.pkg.dev, gcr.io, us.gcr.io, eu.gcr.io or asia.gcr.io; no token of \
                      Google Cloud is sent to another host";
        return entry.conflict_in("credentials", "google", format_args!("credentials for {host}"), wanted);
    }
    if !realm_hosts.is_empty() {
        let wanted = "none; a registry of Google issues its tokens itself";
        entry.conflict("realmHosts", "hosts beside credentials.google", wanted);
    }
}
