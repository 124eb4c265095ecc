//! The layout of an encoded certificate.

use crate::codec::der;
use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::codec::der::Reader;
use crate::time::UnixTime;

/// The parts of a certificate as they are encoded.
pub(super) struct Layout<'a> {
    /// All bytes that are signed.
    pub(super) tbs: &'a [u8],
    version: Option<Element<'a>>,
    pub(super) serial: Element<'a>,
    pub(super) issuer: &'a [u8],
    pub(super) not_before: Element<'a>,
    pub(super) not_after: Element<'a>,
    pub(super) subject: &'a [u8],
    pub(super) public_key: &'a [u8],
    /// The signature algorithm inside the signed part; the other one is outside.
    pub(super) inner_algorithm: &'a [u8],
    pub(super) outer_algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    /// `issuerUniqueID` and `subjectUniqueID`.
    unique_ids: [Option<Element<'a>>; 2],
    /// `None` without a list of extensions.
    extensions: Option<Reader<'a>>,
}

/// The result of [`Layout::contents`].
pub(super) struct Contents<'a> {
    /// 1 to 3 in the specification.
    pub(super) version: u32,
    /// In the order of the certificate.
    pub(super) extensions: Vec<RawExtension<'a>>,
}

/// An extension ([RFC 5280 §4.1.2.9](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.9)) as it is encoded.
pub(super) struct RawExtension<'a> {
    /// Contents of the object identifier.
    pub(super) oid: &'a [u8],
    pub(super) critical: bool,
    /// Contents of the OCTET STRING.
    pub(super) value: &'a [u8],
}

impl<'a> Layout<'a> {
    /// Splits a certificate of version 3 into its parts.
    pub(super) fn read(der: &'a [u8]) -> Result<Self, NotDer> {
        let mut certificate = Reader::only(der, der::SEQUENCE)?.inside();
        let tbs = certificate.expect(der::SEQUENCE)?;
        let outer_algorithm = certificate.expect(der::SEQUENCE)?.raw;
        let signature = certificate.expect(der::BIT_STRING)?.whole_bytes()?;
        certificate.end()?;

        let mut fields = tbs.inside();
        let version = fields.optional(der::constructed(0))?;
        let serial = fields.expect(der::INTEGER)?;
        let inner_algorithm = fields.expect(der::SEQUENCE)?.raw;
        let issuer = fields.expect(der::SEQUENCE)?.raw;
        let mut validity = fields.expect(der::SEQUENCE)?.inside();
        let not_before = validity.next()?;
        let not_after = validity.next()?;
        validity.end()?;
        let subject = fields.expect(der::SEQUENCE)?.raw;
        let public_key = fields.expect(der::SEQUENCE)?.raw;
        let unique_ids = [fields.optional(der::primitive(1))?, fields.optional(der::primitive(2))?];
        let extensions = match fields.optional(der::constructed(3))? {
            Some(extensions) => Some(Reader::only(extensions.contents, der::SEQUENCE)?.inside()),
            None => None,
        };
        fields.end()?;
        Ok(Self {
            tbs: tbs.raw,
            version,
            serial,
            issuer,
            not_before,
            not_after,
            subject,
            public_key,
            inner_algorithm,
            outer_algorithm,
            signature,
            unique_ids,
            extensions,
        })
    }

    /// The number of extensions.
    pub(super) fn extension_count(&self) -> Result<usize, NotDer> {
        self.extensions.map_or(Ok(0), Reader::count)
    }

    /// Reads the version and the extensions, and checks the form of algorithms and unique identifiers.
    ///
    /// Bytes after the known parts of a version, an algorithm or an extension are skipped, and every byte except zero
    /// is true in `critical`, as certificates with such mistakes are in use.
    pub(super) fn contents(&self) -> Result<Contents<'a>, NotDer> {
        let version = match self.version {
            Some(version) => number(version.inside().expect(der::INTEGER)?.unsigned()?)?,
            // DEFAULT v1
            None => 0,
        };
        for algorithm in [self.inner_algorithm, self.outer_algorithm] {
            let mut fields = Reader::only(algorithm, der::SEQUENCE)?.inside();
            fields.expect(der::OBJECT_IDENTIFIER)?;
            if !fields.is_empty() {
                fields.next()?;
            }
        }
        for identifier in self.unique_ids.iter().flatten() {
            identifier.contents.first().ok_or(NotDer)?;
        }
        let mut extensions = Vec::new();
        if let Some(mut list) = self.extensions {
            while !list.is_empty() {
                extensions.push(RawExtension::read(list.expect(der::SEQUENCE)?.inside())?);
            }
        }
        Ok(Contents { version: version.saturating_add(1), extensions })
    }

    /// Whether subjectAltName has this GeneralName.
    pub(super) fn has_alternative_name(&self, name: &[u8]) -> bool {
        // 2.5.29.17
        const SUBJECT_ALTERNATIVE_NAME: [u8; 3] = [0x55, 0x1d, 0x11];
        let search = || {
            let contents = self.contents()?;
            let extension = contents.extensions.iter().find(|extension| extension.oid == SUBJECT_ALTERNATIVE_NAME);
            let mut names = Reader::only(extension.ok_or(NotDer)?.value, der::SEQUENCE)?.inside();
            while !names.is_empty() {
                if names.next()?.raw == name {
                    return Ok(true);
                }
            }
            Ok::<_, NotDer>(false)
        };
        search().unwrap_or(false)
    }
}

impl<'a> RawExtension<'a> {
    fn read(mut fields: Reader<'a>) -> Result<Self, NotDer> {
        let oid = fields.expect(der::OBJECT_IDENTIFIER)?.contents;
        let critical = match fields.optional(der::BOOLEAN)?.map(|boolean| boolean.contents) {
            Some([byte]) => *byte != 0,
            Some(_) => return Err(NotDer),
            None => false,
        };
        let value = fields.expect(der::OCTET_STRING)?.contents;
        Ok(Self { oid, critical, value })
    }
}

/// A number of at most four bytes, without leading zeros.
fn number(bytes: &[u8]) -> Result<u32, NotDer> {
    if bytes.len() > 4 {
        return Err(NotDer);
    }
    Ok(bytes.iter().fold(0_u32, |sum, &byte| sum << 8 | u32::from(byte)))
}

/// Parses a UTCTime or GeneralizedTime of DER and RFC 5280 section 4.1.2.5: with seconds, without a fraction, with
/// `Z`.
pub(crate) fn time(element: &Element<'_>) -> Result<UnixTime, NotDer> {
    const UTC_TIME: u8 = 0x17;
    let two = |pair: &[u8; 2]| match pair {
        [tens @ b'0'..=b'9', units @ b'0'..=b'9'] => Ok((tens - b'0') * 10 + (units - b'0')),
        [_, _] => Err(NotDer),
    };
    let digits = element.contents.strip_suffix(b"Z").ok_or(NotDer)?;
    let (pairs, []) = digits.as_chunks::<2>() else { return Err(NotDer) };
    let (century, rest) = match (element.tag, pairs) {
        (UTC_TIME, [year, ..]) => (if two(year)? < 50 { 20 } else { 19 }, pairs),
        (der::GENERALIZED_TIME, [century, rest @ ..]) => (two(century)?, rest),
        (_, _) => return Err(NotDer),
    };
    let [year, month, day, hour, minute, second] = rest else { return Err(NotDer) };
    let year = u16::from(century) * 100 + u16::from(two(year)?);
    let parts = [two(month)?, two(day)?, two(hour)?, two(minute)?, two(second)?];
    UnixTime::from_utc(year, parts).map_err(|_| NotDer)
}

/// As [`time()`], for a GeneralizedTime only: OCSP responses and extensions must not have a UTCTime.
pub(super) fn generalized_time(element: &Element<'_>) -> Result<UnixTime, NotDer> {
    if element.tag == der::GENERALIZED_TIME { time(element) } else { Err(NotDer) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(tag: u8, text: &str) -> Result<String, NotDer> {
        time(&Element { tag, contents: text.as_bytes(), raw: &[] }).map(|time| time.to_string())
    }

    #[test]
    fn the_century_of_a_short_year_turns_at_fifty() {
        assert_eq!(read(0x17, "491231235959Z").unwrap(), "2049-12-31T23:59:59Z");
        assert_eq!(read(0x17, "500101000000Z").unwrap(), "1950-01-01T00:00:00Z");
        assert_eq!(read(0x18, "99991231235959Z").unwrap(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn refuses_offsets_fractions_missing_seconds_and_impossible_days() {
        for (tag, text) in [
            (0x17, "4912312359Z"),
            (0x17, "49123123595Z"),
            (0x17, "4912312359 9Z"),
            (0x17, "491331235959Z"),
            (0x17, "491231245959Z"),
            (0x17, "491231235960Z"),
            (0x18, "00001231235959Z"),
            (0x17, "Z"),
            (0x17, "491231235959+0000"),
            (0x17, "490230000000Z"),
            (0x17, "20491231235959Z"),
            (0x18, "20491231235959.5Z"),
            (0x18, "20491231235959"),
            (0x18, "491231235959Z"),
            (0x04, "491231235959Z"),
        ] {
            assert_eq!(read(tag, text), Err(NotDer), "{text}");
        }
    }
}
