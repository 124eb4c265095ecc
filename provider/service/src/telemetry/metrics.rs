//! All counters, in one struct on a registry that is passed in.
//!
//! Nothing that a user can choose (an image, a namespace, the text of an error) is a label. Labels are closed sets, except
//! what the operator names: the digest, the statements and the stores of the trust policy in use, and the entries of
//! `registries`. Their series follow the files in use and are bounded in number. Every counter begins at zero before its
//! first event, so that the first failure is visible as an increase. Names and labels are a contract with dashboards and
//! alerts; `docs/metrics.md` describes all.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "azure")]
mod azure;
mod by_name;
mod caches;
mod connections;
mod evidence;
mod fetched_stores;
mod files;
mod gauged;
#[cfg(feature = "google")]
mod google;
mod label_text;
mod labels;
mod limits;
mod lost_events;
mod metric_factory;
mod named;
mod process;
mod reduced_hosts;
mod requests;
mod single;
mod store_ends;
mod tasks;
mod tokens;
mod verdicts;

use prometheus::IntCounter;
use prometheus::Registry;
use prometheus::TextEncoder;

use self::caches::Caches;
use self::connections::Connections;
use self::evidence::Evidence;
use self::files::Files;
use self::limits::Limits;
use self::lost_events::LogEventsLost;
use self::metric_factory::MetricFactory;
use self::process::Process;
use self::requests::Requests;
use self::tasks::Tasks;
use self::tokens::Tokens;
use self::verdicts::Verdicts;
use super::log::LostEvents;

pub use caches::CacheSize;
pub use evidence::KeptEvidence;
pub use fetched_stores::StoreFetch;
pub use gauged::Gauged;
pub use labels::AWS;
pub use labels::AZURE;
pub use labels::AwsCall;
pub use labels::AzureCall;
pub use labels::CacheEvent;
pub use labels::CachedVerdicts;
pub use labels::Certificate;
pub use labels::CloudCallResult;
pub use labels::Component;
pub use labels::EVIDENCE;
pub use labels::EvidenceKind;
pub use labels::EvidenceResult;
pub use labels::GOOGLE;
pub use labels::GoogleCall;
pub use labels::HandshakeFailure;
pub use labels::OTHER;
pub use labels::Outcome;
pub use labels::UNLISTED;
pub use labels::VERIFICATIONS;
pub use labels::VerdictStage;
pub use labels::limited_resources;
pub use limits::CountLimits;
pub use requests::EndpointMetrics;
pub use tokens::TokensInUse;

/// The commit that the program was built from, by `COUNTERSIGN_REVISION` in the environment of the build.
pub const REVISION: &str = match option_env!("COUNTERSIGN_REVISION") {
    Some(revision) if !revision.is_empty() => revision,
    Some(_) | None => "unknown",
};

/// All metrics of the process. Shared by all tasks. Methods only hold short locks.
#[derive(Debug)]
pub struct Metrics {
    requests: Requests,
    verdicts: Verdicts,
    caches: Caches,
    limits: Limits,
    connections: Connections,
    evidence: Evidence,
    #[cfg(feature = "aws")]
    aws: aws::Aws,
    #[cfg(feature = "azure")]
    azure: azure::Azure,
    #[cfg(feature = "google")]
    google: google::Google,
    tokens: Tokens,
    files: Files,
    panics: IntCounter,
}

impl Metrics {
    /// Creates and registers every metric, all series at zero.
    ///
    /// # Errors
    /// The registry has a metric of the same name.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let factory = MetricFactory { registry };
        let build = factory.gauges("build_info", "Always 1; what is running.", &["revision", "version"])?;
        build.with_label_values(&[REVISION, env!("CARGO_PKG_VERSION")]).set(1.0);
        registry.register(Box::new(Process::new()?))?;
        registry.register(Box::new(Tasks::new()?))?;
        registry.register(Box::new(LogEventsLost::new(LostEvents::of_process())?))?;
        Ok(Self {
            requests: Requests::new(&factory)?,
            verdicts: Verdicts::new(&factory)?,
            caches: Caches::new(&factory)?,
            limits: Limits::new(&factory)?,
            connections: Connections::new(&factory)?,
            evidence: Evidence::new(&factory)?,
            #[cfg(feature = "aws")]
            aws: aws::Aws::new(&factory)?,
            #[cfg(feature = "azure")]
            azure: azure::Azure::new(&factory)?,
            #[cfg(feature = "google")]
            google: google::Google::new(&factory)?,
            tokens: Tokens::new(&factory)?,
            files: Files::new(&factory)?,
            panics: factory.counter("panics_total", "Panics caught, each of them a bug.")?,
        })
    }

    /// Counts a caught panic.
    pub fn panic(&self) {
        self.panics.inc();
    }
}

/// Encodes all metrics of `registry` in Prometheus's text format, version 0.0.4.
///
/// # Errors
/// A metric of the registry cannot be written.
pub fn encode_text(registry: &Registry) -> Result<String, prometheus::Error> {
    let mut text = String::new();
    for family in registry.gather() {
        // Encodes one family at a time, so that its memory is freed before the next one.
        TextEncoder::new().encode_utf8(&[family], &mut text)?;
    }
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
