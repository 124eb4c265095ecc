//! How far verification came.

/// The stages of verifying an image, in their order. A stage is reached only if those before it ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Nothing went wrong: the image is admitted.
    Admission,
    /// The reference is read, and the statement for it is found.
    Policy,
    /// The registry is asked.
    Registry,
    /// The image is found there.
    Image,
    /// The work is done in time and within the limits.
    Work,
    /// The signatures are listed.
    Signatures,
    /// One signature is fetched and its envelope is read.
    Envelope,
    /// The signature is by the certificate's key, over this image, and asks for nothing that is not known here.
    Integrity,
    /// The statement's checks that need no evidence from outside, and what evidence says.
    Statement,
    /// Evidence from outside is had: all that was looked at is as it should be.
    Evidence,
}

/// A stage, and the step within it: the greater one is further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reached {
    /// The stage.
    pub stage: Stage,
    /// Counts from 1, in the order of the stage's checks.
    pub step: u8,
}
