//! The end of the use of evidence.

use super::EvidenceSettings;
use super::SignerStatus;
use super::Sourced;
use crate::time::UnixTime;
use crate::x509::Crl;
use crate::x509::ocsp::AnswerEnd;
use crate::x509::ocsp::OcspAnswer;

/// The time from which on evidence is not used any more, and what ends its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsableUntil {
    /// The end, without the tolerance for different clocks.
    pub at: UnixTime,
    /// What ends it: the earliest of all.
    pub by: EndOfUse,
}

/// What ends the use of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndOfUse {
    /// Its own nextUpdate.
    NextUpdate,
    /// The maximum age of an OCSP response without nextUpdate.
    MaxAge,
    /// The end of the certificate of a delegated OCSP responder.
    ResponderCertificate,
    /// The longest use after it was fetched.
    MaxLifetime,
    /// The longest use of an answer of AWS Signer that nothing is revoked.
    SignerGoodLifetime,
    /// The longest use of an answer of AWS Signer that something is revoked.
    SignerRevokedLifetime,
}

impl UsableUntil {
    /// The end of the use of an OCSP response.
    #[must_use]
    pub fn of_ocsp(answer: &Sourced<OcspAnswer>, settings: &EvidenceSettings) -> Self {
        let (at, end) = answer.value().valid_until(&settings.ocsp());
        let by = match end {
            AnswerEnd::NextUpdate => EndOfUse::NextUpdate,
            AnswerEnd::MaxAge => EndOfUse::MaxAge,
            AnswerEnd::ResponderCertificate => EndOfUse::ResponderCertificate,
        };
        Self { at, by }.within_lifetime(answer, settings)
    }

    /// The end of the use of a CRL.
    #[must_use]
    pub fn of_crl(crl: &Sourced<Crl>, settings: &EvidenceSettings) -> Self {
        Self { at: crl.value().next_update(), by: EndOfUse::NextUpdate }.within_lifetime(crl, settings)
    }

    /// The end of the use of an answer of AWS Signer.
    #[must_use]
    pub fn of_signer(status: &SignerStatus) -> Self {
        let is_good = status.revoked().is_empty();
        let by = if is_good { EndOfUse::SignerGoodLifetime } else { EndOfUse::SignerRevokedLifetime };
        Self { at: status.until(), by }
    }

    /// The earlier of this end and that of the longest use, by the present clock.
    fn within_lifetime<T>(self, evidence: &Sourced<T>, settings: &EvidenceSettings) -> Self {
        let end = match settings.max_lifetime.map(|lifetime| evidence.fetched().saturating_add(lifetime)) {
            Some(at) if at < self.at => Self { at, by: EndOfUse::MaxLifetime },
            Some(_) | None => self,
        };
        Self { at: end.at.checked_sub(evidence.set_back()).unwrap_or(UnixTime::EPOCH), ..end }
    }
}

impl EndOfUse {
    /// Stable text for JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NextUpdate => "nextUpdate",
            Self::MaxAge => "maxAge",
            Self::ResponderCertificate => "responderCertificate",
            Self::MaxLifetime => "maxLifetime",
            Self::SignerGoodLifetime => "signerGoodLifetime",
            Self::SignerRevokedLifetime => "signerRevokedLifetime",
        }
    }
}
