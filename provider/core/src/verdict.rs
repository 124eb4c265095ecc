//! What is decided about an image: one of four, never a boolean; with a stable code, and who has to act.
//!
//! [`ImageVerdict::Verified`] holds the sealed result of a signature scheme, which only that scheme can make: a
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
pub use crate::reason::Reached;
pub use crate::reason::Reason;
pub use crate::reason::Reasons;
pub use crate::reason::Responsible;
pub use crate::reason::Stage;
pub use crate::reason::VerdictKind;
