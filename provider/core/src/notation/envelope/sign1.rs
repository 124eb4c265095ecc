//! COSE_Sign1_Tagged ([RFC 9052 §4.2](https://www.rfc-editor.org/rfc/rfc9052#section-4.2)) before the library decodes
//! it: checks its four members and that header labels are unique.

use std::collections::BTreeSet;

use crate::codec::cbor::CborError;
use crate::codec::cbor::Label;
use crate::codec::cbor::Scan;
use crate::codec::cbor::Tags;
use crate::codec::cbor::byte_string;
use crate::codec::cbor::head;
use crate::codec::cbor::label;
use crate::limits;

/// The error for bytes that are not a COSE_Sign1_Tagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Sign1Error {
    /// The CBOR is invalid.
    #[error("{0}")]
    Cbor(#[from] CborError),
    /// The structure is not that of a message or header.
    #[error("is not a map with integer and text labels")]
    NotAHeader,
    /// The protected header is not a byte string.
    #[error("has a protected header that is not a byte string")]
    ProtectedHeader,
}

/// `alg`, `crit` and the content type ([RFC 9052 §3.1](https://www.rfc-editor.org/rfc/rfc9052#section-3.1)): numbers
/// and strings, which must not have a tag. The library would read a bignum as the number.
const NEVER_TAGGED: std::ops::RangeInclusive<i128> = 1..=3;

/// The parts of COSE_Sign1_Tagged that are checked before the library decodes it.
pub(super) struct Sign1<'b> {
    /// The content of the byte string.
    pub(super) protected: &'b [u8],
    /// The encoded map.
    pub(super) unprotected: &'b [u8],
    /// The length in bytes; 0 if it is not a byte string.
    pub(super) payload: usize,
}

impl<'b> Sign1<'b> {
    /// Splits COSE_Sign1_Tagged into its parts.
    pub(super) fn read(bytes: &'b [u8]) -> Result<Self, Sign1Error> {
        let rest = bytes.strip_prefix(&[0xd2, 0x84]).ok_or(Sign1Error::NotAHeader)?;
        let mut scan = Scan::new();
        let after_protected = scan.item(rest, Tags::Refused, limits::ENVELOPE_DEPTH)?;
        let protected = byte_string(rest)?.ok_or(Sign1Error::ProtectedHeader)?;
        let after_unprotected = scan.item(after_protected, Tags::Refused, limits::ENVELOPE_DEPTH)?;
        let unprotected =
            after_protected.get(..after_protected.len() - after_unprotected.len()).ok_or(CborError::Truncated)?;
        let payload = byte_string(after_unprotected)?.map_or(0, <[u8]>::len);
        let after_payload = scan.item(after_unprotected, Tags::Refused, limits::ENVELOPE_DEPTH)?;
        let after_signature = scan.item(after_payload, Tags::Refused, limits::ENVELOPE_DEPTH)?;
        if after_signature.is_empty() {
            Ok(Self { protected, unprotected, payload })
        } else {
            Err(CborError::Trailing.into())
        }
    }
}

/// The unique labels of a complete header map, at most [`limits::ENVELOPE_MEMBERS`].
pub(super) fn header_labels(bytes: &[u8], tags: Tags) -> Result<BTreeSet<Label<'_>>, Sign1Error> {
    // An empty protected header is encoded as an empty byte string.
    if bytes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let (major, pairs, _) = head(bytes)?;
    let mut scan = Scan::new();
    if !scan.item(bytes, tags, limits::ENVELOPE_DEPTH)?.is_empty() {
        return Err(CborError::Trailing.into());
    }
    if major != 5 {
        return Err(Sign1Error::NotAHeader);
    }
    // The map was scanned above: the count is limited and labels are unique.
    let mut scan = Scan::new();
    let (_, _, mut rest) = head(bytes)?;
    let mut labels = BTreeSet::new();
    for _ in 0..pairs {
        let (label, after) = label(rest)?;
        let label = label.ok_or(Sign1Error::NotAHeader)?;
        let tags = match label {
            Label::Int(number) if NEVER_TAGGED.contains(&number) => Tags::Refused,
            Label::Int(_) | Label::Text(_) => tags,
        };
        rest = scan.item(after, tags, limits::ENVELOPE_DEPTH)?;
        labels.insert(label);
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_header_labels_by_value() {
        let labels = header_labels(&[0xa2, 0x18, 0x21, 0x00, 0x61, 0x61, 0x00], Tags::Refused);
        assert_eq!(labels, Ok(BTreeSet::from([Label::Int(33), Label::Text(b"a")])));
        assert_eq!(header_labels(&[], Tags::Allowed), Ok(BTreeSet::new()));
        assert_eq!(header_labels(&[0xa1, 0x40, 0x00], Tags::Refused), Err(Sign1Error::NotAHeader));
        assert_eq!(header_labels(&[0x80], Tags::Refused), Err(Sign1Error::NotAHeader));
        assert_eq!(header_labels(&[0xa0, 0x00], Tags::Refused), Err(CborError::Trailing.into()));
    }

    #[test]
    fn plain_numbers_and_texts_have_no_tag() {
        for label in [0x01, 0x02, 0x03] {
            for value in [&[0xc3, 0x41, 0x06][..], &[0x81, 0xc2, 0x41, 0x01]] {
                let header = [&[0xa1, label], value].concat();
                assert_eq!(header_labels(&header, Tags::Allowed), Err(CborError::Tag.into()), "{header:02x?}");
            }
        }
        assert!(header_labels(&[0xa1, 0x04, 0xc2, 0x41, 0x01], Tags::Allowed).is_ok());
    }

    #[test]
    fn splits_a_message_into_its_parts() {
        let message = [0xd2, 0x84, 0x42, 0xa0, 0xa0, 0xa1, 0x01, 0x02, 0x41, 0x07, 0x40];
        let Ok(Sign1 { protected, unprotected, payload }) = Sign1::read(&message) else { panic!("four members") };
        assert_eq!((protected, unprotected, payload), (&[0xa0, 0xa0][..], &[0xa1, 0x01, 0x02][..], 1));
        for (bytes, error) in [
            (&message[1..], Sign1Error::NotAHeader),
            (&message[..10], CborError::Truncated.into()),
            (&[0xd2, 0x84, 0xa0, 0xa0, 0x40, 0x40], Sign1Error::ProtectedHeader),
            (&[0xd2, 0x84, 0xc2, 0x40, 0xa0, 0x40, 0x40], CborError::Tag.into()),
            (&[0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40, 0x00], CborError::Trailing.into()),
        ] {
            assert_eq!(Sign1::read(bytes).err(), Some(error), "{bytes:02x?}");
        }
    }
}
