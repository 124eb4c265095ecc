//! The trust stores that are fetched.

use serde::Serialize;

use crate::cli::check::fetched_stores::FetchedStoreEntry;
use crate::config::StoreSource;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FetchedStoreView {
    store: String,
    /// `url` or `key-vault`.
    source: &'static str,
    /// The URL, or the vault with the names of its certificates.
    origin: String,
    /// Of a vault; absent for a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_vault: Option<KeyVaultView>,
    /// What was fetched; null without `--online`.
    fetch: Option<FetchView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyVaultView {
    vault: String,
    /// Each with the versions that count.
    certificates: Vec<String>,
    /// Whether the chain is read of the secret.
    secret: bool,
    /// Who reads.
    identity: String,
    /// Null if it is that of the environment.
    tenant: Option<String>,
    refresh_seconds: u64,
}

#[derive(Debug, Serialize)]
struct FetchView {
    /// When; null if nothing was.
    at: Option<String>,
    /// Of a vault, each certificate with its version.
    files: Vec<String>,
    /// Why it was not fetched, or not completely; else null.
    problem: Option<String>,
    /// When a running service fetches it the next time; null if its content cannot change.
    next: Option<String>,
}

impl From<&FetchedStoreEntry> for FetchedStoreView {
    fn from(FetchedStoreEntry { store, source, status }: &FetchedStoreEntry) -> Self {
        let key_vault = match source {
            StoreSource::Url(_) => None,
            StoreSource::KeyVault(source) => Some(KeyVaultView {
                vault: source.vault.to_string(),
                certificates: source.certificates.iter().map(ToString::to_string).collect(),
                secret: source.secret,
                identity: source.identity.name(),
                tenant: source.identity.tenant().map(ToString::to_string),
                refresh_seconds: source.refresh_interval.as_secs(),
            }),
        };
        let fetch = status.as_ref().map(|status| FetchView {
            at: status.fetched.map(|at| at.to_string()),
            files: status.files.clone(),
            problem: status.failure.as_ref().map(|failure| failure.why.to_string()),
            next: status.next.map(|next| next.to_string()),
        });
        Self { store: store.to_string(), source: source.kind(), origin: source.to_string(), key_vault, fetch }
    }
}
