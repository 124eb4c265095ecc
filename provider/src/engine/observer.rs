//! Counts what the registry crate reports: it knows facts, not metrics.

use std::sync::Arc;
use std::time::Duration;

use countersign_registry::LimitObserver;
use countersign_registry::LimitReached;
use countersign_registry::Observer;
use countersign_registry::RequestResult;
use countersign_registry::Resource;
use countersign_registry::Stage;
use countersign_registry::TagMemory;

use crate::telemetry::metrics::Metrics;

/// Turns every request to a registry into a count and a duration.
#[derive(Clone, Debug)]
pub struct CountRequests(Arc<Metrics>);

impl CountRequests {
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self(metrics)
    }
}

impl Observer for CountRequests {
    fn request(&self, stage: Stage, result: RequestResult, elapsed: Duration) {
        self.0.registry_request(stage.text(), result.text());
        self.0.stage(stage.text(), elapsed);
    }

    fn tag(&self, found: TagMemory) {
        self.0.cache_event(match found {
            TagMemory::Hit => "tag-hit",
            TagMemory::Miss => "tag-miss",
        });
    }
}

impl LimitObserver for CountRequests {
    fn in_use(&self, resource: Resource, change: i64) {
        self.0.limit_in_use(resource, change);
    }

    fn limit_reached(&self, reached: &LimitReached) {
        self.0.limit_reached(reached);
    }
}
