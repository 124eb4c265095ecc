//! Verified evidence with its source.

use countersign_core::codec::text::Text;
use countersign_core::evidence::EvidenceResponse;
use countersign_core::evidence::Sourced;
use countersign_core::evidence::UsableUntil;
use countersign_core::time::UnixTime;
use countersign_core::x509::Crl;
use countersign_core::x509::ocsp::OcspAnswer;

use super::settings::FetchSettings;

/// Evidence that core has verified. Clones share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fetched {
    Ocsp(Sourced<OcspAnswer>),
    Crl(Sourced<Crl>),
}

impl Fetched {
    /// When it was fetched.
    pub(super) fn at(&self) -> UnixTime {
        match self {
            Self::Ocsp(answer) => answer.fetched(),
            Self::Crl(crl) => crl.fetched(),
        }
    }

    /// Where it was fetched.
    pub(super) fn url(&self) -> &Text {
        match self {
            Self::Ocsp(answer) => answer.url(),
            Self::Crl(crl) => crl.url(),
        }
    }

    /// The end of its use.
    pub(super) fn until(&self, settings: &FetchSettings) -> UnixTime {
        self.usable_until(settings).at
    }

    /// The end of its use, and what ends it: as core has it for a judgement.
    pub(super) fn usable_until(&self, settings: &FetchSettings) -> UsableUntil {
        match self {
            Self::Ocsp(answer) => UsableUntil::of_ocsp(answer, &settings.reading),
            Self::Crl(crl) => UsableUntil::of_crl(crl, &settings.reading),
        }
    }

    /// Its memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Ocsp(answer) => answer.value().heap_bytes() + size_of::<OcspAnswer>() + 256,
            Self::Crl(crl) => crl.value().memory() + 256,
        }
    }
}

impl From<Fetched> for EvidenceResponse {
    fn from(fetched: Fetched) -> Self {
        match fetched {
            Fetched::Ocsp(answer) => Self::Ocsp(answer),
            Fetched::Crl(crl) => Self::Crl(crl),
        }
    }
}
