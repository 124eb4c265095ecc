//! Decides which statements of a document are usable, after all of them are parsed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::mistakes::Mistakes;
use super::problem::PolicyError;
use crate::codec::excerpt::Excerpt;
use crate::limits;
use crate::policy::rule::DeclaredImages;
use crate::policy::rule::Rule;

/// One statement of a trust policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// A statement without mistakes.
    Usable(Arc<Rule>),
    /// A statement with mistakes.
    Broken(BrokenStatement),
}

/// A statement with mistakes. It has no requirements, so it cannot accept a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenStatement {
    /// The name of the statement, or for example `#2` without a readable name.
    pub name: Arc<str>,
    /// The images to which it applies, as far as they could be parsed.
    pub images: DeclaredImages,
    /// The mistakes, not empty. If there are too many, the last one has the number of omitted mistakes. If another
    /// statement has one of its scopes, the mistake of that statement is included.
    pub mistakes: Vec<PolicyError>,
}

impl Statement {
    /// See [`Rule::name`] and [`BrokenStatement::name`].
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Usable(rule) => rule.name(),
            Self::Broken(statement) => &statement.name,
        }
    }
}

/// One statement, as far as it could be parsed.
pub(super) struct ReadStatement {
    pub(super) name: Arc<str>,
    pub(super) images: DeclaredImages,
    /// The rule, if the whole statement could be parsed.
    pub(super) rule: Option<Rule>,
    pub(super) mistakes: Mistakes,
}

/// Pairs of statements with a common scope, by their numbers in the document. The mistake is in the list of the
/// second one.
pub(super) type Conflicts = BTreeMap<(usize, usize), PolicyError>;

/// Returns all statements, each usable or broken. Statements with a common scope are broken and their scopes
/// uncertain, as one of them is meant for another repository.
pub(super) fn usable_or_broken(
    mut statements: Vec<ReadStatement>,
    conflicts: Conflicts,
) -> Vec<(DeclaredImages, Statement)> {
    for ((first, second), mistake) in conflicts {
        if first != second
            && let Some(read) = statements.get_mut(first)
        {
            read.rule = None;
            read.images = read.images.clone().uncertain();
            read.mistakes.push(limits::STATEMENT_MISTAKES, mistake);
        }
    }
    let statement = |read: ReadStatement| {
        let ReadStatement { name, images, rule, mistakes } = read;
        let statement = match rule {
            Some(rule) if mistakes.total() == 0 => Statement::Usable(Arc::new(rule)),
            Some(_) | None => {
                let mistakes = mistakes.list(Some(&Excerpt::of(&name)));
                Statement::Broken(BrokenStatement { name, images: images.clone(), mistakes })
            }
        };
        (images, statement)
    };
    statements.into_iter().map(statement).collect()
}
