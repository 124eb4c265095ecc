//! A scan over CBOR before the library reads it: definite lengths only, no label twice in any map, bounded depth,
//! nothing after the item. The library accepts the first three, and go-cose does not
//! ([RFC 8949 §5.6](https://www.rfc-editor.org/rfc/rfc8949#section-5.6) on repeated keys).

use std::collections::BTreeSet;

/// Why CBOR is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    #[error("ends in the middle of an item")]
    Truncated,
    #[error("has bytes after the item")]
    Trailing,
    #[error("has an indefinite length or a reserved length")]
    Length,
    #[error("is nested too deeply")]
    Depth,
    #[error("has a label twice in one map")]
    RepeatedLabel,
    #[error("has a tag where none may stand")]
    Tag,
    #[error("is not a map with integer and text labels")]
    NotAHeader,
}

/// A header label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    Int(i128),
    Text(Vec<u8>),
}

/// Whether tags may stand inside an item.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tags {
    Allowed,
    Refused,
}

/// Checks one complete item.
pub(super) fn check(bytes: &[u8], tags: Tags, depth: usize) -> Result<(), CborError> {
    let rest = item(bytes, tags, depth)?;
    if rest.is_empty() { Ok(()) } else { Err(CborError::Trailing) }
}

/// The labels of a header map, each once.
pub(super) fn header_labels(bytes: &[u8], tags: Tags, depth: usize) -> Result<BTreeSet<Label>, CborError> {
    check(bytes, tags, depth)?;
    // An empty protected header is written as an empty byte string.
    if bytes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let (5, pairs, mut rest) = head(bytes)? else {
        return Err(CborError::NotAHeader);
    };
    let mut labels = BTreeSet::new();
    for _ in 0..pairs {
        let (label, after) = label(rest)?;
        labels.insert(label.ok_or(CborError::NotAHeader)?);
        rest = item(after, tags, depth)?;
    }
    Ok(labels)
}

/// Splits COSE_Sign1_Tagged into the bytes of its four members.
pub(super) fn sign1_members(bytes: &[u8], depth: usize) -> Result<[&[u8]; 4], CborError> {
    let mut rest = bytes.strip_prefix(&[0xd2, 0x84]).ok_or(CborError::NotAHeader)?;
    let mut members = [rest; 4];
    for (position, member) in members.iter_mut().enumerate() {
        // Only the protected header may hold tags, and it is a byte string here.
        let tags = if position == 1 { Tags::Refused } else { Tags::Allowed };
        let after = item(rest, tags, depth)?;
        let (this, _) = rest.split_at_checked(rest.len() - after.len()).ok_or(CborError::Truncated)?;
        *member = this;
        rest = after;
    }
    if rest.is_empty() { Ok(members) } else { Err(CborError::Trailing) }
}

/// Major type, argument, and what follows the head.
fn head(bytes: &[u8]) -> Result<(u8, u64, &[u8]), CborError> {
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

/// Skips one item and gives what follows.
fn item(bytes: &[u8], tags: Tags, depth: usize) -> Result<&[u8], CborError> {
    let (major, argument, mut rest) = head(bytes)?;
    match major {
        // Integers, simple values and floats: all in the head.
        0 | 1 | 7 => Ok(rest),
        2 | 3 => {
            let length = usize::try_from(argument).map_err(|_| CborError::Truncated)?;
            Ok(rest.split_at_checked(length).ok_or(CborError::Truncated)?.1)
        }
        4 => {
            let deeper = depth.checked_sub(1).ok_or(CborError::Depth)?;
            for _ in 0..argument {
                rest = item(rest, tags, deeper)?;
            }
            Ok(rest)
        }
        5 => {
            let deeper = depth.checked_sub(1).ok_or(CborError::Depth)?;
            let mut seen = BTreeSet::new();
            let mut seen_others = BTreeSet::new();
            for _ in 0..argument {
                let (fresh, after) = match label(rest)? {
                    (Some(label), after) => (seen.insert(label), after),
                    (None, _) => {
                        let after = item(rest, tags, deeper)?;
                        let (key, _) = rest.split_at_checked(rest.len() - after.len()).ok_or(CborError::Truncated)?;
                        (seen_others.insert(key), after)
                    }
                };
                if !fresh {
                    return Err(CborError::RepeatedLabel);
                }
                rest = item(after, tags, deeper)?;
            }
            Ok(rest)
        }
        6 => {
            if tags == Tags::Refused {
                return Err(CborError::Tag);
            }
            item(rest, tags, depth.checked_sub(1).ok_or(CborError::Depth)?)
        }
        // Three bits have no eighth value; the arm keeps the match total.
        _ => Err(CborError::Length),
    }
}

/// An integer or text label, compared by value: a longer encoding of a number is the same number. `None`, and nothing
/// consumed, for a key of another type.
fn label(bytes: &[u8]) -> Result<(Option<Label>, &[u8]), CborError> {
    let (major, argument, rest) = head(bytes)?;
    match major {
        0 => Ok((Some(Label::Int(i128::from(argument))), rest)),
        1 => Ok((Some(Label::Int(-1 - i128::from(argument))), rest)),
        3 => {
            let length = usize::try_from(argument).map_err(|_| CborError::Truncated)?;
            let (text, rest) = rest.split_at_checked(length).ok_or(CborError::Truncated)?;
            Ok((Some(Label::Text(text.to_vec())), rest))
        }
        _ => Ok((None, bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_two_readers_could_read_differently() {
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
            (&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], CborError::Truncated),
            (&[0x81, 0x81, 0x81, 0x81, 0x00], CborError::Depth),
            (&[0xc1, 0xc1, 0xc1, 0xc1, 0x00], CborError::Depth),
            (&[], CborError::Truncated),
        ] {
            assert_eq!(check(bytes, Tags::Allowed, 3), Err(error), "{bytes:02x?}");
        }
        assert_eq!(check(&[0x81, 0xc1, 0x00], Tags::Refused, 3), Err(CborError::Tag));
    }

    #[test]
    fn lists_header_labels_by_value() {
        let labels = header_labels(&[0xa2, 0x18, 0x21, 0x00, 0x61, 0x61, 0x00], Tags::Refused, 3);
        assert_eq!(labels, Ok(BTreeSet::from([Label::Int(33), Label::Text(b"a".to_vec())])));
        assert_eq!(header_labels(&[0xa1, 0x40, 0x00], Tags::Refused, 3), Err(CborError::NotAHeader));
        assert_eq!(header_labels(&[0x80], Tags::Refused, 3), Err(CborError::NotAHeader));
    }
}
