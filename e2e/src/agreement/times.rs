//! The times of a case. notation has no clock but that of the system, so all times are around now.

use std::time::Duration;

use time::OffsetDateTime;

use super::axes::Times;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// The begin and the end of a certificate.
pub(super) type Validity = (OffsetDateTime, OffsetDateTime);

/// The times of one case.
#[derive(Clone, Copy)]
pub(super) struct CaseTimes {
    pub(super) now: OffsetDateTime,
    kind: Times,
}

impl CaseTimes {
    pub(super) fn new(kind: Times) -> anyhow::Result<Self> {
        Ok(Self { now: OffsetDateTime::now_utc().replace_nanosecond(0)?, kind })
    }

    /// When the signature was made, by its own statement and by its timestamp.
    pub(super) fn signed_at(&self) -> OffsetDateTime {
        self.now - 30 * DAY
    }

    /// The expiry of the signature.
    pub(super) fn expiry(&self) -> Option<OffsetDateTime> {
        match self.kind {
            Times::ValidExpiry => Some(self.now + DAY),
            Times::AboutToExpire => Some(self.now + HOUR),
            Times::Expired => Some(self.now - MINUTE),
            Times::ExpiryBeforeSigning => Some(self.signed_at() - HOUR),
            Times::Valid | Times::LeafEndsSoon | Times::ExpiredLeaf | Times::ExpiredCa | Times::NotYetValid => None,
        }
    }

    /// Of the signer's certificate.
    pub(super) fn leaf(&self) -> Validity {
        let (begin, end) = (self.now - 60 * DAY, self.now + 60 * DAY);
        match self.kind {
            Times::LeafEndsSoon => (begin, self.now + HOUR),
            Times::ExpiredLeaf => (begin, self.now - DAY),
            Times::NotYetValid => (self.now + DAY, end),
            Times::Valid
            | Times::ValidExpiry
            | Times::AboutToExpire
            | Times::Expired
            | Times::ExpiredCa
            | Times::ExpiryBeforeSigning => (begin, end),
        }
    }

    /// Of a signer's certificate that is its own authority.
    pub(super) fn self_signed(&self) -> Validity {
        if self.kind == Times::ExpiredCa { self.issuer() } else { self.leaf() }
    }

    /// Of the authority that issued the signer's certificate.
    pub(super) fn issuer(&self) -> Validity {
        let (begin, end) = self.authority();
        (begin, if self.kind == Times::ExpiredCa { self.now - DAY } else { end })
    }

    /// Of every other authority.
    pub(super) fn authority(&self) -> Validity {
        (self.now - 1000 * DAY, self.now + 1000 * DAY)
    }
}
