//! All counters, in one struct on a registry that is passed in.
//!
//! Labels are closed sets: nothing that a user can choose (an image, a namespace, the text of an error) is one. Every
//! series is there from the start with zero, so that the first failure shows as a step. The exceptions are the digest, the
//! statements and the stores of the trust policy in use, whose names and number are the operator's. Names and labels are a contract with
//! dashboards and alerts.

mod labels;
mod named;

use std::time::Duration;

use countersign_core::name::Digest;
use countersign_core::notation::Check;
use countersign_core::notation::loggable;
use countersign_core::time::UnixTime;
use countersign_core::verdict::Code;
use countersign_http::LimitReached;
use countersign_http::Resource;
use countersign_http::Scope;
use prometheus::GaugeVec;
use prometheus::Histogram;
use prometheus::HistogramOpts;
use prometheus::HistogramVec;
use prometheus::IntCounter;
use prometheus::IntCounterVec;
use prometheus::IntGauge;
use prometheus::IntGaugeVec;
use prometheus::Opts;
use prometheus::Registry;
use prometheus::TextEncoder;
use prometheus::core::Collector;

use self::named::NamedGauge;

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

/// In seconds. Close together around what matters: Gatekeeper gives a provider 1, 2, 3 or 5 seconds, its mutating webhook
/// 1 by default, its validating one 3.
const REQUEST_SECONDS: [f64; 17] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0];

/// In seconds: a request to a registry, a signature's arithmetic.
const STAGE_SECONDS: [f64; 12] = [0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0];

/// Images in a request: a pod has one to ten, an audit's batch or a hostile workload hundreds.
const KEYS: [f64; 9] = [1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0];

/// The former name of the label `endpoint`: for one release every series has both labels, with the same value.
const FORMER_ENDPOINT: &str = "door";

/// The limit on bytes of responses, and the scope of that for one of them, beside the limits of registry access.
const RESPONSE_BYTES: &str = "response-bytes";
const REQUEST: &str = "request";

/// All metrics of the process. Shared; every method may be called from anywhere and never blocks for long.
#[derive(Debug)]
pub struct Metrics {
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    request_keys: Histogram,
    in_flight: IntGauge,
    verdicts: IntCounterVec,
    warnings: IntCounterVec,
    resolutions: IntCounterVec,
    stage_seconds: HistogramVec,
    registry_requests: IntCounterVec,
    cache_events: IntCounterVec,
    limit_in_use: IntGaugeVec,
    limit_reached: IntCounterVec,
    connections: IntGauge,
    evicted_connections: IntCounter,
    handshake_failures: IntCounterVec,
    panics: IntCounter,
    certificate_end: GaugeVec,
    trust_generation: IntGauge,
    trust_policy_info: NamedGauge,
    statement_usable: NamedGauge,
    store_usable: NamedGauge,
    reload_time: GaugeVec,
    reload_success: GaugeVec,
    restart_needed: IntGauge,
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
        let metrics = Self {
            requests: make.counters(
                "requests_total",
                "Answered requests.",
                &["endpoint", FORMER_ENDPOINT, "outcome"],
            )?,
            request_seconds: make.histograms(
                "request_duration_seconds",
                "From a request's head to its answer.",
                &["endpoint", FORMER_ENDPOINT],
                &REQUEST_SECONDS,
            )?,
            request_keys: make.histogram("request_keys", "Distinct keys in a request.", &KEYS)?,
            in_flight: make.int_gauge("in_flight_requests", "Requests being answered.")?,
            verdicts: make.counters("verdicts_total", "Verdicts about images.", &["verdict", "code"])?,
            warnings: make.counters(
                "warnings_total",
                "Checks that failed for admitted images, as statements only log them.",
                &["check", "code"],
            )?,
            resolutions: make.counters("resolutions_total", "Tags looked up for mutation.", &["code"])?,
            stage_seconds: make.histograms(
                "stage_duration_seconds",
                "Where the time of a verdict goes.",
                &["stage"],
                &STAGE_SECONDS,
            )?,
            registry_requests: make.counters(
                "registry_requests_total",
                "Requests to registries and token services.",
                &["stage", "result"],
            )?,
            cache_events: make.counters("cache_events_total", "What the caches did.", &["event"])?,
            limit_in_use: make.int_gauges("limit_in_use", "How much of each limit is in use.", &["limit"])?,
            limit_reached: make.counters(
                "limit_reached_total",
                "Work refused because a limit was used up, by what shares the limit.",
                &["limit", "scope"],
            )?,
            connections: make.int_gauge("open_connections", "Connections with an accepted client certificate.")?,
            evicted_connections: make
                .counter("evicted_connections_total", "Idle connections closed to make room for another.")?,
            handshake_failures: make.counters(
                "tls_handshake_failures_total",
                "Connections refused before their first request.",
                &["reason"],
            )?,
            panics: make.counter("panics_total", "Panics caught, each of them a bug.")?,
            certificate_end: make.gauges(
                "certificate_not_after_timestamp_seconds",
                "End of the certificates in use; of several the first that was not over when they were loaded.",
                &["certificate"],
            )?,
            trust_generation: make.int_gauge("trust_generation", "Number of the trust policy and stores in use.")?,
            trust_policy_info: NamedGauge::new(make.int_gauges(
                "trust_policy_info",
                "Always 1; the digest of the trust policy and stores in use, which replicas with the same files share.",
                &["digest"],
            )?),
            statement_usable: NamedGauge::new(make.int_gauges(
                "statement_usable",
                "Whether a statement of the trust policy can be used: 0 if its images are inconclusive.",
                &["statement"],
            )?),
            store_usable: NamedGauge::new(make.int_gauges(
                "trust_store_usable",
                "Whether certificates of a trust store that the trust policy names are in use.",
                &["store"],
            )?),
            reload_time: make.gauges(
                "last_reload_timestamp_seconds",
                "When files were last taken into use.",
                &["files"],
            )?,
            reload_success: make.gauges(
                "last_reload_successful",
                "Whether the files on disk are in use, all of them and without mistakes.",
                &["files"],
            )?,
            restart_needed: make.int_gauge(
                "restart_needed",
                "Whether the configuration in use has changes that only a restart brings into effect.",
            )?,
        };
        metrics.begin_at_zero();
        Ok(metrics)
    }

    fn begin_at_zero(&self) {
        for code in Code::ALL {
            self.verdicts.with_label_values(&[code.kind().as_str(), code.as_str()]);
        }
        for (check, code) in loggable() {
            self.warnings.with_label_values(&[check.as_str(), code.as_str()]);
        }
        self.warnings.with_label_values(&[OTHER, OTHER]);
        for code in resolution_codes() {
            self.resolutions.with_label_values(&[code]);
        }
        for stage in stages().chain([OTHER]) {
            self.stage_seconds.with_label_values(&[stage]);
        }
        for stage in registry_stages().chain([OTHER]) {
            for result in registry_results().chain([OTHER]) {
                self.registry_requests.with_label_values(&[stage, result]);
            }
        }
        for event in CACHE_EVENTS.iter().chain([&OTHER]) {
            self.cache_events.with_label_values(&[event]);
        }
        for resource in limited_resources() {
            self.limit_in_use.with_label_values(&[resource.as_str()]);
            for scope in Scope::LABELS {
                self.limit_reached.with_label_values(&[resource.as_str(), scope]);
            }
        }
        self.limit_in_use.with_label_values(&[RESPONSE_BYTES]);
        for scope in [Scope::Process.label(), REQUEST] {
            self.limit_reached.with_label_values(&[RESPONSE_BYTES, scope]);
        }
        for reason in HandshakeFailure::ALL {
            self.handshake_failures.with_label_values(&[reason.as_str()]);
        }
        // Trust stores of a type there may be none of, and a certificate that is not there does not end: no series for it.
        for certificate in [Certificate::Server, Certificate::ClientCa] {
            self.certificate_end.with_label_values(&[certificate.as_str()]);
        }
        for files in Component::ALL {
            self.reload_time.with_label_values(&[files.as_str()]);
            self.reload_success.with_label_values(&[files.as_str()]);
        }
    }

    /// Begins the series of these endpoints at zero. Once for each process: [`Self::request`] takes no others.
    pub fn declare_endpoints(&self, endpoints: impl Iterator<Item = &'static str>) {
        for endpoint in endpoints {
            self.request_seconds.with_label_values(&[endpoint, endpoint]);
            for outcome in Outcome::ALL {
                self.requests.with_label_values(&[endpoint, endpoint, outcome.as_str()]);
            }
        }
    }

    /// A request to one of the endpoints of [`Self::declare_endpoints`] has a response, or its caller has left.
    pub fn request(&self, endpoint: &'static str, outcome: Outcome, elapsed: Duration) {
        self.requests.with_label_values(&[endpoint, endpoint, outcome.as_str()]).inc();
        self.request_seconds.with_label_values(&[endpoint, endpoint]).observe(elapsed.as_secs_f64());
    }

    /// How many distinct keys a request had.
    pub fn request_keys(&self, count: usize) {
        self.request_keys.observe(u32::try_from(count).map_or(f64::MAX, f64::from));
    }

    /// Counts a request as being in flight until the value is dropped.
    #[must_use]
    pub fn in_flight(&self) -> Gauged {
        Gauged::new(&self.in_flight)
    }

    /// Counts a connection as open until the value is dropped.
    #[must_use]
    pub fn connection(&self) -> Gauged {
        Gauged::new(&self.connections)
    }

    /// An idle connection was closed to make room.
    pub fn connection_evicted(&self) {
        self.evicted_connections.inc();
    }

    /// A verdict about one image was given, remembered or new.
    pub fn verdict(&self, code: Code) {
        self.verdicts.with_label_values(&[code.kind().as_str(), code.as_str()]).inc();
    }

    /// A verdict that was given admits an image although `check` failed with `code`: one of [`loggable`]. Anything else
    /// counts as [`OTHER`].
    pub fn warning(&self, check: Check, code: Code) {
        let known = loggable().find(|pair| *pair == (check, code));
        let (check, code) = known.map_or((OTHER, OTHER), |(check, code)| (check.as_str(), code.as_str()));
        self.warnings.with_label_values(&[check, code]).inc();
    }

    /// A tag was looked up for mutation: `None` if its digest was found.
    pub fn resolution(&self, failure: Option<Code>) {
        let code = match failure {
            None => "resolved",
            Some(code) => one_of(resolution_codes(), code.as_str()),
        };
        self.resolutions.with_label_values(&[code]).inc();
    }

    /// One of [`stages`] has ended for an image. Anything else counts as [`OTHER`].
    pub fn stage(&self, stage: &'static str, elapsed: Duration) {
        let stage = one_of(stages(), stage);
        self.stage_seconds.with_label_values(&[stage]).observe(elapsed.as_secs_f64());
    }

    /// A request to a registry has ended: one of [`registry_stages`] and one of [`registry_results`]. Anything else counts as
    /// [`OTHER`].
    pub fn registry_request(&self, stage: &'static str, result: &'static str) {
        let stage = one_of(registry_stages(), stage);
        let result = one_of(registry_results(), result);
        self.registry_requests.with_label_values(&[stage, result]).inc();
    }

    /// One of [`CACHE_EVENTS`] has happened. Anything else counts as [`OTHER`].
    pub fn cache_event(&self, event: &'static str) {
        self.cache_events.with_label_values(&[one_of(CACHE_EVENTS.iter().copied(), event)]).inc();
    }

    /// So much more of a limit is in use, or less.
    pub fn limit_in_use(&self, resource: Resource, change: i64) {
        self.limit_in_use.with_label_values(&[resource.as_str()]).add(change);
    }

    /// Work was refused because a limit is used up.
    pub fn limit_reached(&self, LimitReached { resource, scope, .. }: &LimitReached) {
        self.limit_reached.with_label_values(&[resource.as_str(), scope.label()]).inc();
    }

    /// Shows how many bytes of responses are held until they are written.
    #[must_use]
    pub fn response_bytes(&self) -> IntGauge {
        self.limit_in_use.with_label_values(&[RESPONSE_BYTES])
    }

    /// Keys of a request are undecided because its response had no room: in the limit for one response, or in that for all.
    pub fn response_without_room(&self, too_large: bool) {
        let scope = if too_large { REQUEST } else { Scope::Process.label() };
        self.limit_reached.with_label_values(&[RESPONSE_BYTES, scope]).inc();
    }

    /// A connection was refused.
    pub fn handshake_failure(&self, reason: HandshakeFailure) {
        self.handshake_failures.with_label_values(&[reason.as_str()]).inc();
    }

    /// A panic was caught.
    pub fn panic(&self) {
        self.panics.inc();
    }

    /// Certificates were taken into use; `end` is the first end of validity among them.
    pub fn certificate_end(&self, certificate: Certificate, end: UnixTime) {
        self.certificate_end.with_label_values(&[certificate.as_str()]).set(seconds(end));
    }

    /// There is no such certificate any more.
    pub fn no_certificate(&self, certificate: Certificate) {
        // An error says that there was none before.
        let _ = self.certificate_end.remove_label_values(&[certificate.as_str()]);
    }

    /// Whether changes of the configuration wait for a restart.
    pub fn restart_needed(&self, needed: bool) {
        self.restart_needed.set(i64::from(needed));
    }

    /// A trust policy and its stores were taken into use: the so-many-th of this process, with this digest.
    pub fn policy_in_use(&self, generation: u64, digest: &Digest) {
        self.trust_generation.set(i64::try_from(generation).unwrap_or(i64::MAX));
        self.trust_policy_info.set([(digest.as_str(), true)]);
    }

    /// Which statements of the policy in use can be used; series of other statements go away.
    pub fn statements_usable<'a>(&self, statements: impl IntoIterator<Item = (&'a str, bool)>) {
        self.statement_usable.set(statements);
    }

    /// Of which stores of the policy in use certificates are in use; series of other stores go away.
    pub fn stores_usable<'a>(&self, stores: impl IntoIterator<Item = (&'a str, bool)>) {
        self.store_usable.set(stores);
    }

    /// Files were taken into use.
    pub fn reloaded(&self, files: Component, now: UnixTime) {
        self.reload_time.with_label_values(&[files.as_str()]).set(seconds(now));
        self.reload_success.with_label_values(&[files.as_str()]).set(1.0);
    }

    /// Files were taken into use, but for parts that have mistakes.
    pub fn partly_reloaded(&self, files: Component, now: UnixTime) {
        self.reload_time.with_label_values(&[files.as_str()]).set(seconds(now));
        self.reload_success.with_label_values(&[files.as_str()]).set(0.0);
    }

    /// Files on disk are again what has been in use all the time, without mistakes.
    pub fn reload_unchanged(&self, files: Component) {
        self.reload_success.with_label_values(&[files.as_str()]).set(1.0);
    }

    /// Files on disk, or parts of them, are not fit for use; what was loaded before stays, or those parts are disabled.
    pub fn reload_failed(&self, files: Component) {
        self.reload_success.with_label_values(&[files.as_str()]).set(0.0);
    }
}

/// One more on a gauge while this lives.
#[derive(Debug)]
pub struct Gauged(IntGauge);

impl Gauged {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Gauged {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Everything on `registry` in Prometheus's text format, version 0.0.4.
///
/// # Errors
/// A metric of the registry cannot be written.
pub fn text(registry: &Registry) -> Result<String, prometheus::Error> {
    TextEncoder::new().encode_to_string(&registry.gather())
}

/// What a look-up can end with: everything but the codes of decided images.
fn resolution_codes() -> impl Iterator<Item = &'static str> {
    let failures = Code::ALL.iter().filter(|code| ![Code::Verified, Code::Skipped].contains(code));
    ["resolved"].into_iter().chain(failures.map(|code| code.as_str())).chain([OTHER])
}

fn one_of(mut known: impl Iterator<Item = &'static str>, label: &'static str) -> &'static str {
    known.find(|one| *one == label).unwrap_or(OTHER)
}

/// Exact for the next 285 million years.
#[allow(clippy::cast_precision_loss)]
fn seconds(time: UnixTime) -> f64 {
    time.seconds() as f64
}

/// Makes metrics with our prefix and puts them on the registry.
struct Maker<'a> {
    registry: &'a Registry,
}

impl Maker<'_> {
    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.put(IntCounterVec::new(Opts::new(full(name), help), labels)?)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.put(IntCounter::new(full(name), help)?)
    }

    fn int_gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.put(IntGauge::new(full(name), help)?)
    }

    fn int_gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
        self.put(IntGaugeVec::new(Opts::new(full(name), help), labels)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, prometheus::Error> {
        self.put(GaugeVec::new(Opts::new(full(name), help), labels)?)
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, prometheus::Error> {
        self.put(Histogram::with_opts(HistogramOpts::new(full(name), help).buckets(buckets.to_vec()))?)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        self.put(HistogramVec::new(HistogramOpts::new(full(name), help).buckets(buckets.to_vec()), labels)?)
    }

    fn put<C: Collector + Clone + 'static>(&self, collector: C) -> Result<C, prometheus::Error> {
        self.registry.register(Box::new(collector.clone()))?;
        Ok(collector)
    }
}

fn full(name: &str) -> String {
    format!("countersign_{name}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
