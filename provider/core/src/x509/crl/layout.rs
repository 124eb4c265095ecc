//! The layout of an encoded CRL.

use std::ops::Range;

use super::error::CrlError;
use crate::codec::der;
use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::codec::der::Reader;
use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;
use crate::limits;
use crate::time::UnixTime;
use crate::x509::Certificate;
use crate::x509::name::DistinguishedName;

/// The parts of a CRL of version 2 as they are encoded.
pub(super) struct Layout<'a> {
    /// All bytes that are signed.
    pub(super) tbs: &'a [u8],
    pub(super) inner_algorithm: &'a [u8],
    pub(super) outer_algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    issuer: &'a [u8],
    this_update: Element<'a>,
    next_update: Option<Element<'a>>,
    /// Where the entries are in all bytes.
    pub(super) entries: Range<usize>,
    /// The `Extensions` with their SEQUENCE.
    pub(super) extensions: Option<&'a [u8]>,
}

const UTC_TIME: u8 = 0x17;

impl<'a> Layout<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, CrlError> {
        let mut reader = Reader::new(bytes);
        reader.expect(der::SEQUENCE).map_err(|NotDer| not_a_crl(bytes))?;
        if !reader.is_empty() {
            return Err(CrlError::TrailingBytes { found: reader.rest().len() });
        }
        if let Some(found) = Self::other_version(bytes) {
            return Err(CrlError::Version { found });
        }
        Self::split(bytes).map_err(|NotDer| not_a_crl(bytes))
    }

    /// The version, if it is not 2. Version 1 is not encoded.
    fn other_version(bytes: &[u8]) -> Option<u32> {
        let mut list = Reader::only(bytes, der::SEQUENCE).ok()?.inside();
        let mut fields = list.expect(der::SEQUENCE).ok()?.inside();
        match fields.next().ok()? {
            Element { tag: der::INTEGER, contents: [1], .. } => None,
            Element { tag: der::INTEGER, contents: [number], .. } => Some(u32::from(*number) + 1),
            Element { tag: der::SEQUENCE, .. } => Some(1),
            Element { .. } => None,
        }
    }

    fn split(bytes: &'a [u8]) -> Result<Self, NotDer> {
        let mut list = Reader::only(bytes, der::SEQUENCE)?.inside();
        let tbs_from = bytes.len() - list.rest().len();
        let tbs = list.expect(der::SEQUENCE)?;
        let outer_algorithm = list.expect(der::SEQUENCE)?.raw;
        let signature = list.expect(der::BIT_STRING)?.whole_bytes()?;
        list.end()?;

        let mut fields = tbs.inside();
        let version = fields.expect(der::INTEGER)?;
        let inner_algorithm = fields.expect(der::SEQUENCE)?.raw;
        let issuer = fields.expect(der::SEQUENCE)?.raw;
        let this_update = fields.next()?;
        let next_update = match fields.optional(UTC_TIME)? {
            Some(time) => Some(time),
            None => fields.optional(der::GENERALIZED_TIME)?,
        };
        let tbs_end = tbs_from + tbs.raw.len();
        let entries = match fields.optional(der::SEQUENCE)? {
            Some(entries) => {
                let end = tbs_end - fields.rest().len();
                end - entries.contents.len()..end
            }
            None => tbs_end..tbs_end,
        };
        let extensions = fields.optional(der::constructed(0))?.map(|extensions| extensions.contents);
        fields.end()?;
        // Version 2 is encoded as 1.
        if version.contents != [1] {
            return Err(NotDer);
        }
        Ok(Self {
            tbs: tbs.raw,
            inner_algorithm,
            outer_algorithm,
            signature,
            issuer,
            this_update,
            next_update,
            entries,
            extensions,
        })
    }

    /// Compares the name of the issuer, byte by byte as in a chain.
    pub(super) fn check_issuer(&self, issuer: &Certificate) -> Result<(), CrlError> {
        if self.issuer == issuer.subject_raw() {
            return Ok(());
        }
        let attributes = DistinguishedName::count_der(self.issuer);
        let name = match attributes {
            Ok(count) if count <= limits::NAME_ATTRIBUTES => DistinguishedName::from_der(self.issuer),
            Ok(_) | Err(NotDer) => Err(NotDer),
        };
        let found = name.map_or_else(|NotDer| Text::of("a malformed name"), |name| name.to_short_text());
        Err(CrlError::OtherIssuer { found, expected: issuer.subject().to_short_text() })
    }

    /// thisUpdate and nextUpdate.
    pub(super) fn times(&self) -> Result<(UnixTime, UnixTime), CrlError> {
        let read = |element: &Element<'_>, part| {
            crate::x509::layout::time(element).map_err(|NotDer| CrlError::Malformed { part })
        };
        let this_update = read(&self.this_update, "thisUpdate")?;
        let next_update = self.next_update.as_ref().ok_or(CrlError::NoNextUpdate)?;
        let next_update = read(next_update, "nextUpdate")?;
        if next_update <= this_update {
            return Err(CrlError::EndsBeforeStart { this_update, next_update });
        }
        Ok((this_update, next_update))
    }
}

fn not_a_crl(bytes: &[u8]) -> CrlError {
    CrlError::NotACrl { found: Excerpt::of_bytes(bytes.get(..32).unwrap_or(bytes)) }
}
