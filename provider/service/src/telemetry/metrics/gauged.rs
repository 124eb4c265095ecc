//! Values that count for as long as they live.

use prometheus::IntGauge;

/// Adds one to a gauge until it is dropped.
#[derive(Debug)]
pub struct Gauged(IntGauge);

impl Gauged {
    pub(super) fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Gauged {
    fn drop(&mut self) {
        self.0.dec();
    }
}
