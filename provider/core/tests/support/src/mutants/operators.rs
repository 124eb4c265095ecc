//! The changes: of bytes, of fields with the structure kept, and of meaning with parts of other documents.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a function has the operators of its group, and a form that an operator is not about stays as it is"
)]

use ciborium::Value as Cbor;

use super::node::Form;
use super::node::Node;
use super::node::Path;
use super::node::Place;
use crate::random_bytes::RandomBytes;

/// One change of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// A bit is flipped.
    Flip,
    /// Ranges of bytes are dropped, repeated, overwritten or reversed.
    Scramble,
    /// The document, or an encoded part, ends early.
    Truncate,
    /// A part is left out.
    Remove,
    /// A part is there twice.
    Repeat,
    /// Two parts are exchanged.
    Reorder,
    /// A member, label or tag has another name.
    Rename,
    /// A value of another type.
    Retype,
    /// Another value of the same type.
    Alter,
    /// The same part of another document.
    Exchange,
    /// Any part of this or another document.
    Transplant,
}

impl Operator {
    /// Changes that are chosen often are there more than once: those of bytes seldom pass the outer parse.
    const CHOICE: [Self; 20] = [
        Self::Flip,
        Self::Scramble,
        Self::Truncate,
        Self::Remove,
        Self::Remove,
        Self::Repeat,
        Self::Reorder,
        Self::Reorder,
        Self::Rename,
        Self::Retype,
        Self::Retype,
        Self::Alter,
        Self::Alter,
        Self::Alter,
        Self::Exchange,
        Self::Exchange,
        Self::Exchange,
        Self::Exchange,
        Self::Transplant,
        Self::Transplant,
    ];

    /// One of [`Self::CHOICE`].
    pub fn choose(random: &mut RandomBytes) -> Self {
        Self::CHOICE[random.below(Self::CHOICE.len())]
    }

    /// Changes `document`; `others` are documents of the same kind. A change that is not possible at the chosen place is none.
    pub fn apply(self, document: &mut Node, others: &[Node], random: &mut RandomBytes) {
        match self {
            Self::Flip | Self::Scramble | Self::Truncate => self.change_bytes(document, random),
            Self::Remove | Self::Repeat | Self::Reorder => self.change_order(document, random),
            Self::Rename | Self::Retype | Self::Alter => self.change_value(document, random),
            Self::Exchange | Self::Transplant => self.take_over(document, others, random),
        }
    }

    /// Of the whole document or of something that is encoded in it.
    fn change_bytes(self, document: &mut Node, random: &mut RandomBytes) {
        let several = document.form == Form::Documents;
        let mut places = document.paths();
        places.retain(|(path, place)| *place == Place::Content && (!several || !path.is_empty()));
        // Half of them of the whole.
        if places.is_empty() {
            return;
        }
        let index = random.below(2 * places.len()).saturating_sub(places.len());
        let node = document.at_mut(&places[index].0).unwrap();
        let mut bytes = node.encode();
        if bytes.is_empty() {
            return;
        }
        let at = random.below(bytes.len());
        match self {
            Self::Truncate => bytes.truncate(at),
            Self::Scramble => bytes = random.scramble(&bytes),
            _ => bytes[at] ^= 1 << random.below(8),
        }
        *node = Node::leaf(Form::Bytes(bytes));
    }

    fn change_order(self, document: &mut Node, random: &mut RandomBytes) {
        let mut places = document.paths();
        let least = if self == Self::Reorder { 2 } else { 1 };
        // A label and its value belong together.
        places.retain(|(path, _)| {
            let node = document.at(path).unwrap();
            node.parts.len() >= least && !matches!(node.form, Form::Pair | Form::Member(_))
        });
        let Some(path) = chosen(&places, random) else { return };
        let parts = &mut document.at_mut(&path).unwrap().parts;
        let (one, other) = (random.below(parts.len()), random.below(parts.len()));
        match self {
            Self::Remove => drop(parts.remove(one)),
            Self::Repeat => parts.insert(other, parts[one].clone()),
            _ => parts.swap(one, other),
        }
    }

    fn change_value(self, document: &mut Node, random: &mut RandomBytes) {
        let mut places = document.paths();
        places.retain(|(path, _)| {
            let form = &document.at(path).unwrap().form;
            match self {
                Self::Rename => matches!(form, Form::Member(_) | Form::Tag(_) | Form::Constructed(_)),
                _ => !matches!(form, Form::Member(_) | Form::Pair | Form::Documents),
            }
        });
        let Some(path) = chosen(&places, random) else { return };
        let node = document.at_mut(&path).unwrap();
        match self {
            Self::Rename => rename(&mut node.form, random),
            Self::Retype => retype(node, random),
            _ => alter(node, random),
        }
    }

    /// Replaces a part by one of another document (or this one) that can be there: the outer parse still passes.
    fn take_over(self, document: &mut Node, others: &[Node], random: &mut RandomBytes) {
        let itself = document.clone();
        let donor = match random.below(others.len() + 1) {
            0 => &itself,
            other => &others[other - 1],
        };
        let places = document.paths();
        let (path, place) = places[random.below(places.len())].clone();
        let taken = if self == Self::Exchange {
            donor.at(&path).cloned()
        } else {
            let mut found = donor.paths();
            found.retain(|(_, other)| *other == place);
            chosen(&found, random).and_then(|path| donor.at(&path)).cloned()
        };
        if let Some(taken) = taken {
            *document.at_mut(&path).unwrap() = taken;
        }
    }
}

/// Changes an input of a fuzz target by one or two operators: another input of at most `max` bytes, or `None` if `input` has no structure
/// or the other one is too long.
#[must_use]
pub fn change(input: &[u8], seed: u32, max: usize) -> Option<Vec<u8>> {
    let mut document = match input.first()? {
        b'{' | b'[' => Node::of_json(input),
        0x30 => Node::of_der(input),
        0x80..=0xdb => Node::of_cbor(input),
        _ => None,
    }?;
    let mut random = RandomBytes::new(mixed(u64::from(seed)));
    for _ in 0..=random.below(2) {
        Operator::choose(&mut random).apply(&mut document, &[], &mut random);
    }
    Some(document.encode()).filter(|changed| changed.len() <= max)
}

/// A seed whose bits depend on all bits of the number, and that is not 0 (the finalizer of SplitMix64).
pub(super) fn mixed(number: u64) -> u64 {
    let mut seed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    seed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    seed = (seed ^ seed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (seed ^ seed >> 31) | 1
}

fn chosen(places: &[(Path, Place)], random: &mut RandomBytes) -> Option<Path> {
    (!places.is_empty()).then(|| places[random.below(places.len())].0.clone())
}

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

fn rename(form: &mut Form, random: &mut RandomBytes) {
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

fn retype(node: &mut Node, random: &mut RandomBytes) {
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
fn alter(node: &mut Node, random: &mut RandomBytes) {
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
