//! Limits: how much is in use, and work that was refused.

use std::sync::Arc;

use countersign_http::LimitObserver;
use countersign_http::LimitReached;
use countersign_http::Overload;
use countersign_http::ReducedHosts;
use countersign_http::Resource;
use countersign_http::Scope;
use prometheus::IntCounter;
use prometheus::IntCounterVec;
use prometheus::IntGauge;
use prometheus::IntGaugeVec;

use super::Metrics;
use super::limited_resources;
use super::metric_factory::MetricFactory;
use super::reduced_hosts::ReducedHostsGauge;

const REQUEST: &str = "request";

/// The limit on bytes of responses, beside the limits of registry access.
const RESPONSE_BYTES: &str = "response-bytes";

/// Limits: how much is in use, and work that was refused.
#[derive(Debug)]
pub(super) struct Limits {
    in_use: IntGaugeVec,
    reached: IntCounterVec,
    /// In the order of [`Overload::ALL`].
    reductions: Vec<IntCounter>,
    reduced_hosts_gauge: ReducedHostsGauge,
}

impl Limits {
    pub(super) fn new(factory: &MetricFactory<'_>) -> Result<Self, prometheus::Error> {
        let reductions = factory.counters(
            "registry_concurrency_reductions_total",
            "Reductions of the number of requests that are sent to a host at the same time.",
            &["reason"],
        )?;
        let metrics = Self {
            in_use: factory.int_gauges("limit_in_use", "How much of each limit is in use.", &["limit"])?,
            reached: factory.counters(
                "limit_reached_total",
                "Work refused because a limit was used up, by what shares the limit.",
                &["limit", "scope"],
            )?,
            reductions: Overload::ALL.iter().map(|why| reductions.with_label_values(&[why.as_str()])).collect(),
            reduced_hosts_gauge: factory.put(ReducedHostsGauge::new()?)?,
        };
        for resource in limited_resources() {
            metrics.in_use.with_label_values(&[resource.as_str()]);
            for scope in Scope::LABELS {
                metrics.reached.with_label_values(&[resource.as_str(), scope]);
            }
        }
        metrics.in_use.with_label_values(&[RESPONSE_BYTES]);
        for scope in [Scope::Process.label(), REQUEST] {
            metrics.reached.with_label_values(&[RESPONSE_BYTES, scope]);
        }
        Ok(metrics)
    }
}

/// Counts the use of limits.
pub struct CountLimits(pub Arc<Metrics>);

impl LimitObserver for CountLimits {
    fn in_use(&self, resource: Resource, change: i64) {
        self.0.limit_in_use(resource, change);
    }

    fn limit_reached(&self, reached: &LimitReached) {
        self.0.limit_reached(reached);
    }

    fn limit_reduced(&self, _: Resource, why: Overload) {
        self.0.limit_reduced(why);
    }
}

impl Metrics {
    /// Changes how much of a limit is in use.
    pub fn limit_in_use(&self, resource: Resource, change: i64) {
        self.limits.in_use.with_label_values(&[resource.as_str()]).add(change);
    }

    /// Work was refused because a limit is used up.
    pub fn limit_reached(&self, LimitReached { resource, scope, .. }: &LimitReached) {
        self.limits.reached.with_label_values(&[resource.as_str(), scope.label()]).inc();
    }

    /// Fewer requests are sent to a host at the same time.
    pub fn limit_reduced(&self, why: Overload) {
        if let Some(reductions) = self.limits.reductions.get(why as usize) {
            reductions.inc();
        }
    }

    /// Shows the number of these hosts from now on.
    pub fn reduced_hosts(&self, hosts: ReducedHosts) {
        self.limits.reduced_hosts_gauge.show(hosts);
    }

    /// Shows how many bytes of responses are held until they are written.
    #[must_use]
    pub fn response_bytes(&self) -> IntGauge {
        self.limits.in_use.with_label_values(&[RESPONSE_BYTES])
    }

    /// Keys of a request are undecided because its response exceeded a limit: the one for one response, or the one for
    /// all.
    pub fn response_without_room(&self, too_large: bool) {
        let scope = if too_large { REQUEST } else { Scope::Process.label() };
        self.limits.reached.with_label_values(&[RESPONSE_BYTES, scope]).inc();
    }
}
