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

/// The content of the files in use, and of the last poll.
pub(super) struct LoadedRegistryFiles {
    /// The content in use.
    pub(super) in_use: RegistryFiles,
    /// Of the files' content. Computed before the files are read, so that the next poll detects a change in between.
    seen: Digest,
}

impl LoadedRegistryFiles {
    pub(super) fn new(in_use: RegistryFiles, seen: Digest) -> Self {
        Self { in_use, seen }
    }

    /// Uses changed files, and returns whether there were any. The former content of a file with a mistake stays in use.
    pub(super) fn reload(
        &mut self,
        config: &Config,
        policy: Arc<PolicyHandle>,
        engine: &mut ActiveEngine,
        status: &mut ReloadStatus,
    ) -> bool {
        let seen = config.registry_files_digest();
        if seen == self.seen {
            return false;
        }
        self.seen = seen;
        let mut files = config.registry_files(Some(&self.in_use));
        let clouds = match components::clouds(engine, config, &mut files) {
            Ok(clouds) => clouds,
            Err(cause) => {
                status.refused(Component::Registries, &ErrorChain(&cause).to_string());
                return false;
            }
        };
        if files.differs_in_credentials_only(&self.in_use) {
            // The engine keeps its caches and connections.
            if files.replace_credentials(&self.in_use) {
                tracing::info!("credentials of registries in use");
            }
            engine.clouds = clouds;
            self.in_use = files;
            status.registries_in_use(&self.in_use);
            return true;
        }
        let prepared = settings::server(config)
            .and_then(|(settings, _)| Ok((settings, components::successor(engine, config, &files, clouds, policy)?)));
        match prepared {
            Ok((settings, successor)) => {
                engine.swap(settings, successor);
                tracing::info!("credentials of registries in use");
                self.in_use = files;
                status.registries_in_use(&self.in_use);
                true
            }
            Err(cause) => {
                status.refused(Component::Registries, &ErrorChain(&cause).to_string());
                false
            }
        }
    }
}
