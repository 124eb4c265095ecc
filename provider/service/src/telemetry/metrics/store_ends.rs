//! The ends of the certificates in trust stores: a gauge with a series for each store.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use countersign_core::time::UnixTime;
use prometheus::GaugeVec;

use super::Certificate;
use super::OTHER;
use super::label_text::label_text;

/// Maximum number of stores with a series of their own: those whose certificates end first.
const MAX_STORES: usize = 40;

/// The series of trust stores in a gauge with the labels `certificate` and `store`.
#[derive(Debug)]
pub(super) struct StoreEnds {
    gauges: GaugeVec,
    shown: Mutex<BTreeMap<(Certificate, String), UnixTime>>,
}

impl StoreEnds {
    pub(super) fn new(gauges: GaugeVec) -> Self {
        Self { gauges, shown: Mutex::default() }
    }

    /// Shows exactly these stores. Of those without a series of their own, [`OTHER`] has the first end.
    pub(super) fn set<'a>(&self, stores: impl IntoIterator<Item = (Certificate, &'a str, UnixTime)>) {
        let mut stores: Vec<_> = stores.into_iter().collect();
        stores.sort_unstable_by_key(|(_, _, end)| *end);
        let mut ends: BTreeMap<(Certificate, String), UnixTime> = BTreeMap::new();
        for (position, (certificate, store, end)) in stores.into_iter().enumerate() {
            let store = if position < MAX_STORES { label_text(store) } else { OTHER };
            // The first one is the earliest.
            ends.entry((certificate, store.to_owned())).or_insert(end);
        }
        // A poisoned map has too many or too few series until the next change.
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for (certificate, store) in shown.keys().filter(|series| !ends.contains_key(*series)) {
            // Fails only if there is no such series.
            let _ = self.gauges.remove_label_values(&[certificate.as_str(), store]);
        }
        for ((certificate, store), end) in &ends {
            self.gauges.with_label_values(&[certificate.as_str(), store.as_str()]).set(seconds(*end));
        }
        *shown = ends;
    }
}

/// Exact for the next 285 million years.
#[allow(clippy::cast_precision_loss)]
pub(super) fn seconds(time: UnixTime) -> f64 {
    time.seconds() as f64
}
