//! `countersign inspect`: one image with all of its signatures, and the result of every check.

mod json;
mod text;

use std::io;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_core::name::ReferenceError;
use countersign_core::notation::EvidenceFact;
use countersign_core::notation::FindingResult;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_core::verdict::VerdictKind;
use prometheus::Registry;

use super::Exit;
use super::Failure;
use super::args::InspectArgs;
use super::args::Output;
use super::report;
use super::report::Checked;
use super::warn;
use crate::config::Config;
use crate::config::Purpose;
use crate::engine::Deadline;
use crate::engine::ImageResult;
use crate::engine::InspectedSignature;
use crate::engine::Inspection;
use crate::engine::JudgedUnder;
use crate::engine::Listed;
use crate::runtime::Components;
use crate::runtime::FLIGHT_TIME;
use crate::telemetry::metrics::Metrics;

/// Time for the verdict, and again for the signatures: slightly longer than the engine works on an image, so that the
/// engine reports which stage took the time.
const PATIENCE: Duration = FLIGHT_TIME.saturating_add(FLIGHT_TIME).saturating_add(Duration::from_secs(2));

/// An image of the command line with its verdict and its signatures.
struct Inspected {
    checked: Checked,
    listed: Result<Listed, Reason>,
}

pub(super) fn run(args: &InspectArgs) -> Result<Exit, Failure> {
    let config = Config::load(&args.config.config, Purpose::Verify).map_err(Failure::usage)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::unexpected)?;
    let inspected = match args.image.parse() {
        Ok(image) => runtime.block_on(inspect(&config, image))?,
        Err(why) => not_a_reference(args.image.clone(), why),
    };
    // No other request waits for this work.
    runtime.shutdown_background();
    let exit = inspected.exit();
    match inspected.print(args.output, &mut io::stdout().lock()) {
        Ok(()) => Ok(exit),
        // Ignores broken pipes.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(exit),
        Err(error) => Err(Failure::unexpected(anyhow::Error::new(error).context("cannot print the signatures"))),
    }
}

/// Runs in a task of its own, so that a panic becomes a verdict.
async fn inspect(config: &Config, image: ImageRef) -> Result<Inspected, Failure> {
    let metrics = Arc::new(Metrics::new(&Registry::new()).map_err(Failure::unexpected)?);
    let components = Components::load_with_policy(config, &metrics, warn)?;
    let request = components.engine.request(Arc::new(image.clone()), Deadline::after(FLIGHT_TIME));
    let work = components.engine.inspect(request);
    let Inspection { result, listed } = match tokio::time::timeout(PATIENCE, tokio::spawn(work)).await {
        Ok(Ok(inspection)) => inspection,
        Ok(Err(panic)) => undecided(Reason::new(Code::InternalError, panic)),
        Err(_) => {
            let time = humantime::format_duration(PATIENCE);
            undecided(Reason::new(Code::DeadlineExceeded, format_args!("verification timed out after {time}")))
        }
    };
    let checked = Checked { image: image.to_string(), result, fields: Vec::new() };
    Ok(Inspected { checked, listed })
}

/// No request is sent for it, so there are no signatures.
fn not_a_reference(image: String, why: ReferenceError) -> Inspected {
    let listed = Err(Reason::new(Code::InvalidReference, &why));
    Inspected { checked: Checked { image, result: report::not_a_reference(why), fields: Vec::new() }, listed }
}

fn undecided(reason: Reason) -> Inspection {
    let verdict = ImageVerdict::from_reason(None, reason.clone()).into();
    Inspection { result: ImageResult { digest: None, verdict, cached: false }, listed: Err(reason) }
}

impl Inspected {
    /// The exit code of `verify`, except that a verified image whose signatures could not be listed is not a success.
    fn exit(&self) -> Exit {
        match (report::exit(std::slice::from_ref(&self.checked)), &self.listed) {
            (Exit::Success, Err(_)) => Exit::Undecided,
            (exit, _) => exit,
        }
    }

    fn print(&self, output: Output, out: &mut dyn Write) -> io::Result<()> {
        match output {
            Output::Text => out.write_all(text::page(self).as_bytes()),
            Output::Json => {
                serde_json::to_writer_pretty(&mut *out, &json::Document::from(self))?;
                out.write_all(b"\n")
            }
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
