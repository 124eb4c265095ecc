//! The reload task: polls every component's files while the service runs. After a change with a mistake the former
//! content stays in use. A poll that does not end is reported; one of the trust policy ends readiness.

mod configuration;
mod policy;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::sync::Arc;

use tokio::task::JoinError;
use tokio::task::spawn_blocking;

pub(super) use self::configuration::Configuration;
pub(super) use self::policy::SharedPolicy;
use super::watchdog::watch;

use super::active_engine::ActiveEngine;
use super::certificates::Certificates;
use super::registry_files::LoadedRegistryFiles;
use super::status::PollStatus;
use super::status::ReloadStatus;
use super::trust_stores::FetchStore;
use super::trust_stores::TrustStores;
use crate::telemetry::metrics::Component;

/// Every component, and where its status is published. The trust policy is polled by itself; the others are reloaded one
/// after another, so that changes do not overlap.
pub(super) struct ReloadTask {
    pub(super) configuration: Configuration,
    pub(super) policy: SharedPolicy,
    pub(super) certificates: Certificates,
    /// Fetches the trust stores that are not in files.
    pub(super) stores: TrustStores,
    pub(super) registries: LoadedRegistryFiles,
    pub(super) engine: ActiveEngine,
    /// Of all components but the trust policy.
    pub(super) status: ReloadStatus,
    pub(super) polls: PollStatus,
}

/// A component that is reloaded in turn with others.
type InTurn = (Component, fn(&mut ReloadTask));

/// The components that are reloaded one after another. The configuration is first: it may name other files.
const IN_TURN: [InTurn; 3] = [
    (Component::Config, ReloadTask::reload_configuration),
    (Component::Tls, ReloadTask::reload_certificates),
    (Component::Registries, ReloadTask::reload_registries),
];

impl ReloadTask {
    /// Polls forever, every `trust.reloadInterval`. Returns only if a reload panics.
    pub(super) async fn run(self) -> JoinError {
        self.run_with(IN_TURN).await
    }

    async fn run_with(self, in_turn: [InTurn; 3]) -> JoinError {
        let engine = self.engine.current.clone();
        // What was verified lately under the former policy.
        let changed = move || {
            let engine = engine.get();
            engine.verify_early(engine.verified_lately());
        };
        let policy = self.policy.clone().follow(self.polls.clone(), changed);
        tokio::select! {
            error = policy => error,
            error = self.follow(in_turn) => error,
        }
    }

    /// Polls all components but the trust policy forever.
    async fn follow(mut self, in_turn: [InTurn; 3]) -> JoinError {
        loop {
            // Everything was loaded at the start.
            tokio::time::sleep(self.configuration.in_use.trust.reload_interval).await;
            self.engine.clouds.show_tokens();
            for (component, reload) in in_turn {
                let polls = self.polls.clone();
                let reloading = spawn_blocking(move || {
                    reload(&mut self);
                    self
                });
                self = match watch(reloading, |late| polls.late(component, late)).await {
                    Ok(task) => task,
                    Err(error) => return error,
                };
                polls.finished(component);
            }
        }
    }

    /// What fetches trust stores with the configuration and the files in use.
    fn fetcher(&self) -> Arc<dyn FetchStore> {
        self.stores.fetcher(&self.configuration.in_use, &self.registries.in_use, self.engine.clouds.vaults())
    }

    fn reload_certificates(&mut self) {
        self.certificates.reload(&mut self.status);
    }

    fn reload_registries(&mut self) {
        let Self { configuration, policy, registries, engine, status, certificates: _, stores: _, polls: _ } = self;
        if registries.reload(&configuration.in_use, policy.handle(), engine, status) {
            let (fetched, fetcher) = (self.policy.source().fetched().clone(), self.fetcher());
            self.stores.follow(&fetched, &fetcher);
        }
    }
}
