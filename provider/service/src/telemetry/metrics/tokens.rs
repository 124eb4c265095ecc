//! Tokens for registries that a service issues.

use countersign_core::time::UnixTime;
use prometheus::Gauge;
use prometheus::IntCounterVec;
use prometheus::IntGauge;

use super::Metrics;
use super::metric_factory::MetricFactory;
use super::store_ends::seconds;

const RESULTS: [&str; 2] = ["ok", "failed"];

/// See the module.
#[derive(Debug)]
pub(super) struct Tokens {
    fetches: IntCounterVec,
    count: IntGauge,
    oldest: Gauge,
    first_end: Gauge,
    end_without_refresh: Gauge,
    issued_without_refresh: Gauge,
}

/// The tokens in use. Times are `None` without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokensInUse {
    /// Their number.
    pub count: usize,
    /// When the oldest was issued.
    pub oldest: Option<UnixTime>,
    /// The first end.
    pub first_end: Option<UnixTime>,
    /// Of those whose last refresh failed, when the one was issued of which the smallest part of its life is left, and its end.
    pub without_refresh: Option<(UnixTime, UnixTime)>,
}

impl Tokens {
    pub(super) fn new(factory: &MetricFactory<'_>) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            fetches: factory.counters(
                "registry_token_fetches_total",
                "Requests for tokens of Amazon ECR, Azure Container Registry and Google Cloud, by their result.",
                &["result"],
            )?,
            count: factory.int_gauge(
                "registry_tokens",
                "Tokens of Amazon ECR, Azure Container Registry and Google Cloud in use.",
            )?,
            oldest: factory.gauge(
                "registry_token_oldest_timestamp_seconds",
                "When the oldest token in use was issued; 0 without one.",
            )?,
            first_end: factory
                .gauge("registry_token_end_timestamp_seconds", "First end of a token in use; 0 without one.")?,
            end_without_refresh: factory.gauge(
                "registry_token_end_without_refresh_timestamp_seconds",
                "End of the token whose last refresh failed, and of which the smallest part of its life is left; 0 without one.",
            )?,
            issued_without_refresh: factory.gauge(
                "registry_token_issued_without_refresh_timestamp_seconds",
                "When the token was issued whose end is registry_token_end_without_refresh_timestamp_seconds; 0 without one.",
            )?,
        };
        RESULTS.iter().for_each(|result| drop(metrics.fetches.with_label_values(&[result])));
        Ok(metrics)
    }
}

impl Metrics {
    /// A request for a token has ended.
    pub fn token_fetched(&self, is_ok: bool) {
        let [ok, failed] = RESULTS;
        self.tokens.fetches.with_label_values(&[if is_ok { ok } else { failed }]).inc();
    }

    /// The tokens in use.
    pub fn tokens_in_use(&self, tokens: &TokensInUse) {
        let TokensInUse { count, oldest, first_end, without_refresh } = *tokens;
        let time = |time: Option<UnixTime>| time.map_or(0.0, seconds);
        self.tokens.count.set(i64::try_from(count).unwrap_or(i64::MAX));
        self.tokens.oldest.set(time(oldest));
        self.tokens.first_end.set(time(first_end));
        self.tokens.end_without_refresh.set(time(without_refresh.map(|(_, end)| end)));
        self.tokens.issued_without_refresh.set(time(without_refresh.map(|(issued, _)| issued)));
    }
}
