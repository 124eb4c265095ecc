//! The trust policy document, `trustpolicy.json` or `trustpolicy.oci.json`, version 1.0.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

use super::IdentityError;
use super::Scopes;
use super::Statement;
use super::StoreNameError;
use super::reader;
use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;
use crate::json;
use crate::json::JsonError;
use crate::limits;
use crate::name::ReferenceError;
use crate::name::Repository;

/// A trust policy: statements of which at most one applies to a repository.
#[derive(Clone, Debug)]
pub struct TrustPolicy {
    statements: Vec<Statement>,
    by_repository: HashMap<Repository, usize>,
    for_all: Option<usize>,
}

/// One mistake in a trust policy document, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// The name of the statement, or `#2` where it has none that can be read; none for the document itself.
    pub statement: Option<Excerpt>,
    /// The path of the member within the statement or document, `trustStores[0]`; empty for all of it.
    pub field: Text,
    pub problem: PolicyProblem,
}

/// See [`PolicyError`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyProblem {
    #[error("document has {found} bytes: want at most {}", limits::POLICY_BYTES)]
    TooLarge { found: usize },
    #[error("not one JSON document: {0}")]
    Json(JsonError),
    #[error("is {found}: want {wanted}")]
    Type { found: &'static str, wanted: &'static str },
    #[error("is missing: want {wanted}")]
    Missing { wanted: &'static str },
    #[error("is not known here: want {wanted}")]
    UnknownMember { wanted: &'static str },
    #[error("is {found:?}: want {wanted}")]
    Value { found: Excerpt, wanted: &'static str },
    #[error("is empty: want {wanted}")]
    Empty { wanted: &'static str },
    #[error("has {found} statements: want at most {}", limits::POLICY_STATEMENTS)]
    TooManyStatements { found: usize },
    #[error("has {found} entries: want at most {}", limits::STATEMENT_ENTRIES)]
    TooManyEntries { found: usize },
    #[error("is {found:?} as in an earlier statement: want a name of its own")]
    NameTwice { found: Excerpt },
    #[error("cannot be overridden: integrity is always enforced")]
    OverrideIntegrity,
    #[error("overrides level skip: want level strict, permissive or audit to override")]
    OverrideSkip,
    #[error("is present although the level is skip: want none, or another level")]
    BesideSkip,
    #[error("is * with level skip, which would admit every image unsigned: want the repositories to skip by name")]
    SkipAll,
    #[error("{0}")]
    Store(StoreNameError),
    #[error("names stores of type tsa only: want at least one of type ca or signingAuthority")]
    OnlyTimestampStores,
    #[error("{0}")]
    Identity(IdentityError),
    #[error("is {found:?}: want * alone, or host[:port]/repository ({error})")]
    Scope { found: Excerpt, error: ReferenceError },
    #[error("is * beside others: want * alone")]
    AllBesideOthers,
    #[error("is {found:?}, which statement {first:?} has already: want each scope once")]
    ScopeTwice { found: Excerpt, first: Excerpt },
}

impl std::error::Error for PolicyError {}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("trust policy")?;
        if let Some(statement) = &self.statement {
            write!(f, " statement {statement:?}")?;
        }
        if !self.field.as_str().is_empty() {
            write!(f, ", {}", self.field)?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl TrustPolicy {
    /// Reads a document. Unknown members are refused, since a misspelt one would silently weaken the policy.
    ///
    /// Scopes are written as [`Repository`] reads them, which takes bracketed IPv6 hosts too; nothing is expanded.
    ///
    /// # Errors
    /// All mistakes at once, in the order of the document; one if it cannot be read as JSON.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<PolicyError>> {
        let document = |problem| vec![PolicyError { statement: None, field: Text::default(), problem }];
        if bytes.len() > limits::POLICY_BYTES {
            return Err(document(PolicyProblem::TooLarge { found: bytes.len() }));
        }
        let value: Value =
            json::from_slice(bytes, &limits::POLICY_JSON).map_err(|error| document(PolicyProblem::Json(error)))?;
        let (statements, errors) = reader::document(&value);
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut policy = Self { statements, by_repository: HashMap::new(), for_all: None };
        for (index, statement) in policy.statements.iter().enumerate() {
            match &statement.scopes {
                Scopes::All => policy.for_all = Some(index),
                Scopes::Repositories(repositories) => {
                    policy.by_repository.extend(repositories.iter().map(|repository| (repository.clone(), index)));
                }
            }
        }
        Ok(policy)
    }

    /// In the order of the document.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The statement that names the repository, letter by letter, else the one with `*`.
    #[must_use]
    pub fn statement_for(&self, repository: &Repository) -> Option<&Statement> {
        let index = self.by_repository.get(repository).copied().or(self.for_all)?;
        self.statements.get(index)
    }
}
