//! Requests to the endpoints.

use std::time::Duration;

use prometheus::Histogram;
use prometheus::HistogramVec;
use prometheus::IntCounter;
use prometheus::IntCounterVec;
use prometheus::IntGauge;

use super::Metrics;
use super::Outcome;
use super::gauged::Gauged;
use super::metric_factory::MetricFactory;

/// The former name of the label `endpoint`: for one release every series has both labels, with the same value.
const FORMER_ENDPOINT: &str = "door";

/// Images in a request: a pod has one to ten, an audit's batch or a hostile workload hundreds.
const KEYS: [f64; 9] = [1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0];

/// In seconds. Close together around what matters: Gatekeeper gives a provider 1, 2, 3 or 5 seconds, its mutating webhook
/// 1 by default, its validating one 3.
const REQUEST_SECONDS: [f64; 17] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0];

/// Requests to the endpoints.
#[derive(Debug)]
pub(super) struct Requests {
    total: IntCounterVec,
    seconds: HistogramVec,
    keys: Histogram,
    in_flight: IntGauge,
}

impl Requests {
    pub(super) fn new(factory: &MetricFactory<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            total: factory.counters(
                "requests_total",
                "Requests with a response.",
                &["endpoint", FORMER_ENDPOINT, "outcome"],
            )?,
            seconds: factory.histograms(
                "request_duration_seconds",
                "From a request's head to its response.",
                &["endpoint", FORMER_ENDPOINT],
                &REQUEST_SECONDS,
            )?,
            keys: factory.histogram("request_keys", "Distinct keys in a request.", &KEYS)?,
            in_flight: factory.int_gauge("in_flight_requests", "Requests in progress.")?,
        })
    }
}

/// The series of the requests to one endpoint. Counting looks up nothing.
#[derive(Clone, Debug)]
pub struct EndpointMetrics {
    /// In the order of [`Outcome::ALL`].
    total: Box<[IntCounter]>,
    seconds: Histogram,
}

impl EndpointMetrics {
    /// A request to the endpoint has a response, or its caller has left.
    pub fn request(&self, outcome: Outcome, elapsed: Duration) {
        if let Some(total) = self.total.get(outcome as usize) {
            total.inc();
        }
        self.seconds.observe(elapsed.as_secs_f64());
    }
}

impl Metrics {
    /// The series of an endpoint. The first call begins them at zero. The endpoint is one of a closed set.
    #[must_use]
    pub fn endpoint(&self, endpoint: &'static str) -> EndpointMetrics {
        let Requests { total, seconds, keys: _, in_flight: _ } = &self.requests;
        let of_outcome = |outcome: &Outcome| total.with_label_values(&[endpoint, endpoint, outcome.as_str()]);
        EndpointMetrics {
            total: Outcome::ALL.iter().map(of_outcome).collect(),
            seconds: seconds.with_label_values(&[endpoint, endpoint]),
        }
    }

    /// How many distinct keys a request had.
    pub fn request_keys(&self, count: usize) {
        self.requests.keys.observe(u32::try_from(count).map_or(f64::MAX, f64::from));
    }

    /// Counts a request as being in flight until the value is dropped.
    #[must_use]
    pub fn in_flight(&self) -> Gauged {
        Gauged::new(&self.requests.in_flight)
    }
}
