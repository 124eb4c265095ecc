//! Distinguished names in a trust policy, `C=CH, ST=ZH, O=Example AG, CN=release`.
//!
//! [RFC 4514](https://www.rfc-editor.org/rfc/rfc4514#section-3) with the Notary Project's restrictions: no
//! multi-valued relative names, no `#hex` values, C, ST and O required. Blanks around separators are ignored, and `;`
//! is a separator.

use std::collections::BTreeMap;

use crate::codec::excerpt::Excerpt;
use crate::codec::mismatch::Mismatch;
use crate::codec::mismatch::Mismatched;
use crate::codec::mismatch::mismatch_error;
use crate::x509::DistinguishedName;

/// The error for a text that is not a distinguished name of a trusted identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameError {
    /// A part is not `type=value`.
    NoValue {
        /// The part as written.
        found: Excerpt,
    },
    /// An unsupported type.
    Type {
        /// The type as written.
        found: Excerpt,
    },
    /// A type that occurs twice.
    Twice {
        /// The type of the attribute.
        attribute: &'static str,
    },
    /// A type without a value.
    Empty {
        /// The type of the attribute.
        attribute: &'static str,
    },
    /// A required type is missing.
    Missing {
        /// The type of the attribute.
        attribute: &'static str,
    },
    /// A character that must be escaped with a backslash.
    Unescaped {
        /// The character.
        found: char,
    },
    /// A multi-valued relative name.
    MultiValued,
    /// A value in hexadecimal digits.
    Hexadecimal,
    /// A backslash that escapes nothing.
    Escape,
    /// Escaped bytes that are not UTF-8.
    NotUtf8,
}

impl Mismatched for NameError {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::NoValue { found } => Mismatch::new(format_args!("found {found:?} without '='"))
                .expecting("attributes as type=value, separated by commas"),
            Self::Type { found } => Mismatch::new(format_args!("attribute type: found {found:?}"))
                .expecting(format_args!("one of {}, in upper case (S is ST)", known())),
            Self::Twice { attribute } => {
                Mismatch::new(format_args!("attribute {attribute} is given twice")).expecting("each type at most once")
            }
            Self::Empty { attribute } => {
                Mismatch::new(format_args!("attribute {attribute}: found nothing")).expecting("a value")
            }
            Self::Missing { attribute } => {
                Mismatch::new(format_args!("attribute {attribute} is missing")).expecting("at least C, ST and O")
            }
            Self::Unescaped { found } => {
                Mismatch::new(format_args!("value: found an unescaped {found:?}")).expecting("\\ before it")
            }
            Self::MultiValued => Mismatch::new("relative name has several values, joined by +")
                .expecting("one value (write a plus sign as \\+)"),
            Self::Hexadecimal => Mismatch::new("value begins with # or contains =#").expecting("plain text"),
            Self::Escape => Mismatch::new("backslash without a character or two hexadecimal digits to escape")
                .expecting("\\\\ for a backslash itself"),
            Self::NotUtf8 => Mismatch::new("escaped bytes are not UTF-8").expecting("UTF-8"),
        }
    }
}

mismatch_error!(NameError);

fn known() -> String {
    DistinguishedName::short_names().collect::<Vec<_>>().join(", ")
}

/// Reads a name into values by short name of their type.
pub(super) fn parse(text: &str) -> Result<BTreeMap<&'static str, String>, NameError> {
    if text.contains("=#") {
        return Err(NameError::Hexadecimal);
    }
    let mut attributes = BTreeMap::new();
    for part in split(text) {
        let (attribute, value) = part.split_once('=').ok_or_else(|| NameError::NoValue { found: part.into() })?;
        let attribute = short_name(attribute.trim_matches(' '))?;
        let value = unescape(value)?;
        if value.is_empty() {
            return Err(NameError::Empty { attribute });
        }
        if attributes.insert(attribute, value).is_some() {
            return Err(NameError::Twice { attribute });
        }
    }
    for attribute in ["C", "ST", "O"] {
        if !attributes.contains_key(attribute) {
            return Err(NameError::Missing { attribute });
        }
    }
    Ok(attributes)
}

fn short_name(found: &str) -> Result<&'static str, NameError> {
    let expected = if found == "S" { "ST" } else { found };
    let mut names = DistinguishedName::short_names();
    names.find(|name| *name == expected).ok_or_else(|| NameError::Type { found: found.into() })
}

/// Splits at commas and semicolons that are not escaped.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |character| {
        let separates = !escaped && matches!(character, ',' | ';');
        escaped = !escaped && character == '\\';
        separates
    })
}

/// Removes blanks around a value, and backslashes.
fn unescape(value: &str) -> Result<String, NameError> {
    let value = value.trim_start_matches(' ');
    if value.starts_with('#') {
        return Err(NameError::Hexadecimal);
    }
    let mut bytes = Vec::with_capacity(value.len());
    // The length of the value without the blanks at its end.
    let mut kept = 0;
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '+' => return Err(NameError::MultiValued),
            '"' | '<' | '>' | '\0' | '\n' | '\r' => return Err(NameError::Unescaped { found: character }),
            '\\' => {
                let escaped = characters.next().ok_or(NameError::Escape)?;
                if " \"#+,;<=>\\".contains(escaped) {
                    bytes.extend(escaped.encode_utf8(&mut [0; 4]).bytes());
                } else {
                    let digit = |character: Option<char>| character.and_then(|digit| digit.to_digit(16));
                    let (high, low) = digit(Some(escaped)).zip(digit(characters.next())).ok_or(NameError::Escape)?;
                    bytes.push(u8::try_from(high * 16 + low).map_err(|_| NameError::Escape)?);
                }
                kept = bytes.len();
            }
            plain => {
                bytes.extend(plain.encode_utf8(&mut [0; 4]).bytes());
                if plain != ' ' {
                    kept = bytes.len();
                }
            }
        }
    }
    bytes.truncate(kept);
    String::from_utf8(bytes).map_err(|_| NameError::NotUtf8)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(&'static str, String)> {
        parse(text).unwrap().into_iter().collect()
    }

    #[test]
    fn reads_blanks_separators_the_alias_and_escapes() {
        let plain = [("C", "CH"), ("CN", "a"), ("O", "Example AG"), ("ST", "ZH")];
        let plain = plain.map(|(name, value)| (name, value.to_owned())).to_vec();
        for text in [
            "C=CH,ST=ZH,O=Example AG,CN=a",
            "CN = a , O=Example AG ;S= ZH; C =CH",
            r"C=\43\48,ST=Z\48,O=Example\20AG,CN=\61",
        ] {
            assert_eq!(pairs(text), plain, "{text}");
        }
        let value = |text: &str| parse(&format!("C=CH,ST=ZH,O={text}")).unwrap().remove("O").unwrap();
        assert_eq!(value(r"\ a\, b\;\+\=\<\>\\"), " a, b;+=<>\\");
        assert_eq!(value(r"a\ "), "a ");
        assert_eq!(value("a=b"), "a=b");
        assert_eq!(value(r"Z\c3\bcrich"), "Zürich");
        assert_eq!(value("Zürich"), "Zürich");
        assert_eq!(value(r"a\#"), "a#");
    }

    #[test]
    fn refuses_entries_that_match_more_or_less_than_intended() {
        let kind = |found: &str| NameError::Type { found: found.into() };
        for (text, error) in [
            ("", NameError::NoValue { found: Excerpt::default() }),
            ("C=CH,ST=ZH,O=a,", NameError::NoValue { found: Excerpt::default() }),
            ("C=CH,ST=ZH,O=a,b", NameError::NoValue { found: "b".into() }),
            ("c=CH,ST=ZH,O=a", kind("c")),
            ("C=CH,ST=ZH,O=a,cn=b", kind("cn")),
            ("C=CH,ST=ZH,O=a,DC=b", kind("DC")),
            ("C=CH,ST=ZH,O=a,2.5.4.3=b", kind("2.5.4.3")),
            ("C=CH,ST=ZH,O=a,=b", kind("")),
            ("C=CH,ST=ZH,O=a,O=b", NameError::Twice { attribute: "O" }),
            ("C=CH,ST=ZH,S=ZH,O=a", NameError::Twice { attribute: "ST" }),
            ("C=CH,ST=ZH,O=a,L=", NameError::Empty { attribute: "L" }),
            ("C=CH,ST=ZH,O= ", NameError::Empty { attribute: "O" }),
            ("ST=ZH,O=a", NameError::Missing { attribute: "C" }),
            ("C=CH,O=a", NameError::Missing { attribute: "ST" }),
            ("C=CH,ST=ZH,CN=a", NameError::Missing { attribute: "O" }),
            ("C=CH,ST=ZH,O=a+OU=b", NameError::MultiValued),
            ("C=CH,ST=ZH,O=#0c0161", NameError::Hexadecimal),
            ("C=CH,ST=ZH,O= #0c0161", NameError::Hexadecimal),
            ("C=CH,ST=ZH,O=a,CN=Bad=#CN", NameError::Hexadecimal),
            ("C=CH,ST=ZH,O=\"a\"", NameError::Unescaped { found: '"' }),
            ("C=CH,ST=ZH,O=a<b", NameError::Unescaped { found: '<' }),
            ("C=CH,\nST=ZH,O=a", kind("\nST")),
            ("C=CH,ST=ZH,O=a\n", NameError::Unescaped { found: '\n' }),
            (r"C=CH,ST=ZH,O=a\", NameError::Escape),
            (r"C=CH,ST=ZH,O=a\4", NameError::Escape),
            (r"C=CH,ST=ZH,O=a\zz", NameError::Escape),
            (r"C=CH,ST=ZH,O=a\ff", NameError::NotUtf8),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }
}
