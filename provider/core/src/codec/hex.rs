//! Hexadecimal digits.

use std::fmt;
use std::fmt::Write as _;

/// Prints `bytes` as lower-case hexadecimal digits, two for each byte.
pub fn hex(bytes: &[u8]) -> impl fmt::Display {
    // Writes digit by digit, as formatting each byte takes several times as long and digests are printed for every
    // image.
    let digit = |value: u8| char::from_digit(value.into(), 16).ok_or(fmt::Error);
    fmt::from_fn(move |f| {
        bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]).try_for_each(|value| f.write_char(digit(value)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_lower_case_digits() {
        assert_eq!(hex(&[0x00, 0x0a, 0xff]).to_string(), "000aff");
        assert_eq!(hex(&[]).to_string(), "");
    }
}
