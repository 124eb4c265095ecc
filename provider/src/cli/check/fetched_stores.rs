//! The trust stores of `trust.stores`: where they are fetched from, and with `--online` what was fetched.

use countersign_core::policy::StoreRef;

use super::Findings;
use crate::config::Config;
use crate::config::StoreSource;
use crate::policy_source::FetchStatus;
use crate::policy_source::FetchedStores;
use crate::runtime::nothing_enabled_of;
use crate::runtime::trust_store_danger;

/// A trust store that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FetchedStoreEntry {
    pub(super) store: StoreRef,
    pub(super) source: StoreSource,
    /// What the attempt to fetch it gave; `None` without one.
    pub(super) status: Option<FetchStatus>,
}

/// Adds the stores of `config`, of which nothing was fetched, and warnings about their sources.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    for (store, source) in &config.trust.stores {
        if let Some(danger) = trust_store_danger(source) {
            findings.warn("store-source", format_args!("trust store {store}: {danger}"));
        }
        let entry = FetchedStoreEntry { store: store.clone(), source: source.clone(), status: None };
        findings.stores.push(entry);
    }
}

/// Adds what was fetched to the stores of `findings`.
pub(super) fn tried(stores: &FetchedStores, findings: &mut Findings) {
    for entry in &mut findings.stores {
        let fetched = stores.stores().find(|fetched| *fetched.reference() == entry.store);
        entry.status = fetched.map(|fetched| fetched.status());
    }
    let mut warnings = Vec::new();
    for FetchedStoreEntry { store, source, status } in &findings.stores {
        let Some(status) = status else { continue };
        let place = findings.place_of(store);
        let of = |why| format!("{place}trust store {store}: {why}");
        warnings.extend(nothing_enabled_of(source, status).into_iter().map(of));
    }
    warnings.into_iter().for_each(|message| findings.warn("vault-certificate-disabled", message));
}
