//! `countersign serve`: starts the log and the service, and stops it on a signal.

use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use super::Exit;
use super::Failure;
use super::args::ServeArgs;
use crate::config::Config;
use crate::config::ConfigFile;
use crate::config::Purpose;
use crate::runtime::Service;
use crate::runtime::log_format;
use crate::runtime::log_level;
use crate::telemetry::log;
use crate::telemetry::log::LevelHandle;

pub(super) fn run(args: &ServeArgs) -> Result<Exit, Failure> {
    let (file, config) = ConfigFile::load(&args.config.config, Purpose::Serve).map_err(Failure::usage)?;
    let level = log::init(log_level(config.log.level), log_format(config.log.format)).map_err(Failure::unexpected)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), config = %config, "start");
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::unexpected)?;
    let ended = runtime.block_on(serve(&config, file, level));
    // Background work whose requests have ended is not awaited.
    runtime.shutdown_background();
    ended.map(|()| Exit::Success)
}

async fn serve(config: &Config, file: ConfigFile, level: LevelHandle) -> Result<(), Failure> {
    let stop = Stop::install().map_err(Failure::unexpected)?;
    Ok(Service::start(config).await?.following(file, Some(level)).run(stop.wait()).await?)
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
