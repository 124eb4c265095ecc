//! `countersign verify`: images of the command line and of manifests through the engine, once.

use std::collections::HashMap;
use std::io;
use std::io::IsTerminal as _;
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
use super::args::VerifyOutput;
use super::report;
use super::report::Checked;
use super::report::Format;
use super::requested::Requested;
use super::requested::requested;
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
    let requested = requested(&args.images, &args.manifests)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::unexpected)?;
    let checked = runtime.block_on(verify_all(&config, requested))?;
    // No other request waits for this work.
    runtime.shutdown_background();
    match report::print(&checked, format(args), &mut io::stdout().lock()) {
        Ok(()) => Ok(report::exit(&checked)),
        // Ignores broken pipes.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(report::exit(&checked)),
        Err(error) => Err(Failure::unexpected(anyhow::Error::new(error).context("cannot print the verdicts"))),
    }
}

fn format(args: &VerifyArgs) -> Format {
    let terminal = io::stdout().is_terminal();
    let colour = report::has_colour(args.color, terminal, |name| std::env::var_os(name));
    match args.output {
        Some(VerifyOutput::Table) => Format::Table { colour },
        None if terminal => Format::Table { colour },
        Some(VerifyOutput::Text) | None => Format::Text,
        Some(VerifyOutput::Json) => Format::Json,
    }
}

/// Verifies each image once, so that images that are written twice have one verdict.
async fn verify_all(config: &Config, requested: Vec<Requested>) -> Result<Vec<Checked>, Failure> {
    let metrics = Arc::new(Metrics::new(&Registry::new()).map_err(Failure::unexpected)?);
    let components = Components::load_with_policy(config, &metrics, warn).await?;
    let parsed: Vec<_> =
        requested.into_iter().map(|requested| (requested.text.parse::<ImageRef>(), requested)).collect();
    let mut known = HashMap::new();
    let mut images = Vec::new();
    for image in parsed.iter().filter_map(|(parsed, _)| parsed.as_ref().ok()) {
        known.entry(image.to_string()).or_insert_with(|| {
            images.push(image.clone());
            images.len() - 1
        });
    }
    let at_once = config.server.max_concurrent_keys_per_request;
    let work = images.into_iter().map(|image| verify(&components.engine, image));
    let results = futures_util::stream::iter(work).buffered(at_once).collect::<Vec<_>>().await;
    let checked = parsed.into_iter().map(|(parsed, Requested { text, fields })| match parsed {
        Ok(image) => {
            let image = image.to_string();
            let result = known.get(&image).and_then(|index| results.get(*index)).cloned();
            // Every parsed image has a result.
            let result = result.unwrap_or_else(|| undecided(Reason::new(Code::InternalError, "no result")));
            Checked { image, result, fields }
        }
        Err(why) => Checked { result: report::not_a_reference(why), image: text, fields },
    });
    Ok(checked.collect())
}

/// Verifies one image in a task of its own, so that a panic becomes a verdict.
async fn verify(engine: &Engine, image: ImageRef) -> ImageResult {
    let work = engine.verify(engine.request(Arc::new(image), Deadline::after(FLIGHT_TIME)));
    match tokio::time::timeout(PATIENCE, tokio::spawn(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => undecided(Reason::new(Code::InternalError, panic)),
        Err(_) => {
            let time = humantime::format_duration(PATIENCE);
            undecided(Reason::new(Code::DeadlineExceeded, format_args!("verification timed out after {time}")))
        }
    }
}

fn undecided(reason: Reason) -> ImageResult {
    ImageResult { digest: None, verdict: ImageVerdict::from_reason(None, reason).into(), cached: false }
}
