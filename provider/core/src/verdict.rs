//! The verdict about an image: one of four kinds, never a boolean, with a stable code and the responsible party.
//!
//! [`ImageVerdict::Verified`] holds the sealed result of a signature scheme, which only that scheme can create: a
//! [`VerifiedSignature`](crate::notation::VerifiedSignature) comes from [`crate::notation`] alone.

mod failed;
mod image;
mod memory;
mod verified;

pub use failed::FailedSignature;
pub use failed::FailedSignatures;
pub use image::ImageVerdict;
pub use image::Inconclusive;
pub use image::Rejected;
pub use image::Skipped;
pub use image::unsigned;
pub use verified::Verified;
pub use verified::VerifiedBy;
pub use verified::VerifiedNotation;

pub use crate::reason::Code;
pub use crate::reason::LateCause;
pub use crate::reason::Reached;
pub use crate::reason::Reason;
pub use crate::reason::Reasons;
pub use crate::reason::Remedy;
pub use crate::reason::Responsible;
pub use crate::reason::SignerRevoked;
pub use crate::reason::Stage;
pub use crate::reason::VerdictKind;
