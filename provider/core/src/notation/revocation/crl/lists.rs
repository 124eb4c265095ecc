//! The lists for one distribution point: a complete one, and its delta.

use crate::evidence::CrlRequest;
use crate::evidence::EvidenceRequest;
use crate::evidence::EvidenceResponse;
use crate::evidence::EvidenceSettings;
use crate::evidence::NotAvailable;
use crate::evidence::Progress;
use crate::evidence::Sourced;
use crate::evidence::UsableUntil;
use crate::notation::evidence_fact::EvidenceFact;
use crate::notation::evidence_fact::EvidenceKind;
use crate::notation::evidence_fact::EvidenceStatus;
use crate::notation::revocation::RevocationInput;
use crate::notation::revocation::texts;
use crate::policy::TrustedLink;
use crate::time::UnixTime;
use crate::x509::Certificate;
use crate::x509::Crl;
use crate::x509::CrlEntry;
use crate::x509::DistributionPoint;
use crate::x509::ReasonSet;
use crate::x509::RevocationReason;
use crate::x509::ScopeMismatch;

use super::entry::DeltaEntry;
use super::entry::Listed;

/// A complete list and its delta, with their entries for one certificate.
pub(super) struct Lists {
    /// The end of the certificate.
    end: UnixTime,
    base: ListWithEntry,
    delta: Option<ListWithEntry>,
}

struct ListWithEntry {
    crl: Sourced<Crl>,
    entry: Option<CrlEntry>,
    fact: EvidenceFact,
}

/// The complete list of a distribution point, with the reasons for which it covers the certificate.
pub(super) fn base(
    link: &TrustedLink<'_>,
    point: &DistributionPoint,
    input: &RevocationInput<'_>,
) -> Progress<Result<(Sourced<Crl>, ReasonSet), NotAvailable>> {
    if point.is_indirect(link.certificate().issuer_raw()) {
        return Progress::Done(Err(NotAvailable::new(format_args!("CRL: {}", ScopeMismatch::OtherIssuer))));
    }
    let Some(request) = CrlRequest::base(link, point) else {
        return Progress::Done(Err(NotAvailable::new("CRL: a distribution point has no URI")));
    };
    list("CRL", &request, input).map(|found| {
        let crl = found?;
        let reasons = crl.value().scope().reasons(link.certificate(), point);
        match reasons {
            Ok(reasons) => Ok((crl, reasons)),
            Err(mismatch) => {
                let why = format_args!("it does not cover the certificate: {mismatch}");
                Err(texts::unusable("CRL", crl.url(), why))
            }
        }
    })
}

/// The delta CRL for a complete list; `None` if neither the list nor the certificate names one, or if the complete list
/// is as new. A named delta that cannot be combined with the list is an error: it may revoke the certificate.
pub(super) fn delta(
    link: &TrustedLink<'_>,
    base: &Sourced<Crl>,
    input: &RevocationInput<'_>,
) -> Progress<Result<Option<Sourced<Crl>>, NotAvailable>> {
    let addresses = link.certificate().revocation_addresses();
    let urls = match base.value().freshest_urls() {
        [] if addresses.unreadable.contains(&"freshestCRL") => {
            let why = NotAvailable::new("delta CRL: freshestCRL of the certificate is malformed");
            return Progress::Done(Err(why));
        }
        [] => addresses.freshest.iter().flat_map(DistributionPoint::urls).cloned().collect(),
        urls => urls.to_vec(),
    };
    let Some(request) = CrlRequest::delta(link, urls) else { return Progress::Done(Ok(None)) };
    let Some(number) = base.value().number() else {
        let why = "it names a delta CRL, and has no CRL number to combine it with";
        return Progress::Done(Err(texts::unusable("CRL", base.url(), why)));
    };
    list("delta CRL", &request, input).map(|found| {
        let delta = found?;
        let unusable = |why: &dyn std::fmt::Display| Err(texts::unusable("delta CRL", delta.url(), why));
        // RFC 5280 section 5.2.4: the same scope, a base that is not newer than the complete list, and a higher number.
        if delta.value().scope() != base.value().scope() {
            return unusable(&"found another issuing distribution point than that of the complete CRL");
        }
        match (delta.value().delta_base(), delta.value().number()) {
            (Some(needed), Some(_)) if needed > number => {
                unusable(&format_args!("found CRL number {number} of the complete CRL, expected at least {needed}"))
            }
            (Some(_), Some(of_delta)) if of_delta > number => Ok(Some(delta)),
            // The complete list has all of it.
            (Some(_), Some(_)) => Ok(None),
            (Some(_), None) => unusable(&"found no CRL number, expected one"),
            (None, _) => unusable(&"found a complete CRL, expected a delta CRL"),
        }
    })
}

/// A list that answers the request, checked again.
fn list(
    kind: &'static str,
    request: &CrlRequest,
    input: &RevocationInput<'_>,
) -> Progress<Result<Sourced<Crl>, NotAvailable>> {
    let named = EvidenceRequest::from(request.clone());
    let Some(response) = input.evidence.response(&named) else { return Progress::Needs(named.into()) };
    Progress::Done(match response {
        EvidenceResponse::NotAvailable(why) => Err(why.of(kind)),
        EvidenceResponse::Ocsp(_) | EvidenceResponse::SignerStatus(_) => {
            Err(NotAvailable::new(format_args!("{kind}: the response is of another kind")))
        }
        EvidenceResponse::Crl(crl) => match request.check(crl.value(), input.now, input.settings) {
            Ok(()) => Ok(crl),
            Err(error) => Err(texts::unusable(kind, crl.url(), error)),
        },
    })
}

impl Lists {
    pub(super) fn new(
        link: &TrustedLink<'_>,
        base: Sourced<Crl>,
        delta: Option<Sourced<Crl>>,
        settings: &EvidenceSettings,
    ) -> Self {
        let read = |kind, crl| ListWithEntry::new(link, kind, crl, settings);
        let end = link.certificate().not_after();
        Self { end, base: read(EvidenceKind::Crl, base), delta: delta.map(|delta| read(EvidenceKind::DeltaCrl, delta)) }
    }

    pub(super) fn base(&self) -> &Sourced<Crl> {
        &self.base.crl
    }

    pub(super) fn listed(&self) -> Listed {
        let delta = self.delta.as_ref().and_then(|delta| delta.entry.map(|entry| (delta, entry)));
        let delta = delta.map(|(delta, entry)| DeltaEntry {
            entry,
            // Otherwise the end may be the reason for a removal.
            is_from_before_end: delta.crl.value().this_update() <= self.end,
        });
        Listed::of(self.base.entry, delta)
    }

    /// Why a certificate without an entry may be revoked nevertheless: it has ended, and a list no longer has such ones.
    pub(super) fn dropped(&self, certificate: &Certificate) -> Option<NotAvailable> {
        std::iter::once(("CRL", &self.base)).chain(self.delta.as_ref().map(|delta| ("delta CRL", delta))).find_map(
            |(kind, list)| {
                let since = list.crl.value().drops_ended(self.end)?;
                Some(texts::unusable(kind, list.crl.url(), texts::dropped(certificate, since)))
            },
        )
    }

    pub(super) fn facts(&self) -> Vec<EvidenceFact> {
        std::iter::once(&self.base).chain(&self.delta).map(|list| list.fact.clone()).collect()
    }

    /// The list that has the entry.
    pub(super) fn stating(&self, entry: &CrlEntry) -> &EvidenceFact {
        // The invalidity date may be that of the other list.
        let is_it = |other: &CrlEntry| (other.revoked_at, other.reason) == (entry.revoked_at, entry.reason);
        let in_delta = self.delta.as_ref().filter(|delta| delta.entry.as_ref().is_some_and(is_it));
        &in_delta.unwrap_or(&self.base).fact
    }
}

impl ListWithEntry {
    fn new(link: &TrustedLink<'_>, kind: EvidenceKind, crl: Sourced<Crl>, settings: &EvidenceSettings) -> Self {
        let certificate = link.certificate();
        let entry = crl.value().entry(certificate.serial_bytes());
        let removed = entry.is_some_and(|entry| entry.reason == Some(RevocationReason::RemoveFromCrl));
        let fact = EvidenceFact {
            kind,
            certificate: certificate.subject().to_text(),
            status: if entry.is_some() && !removed { EvidenceStatus::Revoked } else { EvidenceStatus::Good },
            url: crl.url().clone(),
            fetched: crl.fetched(),
            this_update: crl.value().this_update(),
            next_update: Some(crl.value().next_update()),
            usable_until: UsableUntil::of_crl(&crl, settings),
        };
        Self { crl, entry, fact }
    }
}
