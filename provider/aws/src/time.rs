//! The clock of the SDK.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aws_smithy_async::time::TimeSource;

/// Reads the time, for signatures of requests and the end of credentials.
#[derive(Clone)]
pub struct AwsClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl AwsClock {
    /// A clock that calls `read`.
    #[must_use]
    pub fn new(read: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }
}

impl TimeSource for AwsClock {
    fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl fmt::Debug for AwsClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwsClock")
    }
}
