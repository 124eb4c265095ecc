//! Answers that the test computes from requests.

use std::fmt;
use std::sync::Arc;

use crate::registry::reply::Reply;
use crate::registry::request::RecordedRequest;

/// Computes the answer to a request.
#[derive(Clone)]
pub struct Handler(Arc<dyn Fn(&RecordedRequest) -> Reply + Send + Sync>);

impl Handler {
    /// Creates a handler.
    pub fn new(answer: impl Fn(&RecordedRequest) -> Reply + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    pub(crate) fn answer(&self, request: &RecordedRequest) -> Reply {
        (self.0)(request)
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handler")
    }
}
