//! One single response: the status of one certificate.

use super::cert_id::CertId;
use super::error::OcspError;
use crate::codec::der;
use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::codec::der::Reader;
use crate::time::UnixTime;
use crate::x509::RevocationReason;
use crate::x509::layout::generalized_time;
use crate::x509::signed_extension::SignedExtension;
use crate::x509::signed_extension::oid_name;

/// 1.3.6.1.5.5.7.48.1.6
const ARCHIVE_CUTOFF: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x06];
/// 2.5.29.24
const INVALIDITY_DATE: &[u8] = &[0x55, 0x1d, 0x18];

/// A `SingleResponse` ([RFC 6960 §4.2.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.2.1)). Nothing is verified.
pub(super) struct SingleResponse<'a> {
    pub(super) id: CertId<'a>,
    pub(super) status: CertStatus,
    pub(super) this_update: UnixTime,
    pub(super) next_update: Option<UnixTime>,
    extensions: Vec<SignedExtension<'a>>,
}

/// The extensions of a single response.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dates {
    /// [RFC 5280 §5.3.2](https://www.rfc-editor.org/rfc/rfc5280#section-5.3.2).
    pub(super) invalidity: Option<UnixTime>,
    /// [RFC 6960 §4.4.4](https://www.rfc-editor.org/rfc/rfc6960#section-4.4.4).
    pub(super) archive_cutoff: Option<UnixTime>,
}

/// `CertStatus`, in the order of severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CertStatus {
    Good,
    Unknown,
    Revoked { at: UnixTime, reason: Option<RevocationReason> },
}

impl<'a> SingleResponse<'a> {
    pub(super) fn read(element: &Element<'a>) -> Result<Self, OcspError> {
        let malformed = |part| move |NotDer| OcspError::Malformed { part };
        let mut fields = element.inside();
        let id = fields.expect(der::SEQUENCE).and_then(|id| CertId::read(&id)).map_err(malformed("certID"))?;
        let status = fields.next().and_then(|status| CertStatus::read(&status)).map_err(malformed("certStatus"))?;
        let this_update = fields.next().and_then(|at| generalized_time(&at)).map_err(malformed("thisUpdate"))?;
        let next_update = fields
            .optional(der::constructed(0))
            .and_then(|explicit| explicit.map(|explicit| only_time(explicit.contents)).transpose())
            .map_err(malformed("nextUpdate"))?;
        let extensions = fields
            .optional(der::constructed(1))
            .and_then(|list| list.map_or(Ok(Vec::new()), |list| SignedExtension::read_all(list.contents)))
            .map_err(malformed("singleExtensions"))?;
        fields.end().map_err(malformed("single response"))?;
        Ok(Self { id, status, this_update, next_update, extensions })
    }

    /// The supported extensions. Others are ignored if they are not critical.
    pub(super) fn dates(&self) -> Result<Dates, OcspError> {
        let mut dates = Dates::default();
        for extension in &self.extensions {
            if extension.oid == INVALIDITY_DATE {
                let malformed = |NotDer| OcspError::Malformed { part: "invalidityDate" };
                dates.invalidity = Some(only_time(extension.value).map_err(malformed)?);
            } else if extension.oid == ARCHIVE_CUTOFF {
                let malformed = |NotDer| OcspError::Malformed { part: "archiveCutoff" };
                dates.archive_cutoff = Some(only_time(extension.value).map_err(malformed)?);
            } else {
                ignore(extension, "single response")?;
            }
        }
        Ok(dates)
    }
}

impl CertStatus {
    fn read(element: &Element<'_>) -> Result<Self, NotDer> {
        const GOOD: u8 = der::primitive(0);
        const REVOKED: u8 = der::constructed(1);
        const UNKNOWN: u8 = der::primitive(2);
        match (element.tag, element.contents) {
            (GOOD, []) => Ok(Self::Good),
            (UNKNOWN, []) => Ok(Self::Unknown),
            (REVOKED, _) => {
                let mut fields = element.inside();
                let at = generalized_time(&fields.next()?)?;
                let reason = match fields.optional(der::constructed(0))? {
                    Some(explicit) => Some(RevocationReason::from_der(explicit.contents)?),
                    None => None,
                };
                fields.end()?;
                Ok(Self::Revoked { at, reason })
            }
            (_, _) => Err(NotDer),
        }
    }
}

/// Skips an extension that is not supported.
///
/// # Errors
/// It is critical.
pub(super) fn ignore(extension: &SignedExtension<'_>, part: &'static str) -> Result<(), OcspError> {
    if extension.critical { Err(OcspError::CriticalExtension { part, oid: oid_name(extension.oid) }) } else { Ok(()) }
}

/// The one GeneralizedTime that `bytes` consist of.
fn only_time(bytes: &[u8]) -> Result<UnixTime, NotDer> {
    generalized_time(&Reader::only(bytes, der::GENERALIZED_TIME)?)
}
