//! Publishes when files were last polled, and polls that do not end.

use std::sync::Arc;

use crate::clock;
use crate::runtime::watchdog::Late;
use crate::server::health::Readiness;
use crate::telemetry::metrics::Component;
use crate::telemetry::metrics::Metrics;

/// Publishes polls in log, metrics and readiness.
#[derive(Clone)]
pub(in crate::runtime) struct PollStatus {
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
}

impl PollStatus {
    /// Everything was read at the start.
    pub(in crate::runtime) fn new(metrics: Arc<Metrics>, readiness: Arc<Readiness>) -> Self {
        let polls = Self { metrics, readiness };
        for &component in Component::ALL {
            polls.finished(component);
        }
        polls
    }

    #[cfg(test)]
    pub(in crate::runtime) fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// A poll of `component` has ended, with any result.
    pub(in crate::runtime) fn finished(&self, component: Component) {
        let now = clock::now();
        self.metrics.polled(component, now);
        if self.readiness.polled(component, now) {
            tracing::info!(files = component.as_str(), "the files are polled again");
        }
    }

    /// A poll of `component` does not end.
    pub(in crate::runtime) fn late(&self, component: Component, late: Late) {
        let files = component.as_str();
        match (late, component) {
            (Late::Overdue, _) => {
                tracing::error!(
                    files,
                    "reading the files does not end: a file system does not respond; changes of them have no effect"
                );
                self.metrics.poll_overdue(component);
                self.readiness.poll_overdue(component);
            }
            (Late::Unreadable, Component::Trust) => {
                tracing::error!(files, "not ready: the trust policy and the trust stores cannot be read");
                self.readiness.trust_unreadable();
            }
            (Late::Unreadable, Component::Config | Component::Tls | Component::Registries) => {}
        }
    }
}
