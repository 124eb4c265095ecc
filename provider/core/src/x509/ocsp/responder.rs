//! Finds the responder, checks its authority, and verifies its signature.

use super::cert_id::key_hash;
use super::error::OcspError;
use super::error::ResponderProblem;
use super::error::short_name;
use super::response::BasicResponse;
use super::response::ResponderId;
use crate::codec::text::Text;
use crate::time::UnixTime;
use crate::x509::Certificate;
use crate::x509::KeyUse;

/// 1.3.6.1.5.5.7.3.9
const OCSP_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09];

/// The signer of a verified response.
pub(super) enum Signer {
    Issuer,
    Delegated(Certificate),
}

/// The certificate whose status is stated, and its issuer.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) certificate: &'a Certificate,
    pub(super) issuer: &'a Certificate,
}

/// Verifies the signature of a response by an authorized responder
/// ([RFC 6960 §4.2.2.2](https://www.rfc-editor.org/rfc/rfc6960#section-4.2.2.2)). All certificates that the responderID
/// identifies are tried; the issuer's own certificate may be among those of the response.
///
/// # Errors
/// There is no such certificate; otherwise the reason against the first one.
pub(super) fn verify(response: &BasicResponse<'_>, subject: Subject<'_>, now: UnixTime) -> Result<Signer, OcspError> {
    let issuer = subject.issuer;
    let mut first_error = None;
    if response.responder.identifies(issuer) {
        match verify_signature(response, issuer) {
            Ok(()) => return Ok(Signer::Issuer),
            Err(error) => first_error = Some(error),
        }
    }
    let mut unreadable = None;
    for der in &response.certificates {
        let delegate = match Certificate::parse(der) {
            Ok(certificate) => certificate,
            // It may be that of an old root, which does not matter.
            Err(error) => {
                unreadable.get_or_insert(error);
                continue;
            }
        };
        let is_issuer = delegate.subject_raw() == issuer.subject_raw() && delegate.has_key_of(issuer);
        if is_issuer || !response.responder.identifies(&delegate) {
            continue;
        }
        let checked = authorize(&delegate, subject, now)
            .map_err(|problem| OcspError::ResponderNotAuthorized { responder: short_name(delegate.subject()), problem })
            .and_then(|()| verify_signature(response, &delegate));
        match checked {
            Ok(()) => return Ok(Signer::Delegated(delegate)),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    let responder = response.responder.to_text();
    Err(match (first_error, unreadable) {
        (Some(error), _) => error,
        (None, Some(error)) => OcspError::ResponderUnreadable { responder, error },
        (None, None) => OcspError::ResponderNotFound { responder },
    })
}

impl ResponderId<'_> {
    fn identifies(&self, certificate: &Certificate) -> bool {
        match self {
            Self::Name(name) => certificate.subject_raw() == *name,
            Self::KeyHash(hash) => key_hash(certificate).as_ref() == *hash,
        }
    }
}

fn verify_signature(response: &BasicResponse<'_>, signer: &Certificate) -> Result<(), OcspError> {
    signer
        .verify(response.algorithm, response.signed, response.signature)
        .map_err(|error| OcspError::Signature { responder: short_name(signer.subject()), error })
}

/// Checks that the issuer has authorized another certificate to answer for it.
fn authorize(delegate: &Certificate, subject: Subject<'_>, now: UnixTime) -> Result<(), ResponderProblem> {
    let Subject { certificate, issuer } = subject;
    if delegate.issuer_raw() != issuer.subject_raw() {
        let (found, expected) = (short_name(delegate.issuer()), short_name(issuer.subject()));
        return Err(ResponderProblem::OtherIssuer { found, expected });
    }
    // Serial numbers of one issuer are unique, so this is the same certificate even if its bytes differ.
    if delegate.serial_bytes() == certificate.serial_bytes() {
        return Err(ResponderProblem::Itself);
    }
    delegate.verify_signed_by(issuer).map_err(ResponderProblem::NotSignedByIssuer)?;
    check_purpose(delegate)?;
    check_validity(delegate, now)?;
    match delegate.unsupported_critical_extensions().first() {
        Some(oid) => Err(ResponderProblem::CriticalExtension { oid: Text::of(oid) }),
        None => Ok(()),
    }
}

fn check_purpose(delegate: &Certificate) -> Result<(), ResponderProblem> {
    let purposes = delegate.extended_key_usage().map(|usage| usage.purposes.as_slice()).unwrap_or_default();
    if !purposes.iter().any(|purpose| purpose.contents() == OCSP_SIGNING) {
        return Err(ResponderProblem::NoOcspSigning { found: purposes.iter().map(Text::of).collect() });
    }
    match delegate.key_usage() {
        Some(usage) if !usage.uses.contains(&KeyUse::DigitalSignature) => {
            Err(ResponderProblem::NoDigitalSignature { found: usage.uses.clone() })
        }
        Some(_) | None => Ok(()),
    }
}

pub(super) fn check_validity(delegate: &Certificate, now: UnixTime) -> Result<(), ResponderProblem> {
    if delegate.covers(now) {
        return Ok(());
    }
    let (not_before, not_after) = (delegate.not_before(), delegate.not_after());
    Err(ResponderProblem::OutsideValidity { not_before, not_after, now })
}
