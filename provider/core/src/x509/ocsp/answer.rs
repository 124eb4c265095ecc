//! A verified response about one certificate.

use std::cmp::Ordering;

use super::cert_id::Match;
use super::error::OcspError;
use super::error::short_name;
use super::error::short_serial;
use super::responder;
use super::responder::Signer;
use super::responder::Subject;
use super::response::BasicResponse;
use super::response::NONCE;
use super::settings::MissingNonce;
use super::settings::OcspSettings;
use super::single::CertStatus;
use super::single::Dates;
use super::single::SingleResponse;
use super::single::ignore;
use crate::codec::der;
use crate::codec::der::NotDer;
use crate::codec::der::Reader;
use crate::limits;
use crate::time::UnixTime;
use crate::x509::Certificate;
use crate::x509::RevocationReason;
use crate::x509::signed_extension::oid_name;

/// The status of one certificate, as signed by its issuer or by a responder that the issuer authorized. Created only by
/// [`Self::read`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct OcspAnswer {
    serial: Vec<u8>,
    issuer: Certificate,
    responder: Responder,
    status: OcspStatus,
    produced_at: UnixTime,
    this_update: UnixTime,
    next_update: Option<UnixTime>,
    archive_cutoff: Option<UnixTime>,
}

/// What ends the lifetime of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerEnd {
    /// Its nextUpdate.
    NextUpdate,
    /// The maximum age of an answer without nextUpdate.
    MaxAge,
    /// The end of the certificate of a delegated responder.
    ResponderCertificate,
}

/// The signer of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Responder {
    /// The issuer of the certificate.
    Issuer,
    /// A certificate that the issuer issued for this purpose.
    Delegated {
        /// The certificate of the responder.
        certificate: Certificate,
        /// Whether the responder may itself be revoked.
        revocation: ResponderRevocation,
    },
}

/// Whether the certificate of a delegated responder has to be checked for revocation
/// ([RFC 6960 §4.2.2.2.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.2.2.2.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponderRevocation {
    /// It has id-pkix-ocsp-nocheck: the issuer states that no check is needed during its validity period.
    NoCheck,
    /// Its own status is needed before the response counts.
    StatusNeeded,
}

/// The status of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcspStatus {
    /// Not revoked.
    Good,
    /// Revoked, also if only on hold.
    Revoked {
        /// The time of the revocation.
        at: UnixTime,
        /// The reason, if it is stated.
        reason: Option<RevocationReason>,
        /// The time since which the certificate is, or may be, invalid. It may be before the revocation.
        invalidity: Option<UnixTime>,
    },
    /// The responder does not know the certificate.
    Unknown,
}

impl OcspAnswer {
    /// Reads and verifies the response about `certificate`, which `issuer` issued: form, signature by an authorized
    /// responder, serial number and issuer hashes, critical extensions, `nonce` (that of the request, if it had one), and
    /// the times at `now`. Of several single responses about the certificate all must be usable, and the most severe
    /// status counts.
    ///
    /// Whether the chain of `issuer` is trusted, and whether a delegated responder is revoked, is not checked.
    ///
    /// # Errors
    /// The response proves nothing; the first reason.
    pub fn read(
        bytes: &[u8],
        certificate: &Certificate,
        issuer: &Certificate,
        nonce: Option<&[u8]>,
        now: UnixTime,
        settings: &OcspSettings,
    ) -> Result<Self, OcspError> {
        if bytes.len() > limits::OCSP_RESPONSE_BYTES {
            return Err(OcspError::TooLarge { found: bytes.len() });
        }
        let response = BasicResponse::read(bytes)?;
        let subject = Subject { certificate, issuer };
        let responder = match responder::verify(&response, subject, now)? {
            Signer::Issuer => Responder::Issuer,
            Signer::Delegated(certificate) => {
                let revocation = if certificate.has_ocsp_no_check() {
                    ResponderRevocation::NoCheck
                } else {
                    ResponderRevocation::StatusNeeded
                };
                Responder::Delegated { certificate, revocation }
            }
        };
        check_nonce(&response, nonce, settings.missing_nonce)?;
        let mut answers = Vec::new();
        for single in matching(&response, subject)? {
            let dates = single.dates()?;
            let answer = Self {
                serial: certificate.serial_bytes().to_vec(),
                issuer: issuer.clone(),
                responder: responder.clone(),
                status: OcspStatus::of(single, dates),
                produced_at: response.produced_at,
                this_update: single.this_update,
                next_update: single.next_update,
                archive_cutoff: dates.archive_cutoff,
            };
            answer.check_time(now, settings)?;
            answers.push(answer);
        }
        let most_severe = answers.into_iter().max_by(|one, other| one.status.compare_severity(&other.status));
        // `matching` returns at least one.
        most_severe.ok_or(OcspError::Malformed { part: "responses" })
    }

    /// Checks producedAt, thisUpdate, nextUpdate and the validity period of the responder's certificate at `now`. A kept
    /// answer needs this check at each use.
    ///
    /// # Errors
    /// The first time that does not allow the use.
    pub fn check_time(&self, now: UnixTime, settings: &OcspSettings) -> Result<(), OcspError> {
        let OcspSettings { skew, max_age_without_next_update, missing_nonce: _ } = *settings;
        let latest = now.saturating_add(skew);
        for (part, found) in [("producedAt", self.produced_at), ("thisUpdate", self.this_update)] {
            if found > latest {
                return Err(OcspError::Future { part, found, now, skew });
            }
        }
        let this_update = self.this_update;
        match (self.next_update, max_age_without_next_update) {
            (Some(next_update), _) if next_update <= this_update => {
                return Err(OcspError::EndsBeforeStart { this_update, next_update });
            }
            (Some(next_update), _) if next_update.saturating_add(skew) < now => {
                return Err(OcspError::Expired { next_update, now, skew });
            }
            (Some(_), _) => {}
            (None, None) => return Err(OcspError::NoNextUpdate),
            (None, Some(max_age)) if this_update.saturating_add(max_age) < now => {
                return Err(OcspError::TooOld { this_update, now, max_age });
            }
            (None, Some(_)) => {}
        }
        match &self.responder {
            Responder::Issuer => Ok(()),
            Responder::Delegated { certificate, revocation: _ } => {
                responder::check_validity(certificate, now).map_err(|problem| OcspError::ResponderNotAuthorized {
                    responder: short_name(certificate.subject()),
                    problem,
                })
            }
        }
    }

    /// The end of the answer's lifetime, and what ends it: nextUpdate, or without it thisUpdate plus the maximum age; at the
    /// latest the end of the responder's certificate. The skew is not added.
    #[must_use]
    pub fn valid_until(&self, settings: &OcspSettings) -> (UnixTime, AnswerEnd) {
        let own = match self.next_update {
            Some(next_update) => (next_update, AnswerEnd::NextUpdate),
            None => {
                let max_age = settings.max_age_without_next_update.unwrap_or_default();
                (self.this_update.saturating_add(max_age), AnswerEnd::MaxAge)
            }
        };
        match &self.responder {
            Responder::Delegated { certificate, revocation: _ } if certificate.not_after() < own.0 => {
                (certificate.not_after(), AnswerEnd::ResponderCertificate)
            }
            Responder::Issuer | Responder::Delegated { .. } => own,
        }
    }

    /// Whether the answer is about `certificate` of `issuer`: the same serial number, and an issuer with the name and key
    /// that the answer was verified with.
    #[must_use]
    pub fn covers(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        self.serial == certificate.serial_bytes()
            && certificate.issuer_raw() == issuer.subject_raw()
            && self.issuer.subject_raw() == issuer.subject_raw()
            && self.issuer.has_key_of(issuer)
    }

    /// The signer of the response.
    #[must_use]
    pub fn responder(&self) -> &Responder {
        &self.responder
    }

    /// The status of the certificate.
    #[must_use]
    pub fn status(&self) -> &OcspStatus {
        &self.status
    }

    /// When the response was signed.
    #[must_use]
    pub fn produced_at(&self) -> UnixTime {
        self.produced_at
    }

    /// When the status was known to be correct.
    #[must_use]
    pub fn this_update(&self) -> UnixTime {
        self.this_update
    }

    /// When newer information will be available at the latest, if that is stated.
    #[must_use]
    pub fn next_update(&self) -> Option<UnixTime> {
        self.next_update
    }

    /// The time since which the responder keeps the status of certificates after their end, if `end` is the end of a
    /// certificate whose status it no longer keeps: it had ended at thisUpdate, and before the archive cutoff
    /// ([RFC 6960 §4.4.4](https://www.rfc-editor.org/rfc/rfc6960#section-4.4.4)). `None` if it is not known to be dropped.
    #[must_use]
    pub fn drops_ended(&self, end: UnixTime) -> Option<UnixTime> {
        self.archive_cutoff.filter(|cutoff| end < self.this_update && end < *cutoff)
    }

    /// Heap memory that the value owns, in bytes: an upper estimate, for caches. The issuer is shared with the chain.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let responder = match &self.responder {
            Responder::Issuer => 0,
            Responder::Delegated { certificate, revocation: _ } => certificate.memory(),
        };
        self.serial.len() + responder
    }
}

impl OcspStatus {
    fn of(single: &SingleResponse<'_>, dates: Dates) -> Self {
        match single.status {
            CertStatus::Good => Self::Good,
            CertStatus::Unknown => Self::Unknown,
            CertStatus::Revoked { at, reason } => Self::Revoked { at, reason, invalidity: dates.invalidity },
        }
    }

    /// Revoked is more severe than unknown, unknown more than good. Of two revocations, the one without an invalidity
    /// date is more severe, or the one with the earlier date.
    fn compare_severity(&self, other: &Self) -> Ordering {
        let rank = |status: &Self| match status {
            Self::Good => 0,
            Self::Unknown => 1,
            Self::Revoked { .. } => 2,
        };
        match (self, other) {
            (Self::Revoked { invalidity: Some(one), .. }, Self::Revoked { invalidity: Some(other), .. }) => {
                other.cmp(one)
            }
            (Self::Revoked { invalidity: None, .. }, Self::Revoked { invalidity: Some(_), .. }) => Ordering::Greater,
            (Self::Revoked { invalidity: Some(_), .. }, Self::Revoked { invalidity: None, .. }) => Ordering::Less,
            (_, _) => rank(self).cmp(&rank(other)),
        }
    }
}

/// The single responses about the certificate, at least one.
fn matching<'r, 'a>(
    response: &'r BasicResponse<'a>,
    subject: Subject<'_>,
) -> Result<Vec<&'r SingleResponse<'a>>, OcspError> {
    let Subject { certificate, issuer } = subject;
    let mut found = Vec::new();
    let mut why_not = OcspError::OtherCertificate { serial: short_serial(certificate), found: response.singles.len() };
    for single in &response.singles {
        match single.id.compare(certificate, issuer) {
            Match::Full => found.push(single),
            Match::OtherSerial => {}
            Match::OtherIssuer => why_not = OcspError::OtherIssuer { serial: short_serial(certificate) },
            Match::UnsupportedHash => why_not = OcspError::IssuerHash { found: oid_name(single.id.hash) },
        }
    }
    if found.is_empty() { Err(why_not) } else { Ok(found) }
}

/// Checks the extensions of the response, of which only the nonce is supported.
fn check_nonce(response: &BasicResponse<'_>, sent: Option<&[u8]>, missing: MissingNonce) -> Result<(), OcspError> {
    let mut received = None;
    for extension in &response.extensions {
        if extension.oid == NONCE {
            let malformed = |NotDer| OcspError::Malformed { part: "nonce" };
            received = Some(Reader::only(extension.value, der::OCTET_STRING).map_err(malformed)?.contents);
        } else {
            ignore(extension, "response")?;
        }
    }
    match (sent, received, missing) {
        (Some(sent), Some(received), _) if sent != received => Err(OcspError::OtherNonce),
        (Some(_), None, MissingNonce::Refuse) => Err(OcspError::MissingNonce),
        // A nonce that was not requested proves nothing, and does no harm.
        (Some(_) | None, Some(_), _) | (Some(_), None, MissingNonce::Accept) | (None, None, _) => Ok(()),
    }
}
