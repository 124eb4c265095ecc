//! A changed configuration file: everything that it names is loaded first, then all of it is taken into use at once.

use std::sync::Arc;

use countersign_core::name::Digest;
use tokio::runtime::Handle;

use super::ReloadTask;
use super::policy;
use super::policy::PolicyState;
use crate::clock;
use crate::config::Config;
use crate::config::ConfigFile;
use crate::config::ConfigPoll;
use crate::config::RegistryFiles;
use crate::policy_source::PolicySource;
use crate::policy_source::PolicySourceError;
use crate::runtime::active_engine::Successor;
use crate::runtime::certificates::CertificateFiles;
use crate::runtime::components;
use crate::runtime::error::Cause;
use crate::runtime::error::RuntimeError;
use crate::runtime::registry_files::LoadedRegistryFiles;
use crate::runtime::settings;
use crate::runtime::trust_stores;
use crate::runtime::trust_stores::FetchStore;
use crate::server::ServerSettings;
use crate::server::tls::LoadedTls;
use crate::telemetry::ErrorChain;
use crate::telemetry::log::LevelHandle;
use crate::telemetry::metrics::Component;

/// The component [`Component::Config`].
pub(in crate::runtime) struct Configuration {
    pub(in crate::runtime) in_use: Config,
    /// The configuration at the start, for the keys that need a restart.
    started: Config,
    /// The file that `in_use` is from, if it is followed.
    file: Option<ConfigFile>,
    /// The log's level, if it follows the configuration.
    level: Option<LevelHandle>,
}

impl Configuration {
    /// A configuration that is not followed.
    pub(in crate::runtime) fn new(config: &Config) -> Self {
        Self { in_use: config.clone(), started: config.clone(), file: None, level: None }
    }

    /// Polls `file` from now on, and sets `level` to its value.
    pub(in crate::runtime) fn follow(&mut self, file: ConfigFile, level: Option<LevelHandle>) {
        self.file = Some(file);
        self.level = level;
    }
}

/// All that a changed configuration needs, loaded and without mistakes.
pub(super) struct Prepared {
    settings: ServerSettings,
    engine: Successor,
    /// The generation of the policy that `policy` follows.
    former_generation: Option<u64>,
    policy: PolicySource,
    /// Why `policy` has no document that can be used.
    no_policy: Option<PolicySourceError>,
    /// Fetches the stores of `policy`.
    fetcher: Arc<dyn FetchStore>,
    files: RegistryFiles,
    files_seen: Digest,
    /// If the certificates are in other files than before.
    certificates: Option<(CertificateFiles, LoadedTls)>,
}

impl ReloadTask {
    /// Takes a changed configuration into use.
    pub(super) fn reload_configuration(&mut self) {
        let Some(file) = &mut self.configuration.file else { return };
        match file.poll() {
            Ok(ConfigPoll::Unchanged) => self.status.unchanged(Component::Config),
            Ok(ConfigPoll::Unsettled) => tracing::debug!(
                "configuration files are changing; reading them again \
                 later"
            ),
            Err(error) => self.status.refused(Component::Config, &ErrorChain(&error).to_string()),
            Ok(ConfigPoll::Changed(config, bytes)) if *config == self.configuration.in_use => {
                file.accept(bytes);
                self.status.unchanged(Component::Config);
            }
            Ok(ConfigPoll::Changed(config, bytes)) => match self.prepare(&config) {
                Ok(prepared) => {
                    let taken = self.take(*config, prepared);
                    if let (true, Some(file)) = (taken, &mut self.configuration.file) {
                        file.accept(bytes);
                    }
                }
                // Tried again with the next poll, as other files may have changed then.
                Err(error) => self.status.refused(Component::Config, &error.to_string()),
            },
        }
    }

    /// Loads everything that `config` names and reports every mistake.
    pub(super) fn prepare(&self, config: &Config) -> Result<Prepared, RuntimeError> {
        let (settings, tls_files) = settings::server(config)?;
        let files_seen = config.registry_files_digest();
        let mut files = config.registry_files(Some(&self.registries.in_use));
        let certificates = self.certificates.prepare(tls_files).map_err(Cause::Tls);
        // The policy is read last, so that it is not outdated if the other files could be read only after a long time.
        let former = self.policy.source();
        let former_generation = policy::generation(&former);
        let statements = config.verification.required_metadata.keys().cloned();
        let fetched = former.fetched().successor(&config.trust.stores);
        let clouds = components::clouds(&self.engine, config, &mut files);
        let vaults = clouds.as_ref().unwrap_or(&self.engine.clouds).vaults();
        let fetcher = self.stores.fetcher(config, &files, vaults);
        if fetched.stores().any(|store| store.status().fetched.is_none()) {
            // So that a changed source does not disable statements until it is fetched. This is a thread that may block.
            Handle::current().block_on(trust_stores::first(&fetched, &fetcher));
        }
        let mut policy = former.successor(config.trust.location.clone(), statements).with_fetched(fetched);
        let loaded = load_policy(&former, &mut policy).map_err(Cause::Policy);
        // Missing files may still arrive; until then the former configuration stays in use.
        let engine = match files.broken_since(&self.registries.in_use) {
            Some(error) => Err(Cause::RegistryFiles(error)),
            None => {
                clouds.and_then(|clouds| components::successor(&self.engine, config, &files, clouds, policy.handle()))
            }
        };
        match (loaded, engine, certificates) {
            (Ok(no_policy), Ok(engine), Ok(certificates)) => Ok(Prepared {
                settings,
                engine,
                former_generation,
                policy,
                no_policy,
                fetcher,
                files,
                files_seen,
                certificates,
            }),
            (loaded, engine, certificates) => {
                let causes = [loaded.err(), engine.err(), certificates.err()];
                Err(RuntimeError::new(causes.into_iter().flatten()))
            }
        }
    }

    /// Takes `config` into use for the next request, unless the trust policy has changed since it was prepared: then the
    /// next poll prepares it again. Returns whether it is in use. Nothing here reads a file or can fail.
    pub(super) fn take(&mut self, config: Config, prepared: Prepared) -> bool {
        let Prepared {
            settings,
            engine,
            former_generation,
            policy,
            no_policy,
            fetcher,
            files,
            files_seen,
            certificates,
        } = prepared;
        let shared = self.policy.clone();
        let mut trust = shared.lock();
        if trust.generation() != former_generation {
            tracing::debug!("the trust policy changed while the configuration was loaded; loading it again later");
            return false;
        }
        self.engine.swap(settings, engine);
        if let Some(loaded) = certificates {
            self.certificates.replace(loaded, &mut self.status);
        }
        let PolicyState { source, status: trust_status, interval, aws } = &mut *trust;
        *source = policy;
        self.stores.follow(source.fetched(), &fetcher);
        trust_status.stores_fetched(source.fetched());
        *interval = config.trust.reload_interval;
        *aws = config.aws.clone();
        self.registries = LoadedRegistryFiles::new(files, files_seen);
        let Configuration { in_use, started, level, file: _ } = &mut self.configuration;
        if let Some(level) = level {
            level.set(settings::log_level(config.log.level));
        }
        tracing::info!(%config, "configuration in use");
        let restart = config.restart_needed(started);
        *in_use = config;
        self.status.in_use(Component::Config);
        self.status.configured(in_use, &self.registries.in_use);
        if let Some(policy) = source.handle().current() {
            trust_status.policy_in_use(&policy, source.location(), aws);
        }
        if let Some(error) = no_policy {
            trust_status.no_policy(&error, source.location());
        }
        self.status.restart_needed(restart);
        true
    }
}

/// Loads the policy of a changed configuration, which follows `former`. Returns its error as a value if no policy is in
/// use either.
///
/// # Errors
/// The change would disable a part of the policy in use: there is no policy document that can be used; or the
/// configuration demands metadata for a name that is in no policy, which disables statements, and the former one does
/// not.
fn load_policy(
    former: &PolicySource,
    policy: &mut PolicySource,
) -> Result<Option<PolicySourceError>, PolicySourceError> {
    match policy.load(clock::now()) {
        Ok(loaded) => {
            let is_new = !policy.unknown_statements().is_subset(&former.unknown_statements());
            loaded.error().filter(|_| is_new).map_or(Ok(None), Err)
        }
        Err(error) if former.handle().current().is_none() => Ok(Some(error)),
        Err(error) => Err(error),
    }
}
