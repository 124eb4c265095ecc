//! One image from reference to verdict.

mod error_mapping;
mod inspect;
mod observer;
mod rounds;
mod run;
mod signatures;

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use countersign_core::name::Digest;
use countersign_core::name::ImageRef;
use countersign_core::verdict::FailedSignatures;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use futures_util::future::BoxFuture;

pub use inspect::Envelope;
pub use inspect::InspectedSignature;
pub use inspect::Inspection;
pub use inspect::Judged;
pub use inspect::Listed;
pub use observer::CountRequests;
pub use run::Engine;
pub use run::EngineSettings;

/// What an image takes at most while it is in work, beside what registries send: the signatures that did not count, and the
/// work itself; in bytes.
pub const IMAGE_BYTES: usize = FailedSignatures::BYTES + 32 * 1024;

/// The point at which an answer must be there. Passed as a value, never global.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    #[must_use]
    pub fn instant(self) -> Instant {
        self.0
    }

    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// The verdict about one image and the digest that it is about, if the image was pinned.
#[derive(Clone, Debug)]
#[must_use]
pub struct ImageResult {
    pub digest: Option<Digest>,
    /// Shared: by all who waited for it, and by the cache.
    pub verdict: Arc<ImageVerdict>,
    /// Whether the answer was remembered rather than worked out.
    pub cached: bool,
}

/// What the server asks of the engine. Implemented by the engine over a registry, and by the server's own tests with
/// scripted delays, panics and verdicts.
pub trait Verify: Send + Sync + 'static {
    /// What one request asks: all of its images are judged by the trust of this moment.
    fn of_request(self: Arc<Self>) -> Arc<dyn Verify>;

    /// Never fails: what goes wrong is a verdict. May outlive `deadline`; the caller stops waiting, the work goes on.
    fn verify(&self, image: Arc<ImageRef>, deadline: Deadline) -> BoxFuture<'static, ImageResult>;

    /// The digest that the image's tag stands for now; a digest stands for itself.
    fn resolve(&self, image: Arc<ImageRef>, deadline: Deadline) -> BoxFuture<'static, Result<Digest, Reason>>;
}
