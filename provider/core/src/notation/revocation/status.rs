//! The status of one certificate: by OCSP, or by CRL if OCSP has no status.

use super::RevocationInput;
use super::crl;
use super::ocsp;
use super::texts;
use crate::codec::text::Text;
use crate::evidence::NotAvailable;
use crate::evidence::Progress;
use crate::notation::evidence_fact::EvidenceFact;
use crate::policy::TrustedLink;

/// The status of one certificate, and the evidence for it.
pub(super) enum CertificateStatus {
    /// Not revoked at the time that counts, or without a way to be revoked.
    Good(Vec<EvidenceFact>),
    Revoked {
        text: Text,
        facts: Vec<EvidenceFact>,
    },
    Unknown {
        text: Text,
        facts: Vec<EvidenceFact>,
    },
}

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

/// The status of a certificate of a trusted chain.
pub(super) fn of(link: &TrustedLink<'_>, input: &RevocationInput<'_>) -> Progress<CertificateStatus> {
    if link.certificate().revocation_addresses().is_empty() {
        return Progress::Done(CertificateStatus::Good(Vec::new()));
    }
    ocsp::status(link, input).and_then(|by_ocsp| match by_ocsp {
        SourceStatus::Good(facts) => Progress::Done(CertificateStatus::Good(facts)),
        SourceStatus::Revoked { text, facts } => Progress::Done(CertificateStatus::Revoked { text, facts }),
        SourceStatus::None { why, facts } => by_crl(link, input, why, facts),
    })
}

/// The status by CRL, after OCSP had none.
fn by_crl(
    link: &TrustedLink<'_>,
    input: &RevocationInput<'_>,
    why_no_ocsp: Option<NotAvailable>,
    mut facts: Vec<EvidenceFact>,
) -> Progress<CertificateStatus> {
    crl::status(link, input).map(|by_crl| match by_crl {
        // What an unusable OCSP answer was stays out of the lifetime of the verdict.
        SourceStatus::Good(used) => CertificateStatus::Good(used),
        SourceStatus::Revoked { text, facts: used } => {
            facts.extend(used);
            CertificateStatus::Revoked { text, facts }
        }
        SourceStatus::None { why: why_no_crl, facts: used } => {
            facts.extend(used);
            let text = texts::unknown(link.certificate(), why_no_ocsp.into_iter().chain(why_no_crl));
            CertificateStatus::Unknown { text, facts }
        }
    })
}
