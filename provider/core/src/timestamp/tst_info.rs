//! TSTInfo, the signed content of a token ([RFC 3161 §2.4.2](https://www.rfc-editor.org/rfc/rfc3161#section-2.4.2)).

use std::time::Duration;

use super::error::TimestampError;
use crate::codec::der;
use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::codec::der::Oid;
use crate::codec::der::Reader;
use crate::codec::hex::hex;
use crate::codec::text::Text;
use crate::crypto::HashAlgorithm;
use crate::crypto::HashError;
use crate::time::UnixTime;

/// 0.4.0.2023.1.1, the baseline timestamp policy of [RFC 3628](https://www.rfc-editor.org/rfc/rfc3628#section-5.2).
const BASELINE_POLICY: &[u8] = &[0x04, 0x00, 0x8f, 0x67, 0x01, 0x01];

/// The accuracy under the baseline policy if the token states none.
const BASELINE_ACCURACY: Duration = Duration::from_secs(1);

/// The parts of a TSTInfo that a verification needs.
#[derive(Clone, Debug)]
pub(super) struct TstInfo {
    pub(super) policy: Oid,
    pub(super) imprint_algorithm: Result<HashAlgorithm, HashError>,
    pub(super) imprint: Vec<u8>,
    pub(super) gen_time: UnixTime,
    pub(super) accuracy: Duration,
    /// `gen_time` minus the accuracy.
    pub(super) earliest: UnixTime,
    /// `gen_time` plus the accuracy.
    pub(super) latest: UnixTime,
    /// The GeneralName in `tsa`, with its tag.
    pub(super) tsa: Option<Vec<u8>>,
}

impl TstInfo {
    /// Reads exactly one TSTInfo. The serial number and the nonce are for the requester of the timestamp and are not
    /// kept.
    pub(super) fn read(der: &[u8]) -> Result<Self, TimestampError> {
        let part = |part| move |NotDer| TimestampError::Malformed { part };
        let mut fields = Reader::only(der, der::SEQUENCE).map_err(part("TSTInfo"))?.inside();
        let version = fields.expect(der::INTEGER).map_err(part("version of TSTInfo"))?;
        if version.contents != [1] {
            return Err(value("version of TSTInfo", hex(version.contents), "1"));
        }
        let policy = fields.expect(der::OBJECT_IDENTIFIER).and_then(|oid| Oid::from_contents(oid.contents));
        let policy = policy.map_err(part("policy"))?;
        let (imprint_algorithm, imprint) = message_imprint(&mut fields).map_err(part("messageImprint"))?;
        integer(&mut fields).map_err(part("serialNumber"))?;
        let gen_time = fields.expect(GENERALIZED_TIME).and_then(|time| gen_time(time.contents));
        let gen_time = gen_time.map_err(part("genTime"))?;
        let accuracy = fields.optional(der::SEQUENCE).map_err(part("accuracy"))?;
        let accuracy = match accuracy {
            Some(accuracy) => read_accuracy(accuracy.inside())?,
            None if policy.contents() == BASELINE_POLICY => BASELINE_ACCURACY,
            None => Duration::ZERO,
        };
        if let Some(ordering) = fields.optional(der::BOOLEAN).map_err(part("ordering"))? {
            ordering.boolean().map_err(part("ordering"))?;
        }
        if fields.rest().first() == Some(&der::INTEGER) {
            integer(&mut fields).map_err(part("nonce"))?;
        }
        let tsa = match fields.optional(der::constructed(0)).map_err(part("tsa"))? {
            Some(explicit) => Some(one_element(explicit.contents).map_err(part("tsa"))?.raw.to_vec()),
            None => None,
        };
        if let Some(extensions) = fields.optional(der::constructed(1)).map_err(part("extensions"))? {
            check_extensions(extensions.inside())?;
        }
        fields.end().map_err(part("end of TSTInfo"))?;
        let out_of_range = || value("accuracy", format_args!("{accuracy:?}"), "a period between the years 1 and 9999");
        Ok(Self {
            earliest: gen_time.checked_sub(accuracy).ok_or_else(out_of_range)?,
            latest: gen_time.checked_add(accuracy).ok_or_else(out_of_range)?,
            policy,
            imprint_algorithm,
            imprint,
            gen_time,
            accuracy,
            tsa,
        })
    }

    /// Checks that the timestamp is for `message`.
    pub(super) fn check_imprint(&self, message: &[u8]) -> Result<(), TimestampError> {
        let algorithm = self.imprint_algorithm.clone().map_err(TimestampError::ImprintAlgorithm)?;
        let expected = algorithm.digest(message);
        if self.imprint == expected {
            return Ok(());
        }
        let (found, expected) = (Text::of(hex(&self.imprint)), Text::of(hex(&expected)));
        Err(TimestampError::Imprint { found, expected, algorithm: algorithm.name() })
    }
}

const GENERALIZED_TIME: u8 = 0x18;

fn value(part: &'static str, found: impl std::fmt::Display, expected: &'static str) -> TimestampError {
    TimestampError::Value { part, found: Text::of(found), expected }
}

fn one_element(der: &[u8]) -> Result<Element<'_>, NotDer> {
    let mut reader = Reader::new(der);
    let element = reader.next()?;
    reader.end()?;
    Ok(element)
}

/// An INTEGER of any size and sign.
fn integer(fields: &mut Reader<'_>) -> Result<(), NotDer> {
    if fields.expect(der::INTEGER)?.is_shortest_integer() { Ok(()) } else { Err(NotDer) }
}

type Imprint = (Result<HashAlgorithm, HashError>, Vec<u8>);

fn message_imprint(fields: &mut Reader<'_>) -> Result<Imprint, NotDer> {
    let mut imprint = fields.expect(der::SEQUENCE)?.inside();
    let algorithm = imprint.expect(der::SEQUENCE)?.raw;
    let hash = imprint.expect(der::OCTET_STRING)?.contents.to_vec();
    imprint.end()?;
    Ok((HashAlgorithm::from_der(algorithm), hash))
}

/// Reads a GeneralizedTime as RFC 3161 restricts it: UTC with `Z`, seconds, and a fraction after a dot without trailing
/// zeros. A fraction has at most nine digits, a nanosecond: the accuracy is in microseconds.
fn gen_time(contents: &[u8]) -> Result<UnixTime, NotDer> {
    let text = std::str::from_utf8(contents).map_err(|_| NotDer)?;
    let digits = text.strip_suffix('Z').ok_or(NotDer)?;
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !all_digits(whole) {
        return Err(NotDer);
    }
    if fraction.is_some_and(|digits| !(1..=9).contains(&digits.len()) || digits.ends_with('0') || !all_digits(digits)) {
        return Err(NotDer);
    }
    let part = |from: usize, to: usize| whole.get(from..to).unwrap_or_default();
    let date = format!("{}-{}-{}", part(0, 4), part(4, 6), part(6, 8));
    let clock = format!("{}:{}:{}", part(8, 10), part(10, 12), part(12, 14));
    let fraction = fraction.map(|digits| format!(".{digits}")).unwrap_or_default();
    UnixTime::from_rfc3339(&format!("{date}T{clock}{fraction}Z")).map_err(|_| NotDer)
}

/// Reads an Accuracy. A missing part is zero, so that an accuracy without parts is an explicit zero.
fn read_accuracy(mut fields: Reader<'_>) -> Result<Duration, TimestampError> {
    const EXPECTED_PART: &str = "1 to 999";
    let malformed = |NotDer| TimestampError::Malformed { part: "accuracy" };
    let seconds = match fields.optional(der::INTEGER).map_err(malformed)? {
        Some(seconds) => number(&seconds).ok_or_else(|| {
            let found = format_args!("{} s (hexadecimal)", hex(seconds.contents));
            value("accuracy", found, "a number of seconds that is not negative, in at most eight bytes")
        })?,
        None => 0,
    };
    let mut part = |tag, name| match fields.optional(tag).map_err(malformed)? {
        Some(element) => number(&element)
            .filter(|number| (1..=999).contains(number))
            .ok_or_else(|| value(name, format_args!("{} (hexadecimal)", hex(element.contents)), EXPECTED_PART)),
        None => Ok(0),
    };
    let millis = part(der::primitive(0), "accuracy in milliseconds")?;
    let micros = part(der::primitive(1), "accuracy in microseconds")?;
    fields.end().map_err(malformed)?;
    let fraction = Duration::from_millis(millis) + Duration::from_micros(micros);
    Duration::from_secs(seconds)
        .checked_add(fraction)
        .ok_or_else(|| value("accuracy", format_args!("{seconds} s"), "a number of seconds that a duration can hold"))
}

/// A number that is not negative, of at most eight bytes.
fn number(element: &Element<'_>) -> Option<u64> {
    let bytes = element.unsigned().ok().filter(|bytes| bytes.len() <= 8)?;
    Some(bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
}

/// Checks that no extension is critical: none is known here
/// ([RFC 5280 §4.2](https://www.rfc-editor.org/rfc/rfc5280#section-4.2)).
fn check_extensions(mut list: Reader<'_>) -> Result<(), TimestampError> {
    let malformed = |NotDer| TimestampError::Malformed { part: "extensions" };
    while !list.is_empty() {
        let mut extension = list.expect(der::SEQUENCE).map_err(malformed)?.inside();
        let oid = extension.expect(der::OBJECT_IDENTIFIER).map_err(malformed)?;
        let oid = Oid::from_contents(oid.contents).map_err(malformed)?;
        let critical = match extension.optional(der::BOOLEAN).map_err(malformed)? {
            Some(critical) => critical.boolean().map_err(malformed)?,
            None => false,
        };
        extension.expect(der::OCTET_STRING).map_err(malformed)?;
        extension.end().map_err(malformed)?;
        if critical {
            let found = format_args!("the critical extension {oid}");
            return Err(value("extensions of TSTInfo", found, "none that is critical"));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_with_and_without_fractions() {
        for (text, expected) in [
            ("20240618072937Z", "2024-06-18T07:29:37Z"),
            ("20250121091746.641Z", "2025-01-21T09:17:46.641Z"),
            ("20250121091746.000000001Z", "2025-01-21T09:17:46.000000001Z"),
            ("00010101000000Z", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(gen_time(text.as_bytes()).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn refuses_times_that_der_or_rfc_3161_do_not_permit() {
        for text in [
            "20250121091746.640Z",
            "20250121091746.Z",
            "20250121091746.0Z",
            "20250121091746,5Z",
            "20250121091746.1234567891Z",
            "20250121091746",
            "20250121091746+0000",
            "202501210917Z",
            "250121091746Z",
            "20250230091746Z",
            "20161231235960Z",
            "00000101000000Z",
            "2025012109174.5Z",
            "20250121091746.5ZZ",
            "",
        ] {
            assert_eq!(gen_time(text.as_bytes()), Err(NotDer), "{text}");
        }
    }

    fn accuracy(contents: &[u8]) -> Result<Duration, String> {
        read_accuracy(Reader::new(contents)).map_err(|error| error.to_string())
    }

    #[test]
    fn adds_the_parts_of_an_accuracy_exactly() {
        assert_eq!(accuracy(&[]), Ok(Duration::ZERO));
        assert_eq!(accuracy(&[2, 1, 0]), Ok(Duration::ZERO));
        assert_eq!(accuracy(&[2, 1, 1, 0x80, 2, 1, 0xf4, 0x81, 2, 3, 0xe7]), Ok(Duration::from_micros(1_500_999)));
        assert_eq!(accuracy(&[0x80, 1, 1]), Ok(Duration::from_millis(1)));
        let largest = [2, 9, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(accuracy(&largest), Ok(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn refuses_an_accuracy_out_of_range() {
        let wrong = |part: &str, found: &str, expected: &str| {
            Err(format!("timestamp token has the wrong {part}: found {found}, expected {expected}"))
        };
        let seconds = "a number of seconds that is not negative, in at most eight bytes";
        assert_eq!(accuracy(&[2, 1, 0xff]), wrong("accuracy", "ff s (hexadecimal)", seconds));
        let nine = [2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(accuracy(&nine), wrong("accuracy", "010000000000000000 s (hexadecimal)", seconds));
        for (tag, part) in [(0x80, "accuracy in milliseconds"), (0x81, "accuracy in microseconds")] {
            assert_eq!(accuracy(&[tag, 1, 0]), wrong(part, "00 (hexadecimal)", "1 to 999"));
            assert_eq!(accuracy(&[tag, 2, 3, 0xe8]), wrong(part, "03e8 (hexadecimal)", "1 to 999"));
            assert_eq!(accuracy(&[tag, 1, 0x80]), wrong(part, "80 (hexadecimal)", "1 to 999"));
        }
        let malformed = "timestamp token has a malformed accuracy, expected DER as in RFC 5652 and RFC 3161";
        assert_eq!(accuracy(&[0x81, 1, 1, 0x80, 1, 1]), Err(malformed.to_owned()));
        assert_eq!(accuracy(&[2, 1, 1, 2, 1, 1]), Err(malformed.to_owned()));
    }
}
