//! A strict DER reader: definite lengths in their shortest form, one-byte tags, no trailing bytes. It does not
//! allocate.

use std::fmt;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The tag of `[number] EXPLICIT` or of a constructed `[number] IMPLICIT`.
pub(crate) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// The tag of a primitive `[number] IMPLICIT`.
pub(crate) const fn primitive(number: u8) -> u8 {
    0x80 | number
}

/// One encoded element: the tag, the length in its shortest form, and `parts` in sequence.
pub(crate) fn encode(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut der = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => der.push(short),
        Ok(_) | Err(_) => {
            let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
            // The length has at most eight bytes.
            der.push(0x80 | u8::try_from(bytes.len()).unwrap_or_default());
            der.extend(bytes);
        }
    }
    parts.iter().for_each(|part| der.extend(*part));
    der
}

/// The bytes are not the expected DER. The caller adds the name of the part to the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotDer;

/// One element: its tag, its contents, and all its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) contents: &'a [u8],
    pub(crate) raw: &'a [u8],
}

/// Reads elements in sequence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The one element that `bytes` consists of.
    pub(crate) fn only(bytes: &'a [u8], tag: u8) -> Result<Element<'a>, NotDer> {
        let mut reader = Self::new(bytes);
        let element = reader.expect(tag)?;
        reader.end()?;
        Ok(element)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes that are not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The next element, of any tag.
    pub(crate) fn next(&mut self) -> Result<Element<'a>, NotDer> {
        let (&tag, rest) = self.0.split_first().ok_or(NotDer)?;
        if tag & 0x1f == 0x1f {
            return Err(NotDer);
        }
        let (&first, rest) = rest.split_first().ok_or(NotDer)?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            // Inputs are shorter than 4 GiB, so four length bytes are enough.
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 {
                return Err(NotDer);
            }
            let (bytes, rest) = rest.split_at_checked(count).ok_or(NotDer)?;
            let length = bytes.iter().fold(0_u32, |sum, &byte| sum << 8 | u32::from(byte));
            let shortest = length >= 0x80 && bytes.first() != Some(&0);
            (usize::try_from(length).ok().filter(|_| shortest).ok_or(NotDer)?, rest)
        };
        let (contents, after) = rest.split_at_checked(length).ok_or(NotDer)?;
        let used = self.0.len() - after.len();
        let raw = self.0.get(..used).ok_or(NotDer)?;
        self.0 = after;
        Ok(Element { tag, contents, raw })
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Element<'a>, NotDer> {
        let element = self.next()?;
        if element.tag == tag { Ok(element) } else { Err(NotDer) }
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, NotDer> {
        if self.0.first() == Some(&tag) { self.next().map(Some) } else { Ok(None) }
    }

    /// The number of elements that are left.
    pub(crate) fn count(mut self) -> Result<usize, NotDer> {
        let mut count = 0;
        while !self.is_empty() {
            self.next()?;
            count += 1;
        }
        Ok(count)
    }

    /// Checks that no bytes are left.
    pub(crate) fn end(self) -> Result<(), NotDer> {
        if self.0.is_empty() { Ok(()) } else { Err(NotDer) }
    }
}

impl<'a> Element<'a> {
    /// A reader of the contents.
    pub(crate) fn inside(&self) -> Reader<'a> {
        Reader::new(self.contents)
    }

    /// Whether these are the contents of an INTEGER in its shortest form.
    pub(crate) fn is_shortest_integer(&self) -> bool {
        match self.contents {
            [] => false,
            [_] => true,
            [0x00, second, ..] => second & 0x80 != 0,
            [0xff, second, ..] => second & 0x80 == 0,
            [_, ..] => true,
        }
    }

    /// The bytes of a non-negative INTEGER without a leading zero; zero is empty.
    pub(crate) fn unsigned(&self) -> Result<&'a [u8], NotDer> {
        match self.contents {
            [first, ..] if first & 0x80 == 0 && self.is_shortest_integer() => {
                Ok(self.contents.strip_prefix(&[0]).unwrap_or(self.contents))
            }
            [] | [_, ..] => Err(NotDer),
        }
    }

    /// A BOOLEAN. DER omits a default value; an encoded default is unambiguous and accepted.
    pub(crate) fn boolean(&self) -> Result<bool, NotDer> {
        match self.contents {
            [0x00] => Ok(false),
            [0xff] => Ok(true),
            [] | [_, ..] => Err(NotDer),
        }
    }

    /// The bytes of a BIT STRING without unused bits.
    pub(crate) fn whole_bytes(&self) -> Result<&'a [u8], NotDer> {
        self.contents.strip_prefix(&[0]).ok_or(NotDer)
    }
}

/// An object identifier, compared by its encoding.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Vec<u8>);

impl Oid {
    /// Parses the contents of an OBJECT IDENTIFIER. Each arc must fit 63 bits and have its shortest form.
    pub(crate) fn from_contents(contents: &[u8]) -> Result<Self, NotDer> {
        let complete = contents.last().is_some_and(|last| last & 0x80 == 0);
        let mut length = 0;
        for &byte in contents {
            length += 1;
            if length > 9 || (length == 1 && byte == 0x80) {
                return Err(NotDer);
            }
            if byte & 0x80 == 0 {
                length = 0;
            }
        }
        if complete { Ok(Self(contents.to_vec())) } else { Err(NotDer) }
    }

    /// The encoding without tag and length.
    #[must_use]
    pub fn contents(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Oid {
    /// Dotted numbers, `2.5.4.3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut arc = 0_u64;
        let mut first = true;
        for &byte in &self.0 {
            arc = arc << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 != 0 {
                continue;
            }
            if first {
                let root = (arc / 40).min(2);
                write!(f, "{root}.{}", arc - root * 40)?;
                first = false;
            } else {
                write!(f, ".{arc}")?;
            }
            arc = 0;
        }
        Ok(())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_short_and_long_lengths() {
        let mut long = vec![OCTET_STRING, 0x81, 0x80];
        long.extend([7; 0x80]);
        assert_eq!(Reader::only(&long, OCTET_STRING).unwrap().contents, [7; 0x80]);
        let mut reader = Reader::new(&[NULL, 0, BOOLEAN, 1, 0xff]);
        assert_eq!(reader.next().unwrap().raw, [NULL, 0]);
        assert!(reader.optional(INTEGER).unwrap().is_none());
        assert_eq!(reader.optional(BOOLEAN).unwrap().unwrap().boolean(), Ok(true));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn writes_what_it_reads() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1_0000] {
            let contents = vec![7; length];
            let (start, end) = contents.split_at(length / 2);
            let der = encode(OCTET_STRING, &[start, end]);
            assert_eq!(Reader::only(&der, OCTET_STRING).unwrap().contents, contents, "{length}");
        }
    }

    #[test]
    fn refuses_what_only_ber_allows() {
        for bytes in [
            &[0x04][..],
            &[0x04, 0x02, 0x00],
            &[0x04, 0x81, 0x01, 0x00],
            &[0x04, 0x82, 0x00, 0x01, 0x00],
            &[0x24, 0x80, 0x00, 0x00],
            &[0x04, 0x85, 0, 0, 0, 0, 1, 0],
            &[0x04, 0x84, 0xff, 0xff, 0xff, 0xff, 0],
            &[0x1f, 0x01, 0x00],
        ] {
            assert_eq!(Reader::new(bytes).next().unwrap_err(), NotDer, "{bytes:02x?}");
        }
        assert_eq!(Reader::only(&[NULL, 0, 0], NULL).unwrap_err(), NotDer);
    }

    #[test]
    fn refuses_integers_with_padding_and_negative_ones_where_none_may_be() {
        let unsigned = |bytes: &'static [u8]| Reader::only(bytes, INTEGER).unwrap().unsigned();
        assert_eq!(unsigned(&[2, 1, 0]), Ok(&[][..]));
        assert_eq!(unsigned(&[2, 2, 0, 0x80]), Ok(&[0x80][..]));
        assert_eq!(unsigned(&[2, 2, 0, 0x7f]), Err(NotDer));
        assert_eq!(unsigned(&[2, 1, 0x80]), Err(NotDer));
        assert_eq!(unsigned(&[2, 0]), Err(NotDer));
    }

    #[test]
    fn prints_object_identifiers_with_dots() {
        for (contents, text) in [
            (&[0x55, 0x04, 0x03][..], "2.5.4.3"),
            (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01], "1.2.840.113549.1.9.1"),
            (&[0x88, 0x37], "2.999"),
            (&[0x09], "0.9"),
        ] {
            assert_eq!(Oid::from_contents(contents).unwrap().to_string(), text);
        }
        for contents in [&[][..], &[0x80, 0x01], &[0x55, 0x84], &[0xff; 12]] {
            assert_eq!(Oid::from_contents(contents), Err(NotDer), "{contents:02x?}");
        }
    }
}
