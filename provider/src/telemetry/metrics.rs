//! All counters, in one struct on a registry that is passed in.
//!
//! Labels are closed sets: nothing that a user can choose (an image, a namespace, the text of an error) is one. Every
//! series exists from the start with zero, so that the first failure is visible as an increase. The exceptions are the
//! digest, the statements and the stores of the trust policy in use, whose names and number the operator chooses.
//! Names and labels are a contract with dashboards and alerts.

mod connections;
mod files;
mod gauged;
mod labels;
mod limits;
mod maker;
mod named;
mod requests;
mod verdicts;

use prometheus::IntCounter;
use prometheus::Registry;
use prometheus::TextEncoder;

use self::connections::Connections;
use self::files::Files;
use self::limits::Limits;
use self::maker::Maker;
use self::requests::Requests;
use self::verdicts::Verdicts;

pub use gauged::Gauged;
pub use labels::CACHE_EVENTS;
pub use labels::Certificate;
pub use labels::Component;
pub use labels::HandshakeFailure;
pub use labels::OTHER;
pub use labels::Outcome;
pub use labels::VERIFICATIONS;
pub use labels::limited_resources;
pub use labels::registry_results;
pub use labels::registry_stages;
pub use labels::stages;

/// All metrics of the process. Shared; every method may be called from anywhere and never blocks for long.
#[derive(Debug)]
pub struct Metrics {
    requests: Requests,
    verdicts: Verdicts,
    limits: Limits,
    connections: Connections,
    files: Files,
    panics: IntCounter,
}

impl Metrics {
    /// Makes and registers every metric, all series at zero.
    ///
    /// # Errors
    /// A metric of the same name is on the registry already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let make = Maker { registry };
        let build = make.gauges("build_info", "Always 1; what is running.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        Ok(Self {
            requests: Requests::new(&make)?,
            verdicts: Verdicts::new(&make)?,
            limits: Limits::new(&make)?,
            connections: Connections::new(&make)?,
            files: Files::new(&make)?,
            panics: make.counter("panics_total", "Panics caught, each of them a bug.")?,
        })
    }

    /// A panic was caught.
    pub fn panic(&self) {
        self.panics.inc();
    }
}

/// Everything on `registry` in Prometheus's text format, version 0.0.4.
///
/// # Errors
/// A metric of the registry cannot be written.
pub fn text(registry: &Registry) -> Result<String, prometheus::Error> {
    TextEncoder::new().encode_to_string(&registry.gather())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
