//! The sources of tokens of one cloud: one for each way to request them, whichever registries they are for.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use countersign_credentials::ExpiringIdentities;
use countersign_credentials::IdentityFetcher;
use countersign_credentials::IdentityIssuer;
use countersign_credentials::IdentitySource;

use super::early_tokens;
use super::early_tokens::EarlyToken;
use crate::config::Config;
use crate::config::Credentials;

/// Sources by what is written in an entry of `registries`. Clones share the sources, with their tokens.
#[derive(Clone)]
pub(in crate::runtime) struct TokenSources<K, T: IdentityIssuer>(HashMap<K, Arc<ExpiringIdentities<T>>>);

impl<K: Clone + Eq + Hash + 'static, T: IdentityFetcher> TokenSources<K, T> {
    /// None.
    pub(in crate::runtime) fn none() -> Self {
        Self(HashMap::new())
    }

    /// The source for `key`; `None` if no registry has it.
    pub(in crate::runtime) fn get(&self, key: &K) -> Option<Arc<dyn IdentitySource>> {
        Some(Arc::clone(self.0.get(key)?) as Arc<dyn IdentitySource>)
    }

    /// The source for `key`: the one of this value, otherwise that of `former`, which has the same clients, otherwise a new one.
    pub(in crate::runtime) fn get_or_keep(
        &mut self,
        key: &K,
        former: Option<&Self>,
        new: impl FnOnce() -> ExpiringIdentities<T>,
    ) -> Arc<dyn IdentitySource> {
        let known = former.and_then(|former| former.0.get(key));
        let source = self.0.entry(key.clone()).or_insert_with(|| known.map_or_else(|| Arc::new(new()), Arc::clone));
        Arc::clone(source) as Arc<dyn IdentitySource>
    }

    /// The tokens of the entries whose credentials are of the kind of `key`.
    pub(in crate::runtime) fn early(&self, config: &Config, key: fn(&Credentials) -> Option<&K>) -> Vec<EarlyToken> {
        let found = early_tokens::registries(config, key);
        found.filter_map(|(repository, key)| Some(EarlyToken { repository, source: self.get(key)? })).collect()
    }
}
