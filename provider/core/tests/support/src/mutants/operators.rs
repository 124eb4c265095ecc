//! The changes: of bytes, of fields with the structure kept, and of meaning with parts of other documents.

#![allow(clippy::wildcard_enum_match_arm, reason = "a function has the operators of its group")]

use super::node::Form;
use super::node::Node;
use super::node::Path;
use super::node::Place;
use super::values::alter;
use super::values::rename;
use super::values::retype;
use crate::random_bytes::RandomBytes;

/// One change of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// Some of the parts of an element are those of another document.
    Mix,
    /// Any part of this or another document.
    Transplant,
}

impl Operator {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Flip,
        Self::Scramble,
        Self::Truncate,
        Self::Remove,
        Self::Repeat,
        Self::Reorder,
        Self::Rename,
        Self::Retype,
        Self::Alter,
        Self::Exchange,
        Self::Mix,
        Self::Transplant,
    ];

    /// As in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flip => "bit flipped",
            Self::Scramble => "ranges of bytes",
            Self::Truncate => "cut",
            Self::Remove => "part removed",
            Self::Repeat => "part repeated",
            Self::Reorder => "parts exchanged in order",
            Self::Rename => "renamed",
            Self::Retype => "another type",
            Self::Alter => "another value",
            Self::Exchange => "the same part of another document",
            Self::Mix => "some parts of another document",
            Self::Transplant => "any part of this or another document",
        }
    }

    /// Changes that are chosen often are there more than once: those of bytes seldom pass the outer parse.
    const CHOICE: [Self; 22] = [
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
        Self::Mix,
        Self::Mix,
        Self::Transplant,
        Self::Transplant,
    ];

    /// One of [`Self::CHOICE`].
    pub fn choose(random: &mut RandomBytes) -> Self {
        Self::CHOICE[random.below(Self::CHOICE.len())]
    }

    /// Changes `document`, and tells whether anything is different; `others` are documents of the same kind. A change that is not possible
    /// at the chosen place is none.
    pub fn apply(self, document: &mut Node, others: &[Node], random: &mut RandomBytes) -> bool {
        match self {
            Self::Flip | Self::Scramble | Self::Truncate => self.change_bytes(document, random),
            Self::Remove | Self::Repeat | Self::Reorder => self.change_order(document, random),
            Self::Rename | Self::Retype | Self::Alter => self.change_value(document, random),
            Self::Exchange | Self::Mix | Self::Transplant => self.take_over(document, others, random),
        }
    }

    /// Of the whole document or of something that is encoded in it.
    fn change_bytes(self, document: &mut Node, random: &mut RandomBytes) -> bool {
        let several = document.form == Form::Documents;
        let mut places = document.paths();
        places.retain(|(path, place)| *place == Place::Content && (!several || !path.is_empty()));
        if places.is_empty() {
            return false;
        }
        // Half of them of the whole.
        let index = random.below(2 * places.len()).saturating_sub(places.len());
        let node = document.at_mut(&places[index].0).unwrap();
        let before = node.encode();
        if before.is_empty() {
            return false;
        }
        let mut bytes = before.clone();
        let at = random.below(bytes.len());
        match self {
            Self::Truncate => bytes.truncate(at),
            Self::Scramble => bytes = random.scramble(&bytes),
            _ => bytes[at] ^= 1 << random.below(8),
        }
        let changed = bytes != before;
        if changed {
            *node = Node::leaf(Form::Bytes(bytes));
        }
        changed
    }

    fn change_order(self, document: &mut Node, random: &mut RandomBytes) -> bool {
        let mut places = document.paths();
        let least = if self == Self::Reorder { 2 } else { 1 };
        // A label and its value belong together.
        places.retain(|(path, _)| {
            let node = document.at(path).unwrap();
            node.parts.len() >= least && !matches!(node.form, Form::Pair | Form::Member(_))
        });
        let Some((path, _)) = mostly_whole(document, &places, random) else { return false };
        let parts = &mut document.at_mut(&path).unwrap().parts;
        let (one, other) = (random.below(parts.len()), random.below(parts.len()));
        match self {
            Self::Remove => drop(parts.remove(one)),
            Self::Repeat => parts.insert(other, parts[one].clone()),
            _ => {
                parts.swap(one, other);
                return parts[one] != parts[other];
            }
        }
        true
    }

    fn change_value(self, document: &mut Node, random: &mut RandomBytes) -> bool {
        let mut places = document.paths();
        places.retain(|(path, _)| {
            let form = &document.at(path).unwrap().form;
            match self {
                Self::Rename => matches!(form, Form::Member(_) | Form::Tag(_) | Form::Constructed(_)),
                _ => !matches!(form, Form::Member(_) | Form::Pair | Form::Documents),
            }
        });
        let Some((path, _)) = chosen(&places, random) else { return false };
        let node = document.at_mut(&path).unwrap();
        let before = node.encode();
        match self {
            Self::Rename => rename(&mut node.form, random),
            Self::Retype => retype(node, random),
            _ => alter(node, random),
        }
        node.encode() != before
    }

    /// Replaces a part by one of another document (or this one) that can be there: the outer parse still passes.
    fn take_over(self, document: &mut Node, others: &[Node], random: &mut RandomBytes) -> bool {
        let itself = document.clone();
        // The same part of the document itself is no change.
        let donor = match (self, random.below(others.len() + 1)) {
            (Self::Transplant, 0) => &itself,
            _ if others.is_empty() => &itself,
            _ => &others[random.below(others.len())],
        };
        let mut places = document.paths();
        if self == Self::Mix {
            places.retain(|(path, _)| document.at(path).unwrap().parts.len() >= 2);
        }
        let Some((path, place)) = mostly_whole(document, &places, random) else { return false };
        let taken = match self {
            Self::Exchange => donor.at(&path).cloned(),
            Self::Mix => donor.at(&path).and_then(|other| Some(mixed_parts(document.at(&path)?, other, random))),
            _ => {
                let mut found = donor.paths();
                found.retain(|(_, other)| *other == place);
                mostly_whole(donor, &found, random).and_then(|(path, _)| donor.at(&path)).cloned()
            }
        };
        let (Some(taken), Some(node)) = (taken, document.at_mut(&path)) else { return false };
        let changed = taken != *node;
        *node = taken;
        changed
    }
}

/// The element with some parts of the other one at their places.
fn mixed_parts(node: &Node, other: &Node, random: &mut RandomBytes) -> Node {
    let mut mixed = node.clone();
    for (part, other) in mixed.parts.iter_mut().zip(&other.parts) {
        if random.below(2) == 0 {
            *part = other.clone();
        }
    }
    mixed
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

/// One of the places. Of several documents mostly a whole one: a change in one of them seldom leaves all well-formed.
fn mostly_whole(document: &Node, places: &[(Path, Place)], random: &mut RandomBytes) -> Option<(Path, Place)> {
    let whole: Vec<_> = places.iter().filter(|(path, _)| path.len() <= 1).cloned().collect();
    let is_whole = document.form == Form::Documents && !whole.is_empty() && random.below(4) != 0;
    chosen(if is_whole { &whole } else { places }, random)
}

fn chosen(places: &[(Path, Place)], random: &mut RandomBytes) -> Option<(Path, Place)> {
    (!places.is_empty()).then(|| places[random.below(places.len())].clone())
}
