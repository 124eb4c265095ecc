//! Revocation ([revocation
//! checking](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/trust-store-trust-policy.md#certificate-revocation-evaluation)):
//! the status of every certificate except the root, by OCSP, or by CRL if OCSP has no status. According to the
//! specification, a certificate with neither an OCSP responder nor a CRL cannot be revoked.

use crate::codec::excerpt::Excerpt;
use crate::codec::text;
use crate::evidence::CrlRequest;
use crate::evidence::Evidence;
use crate::evidence::EvidenceRequest;
use crate::evidence::EvidenceResponse;
use crate::evidence::NotAvailable;
use crate::evidence::OcspRequest;
use crate::evidence::Progress;
use crate::policy::TrustedChain;
use crate::policy::TrustedLink;
use crate::reason::Code;
use crate::reason::Reason;
use crate::x509::Certificate;
use crate::x509::Chain;

/// Maximum number of addresses in a message.
const ADDRESSES_SHOWN: usize = 2;

/// Checks the whole chain. Requests about all certificates are made in one round. Without a trusted chain nothing is
/// requested.
pub(super) fn check(
    chain: &Chain,
    trusted: Option<&TrustedChain>,
    evidence: &Evidence,
) -> Progress<Result<(), Reason>> {
    match trusted {
        Some(trusted) => {
            let statuses: Progress<Vec<_>> = trusted.links().map(|link| status(&link, evidence)).collect();
            statuses.map(|statuses| statuses.into_iter().collect())
        }
        None => {
            // The root has no issuer that could revoke it.
            let below_root = chain.certificates().iter().rev().skip(1).rev();
            let mut can_be_revoked = below_root.filter(|certificate| !certificate.revocation_addresses().is_empty());
            Progress::Done(
                can_be_revoked.next().map_or(Ok(()), |certificate| {
                    Err(unchecked(certificate, &NotAvailable::revocation_not_requested()))
                }),
            )
        }
    }
}

/// The revocation status of one certificate, by OCSP.
fn status(link: &TrustedLink<'_>, evidence: &Evidence) -> Progress<Result<(), Reason>> {
    let addresses = link.certificate().revocation_addresses();
    if addresses.is_empty() {
        return Progress::Done(Ok(()));
    }
    let by_ocsp = request_status(OcspRequest::new(link).map(EvidenceRequest::from), evidence);
    let why_no_ocsp = match by_ocsp {
        Progress::Done(why) => why,
        Progress::Needs(requests) => return Progress::Needs(requests),
    };
    let points = addresses.crl.iter().filter_map(|point| CrlRequest::base(link, point));
    request_status(points.map(EvidenceRequest::from), evidence).map(|why_no_crl| {
        // The reason of the last source.
        let why = why_no_crl.or(why_no_ocsp).unwrap_or_else(NotAvailable::revocation_not_requested);
        Err(unchecked(link.certificate(), &why))
    })
}

/// The reason why no response gives a status; `None` without requests. All requests are made in one round.
fn request_status(
    requests: impl IntoIterator<Item = EvidenceRequest>,
    evidence: &Evidence,
) -> Progress<Option<NotAvailable>> {
    let responses: Progress<Vec<NotAvailable>> = requests
        .into_iter()
        .map(|request| match evidence.response(&request) {
            None => Progress::Needs(request.into()),
            Some(EvidenceResponse::NotAvailable(why)) => Progress::Done(why),
            // This version does not evaluate the response, so it proves nothing.
            Some(EvidenceResponse::Received(_)) => Progress::Done(NotAvailable::revocation_not_requested()),
        })
        .collect();
    responses.map(|mut responses| responses.pop())
}

fn unchecked(certificate: &Certificate, why: &NotAvailable) -> Reason {
    let names = certificate.revocation_addresses().urls().map(Excerpt::of);
    let detail = format_args!(
        "revocation was not checked: certificate {:?} names {}, and {why}",
        certificate.subject().to_text(),
        text::list(names, ", ", ADDRESSES_SHOWN),
    );
    Reason::new(Code::RevocationUnchecked, detail)
}
