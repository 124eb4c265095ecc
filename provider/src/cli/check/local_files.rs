//! Files that the service reads only when it needs them for a request: secrets of applications, and authorities of the servers of trust
//! stores. Here they are read once, so that a mistake in them is found without a network. Never shows a secret.

use std::path::Path;

use countersign_core::codec::mismatch::Mismatched as _;

use super::Findings;
use crate::config::Config;
use crate::config::Credentials;
use crate::config::EntraIdentity;
use crate::config::StoreSource;
use crate::config::authorities;
use crate::runtime::client_secret_mistake;

/// Adds what is wrong with them.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    let mut secret = |identity: &EntraIdentity| {
        if let Some(path) = identity.secret_file()
            && let Some(mismatch) = client_secret_mistake(path)
        {
            findings.mistake(path, "", &mismatch);
        }
    };
    let credentials = config.registries.iter().map(|registry| registry.credentials.readable());
    credentials.filter_map(Credentials::acr).for_each(&mut secret);
    for source in config.trust.stores.values() {
        match source {
            StoreSource::KeyVault(vault) => secret(&vault.identity),
            StoreSource::Url(_) => {}
        }
    }
    for source in config.trust.stores.values() {
        match source {
            StoreSource::Url(url) => url.ca.iter().for_each(|path| of_server(path, findings)),
            StoreSource::KeyVault(_) => {}
        }
    }
}

/// Authorities for the server of a trust store.
fn of_server(path: &Path, findings: &mut Findings) {
    if let Err(mistake) = authorities(path) {
        findings.mistake(path, "", &mistake.mismatch());
    }
}
