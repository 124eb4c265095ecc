//! Looks at the configuration, trust, certificates and credentials again and again while the service runs. A change with
//! a mistake leaves in use what was.

mod certificates;
mod policy_status;
mod status;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::sync::Arc;

use countersign_core::name::Digest;
use tokio::task::JoinError;
use tokio::task::spawn_blocking;

use super::Chain;
use super::Failure;
use super::components;
use super::service;
use crate::config::Config;
use crate::config::ConfigFile;
use crate::config::ConfigLook;
use crate::config::RegistryFiles;
use crate::engine::Engine;
use crate::engine::system_clock;
use crate::policy_source::Polled;
use crate::policy_source::TrustError;
use crate::policy_source::TrustSource;
use crate::server::Live;
use crate::server::ServerSettings;
use crate::server::tls::LoadedTls;
use crate::server::tls::Tls;
use crate::telemetry::log::LevelHandle;
use crate::telemetry::metrics::Reloaded;

pub(super) use certificates::TlsSource;
pub(super) use status::Signs;

/// Everything that is looked at, and where it goes. One look after another, so that no two changes meet.
pub(super) struct Reloader {
    pub(super) live: Live,
    /// Of the newest configuration.
    pub(super) engine: Engine,
    /// In use.
    pub(super) config: Config,
    /// What the service was started with, of what it cannot change.
    pub(super) started: Config,
    /// The file that `config` is from, if it is looked at.
    pub(super) file: Option<ConfigFile>,
    /// The log's level, if it follows the configuration.
    pub(super) level: Option<LevelHandle>,
    pub(super) trust: TrustSource,
    pub(super) certificates: TlsSource,
    pub(super) tls: Arc<Tls>,
    /// What the registries' files say, as far as it is in use.
    pub(super) files: RegistryFiles,
    /// What the registries' files were when the engine was made. From just before: a change in between makes one engine
    /// too many rather than one too few.
    pub(super) registries: Digest,
    pub(super) signs: Signs,
}

/// All that a changed configuration needs, loaded and without mistakes.
struct Prepared {
    settings: ServerSettings,
    engine: Engine,
    trust: TrustSource,
    files: RegistryFiles,
    /// Why `trust` has no policy that can be used.
    no_trust: Option<TrustError>,
    registries: Digest,
    /// If the certificates are in other files than before.
    tls: Option<(TlsSource, LoadedTls)>,
}

impl Reloader {
    /// Looks for ever. Returns only if a look panics.
    pub(super) async fn run(mut self) -> JoinError {
        loop {
            // The first look was at the start.
            tokio::time::sleep(self.config.trust.reload_interval).await;
            let look = spawn_blocking(move || {
                self.look();
                self
            });
            self = match look.await {
                Ok(looked) => looked,
                Err(error) => return error,
            };
        }
    }

    fn look(&mut self) {
        self.configuration();
        self.trust();
        self.certificates();
        self.credentials();
    }

    fn configuration(&mut self) {
        let Some(file) = &mut self.file else { return };
        match file.look() {
            Ok(ConfigLook::Same) => self.signs.holds(Reloaded::Config),
            Ok(ConfigLook::Unsettled) => tracing::debug!("configuration is changing: looking again later"),
            Err(error) => self.signs.refused(Reloaded::Config, &Chain(&error).to_string()),
            Ok(ConfigLook::Changed(config, bytes)) if *config == self.config => {
                file.take(bytes);
                self.signs.holds(Reloaded::Config);
            }
            Ok(ConfigLook::Changed(config, bytes)) => match self.prepare(&config) {
                Ok(prepared) => {
                    self.take(*config, prepared);
                    if let Some(file) = &mut self.file {
                        file.take(bytes);
                    }
                }
                // Tried again at the next look: what is missing may be in other files.
                Err(failure) => self.signs.refused(Reloaded::Config, &failure.to_string()),
            },
        }
    }

    /// Loads what `config` names, all of it anew, and reports every mistake.
    fn prepare(&self, config: &Config) -> Result<Prepared, Failure> {
        let (settings, tls_files) = service::settings(config)?;
        let statements = config.verification.required_metadata.keys().cloned();
        let mut trust = self.trust.successor(config.trust.location.clone(), statements);
        let loaded = self.load(&mut trust).map_err(anyhow::Error::new);
        let registries = config.registry_files_digest();
        let files = config.registry_files(Some(&self.files));
        // What is missing may be on its way; until then the former configuration serves every registry.
        let engine = match files.broken_since(&self.files) {
            Some(error) => Err(anyhow::Error::new(error)),
            None => components::successor(&self.engine, config, &files, trust.handle()),
        };
        let tls = (tls_files != *self.certificates.files()).then(|| TlsSource::load(tls_files)).transpose();
        match (loaded, engine, tls) {
            (Ok(no_trust), Ok(engine), Ok(tls)) => {
                Ok(Prepared { settings, engine, trust, no_trust, files, registries, tls })
            }
            (loaded, engine, tls) => {
                let causes = loaded.err().into_iter().chain(engine.err());
                let causes = causes.chain(tls.err().map(anyhow::Error::new)).collect();
                Err(Failure::mistakes(causes))
            }
        }
    }

    /// Loads the trust of a changed configuration. Gives why there is none, if there is none in use either.
    ///
    /// # Errors
    /// It would take away from what is in use: there is no policy document that can be used; or the configuration demands
    /// metadata for a name that is in no policy, which disables statements, and the former one does not.
    fn load(&self, trust: &mut TrustSource) -> Result<Option<TrustError>, TrustError> {
        match trust.load(system_clock()()) {
            Ok(loaded) => {
                let is_new = !trust.unknown_statements().is_subset(&self.trust.unknown_statements());
                loaded.error().filter(|_| is_new).map_or(Ok(None), Err)
            }
            Err(error) if self.trust.handle().current().is_none() => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    /// Takes `config` into use for the next request. Nothing here can fail.
    fn take(&mut self, config: Config, prepared: Prepared) {
        let Prepared { settings, engine, trust, no_trust, files, registries, tls } = prepared;
        self.swap(settings, engine);
        if let Some((source, loaded)) = tls {
            self.certificates = source;
            self.tls.swap(loaded);
            self.signs.certificates_in_use(&self.tls.current());
        }
        self.trust = trust;
        self.files = files;
        self.registries = registries;
        if let Some(level) = &self.level {
            level.set(service::level(config.log_level));
        }
        tracing::info!(%config, "configuration in use");
        self.config = config;
        self.signs.in_use(Reloaded::Config);
        self.signs.registries_in_use(&self.files);
        if let Some(trust) = self.trust.handle().current() {
            self.signs.trust_in_use(&trust);
        }
        if let Some(error) = no_trust {
            self.signs.no_trust(&error);
        }
        self.signs.restart_needed(unchangeable(&self.started, &self.config));
    }

    /// The engine before serves the requests under way, and remembers nothing more.
    fn swap(&mut self, settings: ServerSettings, engine: Engine) {
        self.live.swap(settings, Arc::new(engine.clone()));
        engine.take_over(&self.engine);
        self.engine = engine;
    }

    fn trust(&mut self) {
        match self.trust.poll(system_clock()()) {
            Polled::Unchanged => {}
            Polled::Unsettled => tracing::debug!("trust policy and trust stores are changing: looking again later"),
            Polled::Loaded(trust) => self.signs.trust_in_use(&trust),
            Polled::Refused(error) => self.signs.no_trust(&error),
        }
    }

    fn certificates(&mut self) {
        match self.certificates.poll() {
            None => {}
            Some(Ok(loaded)) => {
                tracing::info!(until = %loaded.server_end(), "certificates in use for new connections");
                self.tls.swap(loaded);
                self.signs.certificates_in_use(&self.tls.current());
            }
            Some(Err(error)) => self.signs.refused(Reloaded::Tls, &Chain(&error).to_string()),
        }
    }

    fn credentials(&mut self) {
        let seen = self.config.registry_files_digest();
        if seen == self.registries {
            return;
        }
        let files = self.config.registry_files(Some(&self.files));
        if files.says_the_same(&self.files) {
            // Nothing is forgotten for files that cannot be used.
            (self.files, self.registries) = (files, seen);
            self.signs.registries_in_use(&self.files);
            return;
        }
        let ready = service::settings(&self.config).and_then(|(settings, _)| {
            let engine = components::successor(&self.engine, &self.config, &files, self.trust.handle());
            Ok((settings, engine.map_err(Failure::usage)?))
        });
        self.registries = seen;
        match ready {
            Ok((settings, engine)) => {
                self.swap(settings, engine);
                tracing::info!("credentials of registries in use");
                self.files = files;
                self.signs.registries_in_use(&self.files);
            }
            Err(failure) => self.signs.refused(Reloaded::Registries, &failure.to_string()),
        }
    }
}

/// The keys whose values differ and that a running service cannot change.
fn unchangeable(started: &Config, now: &Config) -> Vec<&'static str> {
    let differs = [
        ("server.listen", started.server.listen != now.server.listen),
        ("server.maxConnections", started.server.max_connections != now.server.max_connections),
        ("health.listen", started.health_listen != now.health_listen),
    ];
    differs.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
}
