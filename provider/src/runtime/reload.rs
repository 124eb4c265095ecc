//! The reload task: polls every component's files while the service runs. After a change with a mistake the former
//! content stays in use.

mod configuration;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use tokio::task::JoinError;
use tokio::task::spawn_blocking;

pub(super) use self::configuration::Configuration;

use super::active_engine::ActiveEngine;
use super::certificates::Certificates;
use super::registry_files::LoadedRegistryFiles;
use super::status::ReloadStatus;
use crate::clock;
use crate::policy_source::PolicyPoll;
use crate::policy_source::PolicySource;

/// Every component, and where its status is published. Components are reloaded one after another, so that changes do
/// not overlap.
pub(super) struct ReloadTask {
    pub(super) configuration: Configuration,
    pub(super) policy: PolicySource,
    pub(super) certificates: Certificates,
    pub(super) registries: LoadedRegistryFiles,
    pub(super) engine: ActiveEngine,
    pub(super) status: ReloadStatus,
}

impl ReloadTask {
    /// Polls forever, every `trust.reloadInterval`. Returns only if a reload panics.
    pub(super) async fn run(mut self) -> JoinError {
        loop {
            // Everything was loaded at the start.
            tokio::time::sleep(self.configuration.in_use.trust.reload_interval).await;
            let reload = spawn_blocking(move || {
                self.reload();
                self
            });
            self = match reload.await {
                Ok(task) => task,
                Err(error) => return error,
            };
        }
    }

    /// Polls every component once. The configuration is first: it may name other files.
    fn reload(&mut self) {
        self.reload_configuration();
        self.reload_policy();
        self.certificates.reload(&mut self.status);
        let Self { configuration, policy, registries, engine, status, certificates: _ } = self;
        registries.reload(&configuration.in_use, policy.handle(), engine, status);
    }

    fn reload_policy(&mut self) {
        match self.policy.poll(clock::now()) {
            PolicyPoll::Unchanged => {}
            PolicyPoll::Unsettled => tracing::debug!(
                "trust policy and trust stores are changing; reading them again \
                 later"
            ),
            PolicyPoll::Loaded(policy) => self.status.policy_in_use(&policy),
            PolicyPoll::Refused(error) => self.status.no_policy(&error),
        }
    }
}
