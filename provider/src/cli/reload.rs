//! Looks at certificates, trust and credentials again and again while the service runs. One log line per change; a change with a
//! mistake is reported and leaves in use what was.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use countersign_core::name::Digest;
use countersign_core::time::UnixTime;
use tokio::task::JoinError;
use tokio::task::spawn_blocking;
use tokio::time::MissedTickBehavior;

use super::Chain;
use super::current::Current;
use super::parts;
use crate::config::Config;
use crate::engine::Engine;
use crate::server::tls::LoadedTls;
use crate::server::tls::Tls;
use crate::server::tls::TlsError;
use crate::server::tls::TlsFiles;
use crate::server::tls::TlsPem;
use crate::telemetry::metrics::Certificate;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::Reloaded;
use crate::trust_source::Polled;
use crate::trust_source::Trust;
use crate::trust_source::TrustHandle;
use crate::trust_source::TrustSource;

/// Looks at the trust for ever. Returns only if a look panics.
pub(super) async fn trust(mut source: TrustSource, every: Duration, metrics: Arc<Metrics>) -> JoinError {
    let mut ticks = ticks(every);
    loop {
        ticks.tick().await;
        let look = spawn_blocking(move || {
            let polled = source.poll();
            (source, polled)
        });
        let polled;
        (source, polled) = match look.await {
            Ok(looked) => looked,
            Err(error) => return error,
        };
        match polled {
            Polled::Unchanged => {}
            Polled::Unsettled => tracing::debug!("trust policy and trust stores are changing: looking again later"),
            Polled::Loaded(trust) => {
                tracing::info!(generation = trust.generation(), "trust policy and trust stores in use");
                trust_in_use(&trust, &metrics);
            }
            Polled::Refused(error) => {
                tracing::error!(error = %error, "changed trust policy or trust stores not taken into use: what was there stays");
                metrics.reload_failed(Reloaded::Trust);
            }
        }
    }
}

/// Looks at the certificates for ever. Returns only if a look panics.
pub(super) async fn tls(mut source: TlsSource, tls: Arc<Tls>, every: Duration, metrics: Arc<Metrics>) -> JoinError {
    let mut ticks = ticks(every);
    loop {
        ticks.tick().await;
        let look = spawn_blocking(move || {
            let polled = source.poll();
            (source, polled)
        });
        let polled;
        (source, polled) = match look.await {
            Ok(looked) => looked,
            Err(error) => return error,
        };
        match polled {
            None => {}
            Some(Ok(loaded)) => {
                tracing::info!(until = %loaded.server_end(), "certificates in use for new connections");
                tls.swap(loaded);
                tls_in_use(&tls.current(), &metrics);
            }
            Some(Err(error)) => {
                tracing::error!(error = %Chain(&error), "changed certificates not taken into use: what was there stays");
                metrics.reload_failed(Reloaded::Tls);
            }
        }
    }
}

/// Looks at the registries' credentials and authorities for ever. Returns only if a look panics.
pub(super) async fn registries(
    mut source: RegistrySource,
    current: Arc<Current>,
    every: Duration,
    metrics: Arc<Metrics>,
) -> JoinError {
    let mut ticks = ticks(every);
    loop {
        ticks.tick().await;
        let counted = Arc::clone(&metrics);
        let look = spawn_blocking(move || {
            let polled = source.poll(&counted);
            (source, polled)
        });
        let polled;
        (source, polled) = match look.await {
            Ok(looked) => looked,
            Err(error) => return error,
        };
        match polled {
            None => {}
            Some(Ok(engine)) => {
                current.swap(engine);
                tracing::info!("credentials of registries in use");
                metrics.reloaded(Reloaded::Registries, now());
            }
            Some(Err(error)) => {
                let error = Chain(error.as_ref());
                tracing::error!(%error, "changed credentials of registries not taken into use: what was there stays");
                metrics.reload_failed(Reloaded::Registries);
            }
        }
    }
}

/// The files that the registries' entries name, and what they were at the last look.
pub(super) struct RegistrySource {
    config: Config,
    trust: Arc<TrustHandle>,
    seen: Digest,
}

impl RegistrySource {
    /// `seen` is from before the engine was made that is in use: a change in between makes one engine too many rather
    /// than one too few.
    pub(super) fn new(config: Config, trust: Arc<TrustHandle>, seen: Digest) -> Self {
        Self { config, trust, seen }
    }

    /// `None` if nothing has changed since the last look.
    fn poll(&mut self, metrics: &Arc<Metrics>) -> Option<Result<Engine, anyhow::Error>> {
        let seen = self.config.registry_files_digest();
        if seen == self.seen {
            return None;
        }
        self.seen = seen;
        Some(parts::engine(&self.config, Arc::clone(&self.trust), metrics).map(|(engine, _)| engine))
    }
}

/// The certificate files, and what they were at the last look.
pub(super) struct TlsSource {
    files: TlsFiles,
    /// An unreadable file by its message.
    seen: Result<TlsPem, String>,
}

impl TlsSource {
    pub(super) fn load(files: TlsFiles) -> Result<(Self, Arc<Tls>), TlsError> {
        let pem = files.read()?;
        let loaded = LoadedTls::load(&pem, now())?;
        Ok((Self { files, seen: Ok(pem) }, Arc::new(Tls::new(loaded))))
    }

    /// `None` if nothing has changed since the last look.
    fn poll(&mut self) -> Option<Result<LoadedTls, TlsError>> {
        let read = self.files.read();
        let seen = match &read {
            Ok(pem) => Ok(pem.clone()),
            Err(error) => Err(Chain(error).to_string()),
        };
        if seen == self.seen {
            return None;
        }
        self.seen = seen;
        Some(read.and_then(|pem| LoadedTls::load(&pem, now())))
    }
}

pub(super) fn tls_in_use(loaded: &LoadedTls, metrics: &Metrics) {
    metrics.certificate_end(Certificate::Server, loaded.server_end());
    metrics.certificate_end(Certificate::ClientCa, loaded.authorities_end());
    metrics.reloaded(Reloaded::Tls, now());
}

pub(super) fn trust_in_use(trust: &Trust, metrics: &Metrics) {
    metrics.trust_generation(trust.generation());
    metrics.reloaded(Reloaded::Trust, now());
}

fn ticks(every: Duration) -> tokio::time::Interval {
    // The first look was at the start.
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    let seconds = since.and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0);
    UnixTime::from_seconds(seconds).unwrap_or(UnixTime::EPOCH)
}
