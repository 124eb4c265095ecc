//! One entry of a CRL.

use std::cmp::Reverse;

use super::error::CrlError;
use crate::codec::der;
use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::codec::der::Reader;
use crate::time::UnixTime;
use crate::x509::RevocationReason;
use crate::x509::layout;
use crate::x509::signed_extension::SignedExtension;
use crate::x509::signed_extension::oid_name;

/// What a CRL states about one serial number ([RFC 5280 §5.3](https://www.rfc-editor.org/rfc/rfc5280#section-5.3)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrlEntry {
    /// The date of the revocation.
    pub revoked_at: UnixTime,
    /// The reason, if it is stated.
    pub reason: Option<RevocationReason>,
    /// The date from which the certificate was invalid, if it is stated.
    pub invalid_since: Option<UnixTime>,
}

/// The parts of an encoded entry.
pub(super) struct RawEntry<'a> {
    date: Element<'a>,
    extensions: Option<&'a [u8]>,
}

/// How much an entry weighs against others for the same serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Removed,
    OnHold,
    Revoked,
}

impl CrlEntry {
    fn severity(&self) -> Severity {
        match self.reason {
            Some(RevocationReason::RemoveFromCrl) => Severity::Removed,
            Some(RevocationReason::CertificateHold) => Severity::OnHold,
            None
            | Some(
                RevocationReason::Unspecified
                | RevocationReason::KeyCompromise
                | RevocationReason::CaCompromise
                | RevocationReason::AffiliationChanged
                | RevocationReason::Superseded
                | RevocationReason::CessationOfOperation
                | RevocationReason::PrivilegeWithdrawn
                | RevocationReason::AaCompromise
                | RevocationReason::Unassigned(_),
            ) => Severity::Revoked,
        }
    }

    /// What two entries for the same serial number state together: revoked before on hold before removed. An invalidity
    /// date can excuse a signature, so the earlier one counts, and none unless both have one.
    #[must_use]
    pub fn most_severe(self, other: Self) -> Self {
        let weight = |entry: &Self| (entry.severity(), Reverse(entry.invalid_since), Reverse(entry.revoked_at));
        let (more, less) = if weight(&other) > weight(&self) { (other, self) } else { (self, other) };
        match less.severity() {
            Severity::Removed => more,
            // None is less than a date.
            Severity::OnHold | Severity::Revoked => {
                Self { invalid_since: more.invalid_since.min(less.invalid_since), ..more }
            }
        }
    }
}

impl<'a> RawEntry<'a> {
    /// Splits an entry. The error names the malformed part.
    pub(super) fn split(entry: &Element<'a>) -> Result<Self, &'static str> {
        let mut fields = entry.inside();
        let serial = fields.expect(der::INTEGER).map_err(|NotDer| "serialNumber")?;
        // A negative number is that of no certificate, and does not make the list unusable.
        if !serial.is_shortest_integer() {
            return Err("serialNumber");
        }
        let date = fields.next().map_err(|NotDer| "revocationDate")?;
        let extensions = fields.optional(der::SEQUENCE).map_err(|NotDer| "extensions")?;
        fields.end().map_err(|NotDer| "extensions")?;
        Ok(Self { date, extensions: extensions.map(|extensions| extensions.raw) })
    }

    /// Reads the date and the extensions. `position` is for messages.
    pub(super) fn read(&self, position: usize) -> Result<CrlEntry, CrlError> {
        let malformed = |part| move |NotDer| CrlError::MalformedEntry { position, part };
        let revoked_at = layout::time(&self.date).map_err(malformed("revocationDate"))?;
        let mut entry = CrlEntry { revoked_at, reason: None, invalid_since: None };
        let Some(extensions) = self.extensions else { return Ok(entry) };
        let extensions = SignedExtension::read_all(extensions).map_err(malformed("list of extensions"))?;
        for SignedExtension { oid, critical, value } in extensions {
            match oid {
                [0x55, 0x1d, 0x15] => {
                    entry.reason = Some(RevocationReason::from_der(value).map_err(malformed("reasonCode"))?);
                }
                [0x55, 0x1d, 0x18] => {
                    let date = Reader::only(value, der::GENERALIZED_TIME).and_then(|date| layout::time(&date));
                    entry.invalid_since = Some(date.map_err(malformed("invalidityDate"))?);
                }
                [0x55, 0x1d, 0x1d] => return Err(CrlError::Indirect { found: "certificateIssuer" }),
                _ if critical => {
                    return Err(CrlError::CriticalEntryExtension { position, oid: oid_name(oid) });
                }
                _ => {}
            }
        }
        Ok(entry)
    }
}
