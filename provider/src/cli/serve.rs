//! `countersign serve`: starts the log and the service, and stops it on a signal.

use std::path::Path;

use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tracing::Level;

use super::Exit;
use super::Failure;
use super::args::ServeArgs;
use super::check::Findings;
use crate::clock;
use crate::config::Config;
use crate::config::ConfigFile;
use crate::config::ConfigReading;
use crate::config::Purpose;
use crate::runtime::Service;
use crate::runtime::log_format;
use crate::runtime::log_level;
use crate::telemetry::log;
use crate::telemetry::log::Format;
use crate::telemetry::log::LevelHandle;
use crate::telemetry::log::LoggedFindings;

/// Everything that happens after the log is set up is an event of the log, also a failure to start.
pub(super) fn run(args: &ServeArgs) -> Result<Exit, Failure> {
    let path = &args.config.config;
    let findings = Findings::collect(path, Purpose::Serve, ConfigReading::Followed, None, clock::now());
    let (level, format) = match &findings.config {
        Some(Config { log, .. }) => (log_level(log.level), log_format(log.format)),
        None => (Level::INFO, Format::Json),
    };
    let log = log::init(level, format).map_err(Failure::unexpected)?;
    let config = findings.config.as_ref().map(ToString::to_string);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), config, "start");
    let logged = findings.log();
    let exit = match load_and_serve(path, log.level.clone(), logged) {
        Ok(()) => Exit::Success,
        Err((message, failure)) => {
            tracing::error!(error = %failure, exit_code = failure.exit.code(), "{message}");
            failure.exit
        }
    };
    // What is left after this time is lost with the process.
    log.flush();
    Ok(exit)
}

/// # Errors
/// The message of the event, and the causes.
fn load_and_serve(path: &Path, level: LevelHandle, logged: LoggedFindings) -> Result<(), (&'static str, Failure)> {
    let cannot_start = |failure| ("cannot start", failure);
    let (file, config) = ConfigFile::load(path, Purpose::Serve).map_err(|error| cannot_start(Failure::usage(error)))?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| cannot_start(Failure::unexpected(error)))?;
    let ended = runtime.block_on(async {
        let stop = Stop::install().map_err(|error| cannot_start(Failure::unexpected(error)))?;
        let service = Service::start_after(&config, path, logged).await.map_err(|error| cannot_start(error.into()))?;
        let ended = service.following(file, Some(level)).run(stop.wait()).await;
        ended.map_err(|error| ("the service has failed", error.into()))
    });
    // Background work whose requests have ended is not awaited.
    runtime.shutdown_background();
    ended
}

/// SIGTERM, which the kubelet sends, and SIGINT, which a terminal sends. Handled from the start.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn install() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn wait(mut self) {
        let which = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = which, "stopping");
    }
}
