//! Other names, types and values of one element.

#![allow(clippy::wildcard_enum_match_arm, reason = "a form that a change is not about stays as it is")]

use ciborium::Value as Cbor;

use super::node::Form;
use super::node::Node;
use crate::random_bytes::RandomBytes;

/// Names that mean something to readers.
const NAMES: [&str; 16] = [
    "payload",
    "protected",
    "header",
    "signature",
    "signatures",
    "alg",
    "crit",
    "cty",
    "b64",
    "x5c",
    "x5u",
    "jwk",
    "io.cncf.notary.signingScheme",
    "io.cncf.notary.expiry",
    "subject",
    "layers",
];

pub(super) fn rename(form: &mut Form, random: &mut RandomBytes) {
    match form {
        Form::Member(name) => match random.below(4) {
            0 => *name = name.to_uppercase(),
            1 => name.push(' '),
            2 => *name = name.to_lowercase(),
            _ => NAMES[random.below(NAMES.len())].clone_into(name),
        },
        Form::Tag(number) => *number = u64::try_from(random.below(40)).unwrap(),
        // Constructed tags of one byte.
        Form::Constructed(tag) => *tag = [0x30, 0x31, 0xa0, 0xa1, 0xa2, 0xa3][random.below(6)],
        _ => {}
    }
}

pub(super) fn retype(node: &mut Node, random: &mut RandomBytes) {
    let other = match &node.form {
        Form::Object | Form::Array | Form::Text(_) | Form::Raw(_) | Form::Base64Url | Form::Base64 => {
            match random.below(8) {
                0 => Node::leaf(Form::Object),
                1 => Node::leaf(Form::Array),
                2 => Node::leaf(Form::Text(String::new())),
                3 => Node { form: Form::Array, parts: vec![node.clone()] },
                4 => Node { form: Form::Object, parts: vec![Node::member("value", node.clone())] },
                index => Node::leaf(Form::Raw(["null", "true", "-1"][index - 5].to_owned())),
            }
        }
        Form::Map | Form::List | Form::Tag(_) | Form::ByteString | Form::Item(_) => match random.below(8) {
            0 => Node::leaf(Form::Map),
            1 => Node { form: Form::List, parts: vec![node.clone()] },
            2 => Node::leaf(Form::ByteString),
            3 => Node { form: Form::Tag(1), parts: vec![node.clone()] },
            4 => Node { form: Form::ByteString, parts: vec![node.clone()] },
            index => Node::leaf(Form::Item([Cbor::Null, Cbor::from(-1), Cbor::from("")][index - 5].clone())),
        },
        Form::Constructed(_) | Form::Wrapping(..) | Form::Primitive(..) => match random.below(6) {
            0 => Node::leaf(Form::Primitive(0x05, Vec::new())),
            1 => Node { form: Form::Constructed(0x30), parts: vec![node.clone()] },
            2 => Node { form: Form::Constructed(0xa0), parts: vec![node.clone()] },
            3 => Node { form: Form::Wrapping(0x04, Vec::new()), parts: vec![node.clone()] },
            4 => Node::leaf(Form::Constructed(0x30)),
            _ => {
                const TAGS: [u8; 12] = [0x01, 0x02, 0x03, 0x04, 0x06, 0x0a, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x80];
                let content = node.parts.iter().flat_map(Node::encode).collect();
                let content = if let Form::Primitive(_, own) = &node.form { own.clone() } else { content };
                Node::leaf(Form::Primitive(TAGS[random.below(TAGS.len())], content))
            }
        },
        Form::Member(_) | Form::Pair | Form::Documents | Form::Bytes(_) => Node::leaf(Form::Bytes(Vec::new())),
    };
    *node = other;
}

/// Another value of the same type; of a structure one of its encoded bytes.
pub(super) fn alter(node: &mut Node, random: &mut RandomBytes) {
    match &mut node.form {
        Form::Text(text) => *text = altered_text(text, random),
        Form::Raw(text) => {
            const VALUES: [&str; 8] = ["0", "1", "-0", "1e3", "18446744073709551616", "true", "false", "null"];
            VALUES[random.below(VALUES.len())].clone_into(text);
        }
        Form::Item(Cbor::Text(text)) => *text = altered_text(text, random),
        Form::Item(value) => {
            *value = match random.below(6) {
                0 => Cbor::from(i64::MAX),
                1 => Cbor::from(f64::NAN),
                2 => Cbor::from(0),
                3 => Cbor::from(33),
                4 => Cbor::from(1.5),
                _ => Cbor::from(-7),
            };
        }
        Form::Primitive(_, content) | Form::Bytes(content) if !content.is_empty() => {
            let at = random.below(content.len());
            match random.below(5) {
                0 => drop(content.remove(at)),
                1 => content.insert(at, 0),
                2 => content[0] ^= 0x80,
                _ => content[at] ^= 1 << random.below(8),
            }
        }
        Form::Primitive(_, content) | Form::Bytes(content) => content.push(0),
        Form::Wrapping(_, before) => before.insert(0, 0),
        Form::Base64Url => node.form = Form::Base64,
        Form::Base64 => node.form = Form::Base64Url,
        Form::Object
        | Form::Member(_)
        | Form::Array
        | Form::Map
        | Form::Pair
        | Form::List
        | Form::Tag(_)
        | Form::ByteString
        | Form::Constructed(_)
        | Form::Documents => node.parts.reverse(),
    }
}

fn altered_text(text: &str, random: &mut RandomBytes) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let at = random.below(characters.len() + 1);
    match random.below(5) {
        0 => characters.insert(at, '\u{0}'),
        1 => characters.insert(at, 'e'),
        2 if at < characters.len() => drop(characters.remove(at)),
        3 if at < characters.len() => characters[at] = if characters[at] == '0' { '1' } else { '0' },
        _ => characters.push(' '),
    }
    characters.into_iter().collect()
}
