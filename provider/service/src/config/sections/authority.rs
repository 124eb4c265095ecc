//! `azure.authorityHost` beside the registries and vaults whose tokens it issues.

use countersign_core::name::AcrHost;
use countersign_core::name::AzureCloud;
use countersign_core::policy::StoreRef;
use countersign_http::Endpoint;

use super::azure::Azure;
use super::entra_identity::EntraIdentity;
use super::registries::Registry;
use super::stores::StoreSource;
use super::trust::Trust;
use crate::config::Config;
use crate::config::fields::Fields;

/// Records an authority of another cloud than that of a registry or vault: no token would be requested for it.
pub(in crate::config) fn check_authority(
    fields: &Fields<'_>,
    azure: &Azure,
    registries: &[Registry],
    trust: Option<&Trust>,
) {
    let Some(authority) = &azure.authority_host else { return };
    for AuthorityMismatch { known, cloud, what } in mismatches(authority, registries, trust) {
        let found = format_args!("{authority}, the authority of the cloud {known}, beside {what} of the cloud {cloud}");
        let wanted = format_args!(
            "https://{}, the authority of the cloud {cloud}, or no authorityHost, so that each cloud has its own; no token of one cloud is \
             valid in another",
            cloud.authority_host()
        );
        fields.conflict_in("azure", "authorityHost", found, wanted);
    }
}

/// A registry or vault for which an authority issues no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityMismatch {
    /// The cloud of the authority.
    pub known: AzureCloud,
    /// That of the registry or vault.
    pub cloud: AzureCloud,
    /// The registry or vault, for messages.
    pub what: String,
}

impl Config {
    /// The registries and vaults of another cloud than that of `authority`, in place of which `azure.authorityHost` is used if it is
    /// written. Nothing of an authority that is not known.
    #[must_use]
    pub fn authority_mismatches(&self, authority: &Endpoint) -> Vec<AuthorityMismatch> {
        mismatches(authority, &self.registries, Some(&self.trust))
    }
}

fn mismatches(authority: &Endpoint, registries: &[Registry], trust: Option<&Trust>) -> Vec<AuthorityMismatch> {
    let Some(known) = authority.url().host_str().and_then(AzureCloud::of_authority) else { return Vec::new() };
    let of_registry = |registry: &Registry| {
        registry.credentials.acr().filter(|identity| has_authority(identity))?;
        let host = registry.host.host().exact().and_then(|host| host.parse().ok());
        match host.and_then(|host| AcrHost::of(&host)) {
            Some(AcrHost::Registry(acr)) => Some((acr.cloud(), registry.rule())),
            // Refused already.
            Some(AcrHost::Data(_)) | None => None,
        }
    };
    let of_store = |(store, source): (&StoreRef, &StoreSource)| match source {
        StoreSource::KeyVault(vault) if has_authority(&vault.identity) => {
            Some((vault.vault.cloud(), format!("the vault {} of the trust store {store}", vault.vault)))
        }
        StoreSource::KeyVault(_) | StoreSource::Url(_) => None,
    };
    let stores = trust.into_iter().flat_map(|trust| &trust.stores).filter_map(of_store);
    let all = registries.iter().filter_map(of_registry).chain(stores);
    let of_others = all.filter(|(cloud, _)| *cloud != known);
    of_others.map(|(cloud, what)| AuthorityMismatch { known, cloud, what }).collect()
}

/// Whether the tokens of the identity come from the authority. Those of the node come from its instance metadata service.
fn has_authority(identity: &EntraIdentity) -> bool {
    match identity {
        EntraIdentity::Workload { .. } | EntraIdentity::ClientSecret { .. } => true,
        EntraIdentity::Managed { .. } => false,
    }
}
