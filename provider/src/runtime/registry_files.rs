//! The component [`Component::Registries`]: the credentials and certificate authorities that entries of `registries` name.

use std::sync::Arc;

use countersign_core::name::Digest;

use super::active_engine::ActiveEngine;
use super::components;
use super::settings;
use super::status::ReloadStatus;
use crate::config::Config;
use crate::config::RegistryFiles;
use crate::policy_source::PolicyHandle;
use crate::telemetry::ErrorChain;
use crate::telemetry::metrics::Component;

/// What the files say, and what they were when they were last read.
pub(super) struct LoadedRegistryFiles {
    /// What they say, as far as it is in use.
    pub(super) in_use: RegistryFiles,
    /// Of the files' content. Taken before they are read, so that a change in between is seen with the next poll.
    seen: Digest,
}

impl LoadedRegistryFiles {
    pub(super) fn new(in_use: RegistryFiles, seen: Digest) -> Self {
        Self { in_use, seen }
    }

    /// Takes changed files into use. A file with a mistake leaves in use what it said before.
    pub(super) fn reload(
        &mut self,
        config: &Config,
        policy: Arc<PolicyHandle>,
        engine: &mut ActiveEngine,
        status: &mut ReloadStatus,
    ) {
        let seen = config.registry_files_digest();
        if seen == self.seen {
            return;
        }
        self.seen = seen;
        let mut files = config.registry_files(Some(&self.in_use));
        if files.differs_in_credentials_only(&self.in_use) {
            // The engine stays, with its caches and connections.
            if files.replace_credentials(&self.in_use) {
                tracing::info!("credentials of registries in use");
            }
            self.in_use = files;
            status.registries_in_use(&self.in_use);
            return;
        }
        let prepared = settings::server(config)
            .and_then(|(settings, _)| Ok((settings, components::successor(&engine.current, config, &files, policy)?)));
        match prepared {
            Ok((settings, successor)) => {
                engine.swap(settings, successor);
                tracing::info!("credentials of registries in use");
                self.in_use = files;
                status.registries_in_use(&self.in_use);
            }
            Err(cause) => status.refused(Component::Registries, &ErrorChain(&cause).to_string()),
        }
    }
}
