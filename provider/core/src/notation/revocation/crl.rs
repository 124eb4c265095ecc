//! The status of one certificate by CRL ([RFC 5280 §6.3](https://www.rfc-editor.org/rfc/rfc5280#section-6.3)).
//!
//! The points of a certificate are asked in order, until the lists cover every reason. All lists that are needed anyway are
//! requested in one round.

mod entry;
mod lists;

use entry::Listed;
use lists::Lists;

use super::RevocationInput;
use super::source::SourceStatus;
use super::texts;
use crate::codec::text;
use crate::evidence::NotAvailable;
use crate::evidence::Progress;
use crate::evidence::Requests;
use crate::notation::evidence_fact::EvidenceFact;
use crate::policy::TrustedLink;
use crate::x509::DistributionPoint;
use crate::x509::ReasonSet;

/// Maximum number of reasons why a list is not usable in a message.
const REASONS_SHOWN: usize = 2;

/// What the lists of one distribution point state about a certificate.
enum PointStatus {
    /// Not revoked for these reasons.
    Covers(ReasonSet, Vec<EvidenceFact>),
    Revoked(SourceStatus),
    /// Nothing, for this reason.
    Nothing(NotAvailable),
}

/// The status by CRL.
pub(super) fn status(link: &TrustedLink<'_>, input: &RevocationInput<'_>) -> Progress<SourceStatus> {
    let addresses = link.certificate().revocation_addresses();
    if addresses.crl.is_empty() {
        return Progress::Done(SourceStatus::None { why: no_points(link), facts: Vec::new() });
    }
    let (mut covered, mut expected) = (ReasonSet::NONE, ReasonSet::NONE);
    let (mut facts, mut why_not) = (Vec::new(), Vec::new());
    let mut needed: Option<Requests> = None;
    for point in &addresses.crl {
        // A further point is asked only for reasons that the others do not cover.
        if covered.union(expected).contains(point.reasons()) {
            continue;
        }
        match point_status(link, point, input) {
            Progress::Done(PointStatus::Revoked(revoked)) => return Progress::Done(revoked),
            Progress::Done(PointStatus::Covers(reasons, used)) => {
                covered = covered.union(reasons);
                facts.extend(used);
            }
            Progress::Done(PointStatus::Nothing(why)) => why_not.push(why),
            Progress::Needs(more) => {
                expected = expected.union(point.reasons());
                needed = Some(needed.into_iter().fold(more, |more, first| first.merge(more)));
            }
        }
    }
    if let Some(requests) = needed {
        return Progress::Needs(requests);
    }
    if covered.contains(ReasonSet::ALL) {
        return Progress::Done(SourceStatus::Good(facts));
    }
    let why = match &why_not[..] {
        [] => NotAvailable::new("CRL: the lists do not cover every reason for a revocation"),
        [one] => one.clone(),
        all => NotAvailable::new(text::list(all.iter(), "; ", REASONS_SHOWN)),
    };
    Progress::Done(SourceStatus::None { why: Some(why), facts })
}

/// The reason for a certificate without usable points; `None` if it does not name any.
fn no_points(link: &TrustedLink<'_>) -> Option<NotAvailable> {
    let addresses = link.certificate().revocation_addresses();
    let unreadable =
        ["cRLDistributionPoints", "freshestCRL"].into_iter().find(|name| addresses.unreadable.contains(name));
    match unreadable {
        Some(name) => Some(NotAvailable::new(format_args!("CRL: {name} of the certificate has no readable address"))),
        None if !addresses.freshest.is_empty() => {
            Some(NotAvailable::new("CRL: the certificate names a delta CRL, and no complete CRL"))
        }
        None => None,
    }
}

fn point_status(
    link: &TrustedLink<'_>,
    point: &DistributionPoint,
    input: &RevocationInput<'_>,
) -> Progress<PointStatus> {
    lists::base(link, point, input).and_then(|found| {
        let (base, reasons) = match found {
            Ok(found) => found,
            Err(why) => return Progress::Done(PointStatus::Nothing(why)),
        };
        let lists = Lists::new(link, base.clone(), None, input.settings);
        // A delta CRL cannot take back a revocation, only a hold.
        match lists.listed() {
            Listed::Revoked(entry) if !input.is_excused(entry.invalid_since) => {
                return Progress::Done(judge(link, input, &lists, reasons));
            }
            Listed::No | Listed::RemovedFromBase | Listed::Revoked(_) | Listed::OnHold(_) => {}
        }
        lists::delta(link, &base, input).map(|delta| match delta {
            Ok(delta) => judge(link, input, &Lists::new(link, base.clone(), delta, input.settings), reasons),
            Err(why) => PointStatus::Nothing(why),
        })
    })
}

/// What a complete list and its delta state together.
fn judge(link: &TrustedLink<'_>, input: &RevocationInput<'_>, lists: &Lists, reasons: ReasonSet) -> PointStatus {
    match lists.listed() {
        Listed::No => match lists.dropped(link.certificate()) {
            Some(why) => PointStatus::Nothing(why),
            None => PointStatus::Covers(reasons, lists.facts()),
        },
        Listed::Revoked(entry) | Listed::OnHold(entry) if input.is_excused(entry.invalid_since) => {
            PointStatus::Covers(reasons, lists.facts())
        }
        Listed::Revoked(entry) | Listed::OnHold(entry) => {
            let text = texts::revoked(link.certificate(), entry.revoked_at, entry.reason, lists.stating(&entry));
            PointStatus::Revoked(SourceStatus::Revoked { text, facts: lists.facts() })
        }
        Listed::RemovedFromBase => PointStatus::Nothing(texts::unusable(
            "CRL",
            lists.base().url(),
            "found removeFromCRL for the certificate in a complete CRL, expected it in a delta CRL only",
        )),
    }
}
