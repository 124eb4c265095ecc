//! The trust stores that are fetched: gauges with a series for each.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::PoisonError;

use countersign_core::time::UnixTime;
use prometheus::GaugeVec;
use prometheus::IntGaugeVec;

use super::label_text::label_text;
use super::metric_factory::MetricFactory;
use super::store_ends::seconds;

/// A trust store that is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFetch {
    /// Of which kind its source is: `url` or `key-vault`.
    pub source: &'static str,
    /// When it was last fetched, if it was.
    pub fetched: Option<UnixTime>,
    /// Its files then: of a vault, versions of certificates.
    pub files: usize,
    /// Attempts that have failed since.
    pub failures: u32,
    /// When it is fetched the next time; `None` if its content cannot change.
    pub next: Option<UnixTime>,
}

/// The series of the stores. Their number is that of the stores that a configuration may have.
#[derive(Debug)]
pub(super) struct FetchedStores {
    fetched: GaugeVec,
    failures: IntGaugeVec,
    files: IntGaugeVec,
    next: GaugeVec,
    /// Each store with its source.
    shown: Mutex<BTreeSet<(String, &'static str)>>,
}

impl FetchedStores {
    pub(super) fn new(factory: &MetricFactory<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            fetched: factory.gauges(
                "trust_store_fetched_timestamp_seconds",
                "When a trust store of trust.stores was last fetched; 0 if it never was.",
                &["store"],
            )?,
            failures: factory.int_gauges(
                "trust_store_fetch_failures",
                "Attempts to fetch a trust store of trust.stores that have failed since the last success.",
                &["store"],
            )?,
            files: factory.int_gauges(
                "trust_store_fetched_files",
                "Files of a trust store of trust.stores when it was last fetched: of Azure Key Vault, versions of certificates.",
                &["store", "source"],
            )?,
            next: factory.gauges(
                "trust_store_next_fetch_timestamp_seconds",
                "When a trust store of trust.stores is fetched the next time; 0 if its content cannot change.",
                &["store"],
            )?,
            shown: Mutex::default(),
        })
    }

    /// Shows exactly these stores.
    pub(super) fn set<'a>(&self, stores: impl IntoIterator<Item = (&'a str, StoreFetch)>) {
        // A poisoned set has too many or too few series until the next change.
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let mut present = BTreeSet::new();
        for (store, StoreFetch { source, fetched, files, failures, next }) in stores {
            let label = label_text(store);
            self.fetched.with_label_values(&[label]).set(fetched.map_or(0.0, seconds));
            self.failures.with_label_values(&[label]).set(i64::from(failures));
            self.files.with_label_values(&[label, source]).set(i64::try_from(files).unwrap_or(i64::MAX));
            self.next.with_label_values(&[label]).set(next.map_or(0.0, seconds));
            present.insert((label.to_owned(), source));
        }
        for (label, source) in shown.iter().filter(|one| !present.contains(*one)) {
            // Fails only if there is no such series.
            let _ = self.files.remove_label_values(&[label.as_str(), source]);
            if !present.iter().any(|(other, _)| other == label) {
                let _ = self.fetched.remove_label_values(&[label]);
                let _ = self.failures.remove_label_values(&[label]);
                let _ = self.next.remove_label_values(&[label]);
            }
        }
        *shown = present;
    }
}
