//! Connections to the endpoints.

use prometheus::IntCounter;
use prometheus::IntCounterVec;
use prometheus::IntGauge;

use super::HandshakeFailure;
use super::Metrics;
use super::gauged::Gauged;
use super::metric_factory::MetricFactory;

/// Connections to the endpoints.
#[derive(Debug)]
pub(super) struct Connections {
    open: IntGauge,
    evicted: IntCounter,
    handshake_failures: IntCounterVec,
}

impl Connections {
    pub(super) fn new(factory: &MetricFactory<'_>) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            open: factory.int_gauge("open_connections", "Connections with an accepted client certificate.")?,
            evicted: factory
                .counter("evicted_connections_total", "Idle connections closed to make room for another.")?,
            handshake_failures: factory.counters(
                "tls_handshake_failures_total",
                "Connections refused before their first request.",
                &["reason"],
            )?,
        };
        for reason in HandshakeFailure::ALL {
            metrics.handshake_failures.with_label_values(&[reason.as_str()]);
        }
        Ok(metrics)
    }
}

impl Metrics {
    /// Counts a connection as open until the value is dropped.
    #[must_use]
    pub fn connection(&self) -> Gauged {
        Gauged::new(&self.connections.open)
    }

    /// An idle connection was closed to make room.
    pub fn connection_evicted(&self) {
        self.connections.evicted.inc();
    }

    /// A connection was refused.
    pub fn handshake_failure(&self, reason: HandshakeFailure) {
        self.connections.handshake_failures.with_label_values(&[reason.as_str()]).inc();
    }
}
