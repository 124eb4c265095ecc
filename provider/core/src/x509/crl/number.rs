//! The number of a CRL.

use std::cmp::Ordering;
use std::fmt;

use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::codec::hex::hex;

/// `CRLNumber` ([RFC 5280 §5.2.3](https://www.rfc-editor.org/rfc/rfc5280#section-5.2.3)): not negative, of at most 20
/// bytes. Ordered by its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CrlNumber(Box<[u8]>);

impl CrlNumber {
    /// Maximum length in bytes, which RFC 5280 sets.
    const BYTES: usize = 20;

    pub(super) fn from_der(integer: &Element<'_>) -> Result<Self, NotDer> {
        let bytes = integer.unsigned()?;
        if bytes.len() > Self::BYTES { Err(NotDer) } else { Ok(Self(bytes.into())) }
    }
}

impl Ord for CrlNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        // No leading zeros, so that a longer number is greater.
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for CrlNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for CrlNumber {
    /// Decimal up to 64 bits, otherwise hexadecimal with `0x`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() > size_of::<u64>() {
            return write!(f, "0x{}", hex(&self.0));
        }
        write!(f, "{}", self.0.iter().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::codec::der;
    use crate::codec::der::Reader;

    fn read(contents: &[u8]) -> Result<CrlNumber, NotDer> {
        let encoded = der::encode(der::INTEGER, &[contents]);
        CrlNumber::from_der(&Reader::only(&encoded, der::INTEGER).unwrap())
    }

    #[test]
    fn numbers_are_ordered_by_value_and_printed() {
        let texts = ["0", "1", "127", "128", "256", "18446744073709551615", "0x010000000000000000"];
        let numbers: Vec<CrlNumber> = [
            &[0][..],
            &[1],
            &[127],
            &[0, 128],
            &[1, 0],
            &[0, 255, 255, 255, 255, 255, 255, 255, 255],
            &[1, 0, 0, 0, 0, 0, 0, 0, 0],
        ]
        .into_iter()
        .map(|contents| read(contents).unwrap())
        .collect();
        assert_eq!(numbers.iter().map(CrlNumber::to_string).collect::<Vec<_>>(), texts);
        assert!(numbers.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn refuses_negative_padded_and_long_numbers() {
        assert!(read(&[1; 20]).is_ok());
        for contents in [&[][..], &[0xff], &[0, 1], &[1; 21]] {
            assert_eq!(read(contents), Err(NotDer), "{contents:02x?}");
        }
    }
}
