//! Distinguished names in certificates.

use std::fmt;
use std::fmt::Write as _;

use crate::codec::der;
use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::codec::der::Oid;
use crate::codec::der::Reader;
use crate::codec::hex::hex;
use crate::codec::text::Text;
use crate::codec::text::is_hidden;

/// A subject or issuer: attributes in the order of the certificate, values decoded.
///
/// In a chain, two names are equal only if their bytes are ([`super::Certificate::subject_raw`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName {
    attributes: Vec<Attribute>,
}

/// One attribute of a [`DistinguishedName`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    oid: Oid,
    value: String,
}

/// The attribute types with a short name, as last arc of `2.5.4`, in the order in which Go's `pkix.Name` lists them.
/// RFC 4514 section 3 defines some of them; notation prints and matches these.
const SHORT_NAMES: [(u8, &str); 9] = [
    (6, "C"),
    (8, "ST"),
    (7, "L"),
    (9, "STREET"),
    (17, "POSTALCODE"),
    (10, "O"),
    (11, "OU"),
    (3, "CN"),
    (5, "SERIALNUMBER"),
];

impl Attribute {
    /// The type.
    #[must_use]
    pub fn oid(&self) -> &Oid {
        &self.oid
    }

    /// `C`, `O`, `OU`, `L`, `ST`, `STREET`, `POSTALCODE`, `CN` or `SERIALNUMBER`; `None` for other types, which a
    /// trust policy cannot name.
    #[must_use]
    pub fn short_name(&self) -> Option<&'static str> {
        let [0x55, 0x04, arc] = self.oid.contents() else {
            return None;
        };
        SHORT_NAMES.iter().find(|(known, _)| known == arc).map(|(_, name)| *name)
    }

    /// The decoded text, with any characters.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl DistinguishedName {
    /// The attributes in order; the parts of a multi-valued relative name are consecutive.
    #[must_use]
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// All short names that a trust policy can use.
    pub(crate) fn short_names() -> impl Iterator<Item = &'static str> {
        SHORT_NAMES.into_iter().map(|(_, name)| name)
    }

    /// The number of attributes of a `Name`. Their values are not decoded.
    pub(crate) fn count_der(raw: &[u8]) -> Result<usize, NotDer> {
        let mut count = 0_usize;
        let mut names = Reader::only(raw, der::SEQUENCE)?.inside();
        while !names.is_empty() {
            count = count.saturating_add(names.expect(der::SET)?.inside().count()?.max(1));
        }
        Ok(count)
    }

    /// Reads a `Name` (RFC 5280 section 4.1.2.4) with its SEQUENCE.
    pub(crate) fn from_der(raw: &[u8]) -> Result<Self, NotDer> {
        let mut attributes = Vec::new();
        let mut names = Reader::only(raw, der::SEQUENCE)?.inside();
        while !names.is_empty() {
            let mut parts = names.expect(der::SET)?.inside();
            loop {
                let mut attribute = parts.expect(der::SEQUENCE)?.inside();
                let oid = Oid::from_contents(attribute.expect(der::OBJECT_IDENTIFIER)?.contents)?;
                let value = text(&attribute.next()?)?;
                attribute.end()?;
                attributes.push(Attribute { oid, value });
                if parts.is_empty() {
                    break;
                }
            }
        }
        Ok(Self { attributes })
    }
}

/// Decodes the string types of names. UniversalString and other types are refused, as by Go's parser.
fn text(element: &Element<'_>) -> Result<String, NotDer> {
    let bytes = element.contents;
    let ascii = |fits: fn(u8) -> bool| {
        if bytes.iter().all(|&byte| fits(byte)) {
            String::from_utf8(bytes.to_vec()).map_err(|_| NotDer)
        } else {
            Err(NotDer)
        }
    };
    match element.tag {
        0x0c => String::from_utf8(bytes.to_vec()).map_err(|_| NotDer),
        0x12 => ascii(|byte| byte.is_ascii_digit() || byte == b' '),
        // Asterisk and ampersand are not characters of the type, but many issued certificates contain them.
        0x13 => ascii(|byte| is_printable(byte) || matches!(byte, b'*' | b'&')),
        // TeletexString, decoded as Latin-1, as issuers use it.
        0x14 => Ok(bytes.iter().copied().map(char::from).collect()),
        0x16 => ascii(|byte| byte.is_ascii()),
        // BMPString: two bytes a character, no surrogates.
        0x1e => {
            let (pairs, rest) = bytes.as_chunks::<2>();
            if !rest.is_empty() {
                return Err(NotDer);
            }
            pairs.iter().map(|&pair| char::from_u32(u32::from(u16::from_be_bytes(pair))).ok_or(NotDer)).collect()
        }
        _ => Err(NotDer),
    }
}

/// Whether the byte is a character of PrintableString.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte)
}

impl DistinguishedName {
    /// The name as Go prints a `pkix.Name` and the Notary Project's tools show it: `CN=release,OU=a+OU=b,O=Example
    /// AG,ST=ZH,C=CH`. Types are in a fixed order, values of one type are joined by `+`, and types without a short
    /// name are last as `1.2.3=#hex`.
    ///
    /// There are two differences: all CN attributes are printed, where Go prints the last; and characters that could
    /// forge or hide part of a line are escaped as `\0a`, byte by byte (RFC 4514 section 2.4). Truncated as every
    /// [`Text`].
    #[must_use]
    pub fn to_text(&self) -> Text {
        Text::of(fmt::from_fn(|f| self.write_whole(f)))
    }

    /// As [`Self::to_text`], cut to 80 bytes: in a message the cause comes after it.
    pub(super) fn to_short_text(&self) -> Text {
        Text::at_most(80, self)
    }

    fn write_whole(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (_, name) in SHORT_NAMES.iter().rev() {
            for attribute in self.attributes.iter().filter(|attribute| attribute.short_name() == Some(*name)) {
                write!(f, "{separator}{name}=")?;
                write_escaped(f, &attribute.value)?;
                separator = "+";
            }
            if !separator.is_empty() {
                separator = ",";
            }
        }
        for attribute in self.attributes.iter().rev().filter(|attribute| attribute.short_name().is_none()) {
            write!(f, "{separator}{}=#{}", attribute.oid, hex(&encoded(&attribute.value)))?;
            separator = ",";
        }
        Ok(())
    }
}

impl fmt::Display for DistinguishedName {
    /// As [`Self::to_text`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_text(), f)
    }
}

/// The DER of a text as Go encodes it: PrintableString if possible, otherwise UTF8String.
fn encoded(value: &str) -> Vec<u8> {
    let tag = if value.bytes().all(is_printable) { 0x13 } else { 0x0c };
    der::encode(tag, &[value.as_bytes()])
}

fn write_escaped(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    for (at, character) in value.char_indices() {
        let first = at == 0;
        let last = at + character.len_utf8() == value.len();
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => write!(f, "\\{character}")?,
            ' ' if first || last => f.write_str("\\ ")?,
            '#' if first => f.write_str("\\#")?,
            hidden if is_hidden(hidden) => {
                for byte in hidden.encode_utf8(&mut [0; 4]).bytes() {
                    write!(f, "\\{byte:02x}")?;
                }
            }
            plain => f.write_char(plain)?,
        }
    }
    Ok(())
}
