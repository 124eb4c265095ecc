//! Hexadecimal digits.

use std::fmt;

/// Prints `bytes` as lower-case hexadecimal digits, two for each byte.
pub fn hex(bytes: &[u8]) -> impl fmt::Display {
    fmt::from_fn(|f| bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")))
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
