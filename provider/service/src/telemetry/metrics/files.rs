//! What is in use of the files, and reloads.

use countersign_core::name::Digest;
use countersign_core::time::UnixTime;
use prometheus::GaugeVec;
use prometheus::IntGauge;

use super::Certificate;
use super::Component;
use super::Metrics;
use super::fetched_stores::FetchedStores;
use super::fetched_stores::StoreFetch;
use super::metric_factory::MetricFactory;
use super::named::NamedGauge;
use super::store_ends::StoreEnds;
use super::store_ends::seconds;

/// The label `store` of certificates that are in no trust store.
const NO_STORE: &str = "";

/// What is in use of the files, and reloads.
#[derive(Debug)]
pub(super) struct Files {
    certificate_end: GaugeVec,
    store_ends: StoreEnds,
    trust_generation: IntGauge,
    trust_policy_info: NamedGauge,
    statement_usable: NamedGauge,
    store_usable: NamedGauge,
    reload_time: GaugeVec,
    reload_success: GaugeVec,
    poll_time: GaugeVec,
    poll_overdue: GaugeVec,
    restart_needed: IntGauge,
    fetched: FetchedStores,
}

impl Files {
    pub(super) fn new(factory: &MetricFactory<'_>) -> Result<Self, prometheus::Error> {
        let certificate_end = factory.gauges(
            "certificate_not_after_timestamp_seconds",
            "End of the certificates in use; of several the first that was not over when they were loaded.",
            &["certificate", "store"],
        )?;
        let metrics = Self {
            store_ends: StoreEnds::new(certificate_end.clone()),
            certificate_end,
            trust_generation: factory.int_gauge("trust_generation", "Number of the trust policy and stores in use.")?,
            trust_policy_info: NamedGauge::new(factory.int_gauges(
                "trust_policy_info",
                "Always 1; the digest of the trust policy and stores in use, which replicas with the same files share.",
                &["digest"],
            )?),
            statement_usable: NamedGauge::new(factory.int_gauges(
                "statement_usable",
                "Whether a statement of the trust policy can be used: 0 if its images are inconclusive.",
                &["statement"],
            )?),
            store_usable: NamedGauge::new(factory.int_gauges(
                "trust_store_usable",
                "Whether certificates of a trust store that the trust policy names are in use.",
                &["store"],
            )?),
            reload_time: factory.gauges(
                "last_reload_timestamp_seconds",
                "When files were last taken into use.",
                &["files"],
            )?,
            reload_success: factory.gauges(
                "last_reload_successful",
                "Whether the files on disk are in use, all of them and without mistakes; of trust also the stores of trust.stores: 0 while one cannot be fetched, or not completely.",
                &["files"],
            )?,
            poll_time: factory.gauges(
                "last_poll_timestamp_seconds",
                "When files were last compared with what is in use.",
                &["files"],
            )?,
            poll_overdue: factory.gauges(
                "poll_overdue",
                "Whether reading files does not end, as a file system does not respond.",
                &["files"],
            )?,
            restart_needed: factory.int_gauge(
                "restart_needed",
                "Whether the configuration in use has changes that only a restart brings into effect.",
            )?,
            fetched: FetchedStores::new(factory)?,
        };
        metrics.declare_series();
        Ok(metrics)
    }

    /// Creates the series whose labels are known in advance.
    fn declare_series(&self) {
        // No series for trust stores and registries: there may be no certificate of a kind, and then there is no expiry.
        for certificate in [Certificate::Server, Certificate::ClientCa] {
            self.certificate_end.with_label_values(&[certificate.as_str(), NO_STORE]);
        }
        for files in Component::ALL {
            self.reload_time.with_label_values(&[files.as_str()]);
            self.reload_success.with_label_values(&[files.as_str()]);
            self.poll_time.with_label_values(&[files.as_str()]);
            self.poll_overdue.with_label_values(&[files.as_str()]);
        }
    }
}

impl Metrics {
    /// Certificates of no trust store were taken into use; `end` is the first end of validity among them.
    pub fn certificate_end(&self, certificate: Certificate, end: UnixTime) {
        self.files.certificate_end.with_label_values(&[certificate.as_str(), NO_STORE]).set(seconds(end));
    }

    /// The first end of the client certificates for registries in use, also if it is over; `None` without one, so that there is no
    /// series.
    pub fn registry_certificates_end(&self, end: Option<UnixTime>) {
        let labels = [Certificate::RegistryClient.as_str(), NO_STORE];
        match end {
            Some(end) => self.files.certificate_end.with_label_values(&labels).set(seconds(end)),
            // Fails only if there is no such series.
            None => drop(self.files.certificate_end.remove_label_values(&labels)),
        }
    }

    /// When the certificates of each trust store in use end; series of other stores are removed.
    pub fn store_ends<'a>(&self, stores: impl IntoIterator<Item = (Certificate, &'a str, UnixTime)>) {
        self.files.store_ends.set(stores);
    }

    /// Whether changes of the configuration wait for a restart.
    pub fn restart_needed(&self, needed: bool) {
        self.files.restart_needed.set(i64::from(needed));
    }

    /// A trust policy and its stores were taken into use: with its number in this process and its digest.
    pub fn policy_in_use(&self, generation: u64, digest: &Digest) {
        self.files.trust_generation.set(i64::try_from(generation).unwrap_or(i64::MAX));
        self.files.trust_policy_info.set([(digest.as_str(), true)]);
    }

    /// Which statements of the policy in use are usable. Series of other statements are removed, also those of verdicts
    /// and warnings.
    pub fn statements_usable<'a>(&self, statements: impl IntoIterator<Item = (&'a str, bool)> + Clone) {
        let names: Vec<&str> = statements.clone().into_iter().map(|(name, _)| name).collect();
        self.verdicts.set_statements(names.iter().copied());
        self.files.statement_usable.set(statements);
    }

    /// Which stores of the policy in use are usable; series of other stores are removed.
    pub fn stores_usable<'a>(&self, stores: impl IntoIterator<Item = (&'a str, bool)>) {
        self.files.store_usable.set(stores);
    }

    /// The state of each trust store that is fetched. Series of other stores are removed.
    pub fn stores_fetched<'a>(&self, stores: impl IntoIterator<Item = (&'a str, StoreFetch)>) {
        self.files.fetched.set(stores);
    }

    /// Files were read, with any result.
    pub fn polled(&self, files: Component, now: UnixTime) {
        self.files.poll_time.with_label_values(&[files.as_str()]).set(seconds(now));
        self.files.poll_overdue.with_label_values(&[files.as_str()]).set(0.0);
    }

    /// Reading files does not end.
    pub fn poll_overdue(&self, files: Component) {
        self.files.poll_overdue.with_label_values(&[files.as_str()]).set(1.0);
    }

    /// Files were taken into use.
    pub fn reloaded(&self, files: Component, now: UnixTime) {
        self.files.reload_time.with_label_values(&[files.as_str()]).set(seconds(now));
        self.files.reload_success.with_label_values(&[files.as_str()]).set(1.0);
    }

    /// Files were taken into use, except for parts with mistakes.
    pub fn partly_reloaded(&self, files: Component, now: UnixTime) {
        self.files.reload_time.with_label_values(&[files.as_str()]).set(seconds(now));
        self.files.reload_success.with_label_values(&[files.as_str()]).set(0.0);
    }

    /// The files on disk are again the ones in use, without mistakes.
    pub fn reload_unchanged(&self, files: Component) {
        self.files.reload_success.with_label_values(&[files.as_str()]).set(1.0);
    }

    /// The files on disk, or parts of them, are unusable; the former content stays in use, or those parts are
    /// disabled.
    pub fn reload_failed(&self, files: Component) {
        self.files.reload_success.with_label_values(&[files.as_str()]).set(0.0);
    }
}
