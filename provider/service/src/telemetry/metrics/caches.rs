//! The caches of verdicts, tags and evidence.

use prometheus::IntCounter;

use super::CacheEvent;
use super::Metrics;
use super::metric_factory::MetricFactory;

/// The caches of verdicts, tags and evidence.
#[derive(Debug)]
pub(super) struct Caches {
    /// In the order of [`CacheEvent::ALL`]: the event, and the same as a request to a cache if it is one.
    events: Vec<(IntCounter, Option<IntCounter>)>,
}

impl Caches {
    pub(super) fn new(factory: &MetricFactory<'_>) -> Result<Self, prometheus::Error> {
        let events = factory.counters("cache_events_total", "Cache events.", &["event"])?;
        let requests =
            factory.counters("cache_requests_total", "Look-ups in caches, by their result.", &["cache", "result"])?;
        let both = |event: &CacheEvent| {
            let request = event.request().map(|(cache, result)| requests.with_label_values(&[cache, result]));
            (events.with_label_values(&[event.as_str()]), request)
        };
        Ok(Self { events: CacheEvent::ALL.iter().map(both).collect() })
    }
}

impl CacheEvent {
    /// The cache and the result, if the event is a lookup.
    fn request(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::VerdictHit => Some(("verdicts", "hit")),
            Self::VerdictMiss => Some(("verdicts", "miss")),
            Self::TagHit => Some(("tags", "hit")),
            Self::TagMiss => Some(("tags", "miss")),
            Self::EvidenceHit => Some(("evidence", "hit")),
            Self::EvidenceMiss => Some(("evidence", "miss")),
            Self::VerdictStored
            | Self::VerdictEvicted
            | Self::VerdictAhead
            | Self::VerdictAheadRefused
            | Self::VerdictRenewed
            | Self::TagRenewed
            | Self::EvidenceStored
            | Self::EvidenceEvicted => None,
        }
    }
}

impl Metrics {
    /// A cache has done something.
    pub fn cache_event(&self, event: CacheEvent) {
        self.cache_events(event, 1);
    }

    /// A cache has done the same several times.
    pub fn cache_events(&self, event: CacheEvent, count: usize) {
        let Some((events, requests)) = self.caches.events.get(event as usize) else { return };
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        events.inc_by(count);
        if let Some(requests) = requests {
            requests.inc_by(count);
        }
    }
}
