//! Reads documents into [`Node`]s, with other code than the product's: the order and the repetition of members are kept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value as Cbor;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

use super::node::Form;
use super::node::Node;

impl Node {
    /// A document of JSON with what is encoded in its texts.
    #[must_use]
    pub fn of_json(bytes: &[u8]) -> Option<Self> {
        let Ordered(mut node) = serde_json::from_slice(bytes).ok()?;
        for part in &mut node.parts {
            if matches!(&part.form, Form::Member(name) if URL_SAFE.contains(&name.as_str()))
                && let [value] = &mut part.parts[..]
                && value.form == Form::Base64
            {
                // Only if that is the same text: padding and the other alphabet are not these members'.
                let url_safe = Self { form: Form::Base64Url, parts: value.parts.clone() };
                if url_safe.encode() == value.encode() {
                    *value = url_safe;
                }
            }
        }
        Some(node)
    }

    /// A document of CBOR with what is encoded in its byte strings.
    #[must_use]
    pub fn of_cbor(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let value: Cbor = ciborium::from_reader(&mut rest).ok()?;
        rest.is_empty().then(|| of_item(value))
    }

    /// An element of DER with what is in its strings; lengths in their shortest form only.
    #[must_use]
    pub fn of_der(bytes: &[u8]) -> Option<Self> {
        let (node, _) = element(bytes, 0)?;
        (node.encode() == bytes).then_some(node)
    }

    /// Bytes of any kind: a structure, if they are one.
    #[must_use]
    pub fn of_content(bytes: &[u8]) -> Self {
        let structure = match bytes.first() {
            Some(b'{') => Self::of_json(bytes),
            Some(0x30) => Self::of_der(bytes),
            Some(0xa0..=0xbf) => Self::of_cbor(bytes),
            _ => None,
        };
        // Only if nothing is lost, such as white space.
        let structure = structure.filter(|structure| structure.encode() == bytes);
        structure.unwrap_or_else(|| Self::leaf(Form::Bytes(bytes.to_vec())))
    }
}

/// The members of a JWS in base64url; a text without `-`, `_`, `+` and `/` could be either.
const URL_SAFE: [&str; 3] = ["payload", "protected", "signature"];

/// Deepest nesting of DER.
const DEPTH: usize = 24;

fn element(bytes: &[u8], depth: usize) -> Option<(Node, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    // Tags of several bytes, and indefinite lengths, are not DER of the profiles here.
    if tag & 0x1f == 0x1f || depth > DEPTH {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((of_element(tag, content, depth)?, rest))
}

fn of_element(tag: u8, content: &[u8], depth: usize) -> Option<Node> {
    if tag & 0x20 != 0 {
        return elements(content, depth + 1).map(|parts| Node { form: Form::Constructed(tag), parts });
    }
    let (before, inside) = match (tag, content) {
        (0x03, [0, inside @ ..]) => (&content[..1], inside),
        (0x04, inside) => (&content[..0], inside),
        _ => (content, &[][..]),
    };
    // One element, so that random bytes are rarely taken for one.
    let wrapped = if matches!(inside.first(), Some(0x30 | 0x03 | 0x04 | 0x02 | 0x0a)) {
        element(inside, depth + 1).filter(|(_, rest)| rest.is_empty())
    } else {
        None
    };
    Some(match wrapped {
        Some((inner, _)) => Node { form: Form::Wrapping(tag, before.to_vec()), parts: vec![inner] },
        None => Node::leaf(Form::Primitive(tag, content.to_vec())),
    })
}

fn elements(mut bytes: &[u8], depth: usize) -> Option<Vec<Node>> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let (part, rest) = element(bytes, depth)?;
        parts.push(part);
        bytes = rest;
    }
    Some(parts)
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the library's enum is open; other variants have no parts")]
fn of_item(value: Cbor) -> Node {
    match value {
        Cbor::Array(list) => Node { form: Form::List, parts: list.into_iter().map(of_item).collect() },
        Cbor::Map(entries) => {
            let pair = |(label, value)| Node { form: Form::Pair, parts: vec![of_item(label), of_item(value)] };
            Node { form: Form::Map, parts: entries.into_iter().map(pair).collect() }
        }
        Cbor::Tag(number, inner) => Node { form: Form::Tag(number), parts: vec![of_item(*inner)] },
        Cbor::Bytes(bytes) => Node { form: Form::ByteString, parts: vec![Node::of_content(&bytes)] },
        other => Node::leaf(Form::Item(other)),
    }
}

struct Ordered(Node);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values).map(Self)
    }
}

struct Values;

impl Values {
    fn raw<E>(text: impl ToString) -> Result<Node, E> {
        Ok(Node::leaf(Form::Raw(text.to_string())))
    }
}

impl<'de> Visitor<'de> for Values {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Self::raw(value)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Self::raw(value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Self::raw(value)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Self::raw(serde_json::json!(value))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Self::raw("null")
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        let decoded = |bytes: Vec<u8>, form| Node { form, parts: vec![Node::of_content(&bytes)] };
        // Shorter texts are names; four letters would be base64, too.
        let long = text.len() >= 40;
        Ok(match (STANDARD.decode(text), URL_SAFE_NO_PAD.decode(text)) {
            (Ok(bytes), _) if long => decoded(bytes, Form::Base64),
            (_, Ok(bytes)) if long => decoded(bytes, Form::Base64Url),
            _ => Node::leaf(Form::Text(text.to_owned())),
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut parts = Vec::new();
        while let Some(Ordered(part)) = list.next_element()? {
            parts.push(part);
        }
        Ok(Node { form: Form::Array, parts })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut parts = Vec::new();
        while let Some((name, Ordered(value))) = members.next_entry::<String, Ordered>()? {
            parts.push(Node::member(&name, value));
        }
        Ok(Node { form: Form::Object, parts })
    }
}
