//! The good documents that are changed, and how a changed one is judged.

use countersign_core::evidence::EvidenceRequest;
use countersign_core::evidence::EvidenceResponse;
use countersign_core::notation::EnvelopeFormat;
use countersign_core::verdict::Code;

use super::Kind;
use super::node::Node;
use crate::judge::Judge;
use crate::judge::Prepared;

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
    /// It is accepted, and means the same as the original (an answer about revocation: as one that its authority signed): see
    /// [`super::equal`].
    EqualMeaning,
    /// It is accepted although it means something else, or counts as an answer without a signature of its authority.
    Verified,
}

impl Verdict {
    /// Of a document that was accepted.
    fn accepted(equal: bool) -> Self {
        if equal { Self::EqualMeaning } else { Self::Verified }
    }
}

/// Who judges. All but the product are wrong, and show that the counts notice it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verifier {
    /// The product.
    Product,
    /// Verifies each envelope.
    AcceptsEverything,
    /// The product, with trust stores that also have the roots of others.
    TrustsOthers,
    /// The product, with a statement for any signer.
    AnyIdentity,
}

/// A verifier and what it verifies.
struct Judging {
    prepared: Prepared,
    verifier: Verifier,
}

impl Judging {
    fn new(judge: &Judge, verifier: Verifier) -> Self {
        Self { prepared: judge.prepare(), verifier }
    }

    /// # Errors
    /// The code of the first reason against the envelope.
    fn ask(
        &self,
        envelope: &[u8],
        format: EnvelopeFormat,
        response: impl Fn(&EvidenceRequest) -> EvidenceResponse + Copy,
    ) -> Result<(), Code> {
        match self.verifier {
            Verifier::AcceptsEverything => Ok(()),
            Verifier::Product | Verifier::TrustsOthers | Verifier::AnyIdentity => {
                let asked = self.prepared.ask(envelope, format, response);
                asked.map(|_| ()).map_err(|failure| failure.reasons.first().code)
            }
        }
    }
}

/// All cases of all kinds, judged by the product.
#[must_use]
pub fn all() -> Vec<Case> {
    all_by(Verifier::Product)
}

/// All cases of all kinds.
#[must_use]
pub fn all_by(verifier: Verifier) -> Vec<Case> {
    let world = envelopes::World::new(verifier);
    let mut cases = envelopes::cases(&world);
    cases.extend(evidence::cases(verifier));
    cases.extend(lists::cases(&world));
    cases
}
