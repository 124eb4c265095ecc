//! Where the parts of a certificate stand, found with the strict reader.

use crate::codec::der;
use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::codec::der::Reader;
use crate::time::UnixTime;

/// The parts of a certificate as they are encoded.
pub(super) struct Layout<'a> {
    /// All bytes that are signed.
    pub(super) tbs: &'a [u8],
    pub(super) serial: Element<'a>,
    pub(super) issuer: &'a [u8],
    pub(super) not_before: Element<'a>,
    pub(super) not_after: Element<'a>,
    pub(super) subject: &'a [u8],
    pub(super) public_key: &'a [u8],
    /// The algorithm inside the signed part, and the one outside.
    pub(super) inner_algorithm: &'a [u8],
    pub(super) outer_algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    /// How many extensions there are; zero where there is no list of them.
    pub(super) extensions: usize,
}

impl<'a> Layout<'a> {
    /// Takes a certificate of version 3 apart.
    pub(super) fn read(der: &'a [u8]) -> Result<Self, NotDer> {
        let mut certificate = Reader::only(der, der::SEQUENCE)?.inside();
        let tbs = certificate.expect(der::SEQUENCE)?;
        let outer_algorithm = certificate.expect(der::SEQUENCE)?.raw;
        let signature = certificate.expect(der::BIT_STRING)?.whole_bytes()?;
        certificate.end()?;

        let mut fields = tbs.inside();
        fields.optional(der::constructed(0))?;
        let serial = fields.expect(der::INTEGER)?;
        let inner_algorithm = fields.expect(der::SEQUENCE)?.raw;
        let issuer = fields.expect(der::SEQUENCE)?.raw;
        let mut validity = fields.expect(der::SEQUENCE)?.inside();
        let not_before = validity.next()?;
        let not_after = validity.next()?;
        validity.end()?;
        let subject = fields.expect(der::SEQUENCE)?.raw;
        let public_key = fields.expect(der::SEQUENCE)?.raw;
        fields.optional(der::primitive(1))?;
        fields.optional(der::primitive(2))?;
        let extensions = match fields.optional(der::constructed(3))? {
            Some(extensions) => Reader::only(extensions.contents, der::SEQUENCE)?.inside().count()?,
            None => 0,
        };
        fields.end()?;
        Ok(Self {
            tbs: tbs.raw,
            serial,
            issuer,
            not_before,
            not_after,
            subject,
            public_key,
            inner_algorithm,
            outer_algorithm,
            signature,
            extensions,
        })
    }
}

/// A UTCTime or GeneralizedTime as DER and RFC 5280 section 4.1.2.5 have it: seconds, no fraction, `Z`.
pub(super) fn time(element: &Element<'_>) -> Result<UnixTime, NotDer> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let text = std::str::from_utf8(element.contents).map_err(|_| NotDer)?;
    let digits = text.strip_suffix('Z').ok_or(NotDer)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotDer);
    }
    let full = match (element.tag, digits.len()) {
        (UTC_TIME, 12) if digits < "5" => format!("20{digits}"),
        (UTC_TIME, 12) => format!("19{digits}"),
        (GENERALIZED_TIME, 14) => digits.to_owned(),
        (_, _) => return Err(NotDer),
    };
    let part = |from: usize, to: usize| full.get(from..to).unwrap_or_default();
    let (date, clock) = ([part(0, 4), part(4, 6), part(6, 8)], [part(8, 10), part(10, 12), part(12, 14)]);
    UnixTime::from_rfc3339(&format!("{}T{}Z", date.join("-"), clock.join(":"))).map_err(|_| NotDer)
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
