//! Revocation ([revocation
//! checking](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/trust-store-trust-policy.md#certificate-revocation-evaluation)):
//! the status of every certificate of a chain except the root, by OCSP, or by CRL if OCSP has no status. According to the
//! specification, a certificate with neither an OCSP responder nor a CRL cannot be revoked.
//!
//! The same rules apply to the chain of a signer and to that of a timestamping authority.

mod crl;
mod ocsp;
mod source;
mod status;
mod texts;

use status::CertificateStatus;

use super::evidence_fact::EvidenceFact;
use super::evidence_fact::EvidenceStatus;
use crate::codec::text::Text;
use crate::evidence::Evidence;
use crate::evidence::EvidenceSettings;
use crate::evidence::NotAvailable;
use crate::evidence::Progress;
use crate::evidence::Requests;
use crate::policy::Action;
use crate::policy::TrustedLink;
use crate::reason::Code;
use crate::reason::Reason;
use crate::reason::Remedy;
use crate::reason::SignerRevoked;
use crate::time::UnixTime;
use crate::x509::Certificate;

/// The end of a message about a revoked certificate.
const EXPECTED: &str = "expected a certificate that is not revoked";

/// The reason why a certificate above the trust anchors has no status.
const ABOVE_ANCHORS: &str = "it is above the certificates of the trust stores in the chain, so nothing is requested for it; add \
                             its root to the trust store";

/// The input of a check of a chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct RevocationInput<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) settings: &'a EvidenceSettings,
    pub(super) now: UnixTime,
    /// The signing time that an authority states. A certificate that became invalid later is accepted. Nothing else is
    /// compared with an invalidity date: neither the time that a signer claims, nor a timestamp.
    pub(super) authentic_signing_time: Option<UnixTime>,
}

/// The result of the check of a chain, and the evidence that it used.
#[derive(Clone, Debug)]
pub(super) struct ChainStatus {
    pub(super) result: Result<(), RevocationProblem>,
    pub(super) facts: Vec<EvidenceFact>,
}

/// The reason why a chain does not pass the check.
#[derive(Clone, Debug)]
pub(super) enum RevocationProblem {
    /// A certificate is revoked.
    Revoked(Text),
    /// No certificate is known to be revoked, and the status of at least one is not known.
    Unchecked(Text),
    /// AWS Signer has revoked the signature.
    SignerRevoked {
        /// What is revoked.
        text: Text,
        case: SignerRevoked,
    },
    /// AWS Signer has not stated whether the signature is revoked.
    SignerUnchecked(NotAvailable),
}

/// Whose chain was checked, which decides the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChainOwner {
    Signer,
    TimestampAuthority,
}

/// Checks the links of a trusted chain, and the certificates above its trust anchors, about which nothing is requested. A
/// revoked one decides, then one without a status. Requests about all certificates are made in one round; none is made once
/// a certificate is known to be revoked.
pub(super) fn check<'a>(
    links: impl IntoIterator<Item = TrustedLink<'a>>,
    above_anchors: impl IntoIterator<Item = &'a Certificate>,
    input: &RevocationInput<'_>,
) -> Progress<ChainStatus> {
    let (mut revoked, mut unknown, mut facts) = (Vec::new(), Vec::new(), Vec::new());
    let mut needed: Option<Requests> = None;
    for link in links {
        match status::of(&link, input) {
            Progress::Done(CertificateStatus::Good(used)) => facts.extend(used),
            Progress::Done(CertificateStatus::Revoked { text, facts: used }) => {
                revoked.push(text);
                facts.extend(used);
            }
            Progress::Done(CertificateStatus::Unknown { text, facts: used }) => {
                unknown.push(text);
                facts.extend(used);
            }
            Progress::Needs(more) => needed = Some(needed.into_iter().fold(more, |more, first| first.merge(more))),
        }
    }
    let above_anchors = above_anchors.into_iter().filter(|certificate| can_be_revoked(certificate));
    unknown.extend(above_anchors.map(|certificate| texts::unknown(certificate, [NotAvailable::new(ABOVE_ANCHORS)])));
    let result = match (revoked.is_empty(), needed) {
        (false, _) => Err(RevocationProblem::Revoked(texts::all(&revoked))),
        (true, Some(requests)) => return Progress::Needs(requests),
        (true, None) if unknown.is_empty() => Ok(()),
        (true, None) => Err(RevocationProblem::Unchecked(texts::all(&unknown))),
    };
    Progress::Done(ChainStatus { result, facts })
}

/// The result for the certificates of a chain, leaf first, if the signer is not trusted, so that nothing may be requested:
/// a certificate that can be revoked was not checked.
pub(super) fn without_trust(chain: &[Certificate]) -> ChainStatus {
    // The root has no issuer that could revoke it.
    let mut below_root = chain.iter().rev().skip(1).rev();
    let why = NotAvailable::new("nothing is requested for an untrusted signer");
    let result = below_root
        .find(|certificate| can_be_revoked(certificate))
        .map_or(Ok(()), |certificate| Err(RevocationProblem::Unchecked(texts::unknown(certificate, [why]))));
    ChainStatus { result, facts: Vec::new() }
}

/// Whether the certificate states that it can be revoked.
fn can_be_revoked(certificate: &Certificate) -> bool {
    !certificate.revocation_addresses().is_empty()
}

impl RevocationInput<'_> {
    /// Whether a certificate that became invalid at this date was still valid at the signing time.
    fn is_excused(&self, invalid_since: Option<UnixTime>) -> bool {
        self.authentic_signing_time.zip(invalid_since).is_some_and(|(signed, since)| signed < since)
    }
}

impl ChainStatus {
    /// The end of the first evidence that stops being usable. A passed check is repeated then. It does not stand on an
    /// answer without a status.
    pub(super) fn usable_until(&self) -> Option<UnixTime> {
        let stands_on = |fact: &&EvidenceFact| match fact.status {
            EvidenceStatus::Good | EvidenceStatus::Revoked => true,
            EvidenceStatus::Unknown => false,
        };
        self.facts.iter().filter(stands_on).map(|fact| fact.usable_until.at).min()
    }
}

impl RevocationProblem {
    /// The reason, with what the statement makes of it if it enforces the check. The message of a verdict states that a
    /// statement only logs a check.
    pub(super) fn into_reason(self, owner: ChainOwner, action: Action) -> Reason {
        let (revoked, unchecked) = match owner {
            ChainOwner::Signer => (Code::Revoked, Code::RevocationUnchecked),
            ChainOwner::TimestampAuthority => (Code::TimestampInvalid, Code::TimestampUnchecked),
        };
        let effect = match action {
            Action::Enforce => "; inconclusive, as the statement enforces the check",
            Action::Log => "",
        };
        match (self, owner) {
            (Self::Revoked(text), ChainOwner::Signer) => {
                Reason::new(revoked, format_args!("certificate is revoked: found {text}, {EXPECTED}"))
            }
            (Self::SignerRevoked { text, case }, ChainOwner::Signer | ChainOwner::TimestampAuthority) => {
                let expected = "expected a signature that is not revoked";
                let detail = format_args!("signature is revoked at AWS Signer: found {text}, {expected}");
                Reason::new(Code::Revoked, detail).with_remedy(Some(Remedy::SignerRevoked(case)))
            }
            (Self::SignerUnchecked(why), ChainOwner::Signer | ChainOwner::TimestampAuthority) => {
                let detail = format_args!("revocation was not checked at AWS Signer: {why}{effect}");
                Reason::signer_unchecked(why.signer_cause(), detail)
            }
            (Self::Revoked(text), ChainOwner::TimestampAuthority) => {
                Reason::new(revoked, format_args!("timestamping certificate is revoked: found {text}, {EXPECTED}"))
            }
            (Self::Unchecked(text), ChainOwner::Signer) => {
                Reason::new(unchecked, format_args!("revocation was not checked: {text}{effect}"))
            }
            (Self::Unchecked(text), ChainOwner::TimestampAuthority) => {
                let what = "revocation of the timestamping authority was not checked";
                Reason::new(unchecked, format_args!("{what}: {text}{effect}"))
            }
        }
    }
}
