//! Verified evidence with its source.

use std::time::Duration;

use countersign_core::codec::text::Text;
use countersign_core::evidence::EvidenceResponse;
use countersign_core::evidence::Sourced;
use countersign_core::evidence::UsableUntil;
use countersign_core::time::UnixTime;
use countersign_core::x509::Crl;
use countersign_core::x509::ocsp::OcspAnswer;
use countersign_core::x509::ocsp::OcspStatus;

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

    /// The same, for a clock that was set back by `by` after it was fetched.
    pub(super) fn after_setting_back(self, by: Duration) -> Self {
        match self {
            Self::Ocsp(answer) => Self::Ocsp(answer.after_setting_back(by)),
            Self::Crl(crl) => Self::Crl(crl.after_setting_back(by)),
        }
    }

    /// Where it was fetched.
    pub(super) fn url(&self) -> &Text {
        match self {
            Self::Ocsp(answer) => answer.url(),
            Self::Crl(crl) => crl.url(),
        }
    }

    /// The time at which its statement was correct.
    pub(super) fn this_update(&self) -> UnixTime {
        match self {
            Self::Ocsp(answer) => answer.value().this_update(),
            Self::Crl(crl) => crl.value().this_update(),
        }
    }

    /// Whether it was issued before `other`.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        let issued = |fetched: &Self| match fetched {
            Self::Ocsp(answer) => (answer.value().this_update(), answer.value().produced_at()),
            Self::Crl(crl) => (crl.value().this_update(), crl.value().this_update()),
        };
        issued(self) < issued(other)
    }

    /// The newer one; this one if both are equally new.
    pub(super) fn newer(self, other: Self) -> Self {
        if self.is_older_than(&other) { other } else { self }
    }

    /// Whether it has a status: not the answer of a responder that does not know the certificate.
    pub(super) fn has_status(&self) -> bool {
        match self {
            Self::Ocsp(answer) => *answer.value().status() != OcspStatus::Unknown,
            Self::Crl(_) => true,
        }
    }

    /// Whether this is a delta CRL that cannot be combined with the complete CRL `base`, as it needs a newer one.
    pub(super) fn needs_newer_than(&self, base: &Self) -> bool {
        let (Self::Crl(delta), Self::Crl(base)) = (self, base) else { return false };
        let (delta, base) = (delta.value(), base.value());
        let Some((needed, number)) = delta.delta_base().zip(base.number()) else { return false };
        base.delta_base().is_none() && delta.scope() == base.scope() && needed > number
    }

    /// The end of its time in memory. What has ended, and is usable only because clocks differ, is kept for seconds: an
    /// authority that is late does not make each image wait for the same list.
    pub(super) fn kept_until(&self, settings: &FetchSettings) -> UnixTime {
        self.until(settings).max(self.at().saturating_add(settings.short_lifetime()))
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
