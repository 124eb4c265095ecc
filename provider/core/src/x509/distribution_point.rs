//! Distribution points of CRLs: in certificates (cRLDistributionPoints, freshestCRL) and, as a name, in CRLs
//! (issuingDistributionPoint, freshestCRL).

use super::reason_set::ReasonSet;
use crate::codec::der;
use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::codec::der::Reader;
use crate::limits;

/// One source of a CRL ([RFC 5280 §4.2.1.13](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.13)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistributionPoint {
    name: Option<PointName>,
    urls: Vec<String>,
    reasons: ReasonSet,
    /// The DER of the names of the CRL's issuer; empty if it is the issuer of the certificate.
    issuers: Vec<Vec<u8>>,
}

/// `DistributionPointName`, compared by its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PointName {
    /// The DER of each GeneralName.
    Full(Vec<Vec<u8>>),
    /// The DER of a name relative to that of the CRL's issuer.
    Relative(Vec<u8>),
}

impl DistributionPoint {
    /// URIs of the CRL as written, of any scheme: names of the same CRL. Empty if its names have other forms.
    #[must_use]
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// The reasons for which the CRL is complete.
    #[must_use]
    pub fn reasons(&self) -> ReasonSet {
        self.reasons
    }

    pub(super) fn name(&self) -> Option<&PointName> {
        self.name.as_ref()
    }

    /// Whether the CRL is indirect: the point names only other authorities as issuers of the CRL than that with this name
    /// ([`Certificate::issuer_raw`](super::Certificate::issuer_raw)), which issued the certificate.
    #[must_use]
    pub fn is_indirect(&self, issuer: &[u8]) -> bool {
        !self.issuers.is_empty() && self.issuers.iter().all(|name| name != issuer)
    }

    fn read(mut fields: Reader<'_>) -> Result<Self, NotDer> {
        let name = fields.optional(der::constructed(0))?;
        let reasons = fields.optional(der::primitive(1))?;
        let issuers = fields.optional(der::constructed(2))?;
        fields.end()?;
        // RFC 5280 section 4.2.1.13: a point has a name or an issuer.
        if name.is_none() && issuers.is_none() {
            return Err(NotDer);
        }
        let (name, urls) = match name {
            Some(name) => PointName::read(name.inside()).map(|(name, urls)| (Some(name), urls))?,
            None => (None, Vec::new()),
        };
        Ok(Self {
            name,
            urls,
            reasons: reasons.as_ref().map_or(Ok(ReasonSet::ALL), ReasonSet::from_der)?,
            issuers: issuers.map_or(Ok(Vec::new()), |issuers| directory_names(issuers.inside()))?,
        })
    }
}

/// The points of a cRLDistributionPoints or freshestCRL extension.
pub(super) fn read_points(value: &[u8]) -> Result<Vec<DistributionPoint>, NotDer> {
    let mut list = bounded(Reader::only(value, der::SEQUENCE)?.inside())?;
    let mut points = Vec::new();
    let mut urls = 0_usize;
    while !list.is_empty() {
        let point = DistributionPoint::read(list.expect(der::SEQUENCE)?.inside())?;
        urls += point.urls.len();
        if urls > limits::REVOCATION_ADDRESSES {
            return Err(NotDer);
        }
        points.push(point);
    }
    if points.is_empty() { Err(NotDer) } else { Ok(points) }
}

impl PointName {
    /// Reads the name and its URIs.
    pub(super) fn read(mut choice: Reader<'_>) -> Result<(Self, Vec<String>), NotDer> {
        if let Some(relative) = choice.optional(der::constructed(1))? {
            choice.end()?;
            return Ok((Self::Relative(relative.contents.to_vec()), Vec::new()));
        }
        let mut names = bounded(choice.expect(der::constructed(0))?.inside())?;
        choice.end()?;
        let (mut full, mut urls) = (Vec::new(), Vec::new());
        while !names.is_empty() {
            let name = names.next()?;
            urls.extend(uri(&name)?);
            full.push(name.raw.to_vec());
        }
        if full.is_empty() { Err(NotDer) } else { Ok((Self::Full(full), urls)) }
    }

    /// Heap memory that the value owns, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Full(names) => names.iter().map(|name| size_of::<Vec<u8>>() + name.len()).sum(),
            Self::Relative(name) => name.len(),
        }
    }

    /// Whether one name is in both. A relative name equals relative names only, as they have the same base.
    pub(super) fn shares_a_name_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Full(names), Self::Full(others)) => names.iter().any(|name| others.contains(name)),
            (Self::Relative(name), Self::Relative(other)) => name == other,
            (Self::Full(_), Self::Relative(_)) | (Self::Relative(_), Self::Full(_)) => false,
        }
    }
}

/// The DER of the `Name` in each directoryName. Other forms cannot name the issuer of a CRL.
fn directory_names(names: Reader<'_>) -> Result<Vec<Vec<u8>>, NotDer> {
    let mut names = bounded(names)?;
    let mut found = Vec::new();
    while !names.is_empty() {
        let name = names.next()?;
        // An unusable name stays in the list, so that the CRL is not taken for one of the certificate's issuer.
        found.push(if name.tag == der::constructed(4) { name.contents.to_vec() } else { Vec::new() });
    }
    if found.is_empty() { Err(NotDer) } else { Ok(found) }
}

/// The URI, if the GeneralName is a `uniformResourceIdentifier`.
pub(super) fn uri(name: &Element<'_>) -> Result<Option<String>, NotDer> {
    if name.tag != der::primitive(6) {
        return Ok(None);
    }
    let text = std::str::from_utf8(name.contents).ok().filter(|text| text.is_ascii() && !text.is_empty());
    text.map(|text| Some(text.to_owned())).ok_or(NotDer)
}

/// The list, if it is within the limit. A longer one counts as unreadable: the certificate can be revoked, but its
/// status cannot be requested.
pub(super) fn bounded(list: Reader<'_>) -> Result<Reader<'_>, NotDer> {
    if list.count()? > limits::REVOCATION_ADDRESSES { Err(NotDer) } else { Ok(list) }
}
