//! Observers of requests that have ended.

use std::fmt;
use std::sync::Arc;

use crate::registry::request::RecordedRequest;

/// Called with each request when it has been answered, or has ended without an answer.
#[derive(Clone)]
pub(crate) struct Observer(Arc<dyn Fn(&RecordedRequest) + Send + Sync>);

impl Observer {
    pub(crate) fn new(observe: impl Fn(&RecordedRequest) + Send + Sync + 'static) -> Self {
        Self(Arc::new(observe))
    }

    pub(crate) fn observe(&self, request: &RecordedRequest) {
        (self.0)(request);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
