//! What the entries of a complete list and of its delta state together.

use crate::x509::CrlEntry;
use crate::x509::RevocationReason;

/// Whether a certificate is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    No,
    Revoked(CrlEntry),
    /// Suspended: revoked until a delta CRL or a new list removes the entry.
    OnHold(CrlEntry),
    /// A complete list has the reason removeFromCRL, which only a delta CRL may have
    /// ([RFC 5280 §5.3.1](https://www.rfc-editor.org/rfc/rfc5280#section-5.3.1)).
    RemovedFromBase,
}

/// The entry of a delta CRL.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeltaEntry {
    pub(super) entry: CrlEntry,
    /// Whether the list was issued while the certificate was valid.
    pub(super) is_from_before_end: bool,
}

impl Listed {
    /// Combines both entries. The more severe one counts, except that removeFromCRL in the delta ends a hold in the base.
    /// It does not end another revocation, which is final, and no hold of a certificate that had ended: an authority also
    /// removes such entries because of the end ([RFC 5280 §5.3.1](https://www.rfc-editor.org/rfc/rfc5280#section-5.3.1)),
    /// and signatures outlive certificates.
    pub(super) fn of(base: Option<CrlEntry>, delta: Option<DeltaEntry>) -> Self {
        let base = base.map_or(Self::No, |entry| match entry.reason {
            Some(RevocationReason::RemoveFromCrl) => Self::RemovedFromBase,
            Some(RevocationReason::CertificateHold) => Self::OnHold(entry),
            Some(_) | None => Self::Revoked(entry),
        });
        let Some(DeltaEntry { entry: delta, is_from_before_end }) = delta else { return base };
        match (base, delta.reason) {
            (Self::RemovedFromBase, Some(RevocationReason::RemoveFromCrl)) => Self::RemovedFromBase,
            (Self::OnHold(entry), Some(RevocationReason::RemoveFromCrl)) if !is_from_before_end => Self::OnHold(entry),
            (Self::No | Self::OnHold(_), Some(RevocationReason::RemoveFromCrl)) => Self::No,
            (Self::Revoked(entry), Some(RevocationReason::RemoveFromCrl)) => Self::Revoked(entry),
            (Self::No | Self::RemovedFromBase, _) => Self::of(Some(delta), None),
            (Self::Revoked(entry) | Self::OnHold(entry), _) => Self::of(Some(entry.most_severe(delta)), None),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    fn in_delta(entry: CrlEntry, is_from_before_end: bool) -> DeltaEntry {
        DeltaEntry { entry, is_from_before_end }
    }

    fn entry(reason: RevocationReason) -> CrlEntry {
        CrlEntry { revoked_at: UnixTime::EPOCH, reason: Some(reason), invalid_since: None }
    }

    #[test]
    fn a_delta_crl_ends_a_hold_and_no_other_revocation() {
        use RevocationReason::CertificateHold;
        use RevocationReason::KeyCompromise;
        use RevocationReason::RemoveFromCrl;
        use RevocationReason::Superseded;
        let revoked = |reason| Listed::Revoked(entry(reason));
        let on_hold = Listed::OnHold(entry(CertificateHold));
        for (base, delta, expected) in [
            (None, None, Listed::No),
            (None, Some(RemoveFromCrl), Listed::No),
            (None, Some(KeyCompromise), revoked(KeyCompromise)),
            (None, Some(CertificateHold), on_hold),
            (Some(CertificateHold), None, on_hold),
            (Some(CertificateHold), Some(RemoveFromCrl), Listed::No),
            (Some(CertificateHold), Some(CertificateHold), on_hold),
            (Some(CertificateHold), Some(Superseded), revoked(Superseded)),
            (Some(KeyCompromise), None, revoked(KeyCompromise)),
            (Some(KeyCompromise), Some(RemoveFromCrl), revoked(KeyCompromise)),
            (Some(KeyCompromise), Some(CertificateHold), revoked(KeyCompromise)),
            (Some(RemoveFromCrl), None, Listed::RemovedFromBase),
            (Some(RemoveFromCrl), Some(RemoveFromCrl), Listed::RemovedFromBase),
            (Some(RemoveFromCrl), Some(KeyCompromise), revoked(KeyCompromise)),
        ] {
            let delta_entry = delta.map(|reason| in_delta(entry(reason), true));
            assert_eq!(Listed::of(base.map(entry), delta_entry), expected, "{base:?} {delta:?}");
        }
    }

    #[test]
    fn a_removal_after_the_end_of_the_certificate_does_not_end_a_hold() {
        let hold = entry(RevocationReason::CertificateHold);
        let removal = in_delta(entry(RevocationReason::RemoveFromCrl), false);
        assert_eq!(Listed::of(Some(hold), Some(removal)), Listed::OnHold(hold));
        assert_eq!(Listed::of(None, Some(removal)), Listed::No);
    }

    #[test]
    fn of_two_revocations_the_one_that_excuses_least_counts() {
        let at = |seconds| UnixTime::from_seconds(seconds).unwrap();
        let invalid = |since: Option<i64>| CrlEntry {
            revoked_at: at(9),
            reason: Some(RevocationReason::KeyCompromise),
            invalid_since: since.map(at),
        };
        for (base, delta, expected) in
            [(Some(5), None, None), (None, Some(5), None), (Some(5), Some(4), Some(4)), (Some(4), Some(5), Some(4))]
        {
            let found = Listed::of(Some(invalid(base)), Some(in_delta(invalid(delta), true)));
            assert_eq!(found, Listed::Revoked(invalid(expected)), "{base:?} {delta:?}");
        }
    }
}
