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

/// One mistake in a trust policy document, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// The name of the statement, or `#2` where it has none that can be read; none for the document itself.
    pub statement: Option<Excerpt>,
    /// The path of the member within the statement or document, `trustStores[0]`; empty for all of it.
    pub field: Text,
    /// What is wrong.
    pub problem: PolicyProblem,
}

/// See [`PolicyError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyProblem {
    /// More bytes than [`limits::POLICY_BYTES`].
    TooLarge {
        /// What was found.
        found: usize,
    },
    /// Not the JSON that was expected.
    Json(JsonError),
    /// A value of another type.
    Type {
        /// What was found.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// A member that must be there.
    Missing {
        /// What was expected.
        expected: &'static str,
    },
    /// A member that could be a misspelt one.
    UnknownMember {
        /// What was expected.
        expected: &'static str,
    },
    /// A value that is not known.
    Value {
        /// What was found.
        found: Excerpt,
        /// What was expected.
        expected: &'static str,
    },
    /// Nothing where something must be.
    Empty {
        /// What was expected.
        expected: &'static str,
    },
    /// More statements than [`limits::POLICY_STATEMENTS`].
    TooManyStatements {
        /// What was found.
        found: usize,
    },
    /// Mistakes that are not listed.
    More {
        /// How many are left out.
        omitted: usize,
    },
    /// More trust stores than [`limits::POLICY_STORES`].
    TooManyStores {
        /// What was found.
        found: usize,
    },
    /// More entries than [`limits::STATEMENT_ENTRIES`].
    TooManyEntries {
        /// What was found.
        found: usize,
    },
    /// A name that two statements have.
    NameTwice {
        /// What was found.
        found: Excerpt,
    },
    /// An override of integrity, which is always enforced.
    OverrideIntegrity,
    /// An override of a level that verifies nothing.
    OverrideSkip,
    /// Stores or identities beside a level that verifies nothing.
    BesideSkip,
    /// A level that verifies nothing, for every image.
    SkipAll,
    /// A trust store that cannot be named so.
    Store(StoreNameError),
    /// Stores of which none is for signers.
    OnlyTimestampStores,
    /// A trusted identity that cannot be read.
    Identity(IdentityError),
    /// A scope that is none.
    Scope {
        /// What was found.
        found: Excerpt,
        /// What is wrong.
        error: ReferenceError,
    },
    /// `*` in a list.
    AllBesideOthers,
    /// `scope` is what the earlier statement `first`, which may be the same, has; another spelling of `found` if it
    /// differs.
    ScopeTwice {
        /// What was found.
        found: Excerpt,
        /// The scope as the earlier statement has it.
        scope: Excerpt,
        /// The first of the two.
        first: Excerpt,
    },
}

impl Mismatched for PolicyProblem {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::TooLarge { found } => Mismatch::new(format_args!("document: found {found} bytes"))
                .expecting(format_args!("at most {}", limits::POLICY_BYTES)),
            Self::Json(error) => Mismatch::new(format_args!("not one JSON document: {error}")),
            Self::Type { found, expected } => Mismatch::new(format_args!("found {found}")).expecting(expected),
            Self::Missing { expected } => Mismatch::new("is missing").expecting(expected),
            Self::UnknownMember { expected } => Mismatch::new("is unknown").expecting(expected),
            Self::Value { found, expected } => Mismatch::new(format_args!("found {found:?}")).expecting(expected),
            Self::Empty { expected } => Mismatch::new("is empty").expecting(expected),
            Self::TooManyStatements { found } => Mismatch::new(format_args!("found {found} statements"))
                .expecting(format_args!("at most {}", limits::POLICY_STATEMENTS)),
            Self::More { omitted } => Mismatch::new(format_args!("has {omitted} more mistakes")),
            Self::TooManyStores { found } => {
                Mismatch::new(format_args!("found {found} trust stores in all statements"))
                    .expecting(format_args!("at most {}", limits::POLICY_STORES))
            }
            Self::TooManyEntries { found } => Mismatch::new(format_args!("found {found} entries"))
                .expecting(format_args!("at most {}", limits::STATEMENT_ENTRIES)),
            Self::NameTwice { found } => Mismatch::new(format_args!("found {found:?}, which an earlier statement has"))
                .expecting("a unique name"),
            Self::OverrideIntegrity => Mismatch::new("cannot be overridden; integrity is always enforced"),
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
