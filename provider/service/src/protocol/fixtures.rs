//! Values shared by the tests of the protocols.

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::time::UnixTime;

use super::ResponseContext;

pub(super) const CONTEXT: ResponseContext<'_> =
    ResponseContext { request_id: "1f", timestamp: UnixTime::EPOCH, max_signatures: 20, keep_tag: false };

/// The digest of an image.
pub(super) fn digest() -> Digest {
    Digest::of(DigestAlgorithm::Sha256, b"{}")
}
