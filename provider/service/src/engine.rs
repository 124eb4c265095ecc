//! One image from reference to verdict: `verification` finds the statement and the digest, `verify_signatures` fetches and
//! verifies, `verdict_key` is the key of the verdict cache and of single flight.

mod ahead;
mod at_start;
mod early;
mod error_mapping;
mod inspect;
mod known;
mod manifest_and_list;
mod observer;
mod reading;
mod registry_remedy;
mod renewal;
mod request;
mod resolution;
mod resolved;
mod rounds;
mod signatures;
mod standing;
mod state;
mod undecided;
mod unsigned;
mod verdict_cache;
mod verdict_key;
mod verification;
mod verify_signatures;

use std::sync::Arc;

use countersign_core::name::Digest;
use countersign_core::verdict::FailedSignatures;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

pub(crate) use error_mapping::late;
pub use inspect::Envelope;
pub use inspect::InspectedSignature;
pub use inspect::Inspection;
pub use inspect::JudgedUnder;
pub use inspect::Listed;
pub use observer::CountRequests;
pub use reading::BlobReading;
pub use reading::Reading;
pub use request::Conditions;
pub use request::CredentialSelection;
pub use request::Deadline;
pub use request::Namespace;
pub use request::NamespaceError;
pub use request::PolicySelection;
pub use request::PolicySnapshot;
pub use request::VerificationRequest;
pub use standing::Standing;
pub use state::Engine;
pub use state::EngineSettings;

/// Maximum memory of one image in progress without content of registries: failed signatures, and the work itself; in
/// bytes.
pub const IMAGE_BYTES: usize = FailedSignatures::BYTES + 32 * 1024;

/// The verdict about one image and the digest that it is about, if the image was pinned.
#[derive(Clone, Debug)]
#[must_use]
pub struct ImageResult {
    pub digest: Option<Digest>,
    /// Shared by all callers and the cache.
    pub verdict: Arc<ImageVerdict>,
    /// Whether the result came from the cache.
    pub cached: bool,
}

/// The interface between server and engine. Implemented by the engine over registries, and by the server's own tests
/// with scripted delays, panics and verdicts.
pub trait Verifier: Send + Sync + 'static {
    /// The policy in use now: a request keeps the snapshot with which it began.
    fn snapshot(&self) -> PolicySnapshot;

    /// The result of [`Self::verify`], if it is known without any request. Does not wait.
    fn known(&self, request: &VerificationRequest) -> Option<ImageResult> {
        let _ = request;
        None
    }

    /// What `result`, which [`Self::known`] has returned for `request`, depends on, so that later requests about the same image need not
    /// look it up; `None` if they must.
    fn standing(&self, request: &VerificationRequest, result: &ImageResult) -> Option<Standing> {
        let _ = (request, result);
        None
    }

    /// Whether the result of `standing` is what [`Self::known`] would return for the same request under `snapshot`.
    fn stands(&self, standing: &Standing, snapshot: &PolicySnapshot) -> bool {
        let _ = (standing, snapshot);
        false
    }

    /// Never fails: every failure becomes a verdict. May outlive the deadline; the caller stops waiting, the work goes
    /// on.
    fn verify(&self, request: VerificationRequest) -> BoxFuture<'static, ImageResult>;

    /// Resolves the image's tag to its present digest; a digest resolves to itself. The image's verification is expected next.
    fn resolve(&self, request: VerificationRequest) -> BoxFuture<'static, Result<Digest, Reason>>;

    /// The verification of the image is expected next, so that its work may begin.
    fn expect(&self, request: VerificationRequest) {
        drop(request);
    }
}

impl Verifier for Engine {
    fn snapshot(&self) -> PolicySnapshot {
        Self::snapshot(self)
    }

    fn known(&self, request: &VerificationRequest) -> Option<ImageResult> {
        self.0.known(request)
    }

    fn standing(&self, request: &VerificationRequest, result: &ImageResult) -> Option<Standing> {
        self.0.standing(request, result)
    }

    fn stands(&self, standing: &Standing, snapshot: &PolicySnapshot) -> bool {
        self.0.stands(standing, snapshot)
    }

    fn verify(&self, request: VerificationRequest) -> BoxFuture<'static, ImageResult> {
        let inner = Arc::clone(&self.0);
        async move { inner.verify(&request).await }.boxed()
    }

    fn resolve(&self, request: VerificationRequest) -> BoxFuture<'static, Result<Digest, Reason>> {
        let inner = Arc::clone(&self.0);
        async move { inner.resolve(&request).await }.boxed()
    }

    fn expect(&self, request: VerificationRequest) {
        self.0.verify_ahead(&request, None);
    }
}
