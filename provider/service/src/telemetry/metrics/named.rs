//! Gauges with a series for each of a changing set of names.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::PoisonError;

use prometheus::IntGaugeVec;

use super::OTHER;
use super::label_text::label_text;

/// Maximum number of names with a series of their own; the memory budget counts them.
const MAX_NAMES: usize = 100;

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

    /// Shows exactly these names. Of too many names, those with 0 have a series first; [`OTHER`] has 0 if any of the rest
    /// has. If two names are equal after the cut, 0 takes precedence.
    pub(super) fn set<'a>(&self, values: impl IntoIterator<Item = (&'a str, bool)>) {
        let mut by_label: BTreeMap<String, bool> = BTreeMap::new();
        for (name, value) in values {
            by_label.entry(label_text(name).to_owned()).and_modify(|all| *all &= value).or_insert(value);
        }
        if by_label.len() > MAX_NAMES {
            let mut ordered: Vec<(String, bool)> = by_label.into_iter().collect();
            ordered.sort_by_key(|(_, value)| *value);
            let rest = ordered.split_off(MAX_NAMES);
            let rest = rest.into_iter().all(|(_, value)| value);
            by_label = ordered.into_iter().collect();
            by_label.entry(OTHER.to_owned()).and_modify(|all| *all &= rest).or_insert(rest);
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
