//! Parses the trust policy document, `trustpolicy.json` or `trustpolicy.oci.json`, version 1.0, and converts it into
//! the policy model.

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

/// A trust policy: statements, of which at most one applies to a repository. Includes statements with mistakes, so
/// that no other statement applies in their place.
#[derive(Clone, Debug)]
pub struct TrustPolicy {
    policy: Policy<Statement>,
    mistakes: Vec<PolicyError>,
}

/// Written by some editors at the start of a file in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl TrustPolicy {
    /// Parses a document, perhaps with a byte order mark. Unknown members are refused, as a misspelt one would silently weaken the policy.
    ///
    /// Scopes have the syntax of [`crate::name::Repository`], including bracketed IPv6 hosts, and are compared by
    /// server and path.
    ///
    /// A mistake within one statement makes it a [`BrokenStatement`] and does not affect the others. Two statements
    /// with the same repository are both broken and their scopes uncertain, as one of them is meant for another
    /// repository.
    ///
    /// # Errors
    /// All mistakes, as in [`Self::mistakes`], if one of them concerns the document as a whole: invalid JSON, another
    /// version, an unknown member, too many statements or stores, two statements with the same name, or two for all
    /// repositories.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<PolicyError>> {
        let document = |line, problem| vec![PolicyError { statement: None, field: Text::default(), line, problem }];
        if bytes.len() > limits::POLICY_BYTES {
            return Err(document(0, PolicyProblem::TooLarge { found: bytes.len() }));
        }
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let value: Value = json::from_slice(bytes, &limits::POLICY_JSON)
            .map_err(|error| document(error.line(), PolicyProblem::Json(error)))?;
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let (statements, mistakes) = reader::document(&value, text);
        match statements {
            Some(statements) => Ok(Self { policy: Policy::new(statements), mistakes }),
            None => Err(mistakes),
        }
    }

    /// All statements, with the lookup by repository.
    #[must_use]
    pub fn policy(&self) -> &Policy<Statement> {
        &self.policy
    }

    /// The rules of statements without mistakes, in the order of the document.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.policy.rules().iter().filter_map(|statement| match statement {
            Statement::Usable(rule) => Some(rule.as_ref()),
            Statement::Broken(_) => None,
        })
    }

    /// The mistakes of all statements, in the order of the document. If there are too many, the last one has the
    /// number of omitted mistakes.
    #[must_use]
    pub fn mistakes(&self) -> &[PolicyError] {
        &self.mistakes
    }
}
