//! What a signature is judged by, and why one does not count.

use std::collections::BTreeMap;

use crate::codec::text::Text;
use crate::oci::Descriptor;
use crate::policy::NotationRequirement;
use crate::policy::Store;
use crate::reason::Reasons;
use crate::time::UnixTime;

/// Everything that a signature is judged by, beside evidence from outside.
#[derive(Clone, Copy, Debug)]
pub struct VerificationInput<'a> {
    /// The pinned image; the signed payload must name exactly it.
    pub target: &'a Descriptor,
    /// What the statement that applies to the repository requires.
    pub requirement: &'a NotationRequirement,
    /// The trust stores that the requirement names, of every type.
    pub stores: &'a [&'a Store],
    /// Annotations that the signed payload must have, with these values.
    pub required_metadata: &'a BTreeMap<String, String>,
    /// The time of verification, read once per image.
    pub now: UnixTime,
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Failure {
    /// Subject of the leaf, if the envelope could be read that far. Not evidence of anything.
    pub unverified_subject: Option<Text>,
    /// All reasons that were found, in the order of the checks.
    pub reasons: Reasons,
}
