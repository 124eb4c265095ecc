//! `countersign verify`: images of the command line through the engine, once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use futures_util::StreamExt as _;
use prometheus::Registry;

use super::Exit;
use super::Failure;
use super::args::VerifyArgs;
use super::report;
use super::report::Checked;
use super::warn;
use crate::config::Config;
use crate::config::Purpose;
use crate::engine::Deadline;
use crate::engine::Engine;
use crate::engine::ImageResult;
use crate::engine::Verifier as _;
use crate::runtime::Components;
use crate::runtime::FLIGHT_TIME;
use crate::telemetry::metrics::Metrics;

/// Time for one image. No admission waits, so this is slightly longer than the engine works on an image: the engine
/// reports which stage took the time.
const PATIENCE: Duration = FLIGHT_TIME.saturating_add(Duration::from_secs(1));

pub(super) fn run(args: &VerifyArgs) -> Result<Exit, Failure> {
    let config = Config::load(&args.config.config, Purpose::Verify).map_err(Failure::usage)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::unexpected)?;
    let checked = runtime.block_on(async {
        let metrics = Arc::new(Metrics::new(&Registry::new()).map_err(Failure::unexpected)?);
        let components = Components::load_with_policy(&config, &metrics, warn)?;
        let at_once = config.server.max_concurrent_keys_per_request;
        let work = args.images.iter().map(|image| verify(&components.engine, image.clone()));
        Ok::<_, Failure>(futures_util::stream::iter(work).buffered(at_once).collect::<Vec<_>>().await)
    })?;
    // No other request waits for this work.
    runtime.shutdown_background();
    match report::print(&checked, args.output, &mut io::stdout().lock()) {
        Ok(()) => Ok(report::exit(&checked)),
        // Ignores broken pipes.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(report::exit(&checked)),
        Err(error) => Err(Failure::unexpected(anyhow::Error::new(error).context("cannot print the verdicts"))),
    }
}

/// Verifies one image in a task of its own, so that a panic becomes a verdict.
async fn verify(engine: &Engine, image: ImageRef) -> Checked {
    let work = engine.verify(engine.request(Arc::new(image.clone()), Deadline::after(FLIGHT_TIME)));
    let result = match tokio::time::timeout(PATIENCE, tokio::spawn(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => undecided(Reason::new(Code::InternalError, panic)),
        Err(_) => {
            let time = humantime::format_duration(PATIENCE);
            undecided(Reason::new(Code::DeadlineExceeded, format_args!("verification timed out after {time}")))
        }
    };
    Checked { image, result }
}

fn undecided(reason: Reason) -> ImageResult {
    ImageResult { digest: None, verdict: ImageVerdict::from_reason(None, reason).into(), cached: false }
}
