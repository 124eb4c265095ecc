//! The scope of a CRL: issuingDistributionPoint.

use super::error::CrlError;
use crate::codec::der;
use crate::codec::der::NotDer;
use crate::codec::der::Reader;
use crate::x509::Certificate;
use crate::x509::DistributionPoint;
use crate::x509::ReasonSet;
use crate::x509::distribution_point::PointName;

/// The certificates and reasons that a CRL covers
/// ([RFC 5280 §5.2.5](https://www.rfc-editor.org/rfc/rfc5280#section-5.2.5)). A base and its delta CRL have equal scopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlScope {
    point: Option<PointName>,
    certificates: Certificates,
    reasons: ReasonSet,
}

/// The kind of certificates that a CRL covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certificates {
    All,
    User,
    Authority,
    Attribute,
}

/// The reason why a CRL says nothing about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeMismatch {
    /// The CRL is for another distribution point.
    #[error("its issuing distribution point has none of the names of the certificate's distribution point")]
    OtherPoint,
    /// The CRL has end-entity certificates only.
    #[error("it covers user certificates only, and the certificate is one of an authority")]
    UserCertificatesOnly,
    /// The CRL has certificates of authorities only.
    #[error("it covers certificates of authorities only, and the certificate is none")]
    AuthoritiesOnly,
    /// The CRL has attribute certificates only.
    #[error("it covers attribute certificates only")]
    AttributeCertificatesOnly,
    /// The distribution point names another issuer of the CRL.
    #[error("the certificate names another authority as issuer of the CRL (indirect CRL), which is not supported")]
    OtherIssuer,
}

impl CrlScope {
    /// The scope of a list without issuingDistributionPoint: every certificate of the issuer, every reason.
    pub(super) fn everything() -> Self {
        Self { point: None, certificates: Certificates::All, reasons: ReasonSet::ALL }
    }

    pub(super) fn read(value: &[u8]) -> Result<Self, CrlError> {
        let (scope, is_indirect) =
            Self::read_fields(value).map_err(|NotDer| CrlError::Malformed { part: "issuingDistributionPoint" })?;
        if is_indirect { Err(CrlError::Indirect { found: "indirectCRL" }) } else { Ok(scope) }
    }

    fn read_fields(value: &[u8]) -> Result<(Self, bool), NotDer> {
        let mut fields = Reader::only(value, der::SEQUENCE)?.inside();
        let point = match fields.optional(der::constructed(0))? {
            Some(name) => Some(PointName::read(name.inside())?.0),
            None => None,
        };
        let flag = |fields: &mut Reader<'_>, number| {
            fields.optional(der::primitive(number))?.map_or(Ok(false), |flag| flag.boolean())
        };
        let user = flag(&mut fields, 1)?;
        let authority = flag(&mut fields, 2)?;
        let reasons = fields.optional(der::primitive(3))?;
        let is_indirect = flag(&mut fields, 4)?;
        let attribute = flag(&mut fields, 5)?;
        fields.end()?;
        let certificates = match (user, authority, attribute) {
            (false, false, false) => Certificates::All,
            (true, false, false) => Certificates::User,
            (false, true, false) => Certificates::Authority,
            (false, false, true) => Certificates::Attribute,
            // RFC 5280 allows one of them.
            (true, true, _) | (true, _, true) | (_, true, true) => return Err(NotDer),
        };
        let reasons = reasons.as_ref().map_or(Ok(ReasonSet::ALL), ReasonSet::from_der)?;
        Ok((Self { point, certificates, reasons }, is_indirect))
    }

    /// The reasons for which the list covers `certificate`, if it was found at `point` of the certificate
    /// ([RFC 5280 §6.3.3](https://www.rfc-editor.org/rfc/rfc5280#section-6.3.3), steps b and d).
    ///
    /// # Errors
    /// The list says nothing about the certificate.
    pub fn reasons(&self, certificate: &Certificate, point: &DistributionPoint) -> Result<ReasonSet, ScopeMismatch> {
        if point.is_indirect(certificate.issuer_raw()) {
            return Err(ScopeMismatch::OtherIssuer);
        }
        if let Some(name) = &self.point
            && !point.name().is_some_and(|other| name.shares_a_name_with(other))
        {
            return Err(ScopeMismatch::OtherPoint);
        }
        match (self.certificates, certificate.is_ca()) {
            (Certificates::All, _) | (Certificates::User, false) | (Certificates::Authority, true) => {
                Ok(self.reasons.intersection(point.reasons()))
            }
            (Certificates::User, true) => Err(ScopeMismatch::UserCertificatesOnly),
            (Certificates::Authority, false) => Err(ScopeMismatch::AuthoritiesOnly),
            (Certificates::Attribute, _) => Err(ScopeMismatch::AttributeCertificatesOnly),
        }
    }

    /// Heap memory that the value owns, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.point.as_ref().map_or(0, PointName::heap_bytes)
    }
}
