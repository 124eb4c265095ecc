//! The input and the failure of a verification.

use std::collections::BTreeMap;

use crate::codec::text::Text;
use crate::evidence::EvidenceSettings;
use crate::oci::Descriptor;
use crate::policy::NotationRequirement;
use crate::policy::Store;
use crate::reason::Reasons;
use crate::time::UnixTime;

/// The input of a verification, without evidence.
#[derive(Clone, Copy, Debug)]
pub struct VerificationInput<'a> {
    /// The pinned image, which the signed payload must contain exactly.
    pub target: &'a Descriptor,
    /// The requirement of the statement that applies to the repository.
    pub requirement: &'a NotationRequirement,
    /// The trust stores that the requirement names, of every type.
    pub stores: &'a [&'a Store],
    /// Annotations that the signed payload must have, with these values.
    pub required_metadata: &'a BTreeMap<String, String>,
    /// The settings for evidence, the same as those that it is read with.
    pub evidence: &'a EvidenceSettings,
    /// The time of verification, the same for all checks of an image.
    pub now: UnixTime,
}

/// The reasons why a signature is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Failure {
    /// Unverified subject of the leaf, if it could be parsed.
    pub unverified_subject: Option<Text>,
    /// All reasons, in the order of the checks.
    pub reasons: Reasons,
}
