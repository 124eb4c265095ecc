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

/// The series of the stores. Their number is that of the stores that a configuration may have.
#[derive(Debug)]
pub(super) struct FetchedStores {
    fetched: GaugeVec,
    failures: IntGaugeVec,
    shown: Mutex<BTreeSet<String>>,
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
            shown: Mutex::default(),
        })
    }

    /// Shows exactly these stores.
    pub(super) fn set<'a>(&self, stores: impl IntoIterator<Item = (&'a str, (Option<UnixTime>, u32))>) {
        // A poisoned set has too many or too few series until the next change.
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let mut present = BTreeSet::new();
        for (store, (fetched, failures)) in stores {
            let label = label_text(store);
            self.fetched.with_label_values(&[label]).set(fetched.map_or(0.0, seconds));
            self.failures.with_label_values(&[label]).set(i64::from(failures));
            present.insert(label.to_owned());
        }
        for label in shown.iter().filter(|label| !present.contains(*label)) {
            // Fails only if there is no such series.
            let _ = self.fetched.remove_label_values(&[label]);
            let _ = self.failures.remove_label_values(&[label]);
        }
        *shown = present;
    }
}
