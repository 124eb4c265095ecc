//! Verdicts, and the work that leads to them.

use std::time::Duration;

use countersign_core::notation::Check;
use countersign_core::notation::loggable;
use countersign_core::verdict::Code;
use prometheus::HistogramVec;
use prometheus::IntCounterVec;

use super::CACHE_EVENTS;
use super::Metrics;
use super::OTHER;
use super::maker::Maker;
use super::registry_results;
use super::registry_stages;
use super::stages;

/// In seconds: a request to a registry, or the verification of a signature.
const STAGE_SECONDS: [f64; 12] = [0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0];

/// Verdicts, and the work that leads to them.
#[derive(Debug)]
pub(super) struct Verdicts {
    verdicts: IntCounterVec,
    warnings: IntCounterVec,
    resolutions: IntCounterVec,
    stage_seconds: HistogramVec,
    registry_requests: IntCounterVec,
    cache_events: IntCounterVec,
}

impl Verdicts {
    pub(super) fn new(make: &Maker<'_>) -> Result<Self, prometheus::Error> {
        let group = Self {
            verdicts: make.counters("verdicts_total", "Verdicts about images.", &["verdict", "code"])?,
            warnings: make.counters(
                "warnings_total",
                "Checks that failed for admitted images, as statements only log them.",
                &["check", "code"],
            )?,
            resolutions: make.counters("resolutions_total", "Tags looked up for mutation.", &["code"])?,
            stage_seconds: make.histograms(
                "stage_duration_seconds",
                "Duration of the stages of a verdict.",
                &["stage"],
                &STAGE_SECONDS,
            )?,
            registry_requests: make.counters(
                "registry_requests_total",
                "Requests to registries and token services.",
                &["stage", "result"],
            )?,
            cache_events: make.counters("cache_events_total", "Cache events.", &["event"])?,
        };
        for code in Code::ALL {
            group.verdicts.with_label_values(&[code.kind().as_str(), code.as_str()]);
        }
        for (check, code) in loggable() {
            group.warnings.with_label_values(&[check.as_str(), code.as_str()]);
        }
        group.warnings.with_label_values(&[OTHER, OTHER]);
        for code in resolution_codes() {
            group.resolutions.with_label_values(&[code]);
        }
        for stage in stages().chain([OTHER]) {
            group.stage_seconds.with_label_values(&[stage]);
        }
        for stage in registry_stages().chain([OTHER]) {
            for result in registry_results().chain([OTHER]) {
                group.registry_requests.with_label_values(&[stage, result]);
            }
        }
        for event in CACHE_EVENTS.iter().chain([&OTHER]) {
            group.cache_events.with_label_values(&[event]);
        }
        Ok(group)
    }
}

impl Metrics {
    /// A verdict about one image was returned, cached or new.
    pub fn verdict(&self, code: Code) {
        self.verdicts.verdicts.with_label_values(&[code.kind().as_str(), code.as_str()]).inc();
    }

    /// A verdict that was given admits an image although `check` failed with `code`: one of [`loggable`]. Anything else
    /// counts as [`OTHER`].
    pub fn warning(&self, check: Check, code: Code) {
        let known = loggable().find(|pair| *pair == (check, code));
        let (check, code) = known.map_or((OTHER, OTHER), |(check, code)| (check.as_str(), code.as_str()));
        self.verdicts.warnings.with_label_values(&[check, code]).inc();
    }

    /// A tag was looked up for mutation: `None` if its digest was found.
    pub fn resolution(&self, failure: Option<Code>) {
        let code = match failure {
            None => "resolved",
            Some(code) => one_of(resolution_codes(), code.as_str()),
        };
        self.verdicts.resolutions.with_label_values(&[code]).inc();
    }

    /// One of [`stages`] has ended for an image. Anything else counts as [`OTHER`].
    pub fn stage(&self, stage: &'static str, elapsed: Duration) {
        let stage = one_of(stages(), stage);
        self.verdicts.stage_seconds.with_label_values(&[stage]).observe(elapsed.as_secs_f64());
    }

    /// A request to a registry has ended: one of [`registry_stages`] and one of [`registry_results`]. Anything else counts as
    /// [`OTHER`].
    pub fn registry_request(&self, stage: &'static str, result: &'static str) {
        let stage = one_of(registry_stages(), stage);
        let result = one_of(registry_results(), result);
        self.verdicts.registry_requests.with_label_values(&[stage, result]).inc();
    }

    /// One of [`CACHE_EVENTS`] has happened. Anything else counts as [`OTHER`].
    pub fn cache_event(&self, event: &'static str) {
        self.verdicts.cache_events.with_label_values(&[one_of(CACHE_EVENTS.iter().copied(), event)]).inc();
    }
}

/// The results of a look-up: everything but the codes of decided images.
fn resolution_codes() -> impl Iterator<Item = &'static str> {
    let failures = Code::ALL.iter().filter(|code| ![Code::Verified, Code::Skipped].contains(code));
    ["resolved"].into_iter().chain(failures.map(|code| code.as_str())).chain([OTHER])
}

fn one_of(mut known: impl Iterator<Item = &'static str>, label: &'static str) -> &'static str {
    known.find(|one| *one == label).unwrap_or(OTHER)
}
