//! The event about one verdict.

use std::hash::Hash;
use std::time::Duration;

use countersign_core::codec::text::Text;
use countersign_core::verdict::Code;
use countersign_core::verdict::FailedSignatures;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Inconclusive;
use countersign_core::verdict::Reason;
use countersign_core::verdict::Rejected;
use countersign_core::verdict::Verified;

/// The event about one image of a request.
#[derive(Clone, Copy, Debug)]
pub struct VerdictEvent<'a> {
    pub endpoint: &'static str,
    pub request_id: &'a str,
    /// As requested.
    pub image: &'a str,
    pub digest: Option<&'a str>,
    pub decision: Decision<'a>,
    /// Whether the result came from the cache.
    pub cached: bool,
    /// How many events like this one were left out since the last one: see [`super::RepeatedVerdicts`].
    pub repeated: u64,
    pub elapsed: Duration,
}

impl<'a> VerdictEvent<'a> {
    /// Whether the event may be left out if it repeats another one: that an image was verified without warnings, from the
    /// cache, or was skipped, for which nothing is requested. A rejection, an undecided image and a warning are always written.
    pub(super) fn may_be_left_out(&self) -> bool {
        match self.decision {
            Decision::Decided(ImageVerdict::Verified(verified)) => self.cached && verified.warnings().next().is_none(),
            Decision::Decided(ImageVerdict::Skipped(_)) => true,
            Decision::Decided(ImageVerdict::Rejected(_) | ImageVerdict::Inconclusive(_)) | Decision::Unresolved(_) => {
                false
            }
        }
    }

    /// What an event has in common with those that it repeats.
    pub(super) fn identity(&self) -> impl Hash + use<'a> {
        let Self { endpoint, request_id: _, image, digest, decision, cached: _, repeated: _, elapsed: _ } = *self;
        (endpoint, image, digest, decision.code().as_str(), decision.statement())
    }
}

/// See [`VerdictEvent::decision`].
#[derive(Clone, Copy, Debug)]
pub enum Decision<'a> {
    Decided(&'a ImageVerdict),
    /// A tag that is to be mutated has no digest.
    Unresolved(&'a Reason),
}

impl<'a> Decision<'a> {
    pub(super) fn code(self) -> Code {
        match self {
            Self::Decided(verdict) => verdict.code(),
            Self::Unresolved(reason) => reason.code,
        }
    }

    /// The trust policy statement.
    pub(super) fn statement(self) -> Option<&'a str> {
        match self {
            Self::Decided(verdict) => verdict.statement(),
            Self::Unresolved(_) => None,
        }
    }

    pub(super) fn verified(self) -> Option<&'a Verified> {
        match self {
            Self::Decided(ImageVerdict::Verified(verified)) => Some(verified),
            Self::Decided(ImageVerdict::Skipped(_) | ImageVerdict::Rejected(_) | ImageVerdict::Inconclusive(_))
            | Self::Unresolved(_) => None,
        }
    }

    /// Failed signatures.
    pub(super) fn failed(self) -> Option<&'a FailedSignatures> {
        match self {
            Self::Decided(ImageVerdict::Verified(verified)) => Some(&verified.others),
            Self::Decided(ImageVerdict::Rejected(rejected)) => Some(&rejected.signatures),
            Self::Decided(ImageVerdict::Inconclusive(inconclusive)) => Some(&inconclusive.signatures),
            Self::Decided(ImageVerdict::Skipped(_)) | Self::Unresolved(_) => None,
        }
    }

    /// The explanation of the code; `None` if there is nothing to report.
    pub(super) fn detail(self) -> Option<Text> {
        match self {
            Self::Decided(ImageVerdict::Verified(verified)) => verified.warnings().next().map(|_| verified.summary()),
            Self::Decided(ImageVerdict::Skipped(_)) => None,
            Self::Decided(ImageVerdict::Rejected(Rejected { reason, .. }))
            | Self::Decided(ImageVerdict::Inconclusive(Inconclusive { reason, .. }))
            | Self::Unresolved(reason) => Some(reason.detail.clone()),
        }
    }
}
