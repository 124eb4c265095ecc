//! Mistakes of a trust policy document.

use std::fmt;

use crate::codec::excerpt::Excerpt;
use crate::codec::json::JsonError;
use crate::codec::mismatch::Mismatch;
use crate::codec::mismatch::Mismatched;
use crate::codec::mismatch::mismatch_error;
use crate::codec::text::Text;
use crate::limits;
use crate::name::ReferenceError;
use crate::policy::identity_error::IdentityError;
use crate::policy::store_name::StoreNameError;

/// One mistake in a trust policy document, with its location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// The name of the statement, or for example `#2` without a readable name; `None` for the document itself.
    pub statement: Option<Excerpt>,
    /// The path of the member within the statement or document, `trustStores[0]`; empty for the whole.
    pub field: Text,
    /// The line of the document, counted from 1; 0 if the mistake has no line.
    pub line: u64,
    /// The cause.
    pub problem: PolicyProblem,
}

/// See [`PolicyError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyProblem {
    /// More bytes than [`limits::POLICY_BYTES`].
    TooLarge {
        /// The size in bytes.
        found: usize,
    },
    /// The JSON is invalid.
    Json(JsonError),
    /// The value has the wrong type.
    Type {
        /// The JSON type of the value.
        found: &'static str,
        /// The JSON type that it must have.
        expected: &'static str,
    },
    /// A required member is missing.
    Missing {
        /// A description of the allowed values.
        expected: &'static str,
    },
    /// An unknown member, which may be a misspelt one.
    UnknownMember {
        /// A description of the known members.
        expected: &'static str,
    },
    /// An unknown value.
    Value {
        /// The value as written.
        found: Excerpt,
        /// A description of the allowed values.
        expected: &'static str,
    },
    /// An empty value.
    Empty {
        /// A description of the allowed values.
        expected: &'static str,
    },
    /// More statements than [`limits::POLICY_STATEMENTS`].
    TooManyStatements {
        /// The number of statements.
        found: usize,
    },
    /// Omitted mistakes.
    More {
        /// The number of omitted mistakes.
        omitted: usize,
    },
    /// More trust stores than [`limits::POLICY_STORES`].
    TooManyStores {
        /// The number of stores.
        found: usize,
    },
    /// More entries than [`limits::STATEMENT_ENTRIES`].
    TooManyEntries {
        /// The number of entries.
        found: usize,
    },
    /// Two statements have the same name.
    NameTwice {
        /// The name as written.
        found: Excerpt,
    },
    /// An override of integrity, which is always enforced.
    OverrideIntegrity,
    /// An override of level `skip`.
    OverrideSkip,
    /// Trust stores or identities in a statement of level `skip`.
    BesideSkip,
    /// Level `skip` with the scope `*`.
    SkipAll,
    /// An invalid reference to a trust store.
    Store(StoreNameError),
    /// All stores are of kind `tsa`.
    OnlyTimestampStores,
    /// An invalid trusted identity.
    Identity(IdentityError),
    /// An invalid scope.
    Scope {
        /// The scope as written.
        found: Excerpt,
        /// The cause.
        error: ReferenceError,
    },
    /// `*` in a list.
    AllBesideOthers,
    /// A duplicate scope: the statement `first`, possibly the same one, has it as `scope`, which may be another
    /// spelling of `found`.
    ScopeTwice {
        /// The scope as written.
        found: Excerpt,
        /// The scope as written in the earlier statement.
        scope: Excerpt,
        /// The earlier of the two.
        first: Excerpt,
    },
}

impl Mismatched for PolicyProblem {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::TooLarge { found } => Mismatch::new(format_args!("document: found {found} bytes"))
                .expecting(format_args!("at most {}", limits::POLICY_BYTES)),
            Self::Json(error) => Mismatch::new(format_args!("not one JSON document: {error}"))
                .expecting("a trust policy document in JSON"),
            Self::Type { found, expected } => Mismatch::new(format_args!("found {found}")).expecting(expected),
            Self::Missing { expected } => Mismatch::new("is missing").expecting(expected),
            Self::UnknownMember { expected } => Mismatch::new("is unknown").expecting(expected),
            Self::Value { found, expected } => Mismatch::new(format_args!("found {found:?}")).expecting(expected),
            Self::Empty { expected } => Mismatch::new("is empty").expecting(expected),
            Self::TooManyStatements { found } => Mismatch::new(format_args!("found {found} statements"))
                .expecting(format_args!("at most {}", limits::POLICY_STATEMENTS)),
            Self::More { omitted } => Mismatch::new(format_args!("has {omitted} more mistakes"))
                .expecting("the mistakes above to be corrected first"),
            Self::TooManyStores { found } => {
                Mismatch::new(format_args!("found {found} trust stores in all statements"))
                    .expecting(format_args!("at most {}", limits::POLICY_STORES))
            }
            Self::TooManyEntries { found } => Mismatch::new(format_args!("found {found} entries"))
                .expecting(format_args!("at most {}", limits::STATEMENT_ENTRIES)),
            Self::NameTwice { found } => Mismatch::new(format_args!("found {found:?}, which an earlier statement has"))
                .expecting("a unique name"),
            Self::OverrideIntegrity => Mismatch::new("cannot be overridden; integrity is always enforced")
                .expecting("no override of integrity"),
            Self::OverrideSkip => {
                Mismatch::new("found an override of level skip").expecting("level strict, permissive or audit")
            }
            Self::BesideSkip => {
                Mismatch::new("found a value although the level is skip").expecting("none, or another level")
            }
            Self::SkipAll => Mismatch::new("found * with level skip, which would admit every unsigned image")
                .expecting("the names of the repositories to skip"),
            Self::Store(error) => error.mismatch(),
            Self::OnlyTimestampStores => {
                Mismatch::new("found only stores of type tsa").expecting("at least one of type ca or signingAuthority")
            }
            Self::Identity(error) => error.mismatch(),
            Self::Scope { found, error } => Mismatch::new(format_args!("found {found:?}"))
                .expecting(format_args!("* alone, or host[:port]/repository ({error})")),
            Self::AllBesideOthers => Mismatch::new("found * with other scopes").expecting("* alone"),
            Self::ScopeTwice { found, scope, first } => Mismatch::new(format_args!(
                "found {found:?}, which statement {first:?} already has{}",
                spelling(found, scope)
            ))
            .expecting("each scope once"),
        }
    }
}

mismatch_error!(PolicyProblem);

fn spelling(found: &Excerpt, scope: &Excerpt) -> String {
    if found == scope { String::new() } else { format!(" as {scope:?}, the same repository") }
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
