//! The status of one certificate: by OCSP, or by CRL if OCSP has no status.

use super::RevocationInput;
use super::crl;
use super::ocsp;
use super::source::SourceStatus;
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
        SourceStatus::Good(used) => {
            facts.extend(used);
            CertificateStatus::Good(facts)
        }
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
