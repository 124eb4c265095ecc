//! Validates CBOR before the library decodes it: definite lengths only, no duplicate label in a map, bounded depth
//! and counts, no bignum as a time, no bytes after the item. The library accepts all of these; go-cose does not ([RFC
//! 8949 §5.6](https://www.rfc-editor.org/rfc/rfc8949#section-5.6) on repeated keys).

use std::collections::BTreeSet;

use crate::limits;

/// The error for CBOR that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// The bytes end inside an item.
    #[error("found the end of the input inside an item")]
    Truncated,
    /// Bytes follow the item.
    #[error("found bytes after the item, expected none")]
    Trailing,
    /// An indefinite or reserved length.
    #[error("has an indefinite length or a reserved length")]
    Length,
    /// The nesting exceeds [`limits::ENVELOPE_DEPTH`].
    #[error("is nested too deeply")]
    Depth,
    /// More entries than [`limits::ENVELOPE_MEMBERS`].
    #[error("found a list or map with {found} entries, expected at most {}", limits::ENVELOPE_MEMBERS)]
    Entries {
        /// The number of entries.
        found: u64,
    },
    /// More items than [`limits::ENVELOPE_VALUES`].
    #[error("found too many items, expected at most {}", limits::ENVELOPE_VALUES)]
    Items,
    /// A duplicate label: readers may keep different values.
    #[error("has a label twice in one map")]
    RepeatedLabel,
    /// A tag that the library would ignore.
    #[error("has a tag, expected none")]
    Tag,
    /// A bignum, which the library does not distinguish from an integer.
    #[error("found a time (tag 1) that is a bignum, expected an integer or a float")]
    BignumTime,
}

/// A header label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Label<'b> {
    Int(i128),
    Text(&'b [u8]),
}

/// Whether tags are allowed inside an item.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tags {
    Allowed,
    Refused,
}

/// The time since 1970 ([RFC 8949 §3.4.2](https://www.rfc-editor.org/rfc/rfc8949#section-3.4.2)).
const EPOCH_TIME: u64 = 1;
/// Bignums, positive and negative ([RFC 8949 §3.4.3](https://www.rfc-editor.org/rfc/rfc8949#section-3.4.3)).
const BIGNUMS: std::ops::RangeInclusive<u64> = 2..=3;

/// The content of the byte string at the start of `bytes`, if there is one.
pub(crate) fn byte_string(bytes: &[u8]) -> Result<Option<&[u8]>, CborError> {
    let (2, length, content) = head(bytes)? else {
        return Ok(None);
    };
    let length = usize::try_from(length).map_err(|_| CborError::Truncated)?;
    content.get(..length).map(Some).ok_or(CborError::Truncated)
}

/// Major type, argument, and the bytes after the head.
pub(crate) fn head(bytes: &[u8]) -> Result<(u8, u64, &[u8]), CborError> {
    let (first, rest) = bytes.split_first().ok_or(CborError::Truncated)?;
    let width = match first & 0x1f {
        small @ 0..=23 => return Ok((first >> 5, u64::from(small), rest)),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return Err(CborError::Length),
    };
    let (argument, rest) = rest.split_at_checked(width).ok_or(CborError::Truncated)?;
    let value = argument.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    Ok((first >> 5, value, rest))
}

/// One scan, with the number of items that are still allowed.
pub(crate) struct Scan {
    items: usize,
}

impl Scan {
    /// At most [`limits::ENVELOPE_VALUES`] items in all.
    pub(crate) fn new() -> Self {
        Self { items: limits::ENVELOPE_VALUES }
    }

    /// Skips one item and returns the bytes after it.
    pub(crate) fn item<'b>(&mut self, bytes: &'b [u8], tags: Tags, depth: usize) -> Result<&'b [u8], CborError> {
        self.items = self.items.checked_sub(1).ok_or(CborError::Items)?;
        let (major, argument, rest) = head(bytes)?;
        match major {
            // Integers, simple values and floats consist of the head alone.
            0 | 1 | 7 => Ok(rest),
            2 | 3 => {
                let length = usize::try_from(argument).map_err(|_| CborError::Truncated)?;
                Ok(rest.split_at_checked(length).ok_or(CborError::Truncated)?.1)
            }
            4 => self.list(entries(argument)?, rest, tags, deeper(depth)?),
            5 => self.map(entries(argument)?, rest, tags, deeper(depth)?),
            6 => {
                if tags == Tags::Refused {
                    return Err(CborError::Tag);
                }
                if argument == EPOCH_TIME
                    && let (6, inner, _) = head(rest)?
                    && BIGNUMS.contains(&inner)
                {
                    return Err(CborError::BignumTime);
                }
                self.item(rest, tags, deeper(depth)?)
            }
            // Three bits have no eighth value; the arm keeps the match total.
            _ => Err(CborError::Length),
        }
    }

    fn list<'b>(
        &mut self,
        entries: usize,
        mut rest: &'b [u8],
        tags: Tags,
        depth: usize,
    ) -> Result<&'b [u8], CborError> {
        for _ in 0..entries {
            rest = self.item(rest, tags, depth)?;
        }
        Ok(rest)
    }

    fn map<'b>(&mut self, entries: usize, mut rest: &'b [u8], tags: Tags, depth: usize) -> Result<&'b [u8], CborError> {
        let mut seen = BTreeSet::new();
        let mut seen_others = BTreeSet::new();
        for _ in 0..entries {
            let after = self.item(rest, tags, depth)?;
            let fresh = match label(rest)? {
                (Some(label), _) => seen.insert(label),
                (None, _) => {
                    let (key, _) = rest.split_at_checked(rest.len() - after.len()).ok_or(CborError::Truncated)?;
                    seen_others.insert(key)
                }
            };
            if !fresh {
                return Err(CborError::RepeatedLabel);
            }
            rest = self.item(after, tags, depth)?;
        }
        Ok(rest)
    }
}

fn deeper(depth: usize) -> Result<usize, CborError> {
    depth.checked_sub(1).ok_or(CborError::Depth)
}

/// The number of elements or pairs, if the limit allows it.
fn entries(argument: u64) -> Result<usize, CborError> {
    let found = usize::try_from(argument).ok().filter(|found| *found <= limits::ENVELOPE_MEMBERS);
    found.ok_or(CborError::Entries { found: argument })
}

/// An integer or text label, compared by value: a longer encoding of a number is the same number. `None`, and nothing
/// consumed, for a key of another type.
pub(crate) fn label(bytes: &[u8]) -> Result<(Option<Label<'_>>, &[u8]), CborError> {
    let (major, argument, rest) = head(bytes)?;
    match major {
        0 => Ok((Some(Label::Int(i128::from(argument))), rest)),
        1 => Ok((Some(Label::Int(-1 - i128::from(argument))), rest)),
        3 => {
            let length = usize::try_from(argument).map_err(|_| CborError::Truncated)?;
            let (text, rest) = rest.split_at_checked(length).ok_or(CborError::Truncated)?;
            Ok((Some(Label::Text(text)), rest))
        }
        _ => Ok((None, bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks one complete item, 16 levels deep at most.
    fn check(bytes: &[u8], tags: Tags) -> Result<(), CborError> {
        let rest = Scan::new().item(bytes, tags, limits::ENVELOPE_DEPTH)?;
        if rest.is_empty() { Ok(()) } else { Err(CborError::Trailing) }
    }

    #[test]
    fn refuses_ambiguous_encodings() {
        for (bytes, error) in [
            (&[0xa2, 0x01, 0x00, 0x01, 0x00][..], CborError::RepeatedLabel),
            (&[0xa2, 0x01, 0x00, 0x18, 0x01, 0x00], CborError::RepeatedLabel),
            (&[0xa2, 0x61, 0x61, 0x00, 0x61, 0x61, 0x00], CborError::RepeatedLabel),
            (&[0xa1, 0x05, 0xa2, 0x41, 0x00, 0x00, 0x41, 0x00, 0x00], CborError::RepeatedLabel),
            (&[0xbf, 0xff], CborError::Length),
            (&[0x9f, 0xff], CborError::Length),
            (&[0x5f, 0xff], CborError::Length),
            (&[0x00, 0x00], CborError::Trailing),
            (&[0x42, 0x00], CborError::Truncated),
            (&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], CborError::Truncated),
            (&[0xc1, 0xc2, 0x41, 0x01], CborError::BignumTime),
            (&[0xc1, 0xc3, 0x41, 0x01], CborError::BignumTime),
            (&[0xd8, 0x01, 0xd8, 0x02, 0x41, 0x01], CborError::BignumTime),
            (&[0x81, 0xc1, 0xc2, 0x41, 0x01], CborError::BignumTime),
            (&[], CborError::Truncated),
        ] {
            assert_eq!(check(bytes, Tags::Allowed), Err(error), "{bytes:02x?}");
        }
        assert_eq!(check(&[0x81, 0xc1, 0x00], Tags::Refused), Err(CborError::Tag));
        // A bignum that is not a time, and a time of another wrong type, which the parser of times refuses.
        assert_eq!(check(&[0xc2, 0x41, 0x01], Tags::Allowed), Ok(()));
        assert_eq!(check(&[0xc1, 0x61, 0x61], Tags::Allowed), Ok(()));
    }

    #[test]
    fn refuses_depth_for_lists_maps_and_tags() {
        for opening in [&[0x81_u8][..], &[0xa1, 0x00], &[0xc6]] {
            let nested = |levels| [opening.repeat(levels), vec![0x00]].concat();
            assert_eq!(check(&nested(limits::ENVELOPE_DEPTH), Tags::Allowed), Ok(()), "{opening:02x?}");
            assert_eq!(check(&nested(limits::ENVELOPE_DEPTH + 1), Tags::Allowed), Err(CborError::Depth));
        }
    }

    #[test]
    fn checks_the_count_before_the_entries() {
        for (bytes, found) in [
            (&[0x98, 65][..], 65),
            (&[0xb8, 65], 65),
            (&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], u64::MAX),
            (&[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], u64::MAX),
        ] {
            assert_eq!(check(bytes, Tags::Allowed), Err(CborError::Entries { found }), "{bytes:02x?}");
        }
        assert_eq!(check(&[&[0x98, 64][..], &[0; 64]].concat(), Tags::Allowed), Ok(()));
        // 64 lists of 64 items exceed the limit on items.
        let list = [&[0x98, 64][..], &[0; 64]].concat();
        assert_eq!(check(&[&[0x98, 64][..], &list.repeat(64)].concat(), Tags::Allowed), Err(CborError::Items));
        assert_eq!(check(&[&[0x8f][..], &list.repeat(15)].concat(), Tags::Allowed), Ok(()));
    }
}
