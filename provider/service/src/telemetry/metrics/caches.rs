//! The caches of verdicts, tags, signatures, evidence and items of responses.

use std::time::Duration;

use prometheus::Histogram;
use prometheus::IntCounter;
use prometheus::IntGauge;

use super::CacheEvent;
use super::CachedVerdicts;
use super::Metrics;
use super::metric_factory::MetricFactory;

/// The caches of verdicts, tags, signatures, evidence and items of responses.
#[derive(Debug)]
pub(super) struct Caches {
    /// In the order of [`CacheEvent::ALL`]: the event, and the same as a request to a cache if it is one.
    events: Vec<(IntCounter, Option<IntCounter>)>,
    /// In the order of [`CachedVerdicts::ALL`]: entries and bytes.
    verdicts: Vec<(IntGauge, IntGauge)>,
    /// Entries and bytes.
    signatures: (IntGauge, IntGauge),
    /// Entries and bytes.
    items: (IntGauge, IntGauge),
    verdict_age: Histogram,
}

/// In seconds, up to the longest lifetime that can be configured for verdicts. The default is five minutes.
const AGES: [f64; 8] = [1.0, 10.0, 60.0, 150.0, 300.0, 3600.0, 21_600.0, 86_400.0];

/// What a cache has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheSize {
    /// How many.
    pub entries: usize,
    /// Their memory.
    pub bytes: usize,
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
        let entries = factory.int_gauges("verdict_cache_entries", "Verdicts in memory.", &["verdict"])?;
        let bytes = factory.int_gauges("verdict_cache_bytes", "Memory of verdicts.", &["verdict"])?;
        let sizes = |verdicts: &CachedVerdicts| {
            let label = [verdicts.as_str()];
            (entries.with_label_values(&label), bytes.with_label_values(&label))
        };
        Ok(Self {
            events: CacheEvent::ALL.iter().map(both).collect(),
            verdicts: CachedVerdicts::ALL.iter().map(sizes).collect(),
            signatures: (
                factory.int_gauge("signature_cache_entries", "Manifests and envelopes of signatures in memory.")?,
                factory.int_gauge("signature_cache_bytes", "Memory of manifests and envelopes of signatures.")?,
            ),
            items: (
                factory.int_gauge("item_cache_entries", "Items of responses in memory.")?,
                factory.int_gauge("item_cache_bytes", "Memory of items of responses.")?,
            ),
            verdict_age: factory.histogram(
                "verdict_cache_hit_age_seconds",
                "Age of verdicts that were answered from memory.",
                &AGES,
            )?,
        })
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
            Self::SignatureHit => Some(("signatures", "hit")),
            Self::SignatureMiss => Some(("signatures", "miss")),
            Self::ItemHit => Some(("items", "hit")),
            Self::ItemMiss => Some(("items", "miss")),
            Self::EvidenceHit => Some(("evidence", "hit")),
            Self::EvidenceMiss => Some(("evidence", "miss")),
            Self::VerdictStored
            | Self::VerdictEvicted
            | Self::VerdictAhead
            | Self::VerdictAheadRefused
            | Self::VerdictRenewed
            | Self::VerdictAgain
            | Self::TagRenewed
            | Self::SignatureStored
            | Self::SignatureEvicted
            | Self::ItemEvicted
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

    /// A verdict of this age was answered from memory.
    pub fn verdict_hit(&self, age: Duration) {
        self.cache_event(CacheEvent::VerdictHit);
        self.caches.verdict_age.observe(age.as_secs_f64());
    }

    /// What a part of the cache of verdicts has.
    pub fn cached_verdicts(&self, verdicts: CachedVerdicts, size: CacheSize) {
        if let Some(gauges) = self.caches.verdicts.get(verdicts as usize) {
            show(gauges, size);
        }
    }

    /// What the cache of signatures has.
    pub fn cached_signatures(&self, size: CacheSize) {
        show(&self.caches.signatures, size);
    }

    /// What the cache of items of responses has.
    pub fn cached_items(&self, size: CacheSize) {
        show(&self.caches.items, size);
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

fn show((of_entries, of_bytes): &(IntGauge, IntGauge), CacheSize { entries, bytes }: CacheSize) {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    of_entries.set(number(entries));
    of_bytes.set(number(bytes));
}
