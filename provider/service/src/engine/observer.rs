//! Counts the observations of the registry crate in metrics.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use countersign_core::codec::text::Text;
use countersign_http::LimitObserver;
use countersign_http::LimitReached;
use countersign_http::Overload;
use countersign_http::Resource;
use countersign_registry::ContentStored;
use countersign_registry::ContentUse;
use countersign_registry::Observer;
use countersign_registry::RequestResult;
use countersign_registry::Stage;
use countersign_registry::TagCache;

use crate::telemetry::log::Quota;
use crate::telemetry::metrics::CacheEvent;
use crate::telemetry::metrics::CacheSize;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::VerdictStage;

/// Records count and duration of every request to a registry.
#[derive(Clone, Debug)]
pub struct CountRequests(Arc<Metrics>, Arc<Quota>);

impl CountRequests {
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self(metrics, Arc::new(Quota::new(10, Duration::from_secs(10))))
    }
}

impl Observer for CountRequests {
    fn entries(&self, patterns: &[&str]) {
        self.0.registries(patterns.iter().copied());
    }

    fn request(&self, entry: Option<&str>, stage: Stage, result: RequestResult, elapsed: Duration) {
        self.0.registry_request(entry, stage, result);
        self.0.stage_ended(VerdictStage::Registry(stage), elapsed);
    }

    fn not_sent(&self, entry: Option<&str>) {
        self.0.registry_request_not_sent(entry);
    }

    fn kept_open(&self) {
        self.0.connection_kept();
    }

    fn mirror_failed(&self, entry: &str, mirror: &Text, stage: Stage, why: &Text) {
        self.0.mirror_failure(entry);
        let Some(left_out) = self.1.admit(Instant::now()) else { return };
        tracing::warn!(
            registry = entry,
            %mirror,
            stage = stage.as_str(),
            left_out,
            error = %why,
            "a mirror cannot be used; the next location is tried"
        );
    }

    fn tag(&self, found: TagCache) {
        self.0.cache_event(match found {
            TagCache::Hit => CacheEvent::TagHit,
            TagCache::Miss => CacheEvent::TagMiss,
        });
    }

    fn content(&self, found: ContentUse) {
        self.0.cache_event(match found {
            ContentUse::Asked => CacheEvent::SignatureHit,
            ContentUse::Received => CacheEvent::SignatureMiss,
        });
    }

    fn content_stored(&self, stored: &ContentStored) {
        let ContentStored { evicted, entries, bytes } = *stored;
        self.0.cache_event(CacheEvent::SignatureStored);
        self.0.cache_events(CacheEvent::SignatureEvicted, evicted);
        self.0.cached_signatures(CacheSize { entries, bytes });
    }
}

impl LimitObserver for CountRequests {
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
