//! Stages of verification.

/// The stages of the verification of an image, in order. A stage is reached only if the earlier ones succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The image is admitted.
    Admission,
    /// The reference is parsed and its statement selected.
    Policy,
    /// Requests to the registry.
    Registry,
    /// The image is resolved.
    Image,
    /// The work is within its deadline and limits.
    Work,
    /// The list of signatures.
    Signatures,
    /// One signature is fetched and its envelope parsed.
    Envelope,
    /// Signature, binding to the image, and critical attributes.
    Integrity,
    /// The statement's checks, without and with evidence.
    Statement,
    /// Evidence is available. All completed checks passed.
    Evidence,
}

/// A stage and a step within it. The greater one is later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reached {
    /// The stage.
    pub stage: Stage,
    /// Counts from 1, in the order of the stage's checks.
    pub step: u8,
}
