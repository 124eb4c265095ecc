//! The trust policy document, `trustpolicy.json` or `trustpolicy.oci.json`, version 1.0.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::ByScope;
use super::DeclaredScopes;
use super::IdentityError;
use super::Statement;
use super::StoreNameError;
use super::reader;
use crate::codec::excerpt::Excerpt;
use crate::codec::json;
use crate::codec::json::JsonError;
use crate::codec::text::Text;
use crate::limits;
use crate::name::ReferenceError;

/// A trust policy: statements of which at most one applies to a repository. Statements with mistakes are among them, so
/// that nothing else applies where they would.
#[derive(Clone, Debug)]
pub struct TrustPolicy {
    entries: ByScope<PolicyEntry>,
    mistakes: Vec<PolicyError>,
}

/// One statement of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyEntry {
    Statement(Arc<Statement>),
    Broken(BrokenStatement),
}

/// A statement with mistakes. It has nothing by which a signature could be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenStatement {
    /// Its name, or `#2` where it has none that can be read.
    pub name: Arc<str>,
    pub scopes: DeclaredScopes,
    /// At least one; of many the last one says how many are left out. If another statement claims one of its scopes, that statement's mistake is here too.
    pub mistakes: Vec<PolicyError>,
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
    #[error("has {omitted} more mistakes")]
    More { omitted: usize },
    #[error("names {found} trust stores in all statements: want at most {}", limits::POLICY_STORES)]
    TooManyStores { found: usize },
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
    /// `scope` is what the earlier statement `first`, which may be the same, has; another spelling of `found` if it
    /// differs.
    #[error("is {found:?}, which statement {first:?} has already{}: want each scope once", spelling(found, scope))]
    ScopeTwice { found: Excerpt, scope: Excerpt, first: Excerpt },
}

fn spelling(found: &Excerpt, scope: &Excerpt) -> String {
    if found == scope { String::new() } else { format!(" as {scope:?}, the same place") }
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
        let (entries, mistakes) = reader::document(&value);
        match entries {
            Some(entries) => Ok(Self { entries: ByScope::new(entries), mistakes }),
            None => Err(mistakes),
        }
    }

    /// All statements, and which of them applies to a repository.
    #[must_use]
    pub fn entries(&self) -> &ByScope<PolicyEntry> {
        &self.entries
    }

    /// Those without mistakes, in the order of the document.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.entries.entries().iter().filter_map(|entry| match entry {
            PolicyEntry::Statement(statement) => Some(statement.as_ref()),
            PolicyEntry::Broken(_) => None,
        })
    }

    /// The mistakes of all statements, in the order of the document. Of many the last one says how many are left out.
    #[must_use]
    pub fn mistakes(&self) -> &[PolicyError] {
        &self.mistakes
    }
}

impl PolicyEntry {
    /// See [`Statement::name`] and [`BrokenStatement::name`].
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Statement(statement) => statement.name(),
            Self::Broken(statement) => &statement.name,
        }
    }
}
