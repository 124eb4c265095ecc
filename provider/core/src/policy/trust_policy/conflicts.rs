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
pub enum PolicyRule {
    /// Without mistakes.
    Usable(Arc<Rule>),
    /// With mistakes.
    Broken(BrokenRule),
}

/// A statement with mistakes. It has nothing by which a signature could be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRule {
    /// Its name, or `#2` where it has none that can be read.
    pub name: Arc<str>,
    /// Which images it is for, as far as that can be read.
    pub images: DeclaredImages,
    /// At least one; of many the last one says how many are left out. If another statement claims one of its scopes, that
    /// statement's mistake is here too.
    pub mistakes: Vec<PolicyError>,
}

impl PolicyRule {
    /// See [`Rule::name`] and [`BrokenRule::name`].
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Usable(rule) => rule.name(),
            Self::Broken(rule) => &rule.name,
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
pub(super) fn rules(mut statements: Vec<ReadStatement>, conflicts: Conflicts) -> Vec<(DeclaredImages, PolicyRule)> {
    for ((first, second), mistake) in conflicts {
        if first != second
            && let Some(read) = statements.get_mut(first)
        {
            read.rule = None;
            read.images = read.images.clone().uncertain();
            read.mistakes.push(limits::STATEMENT_MISTAKES, mistake);
        }
    }
    let rule = |read: ReadStatement| {
        let ReadStatement { name, images, rule, mistakes } = read;
        let rule = match rule {
            Some(rule) if mistakes.found() == 0 => PolicyRule::Usable(Arc::new(rule)),
            Some(_) | None => {
                let mistakes = mistakes.list(Some(&Excerpt::of(&name)));
                PolicyRule::Broken(BrokenRule { name, images: images.clone(), mistakes })
            }
        };
        (images, rule)
    };
    statements.into_iter().map(rule).collect()
}
