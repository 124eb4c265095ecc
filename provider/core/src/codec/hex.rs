//! Hexadecimal digits.

use std::fmt;

/// So many bytes are printed at a time: those of a SHA-256 digest.
const AT_A_TIME: usize = 32;

/// Prints `bytes` as lower-case hexadecimal digits, two for each byte.
pub fn hex(bytes: &[u8]) -> impl fmt::Display {
    // All digits of a digest in one piece: digests are printed for every image, and each piece costs as much as many digits.
    fmt::from_fn(move |f| {
        bytes.chunks(AT_A_TIME).try_for_each(|chunk| {
            let mut digits = [0; 2 * AT_A_TIME];
            for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(chunk) {
                *pair = [byte >> 4, byte & 0x0f].map(digit);
            }
            let digits = digits.get(..2 * chunk.len()).ok_or(fmt::Error)?;
            f.write_str(std::str::from_utf8(digits).map_err(|_| fmt::Error)?)
        })
    })
}

/// The digit of a value below 16.
fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' - 10 + value }
}

/// The bytes of `text`, hexadecimal digits of either case. `None` if it is not `N` bytes.
#[must_use]
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_lower_case_digits() {
        assert_eq!(hex(&[0x00, 0x0a, 0xff]).to_string(), "000aff");
        assert_eq!(hex(&[]).to_string(), "");
    }

    #[test]
    fn any_number_of_bytes_is_printed_in_their_order() {
        let bytes: Vec<u8> = (0..=255).collect();
        for count in [1, 31, 32, 33, 64, 65, 256] {
            let expected: String = bytes.iter().take(count).map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex(bytes.get(..count).unwrap_or_default()).to_string(), expected, "{count}");
        }
    }

    #[test]
    fn bytes_are_read_back_from_digits_of_either_case() {
        assert_eq!(unhex("000aff"), Some([0x00, 0x0a, 0xff]));
        assert_eq!(unhex("9aBc"), Some([0x9a, 0xbc]));
        assert_eq!(unhex(""), Some([]));
        for text in ["", "00", "0000", "00000", "000000", "g000", "00 0", "+0+0", "é0", "0\u{0}00"] {
            let expected = (text == "0000").then_some([0, 0]);
            assert_eq!(unhex(text), expected, "{text}");
        }
    }
}
