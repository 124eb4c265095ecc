//! Extensions of signed data that is not a certificate, read strictly: of OCSP responses, CRLs and their entries.

use crate::codec::der;
use crate::codec::der::NotDer;
use crate::codec::der::Oid;
use crate::codec::der::Reader;
use crate::codec::hex::hex;
use crate::codec::text::Text;
use crate::limits;

/// One extension ([RFC 5280 §4.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1)).
#[derive(Clone, Copy, Debug)]
pub(super) struct SignedExtension<'a> {
    /// Contents of the object identifier.
    pub(super) oid: &'a [u8],
    pub(super) critical: bool,
    /// Contents of the OCTET STRING.
    pub(super) value: &'a [u8],
}

impl<'a> SignedExtension<'a> {
    /// Reads `Extensions` with their SEQUENCE: at least one, at most [`limits::REVOCATION_EXTENSIONS`], none twice.
    pub(super) fn read_all(raw: &'a [u8]) -> Result<Vec<Self>, NotDer> {
        let mut list = Reader::only(raw, der::SEQUENCE)?.inside();
        let count = list.count()?;
        if count == 0 || count > limits::REVOCATION_EXTENSIONS {
            return Err(NotDer);
        }
        let mut all: Vec<Self> = Vec::with_capacity(count);
        while !list.is_empty() {
            let next = Self::read(list.expect(der::SEQUENCE)?.inside())?;
            if all.iter().any(|other| other.oid == next.oid) {
                return Err(NotDer);
            }
            all.push(next);
        }
        Ok(all)
    }

    fn read(mut fields: Reader<'a>) -> Result<Self, NotDer> {
        let oid = fields.expect(der::OBJECT_IDENTIFIER)?.contents;
        let critical = match fields.optional(der::BOOLEAN)? {
            Some(boolean) => boolean.boolean()?,
            None => false,
        };
        let value = fields.expect(der::OCTET_STRING)?.contents;
        fields.end()?;
        Ok(Self { oid, critical, value })
    }
}

/// The name of an object identifier in messages: dotted numbers, or its bytes if it is malformed.
pub(super) fn oid_name(contents: &[u8]) -> Text {
    Oid::from_contents(contents).map_or_else(|NotDer| Text::of(hex(contents)), Text::of)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn extension(arc: u8, middle: &[u8]) -> Vec<u8> {
        let oid = der::encode(der::OBJECT_IDENTIFIER, &[&[0x55, 0x1d, arc]]);
        der::encode(der::SEQUENCE, &[&oid, middle])
    }

    fn list(parts: &[&[u8]]) -> Vec<u8> {
        der::encode(der::SEQUENCE, parts)
    }

    #[test]
    fn reads_critical_and_other_extensions() {
        let der = list(&[&extension(20, &[0x01, 1, 0xff, 0x04, 1, 7]), &extension(21, &[0x04, 0])]);
        let read = SignedExtension::read_all(&der).unwrap();
        let shown: Vec<_> = read.iter().map(|one| (oid_name(one.oid).to_string(), one.critical, one.value)).collect();
        assert_eq!(shown, [("2.5.29.20".to_owned(), true, &[7][..]), ("2.5.29.21".to_owned(), false, &[])]);
    }

    #[test]
    fn refuses_empty_lists_duplicates_and_parts_that_are_not_der() {
        let plain = extension(20, &[0x04, 0]);
        for der in [
            list(&[]),
            list(&[&plain, &plain]),
            list(&[&plain, &[0]]),
            [list(&[&plain]), vec![0]].concat(),
            list(&[&extension(20, &[0x04, 0, 0x05, 0])]),
            list(&[&extension(20, &[0x01, 1, 1, 0x04, 0])]),
            list(&[&extension(20, &[])]),
        ] {
            assert!(SignedExtension::read_all(&der).is_err(), "{der:02x?}");
        }
    }

    #[test]
    fn reads_as_many_extensions_as_the_limit_allows() {
        let all = |count: usize| -> Vec<u8> {
            let parts: Vec<Vec<u8>> =
                (1..=count).map(|arc| extension(u8::try_from(arc).unwrap(), &[0x04, 0])).collect();
            list(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
        };
        let max = limits::REVOCATION_EXTENSIONS;
        assert_eq!(SignedExtension::read_all(&all(max)).unwrap().len(), max);
        assert!(SignedExtension::read_all(&all(max + 1)).is_err());
    }
}
