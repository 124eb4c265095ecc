//! Evidence: requests for OCSP responses and CRLs, and what is kept of them.

use std::time::Duration;

use countersign_core::time::UnixTime;
use prometheus::GaugeVec;
use prometheus::HistogramVec;
use prometheus::IntCounterVec;
use prometheus::IntGaugeVec;

use super::EvidenceKind;
use super::EvidenceResult;
use super::Metrics;
use super::metric_factory::MetricFactory;
use super::store_ends::seconds;

/// In seconds: an OCSP request takes some ten milliseconds, a large CRL some seconds.
const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// See the module. All have the label `kind`.
#[derive(Debug)]
pub(super) struct Evidence {
    requests: IntCounterVec,
    duration: HistogramVec,
    entries: IntGaugeVec,
    bytes: IntGaugeVec,
    oldest: GaugeVec,
    next_refresh: GaugeVec,
    end_without_refresh: GaugeVec,
}

/// What is kept of one kind. Times are `None` if no entry has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptEvidence {
    /// Pieces of evidence.
    pub entries: usize,
    /// Their memory.
    pub bytes: usize,
    /// When the oldest piece was fetched.
    pub oldest: Option<UnixTime>,
    /// The time of the next planned refresh.
    pub next_refresh: Option<UnixTime>,
    /// The first end of a piece in use whose last refresh failed.
    pub end_without_refresh: Option<UnixTime>,
}

impl Evidence {
    pub(super) fn new(factory: &MetricFactory<'_>) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            requests: factory.counters(
                "evidence_requests_total",
                "Requests for OCSP responses, CRLs and statuses at AWS Signer, by their result.",
                &["kind", "result"],
            )?,
            duration: factory.histograms(
                "evidence_request_duration_seconds",
                "Duration of requests for OCSP responses, CRLs and statuses at AWS Signer.",
                &["kind"],
                &SECONDS,
            )?,
            entries: factory.int_gauges(
                "evidence_entries",
                "Verified OCSP responses, CRLs and statuses of AWS Signer in memory.",
                &["kind"],
            )?,
            bytes: factory.int_gauges(
                "evidence_bytes",
                "Memory of OCSP responses, CRLs and statuses of AWS Signer.",
                &["kind"],
            )?,
            oldest: factory.gauges(
                "evidence_oldest_timestamp_seconds",
                "When the oldest OCSP response or CRL in memory was fetched; 0 without one.",
                &["kind"],
            )?,
            next_refresh: factory.gauges(
                "evidence_next_refresh_timestamp_seconds",
                "When the next OCSP response or CRL is fetched again in the background; 0 without one.",
                &["kind"],
            )?,
            end_without_refresh: factory.gauges(
                "evidence_end_without_refresh_timestamp_seconds",
                "First end of an OCSP response or CRL in use that could not be fetched again; 0 without one.",
                &["kind"],
            )?,
        };
        for kind in EvidenceKind::ALL {
            let label = [kind.as_str()];
            for result in EvidenceResult::ALL {
                metrics.requests.with_label_values(&[kind.as_str(), result.as_str()]);
            }
            metrics.duration.with_label_values(&label);
            metrics.show(*kind, &KeptEvidence::default());
        }
        Ok(metrics)
    }

    fn show(&self, kind: EvidenceKind, kept: &KeptEvidence) {
        let KeptEvidence { entries, bytes, oldest, next_refresh, end_without_refresh } = *kept;
        let label = [kind.as_str()];
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let time = |time: Option<UnixTime>| time.map_or(0.0, seconds);
        self.entries.with_label_values(&label).set(number(entries));
        self.bytes.with_label_values(&label).set(number(bytes));
        self.oldest.with_label_values(&label).set(time(oldest));
        self.next_refresh.with_label_values(&label).set(time(next_refresh));
        self.end_without_refresh.with_label_values(&label).set(time(end_without_refresh));
    }
}

impl Metrics {
    /// A request for evidence has ended.
    pub fn evidence_request(&self, kind: EvidenceKind, result: EvidenceResult, elapsed: Duration) {
        self.evidence.requests.with_label_values(&[kind.as_str(), result.as_str()]).inc();
        self.evidence.duration.with_label_values(&[kind.as_str()]).observe(elapsed.as_secs_f64());
    }

    /// What is kept of evidence of one kind.
    pub fn evidence_kept(&self, kind: EvidenceKind, kept: &KeptEvidence) {
        self.evidence.show(kind, kept);
    }
}
