//! Mistakes of a trust policy document.

use std::fmt;

use crate::codec::excerpt::Excerpt;
use crate::codec::json::JsonError;
use crate::codec::text::Text;
use crate::limits;
use crate::name::ReferenceError;
use crate::policy::identity::IdentityError;
use crate::policy::store_name::StoreNameError;

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
