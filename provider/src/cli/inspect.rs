//! `countersign inspect`: images with all of their signatures, and the result of every check.

mod json;
mod text;
mod trace;

use std::io;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_core::notation::EvidenceFact;
use countersign_core::notation::FindingResult;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_core::verdict::VerdictKind;
use countersign_registry::Observer;
use futures_util::StreamExt as _;
use prometheus::Registry;

use self::trace::Trace;
use self::trace::Tracer;
use super::Exit;
use super::Failure;
use super::args::InspectArgs;
use super::args::Output;
use super::report;
use super::report::Checked;
use super::requested::Requested;
use super::requested::requested;
use super::warn;
use crate::config::Config;
use crate::config::Purpose;
use crate::engine::CountRequests;
use crate::engine::Deadline;
use crate::engine::Engine;
use crate::engine::ImageResult;
use crate::engine::InspectedSignature;
use crate::engine::Inspection;
use crate::engine::JudgedUnder;
use crate::engine::Listed;
use crate::runtime::Components;
use crate::runtime::FLIGHT_TIME;
use crate::runtime::Observers;
use crate::telemetry::RequestTrace;
use crate::telemetry::metrics::Metrics;

/// Time for the verdict, and again for the signatures: slightly longer than the engine works on an image, so that the
/// engine reports which stage took the time.
const PATIENCE: Duration = FLIGHT_TIME.saturating_add(FLIGHT_TIME).saturating_add(Duration::from_secs(2));

/// An image of the command line with its verdict and its signatures.
struct Inspected {
    checked: Checked,
    listed: Result<Listed, Reason>,
    /// With `--trace`.
    trace: Option<Trace>,
}

pub(super) fn run(args: &InspectArgs) -> Result<Exit, Failure> {
    let config = Config::load(&args.config.config, Purpose::Verify).map_err(Failure::usage)?;
    let requested = requested(&args.images, &args.manifests)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::unexpected)?;
    let inspected = runtime.block_on(inspect_all(&config, requested, args.trace))?;
    // No other request waits for this work.
    runtime.shutdown_background();
    match print(&inspected, args.output, &mut io::stdout().lock()) {
        Ok(()) => Ok(exit(&inspected)),
        // Ignores broken pipes.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(exit(&inspected)),
        Err(error) => Err(Failure::unexpected(anyhow::Error::new(error).context("cannot print the signatures"))),
    }
}

/// All images with one engine, as many at the same time as the server verifies for one request.
async fn inspect_all(config: &Config, requested: Vec<Requested>, trace: bool) -> Result<Vec<Inspected>, Failure> {
    let metrics = Arc::new(Metrics::new(&Registry::new()).map_err(Failure::unexpected)?);
    if trace {
        return inspect_with_trace(config, requested, &metrics).await;
    }
    let components = Components::load_with_policy(config, &metrics, warn).await?;
    let at_once = config.server.max_concurrent_keys_per_request;
    let work = requested.into_iter().map(|requested| inspect(&components.engine, requested));
    Ok(futures_util::stream::iter(work).buffered(at_once).collect().await)
}

/// One image after the other, so that each request belongs to one.
async fn inspect_with_trace(
    config: &Config,
    requested: Vec<Requested>,
    metrics: &Arc<Metrics>,
) -> Result<Vec<Inspected>, Failure> {
    let tracer = Arc::new(Tracer::new(CountRequests::new(Arc::clone(metrics))));
    let observers = Observers {
        metrics,
        registries: Arc::clone(&tracer) as Arc<dyn Observer>,
        trace: Some(Arc::clone(&tracer) as Arc<dyn RequestTrace>),
    };
    // Trust stores may be in a vault or at a URL: these requests are shown with those of the first image.
    let components = Components::load_with_policy_observed(config, observers, warn).await?;
    let mut all = Vec::with_capacity(requested.len());
    for requested in requested {
        let inspected = inspect(&components.engine, requested).await;
        all.push(Inspected { trace: Some(tracer.take()), ..inspected });
    }
    Ok(all)
}

/// Runs in a task of its own, so that a panic becomes a verdict. No request is sent for a text that is not a reference.
async fn inspect(engine: &Engine, Requested { text, fields }: Requested) -> Inspected {
    let image: ImageRef = match text.parse() {
        Ok(image) => image,
        Err(why) => {
            let listed = Err(Reason::new(Code::InvalidReference, &why));
            return Inspected {
                checked: Checked { image: text, result: report::not_a_reference(why), fields },
                listed,
                trace: None,
            };
        }
    };
    let name = image.to_string();
    let work = engine.inspect(engine.request(Arc::new(image), Deadline::after(FLIGHT_TIME)));
    let Inspection { result, listed } = match tokio::time::timeout(PATIENCE, tokio::spawn(work)).await {
        Ok(Ok(inspection)) => inspection,
        Ok(Err(panic)) => undecided(Reason::new(Code::InternalError, panic)),
        Err(_) => {
            let time = humantime::format_duration(PATIENCE);
            undecided(Reason::new(Code::DeadlineExceeded, format_args!("verification timed out after {time}")))
        }
    };
    Inspected { checked: Checked { image: name, result, fields }, listed, trace: None }
}

fn undecided(reason: Reason) -> Inspection {
    let verdict = ImageVerdict::from_reason(None, reason.clone()).into();
    Inspection { result: ImageResult { digest: None, verdict, cached: false }, listed: Err(reason) }
}

/// A rejection takes precedence over an inconclusive image, as for `verify`.
fn exit(inspected: &[Inspected]) -> Exit {
    let any = |exit| inspected.iter().any(|inspected| inspected.exit() == exit);
    if any(Exit::Rejected) {
        Exit::Rejected
    } else if any(Exit::Undecided) {
        Exit::Undecided
    } else {
        Exit::Success
    }
}

/// The pages with two empty lines between them, or the documents one after the other.
fn print(inspected: &[Inspected], output: Output, out: &mut dyn Write) -> io::Result<()> {
    match output {
        Output::Text => {
            let pages: Vec<String> = inspected.iter().map(text::page).collect();
            out.write_all(pages.join("\n\n").as_bytes())
        }
        Output::Json => inspected.iter().try_for_each(|inspected| {
            serde_json::to_writer_pretty(&mut *out, &json::Document::from(inspected))?;
            out.write_all(b"\n")
        }),
    }
}

impl Inspected {
    /// The exit code of `verify` for this image, except that a verified image whose signatures could not be listed is not a success.
    fn exit(&self) -> Exit {
        match (report::exit(std::slice::from_ref(&self.checked)), &self.listed) {
            (Exit::Success, Err(_)) => Exit::Undecided,
            (exit, _) => exit,
        }
    }

    /// One word for a signature: `verified`, `rejected`, `inconclusive`, or `not-judged` if no statement requires
    /// signatures, or the statement is disabled.
    fn result(&self, signature: &InspectedSignature) -> &'static str {
        match self.listed.as_ref().map(|listed| listed.judged) {
            Ok(JudgedUnder::Statement) => {}
            Ok(JudgedUnder::NoStatement) | Err(_) => return "not-judged",
        }
        let reasons: Vec<&Reason> = match &signature.envelope {
            Ok(envelope) if envelope.explanation.passes() => return VerdictKind::Verified.as_str(),
            Ok(envelope) => {
                envelope.explanation.findings.iter().filter_map(|finding| failure(&finding.found)).collect()
            }
            Err(reason) => vec![reason],
        };
        let rejected = reasons.iter().any(|reason| reason.code.kind() == VerdictKind::Rejected);
        if rejected { VerdictKind::Rejected.as_str() } else { VerdictKind::Inconclusive.as_str() }
    }
}

fn failure(found: &FindingResult) -> Option<&Reason> {
    match found {
        FindingResult::Failed(reason) => Some(reason),
        FindingResult::Passed | FindingResult::Logged(_) | FindingResult::Skipped | FindingResult::NotReached => None,
    }
}

/// The age of evidence when it was fetched.
fn age(fact: &EvidenceFact) -> Duration {
    let seconds = fact.fetched.seconds() - fact.this_update.seconds();
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// The result of a check as one word, and the reason if it did not pass.
fn ended(found: &FindingResult) -> (&'static str, Option<&Reason>) {
    match found {
        FindingResult::Passed => ("passed", None),
        FindingResult::Logged(reason) => ("logged", Some(reason)),
        FindingResult::Skipped => ("skipped", None),
        FindingResult::Failed(reason) if reason.code.kind() == VerdictKind::Inconclusive => {
            ("inconclusive", Some(reason))
        }
        FindingResult::Failed(reason) => ("failed", Some(reason)),
        FindingResult::NotReached => ("not-reached", None),
    }
}
