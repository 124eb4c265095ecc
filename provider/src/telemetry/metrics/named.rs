//! Gauges with a series for each of a changing set of names.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::PoisonError;

use prometheus::IntGaugeVec;

/// Longest name as the value of a label, in bytes. Longer ones are cut.
const LABEL_BYTES: usize = 128;

/// 0 or 1 for each of a set of names. The vector has one label.
#[derive(Debug)]
pub(super) struct NamedGauge {
    gauges: IntGaugeVec,
    shown: Mutex<BTreeSet<String>>,
}

impl NamedGauge {
    pub(super) fn new(gauges: IntGaugeVec) -> Self {
        Self { gauges, shown: Mutex::default() }
    }

    /// Shows exactly these names. If two names are equal after the cut, 0 takes precedence.
    pub(super) fn set<'a>(&self, values: impl IntoIterator<Item = (&'a str, bool)>) {
        let mut by_label: BTreeMap<String, bool> = BTreeMap::new();
        for (name, value) in values {
            let label = &name[..name.floor_char_boundary(LABEL_BYTES)];
            by_label.entry(label.to_owned()).and_modify(|all| *all &= value).or_insert(value);
        }
        // A poisoned set has too many or too few series until the next change.
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for label in shown.iter().filter(|label| !by_label.contains_key(*label)) {
            // Fails only if there is no such series.
            let _ = self.gauges.remove_label_values(&[label]);
        }
        for (label, value) in &by_label {
            self.gauges.with_label_values(&[label]).set(i64::from(*value));
        }
        *shown = by_label.into_keys().collect();
    }
}
