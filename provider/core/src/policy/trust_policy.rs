//! The trust policy document, `trustpolicy.json` or `trustpolicy.oci.json`, version 1.0, converted into the model.

mod conflicts;
mod fields;
mod mistakes;
mod problem;
mod reader;
mod verification;

use serde_json::Value;

pub use conflicts::BrokenStatement;
pub use conflicts::Statement;
pub use problem::PolicyError;
pub use problem::PolicyProblem;

use super::precedence::Policy;
use super::rule::Rule;
use crate::codec::json;
use crate::codec::text::Text;
use crate::limits;

/// A trust policy: statements of which at most one applies to a repository. Statements with mistakes are among them, so
/// that nothing else applies where they would.
#[derive(Clone, Debug)]
pub struct TrustPolicy {
    policy: Policy<Statement>,
    mistakes: Vec<PolicyError>,
}

impl TrustPolicy {
    /// Reads a document. Unknown members are refused, since a misspelt one would silently weaken the policy.
    ///
    /// Scopes are written as [`crate::name::Repository`] reads them, which takes bracketed IPv6 hosts too, and compared by
    /// place.
    ///
    /// A mistake within one statement makes it a [`BrokenStatement`] and leaves the others as they are. Two statements that
    /// claim the same repository are both broken, and their scopes are not known: one of them is meant for another one.
    ///
    /// # Errors
    /// The mistakes, as [`Self::mistakes`] has them, if one of them is about the document as a whole: it is no JSON,
    /// has another version or an unknown member, too many statements or stores, two statements of the same name or two
    /// for all repositories.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<PolicyError>> {
        let document = |problem| vec![PolicyError { statement: None, field: Text::default(), problem }];
        if bytes.len() > limits::POLICY_BYTES {
            return Err(document(PolicyProblem::TooLarge { found: bytes.len() }));
        }
        let value: Value =
            json::from_slice(bytes, &limits::POLICY_JSON).map_err(|error| document(PolicyProblem::Json(error)))?;
        let (statements, mistakes) = reader::document(&value);
        match statements {
            Some(statements) => Ok(Self { policy: Policy::new(statements), mistakes }),
            None => Err(mistakes),
        }
    }

    /// All statements, and which of them applies to a repository.
    #[must_use]
    pub fn policy(&self) -> &Policy<Statement> {
        &self.policy
    }

    /// Those without mistakes, in the order of the document.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.policy.rules().iter().filter_map(|statement| match statement {
            Statement::Usable(rule) => Some(rule.as_ref()),
            Statement::Broken(_) => None,
        })
    }

    /// The mistakes of all statements, in the order of the document. Of many the last one says how many are left out.
    #[must_use]
    pub fn mistakes(&self) -> &[PolicyError] {
        &self.mistakes
    }
}
