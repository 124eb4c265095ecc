//! The status of one certificate by one kind of source.

use crate::codec::text::Text;
use crate::evidence::NotAvailable;
use crate::notation::evidence_fact::EvidenceFact;

/// The result of one source.
pub(super) enum SourceStatus {
    Good(Vec<EvidenceFact>),
    Revoked {
        text: Text,
        facts: Vec<EvidenceFact>,
    },
    /// The source gives no status, for this reason. Without a reason, the certificate names no such source.
    None {
        why: Option<NotAvailable>,
        facts: Vec<EvidenceFact>,
    },
}

impl SourceStatus {
    /// No status, for this reason.
    pub(super) fn none(why: NotAvailable) -> Self {
        Self::None { why: Some(why), facts: Vec::new() }
    }

    /// The status with further evidence that it stands on.
    pub(super) fn on(mut self, more: Vec<EvidenceFact>) -> Self {
        let (Self::Good(facts) | Self::Revoked { facts, .. } | Self::None { facts, .. }) = &mut self;
        facts.extend(more);
        self
    }
}
