//! The good documents that are changed, and how a changed one is judged.

use super::Kind;
use super::node::Node;

mod envelopes;
mod evidence;
mod lists;

/// A good document, and others of its kind whose parts are exchanged with its own. No other one is accepted in its place.
pub struct Case {
    /// The kind of the document.
    pub kind: Kind,
    /// What it is.
    pub name: String,
    /// The document.
    pub document: Node,
    /// Documents of its kind.
    pub others: Vec<Node>,
    /// Judges a changed document.
    pub judge: Box<dyn Fn(&Node) -> Outcome + Send + Sync>,
}

/// What became of a changed document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// It passed the outer parse: its own structure was read, and another check decided.
    pub parsed: bool,
    /// The verdict.
    pub verdict: Verdict,
}

/// See [`Outcome::verdict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not accepted.
    Refused,
    /// It is accepted as what it was, and means the same: see [`super::equal`].
    EqualMeaning,
    /// It is accepted although it means something else, or counts as an answer that nobody signed.
    Verified,
}

impl Verdict {
    /// Of a document that was accepted.
    fn accepted(equal: bool) -> Self {
        if equal { Self::EqualMeaning } else { Self::Verified }
    }
}

/// All cases of all kinds.
#[must_use]
pub fn all() -> Vec<Case> {
    let world = envelopes::World::new();
    let mut cases = envelopes::cases(&world);
    cases.extend(evidence::cases());
    cases.extend(lists::cases(&world));
    cases
}
