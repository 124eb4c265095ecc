//! What becomes of the statements of a document, once all of them are read.

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
    /// Without mistakes.
    Usable(Arc<Rule>),
    /// With mistakes.
    Broken(BrokenStatement),
}

/// A statement with mistakes. It has nothing by which a signature could be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenStatement {
    /// Its name, or `#2` where it has none that can be read.
    pub name: Arc<str>,
    /// Which images it is for, as far as that can be read.
    pub images: DeclaredImages,
    /// At least one; of many the last one says how many are left out. If another statement claims one of its scopes, that
    /// statement's mistake is here too.
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

/// One statement as far as it could be read.
pub(super) struct ReadStatement {
    pub(super) name: Arc<str>,
    pub(super) images: DeclaredImages,
    /// If everything in it could be read.
    pub(super) rule: Option<Rule>,
    pub(super) mistakes: Mistakes,
}

/// Two statements with a scope in common, by their numbers, in the order of the document. The mistake is in the list of the
/// second.
pub(super) type Conflicts = BTreeMap<(usize, usize), PolicyError>;

/// The statements without mistakes, and the others. Of statements with a scope in common none can be used, and none of them
/// has certain scopes: one was meant for another repository.
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
            Some(rule) if mistakes.found() == 0 => Statement::Usable(Arc::new(rule)),
            Some(_) | None => {
                let mistakes = mistakes.list(Some(&Excerpt::of(&name)));
                Statement::Broken(BrokenStatement { name, images: images.clone(), mistakes })
            }
        };
        (images, statement)
    };
    statements.into_iter().map(statement).collect()
}
