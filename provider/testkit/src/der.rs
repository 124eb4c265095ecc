//! Writes the DER of extensions and names, and splits DER that this crate wrote into elements.
//!
//! It is not a parser for untrusted input: [`children`] panics on DER that this crate does not produce.

/// One element: tag, shortest length, content.
#[must_use]
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        length @ 0..0x80 => out.push(u8::try_from(length).expect("below 128")),
        length => {
            let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | u8::try_from(bytes.len()).expect("at most 8 bytes"));
            out.extend(bytes);
        }
    }
    out.extend(content);
    out
}

/// SEQUENCE of encoded elements.
#[must_use]
pub fn sequence(parts: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    element(0x30, &parts.into_iter().flatten().collect::<Vec<u8>>())
}

/// SET of encoded elements, sorted as DER requires.
#[must_use]
pub fn set(parts: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut parts: Vec<Vec<u8>> = parts.into_iter().collect();
    parts.sort();
    element(0x31, &parts.concat())
}

/// BOOLEAN.
#[must_use]
pub fn boolean(value: bool) -> Vec<u8> {
    element(0x01, &[if value { 0xff } else { 0x00 }])
}

/// INTEGER, not negative.
#[must_use]
pub fn integer(value: u64) -> Vec<u8> {
    let mut bytes: Vec<u8> = value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    if bytes.first().is_none_or(|first| *first >= 0x80) {
        bytes.insert(0, 0);
    }
    element(0x02, &bytes)
}

/// OCTET STRING.
#[must_use]
pub fn octet_string(content: &[u8]) -> Vec<u8> {
    element(0x04, content)
}

/// BIT STRING of whole bytes.
#[must_use]
pub fn bit_string(content: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0], content].concat())
}

/// OBJECT IDENTIFIER from its dotted form; panics on anything else.
#[must_use]
pub fn oid(dotted: &str) -> Vec<u8> {
    let arcs = arcs(dotted);
    let mut content = Vec::new();
    for (index, arc) in arcs.iter().enumerate().skip(1) {
        let value = if index == 1 { arcs[0] * 40 + arc } else { *arc };
        let mut groups = vec![u8::try_from(value & 0x7f).expect("seven bits")];
        let mut rest = value >> 7;
        while rest > 0 {
            groups.push(0x80 | u8::try_from(rest & 0x7f).expect("seven bits"));
            rest >>= 7;
        }
        content.extend(groups.into_iter().rev());
    }
    element(0x06, &content)
}

/// The numbers of a dotted object identifier.
pub(crate) fn arcs(dotted: &str) -> Vec<u64> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().expect("a dotted object identifier")).collect();
    assert!(arcs.len() >= 2, "an object identifier has two numbers at least");
    arcs
}

/// The encoded elements inside a constructed element (SEQUENCE, SET, explicit tag).
#[must_use]
pub fn children(constructed: &[u8]) -> Vec<&[u8]> {
    let (header, length) = header(constructed);
    let mut rest = &constructed[header..header + length];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (header, length) = self::header(rest);
        let (child, after) = rest.split_at(header + length);
        found.push(child);
        rest = after;
    }
    found
}

/// The content of one element.
#[must_use]
pub fn content(element: &[u8]) -> &[u8] {
    let (header, length) = header(element);
    &element[header..header + length]
}

/// Bytes of tag and length, and the length.
fn header(element: &[u8]) -> (usize, usize) {
    let first = usize::from(element[1]);
    if first < 0x80 {
        return (2, first);
    }
    let count = first & 0x7f;
    let length = element[2..2 + count].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    (2 + count, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_object_identifiers() {
        assert_eq!(oid("2.5.29.15"), [0x06, 3, 0x55, 29, 15]);
        assert_eq!(oid("1.2.840.10045.4.3.2"), [0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
    }

    #[test]
    fn writes_lengths_in_the_shortest_form() {
        assert_eq!(element(0x04, &[0; 127])[..2], [0x04, 127]);
        assert_eq!(element(0x04, &[0; 128])[..3], [0x04, 0x81, 128]);
        assert_eq!(element(0x04, &[0; 300])[..4], [0x04, 0x82, 1, 44]);
    }

    #[test]
    fn integers_are_never_negative() {
        assert_eq!(integer(0), [2, 1, 0]);
        assert_eq!(integer(127), [2, 1, 127]);
        assert_eq!(integer(128), [2, 2, 0, 128]);
    }

    #[test]
    fn children_returns_the_encoded_elements() {
        let long = octet_string(&[7; 200]);
        let outer = sequence([boolean(true), long.clone()]);
        assert_eq!(children(&outer), [&boolean(true)[..], &long[..]]);
    }
}
