//! Verdicts, and the work that leads to them.

use std::time::Duration;

use countersign_core::notation::Check;
use countersign_core::notation::loggable;
use countersign_core::verdict::Code;
use countersign_registry::RequestResult;
use countersign_registry::Stage;
use prometheus::Histogram;
use prometheus::IntCounter;

use super::Metrics;
use super::OTHER;
use super::UNLISTED;
use super::VerdictStage;
use super::by_name::CountersByName;
use super::by_name::Table;
use super::metric_factory::MetricFactory;

/// In seconds: a request to a registry, or the verification of a signature.
const STAGE_SECONDS: [f64; 12] = [0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0];

/// The label `statement` of verdicts without a statement. Prometheus treats it as a label that is absent.
const NO_STATEMENT: &str = "";

/// Maximum number of statements with series of their own, in the order of the policy document; the memory budget counts
/// them.
const MAX_STATEMENTS: usize = 32;

/// Maximum number of entries of `registries` with series of their own, in the order of the configuration.
const MAX_REGISTRIES: usize = 16;

/// Verdicts, and the work that leads to them.
#[derive(Debug)]
pub(super) struct Verdicts {
    verdicts: CountersByName,
    warnings: CountersByName,
    resolutions: Resolutions,
    /// In the order of [`VerdictStage::all`], and [`OTHER`], whose series stays at zero.
    stage_seconds: Box<[Histogram]>,
    registry_requests: CountersByName,
    mirror_failures: CountersByName,
    not_sent: CountersByName,
    connections_kept: IntCounter,
}

impl Verdicts {
    pub(super) fn new(factory: &MetricFactory<'_>) -> Result<Self, prometheus::Error> {
        let warnings = loggable().map(|(check, code)| vec![check.as_str(), code.as_str()]);
        let requests = Stage::ALL
            .iter()
            .flat_map(|stage| RequestResult::ALL.iter().map(|result| vec![result.as_str(), stage.as_str()]));
        let stage_seconds = factory.histograms(
            "stage_duration_seconds",
            "Duration of the stages of a verdict.",
            &["stage"],
            &STAGE_SECONDS,
        )?;
        Ok(Self {
            verdicts: CountersByName::new(
                factory,
                Table {
                    name: "verdicts_total",
                    help: "Verdicts about images, by the statement of the trust policy.",
                    label: "statement",
                    fixed_labels: &["code", "verdict"],
                    columns: Code::ALL.iter().map(|code| vec![code.as_str(), code.kind().as_str()]).collect(),
                    lasting: &[NO_STATEMENT],
                    max_names: MAX_STATEMENTS,
                },
            )?,
            warnings: CountersByName::new(
                factory,
                Table {
                    name: "warnings_total",
                    help: "Checks that failed for admitted images, as statements only log them.",
                    label: "statement",
                    fixed_labels: &["check", "code"],
                    columns: warnings.chain([vec![OTHER, OTHER]]).collect(),
                    lasting: &[],
                    max_names: MAX_STATEMENTS,
                },
            )?,
            resolutions: Resolutions::new(factory)?,
            stage_seconds: VerdictStage::all()
                .map(VerdictStage::as_str)
                .chain([OTHER])
                .map(|stage| stage_seconds.with_label_values(&[stage]))
                .collect(),
            registry_requests: CountersByName::new(
                factory,
                Table {
                    name: "registry_requests_total",
                    help: "Requests to registries and token services, by the entry of the configuration.",
                    label: "registry",
                    fixed_labels: &["result", "stage"],
                    columns: requests.collect(),
                    lasting: &[UNLISTED],
                    max_names: MAX_REGISTRIES,
                },
            )?,
            connections_kept: factory.counter(
                "registry_connections_kept_total",
                "Requests that were sent only to keep a connection to a registry open.",
            )?,
            mirror_failures: CountersByName::new(
                factory,
                Table {
                    name: "registry_mirror_failures_total",
                    help: "Requests that a mirror failed, so that the next location was tried, by the entry that has the mirror.",
                    label: "registry",
                    fixed_labels: &[],
                    columns: vec![Vec::new()],
                    lasting: &[],
                    max_names: MAX_REGISTRIES,
                },
            )?,
            not_sent: CountersByName::new(
                factory,
                Table {
                    name: "registry_requests_not_sent_total",
                    help: "Requests that were not sent, as the last ones to their host failed, by the entry of the configuration.",
                    label: "registry",
                    fixed_labels: &[],
                    columns: vec![Vec::new()],
                    lasting: &[UNLISTED],
                    max_names: MAX_REGISTRIES,
                },
            )?,
        })
    }

    /// Adds and removes series, so that these statements have series.
    pub(super) fn set_statements<'a>(&self, names: impl IntoIterator<Item = &'a str> + Clone) {
        self.verdicts.set_names(names.clone());
        self.warnings.set_names(names);
    }
}

/// Tags looked up for mutation.
#[derive(Debug)]
struct Resolutions {
    resolved: IntCounter,
    /// In the order of [`Code::ALL`]. Codes of decided images share the counter of [`OTHER`].
    failed: Box<[IntCounter]>,
}

impl Resolutions {
    fn new(factory: &MetricFactory<'_>) -> Result<Self, prometheus::Error> {
        let resolutions = factory.counters("resolutions_total", "Tags looked up for mutation.", &["code"])?;
        let of_code = |code: &Code| {
            let decided = [Code::Verified, Code::Skipped].contains(code);
            resolutions.with_label_values(&[if decided { OTHER } else { code.as_str() }])
        };
        Ok(Self {
            resolved: resolutions.with_label_values(&["resolved"]),
            failed: Code::ALL.iter().map(of_code).collect(),
        })
    }
}

impl Metrics {
    /// A verdict about one image was returned, cached or new, under a statement of the trust policy if one applies. A
    /// statement that [`Self::statements_usable`] has not named counts as [`OTHER`].
    pub fn verdict(&self, code: Code, statement: Option<&str>) {
        self.verdicts.verdicts.increment(statement.unwrap_or(NO_STATEMENT), code as usize);
    }

    /// An image was admitted although `check` failed with `code`: one of [`loggable`]. Anything else counts as
    /// [`OTHER`].
    pub fn warning(&self, check: Check, code: Code, statement: &str) {
        let other = || loggable().count();
        let column = loggable().position(|pair| pair == (check, code)).unwrap_or_else(other);
        self.verdicts.warnings.increment(statement, column);
    }

    /// A tag was looked up for mutation: `None` if its digest was found.
    pub fn resolution(&self, failure: Option<Code>) {
        let Resolutions { resolved, failed } = &self.verdicts.resolutions;
        match failure {
            None => resolved.inc(),
            Some(code) => {
                if let Some(failed) = failed.get(code as usize) {
                    failed.inc();
                }
            }
        }
    }

    /// A stage has ended for an image.
    pub fn stage_ended(&self, stage: VerdictStage, elapsed: Duration) {
        if let Some(seconds) = self.verdicts.stage_seconds.get(stage.index()) {
            seconds.observe(elapsed.as_secs_f64());
        }
    }

    /// The entries of `registries` in the configuration in use; series of other entries are removed.
    pub fn registries<'a>(&self, patterns: impl IntoIterator<Item = &'a str> + Clone) {
        self.verdicts.registry_requests.set_names(patterns.clone());
        self.verdicts.mirror_failures.set_names(patterns.clone());
        self.verdicts.not_sent.set_names(patterns);
    }

    /// A mirror of the entry of `registries` with this pattern could not be used.
    pub fn mirror_failure(&self, registry: &str) {
        self.verdicts.mirror_failures.increment(registry, 0);
    }

    /// A request under the entry of `registries` with this pattern, or under none, was not sent, as its host fails.
    pub fn registry_request_not_sent(&self, registry: Option<&str>) {
        self.verdicts.not_sent.increment(registry.unwrap_or(UNLISTED), 0);
    }

    /// A request was sent only to keep a connection to a registry open.
    pub fn connection_kept(&self) {
        self.verdicts.connections_kept.inc();
    }

    /// A request to a registry or token service has ended, under the entry of `registries` with this pattern, or under
    /// none. An entry that [`Self::registries`] has not named counts as [`OTHER`].
    pub fn registry_request(&self, registry: Option<&str>, stage: Stage, result: RequestResult) {
        let column = stage as usize * RequestResult::ALL.len() + result as usize;
        self.verdicts.registry_requests.increment(registry.unwrap_or(UNLISTED), column);
    }
}
