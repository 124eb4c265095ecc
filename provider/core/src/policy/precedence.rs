//! Which rule applies to an image, also where some rules have mistakes.

use std::collections::HashMap;
use std::sync::Arc;

use super::rule::DeclaredImages;
use super::rule::ImageSelector;
use crate::name::Repository;

/// Why a rule applies to a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It names the repository.
    Named,
    /// Which repositories it is for is uncertain, and no other rule names the repository.
    Possible,
    /// It has the scope `*`, and no other rule names the repository or may be meant to.
    All,
}

/// The table of precedence: the rule with the first of these claims applies, whether or not it can be used. Among rules
/// with the same claim it is the first of the policy.
///
/// An uncertain rule precedes `*`, as it may be meant to name the repository. Its images are then undecided, which never
/// admits more than the rule was meant to.
const PRECEDENCE: [Claim; 3] = [Claim::Named, Claim::Possible, Claim::All];

/// An ordered list of rules, found by the images that they are for.
///
/// Of two rules that declare the same repository the first is found; the reader of the document makes both unusable.
#[derive(Clone, Debug)]
pub struct Policy<R> {
    rules: Vec<R>,
    index: Arc<Index>,
}

/// Where in the list a rule is.
#[derive(Debug, Default)]
struct Index {
    by_repository: HashMap<Repository, usize>,
    for_all: Option<usize>,
    /// The first that is uncertain.
    uncertain: Option<usize>,
}

impl Index {
    /// The first rule that has the claim to a repository.
    fn first(&self, claim: Claim, repository: &Repository) -> Option<usize> {
        match claim {
            Claim::Named => self.by_repository.get(repository).copied(),
            Claim::Possible => self.uncertain,
            Claim::All => self.for_all,
        }
    }
}

impl<R> Policy<R> {
    /// The rules in their order, each with the images that it is for.
    pub(super) fn new(rules: impl IntoIterator<Item = (DeclaredImages, R)>) -> Self {
        let (mut list, mut index) = (Vec::new(), Index::default());
        for (images, rule) in rules {
            let position = list.len();
            let repositories = match images {
                DeclaredImages::Certain(ImageSelector::All) => {
                    index.for_all.get_or_insert(position);
                    Vec::new()
                }
                DeclaredImages::Certain(ImageSelector::Repositories(repositories)) => repositories,
                DeclaredImages::Uncertain(repositories) => {
                    index.uncertain.get_or_insert(position);
                    repositories
                }
            };
            for repository in repositories {
                index.by_repository.entry(repository).or_insert(position);
            }
            list.push(rule);
        }
        Self { rules: list, index: Arc::new(index) }
    }

    /// All, in their order.
    #[must_use]
    pub fn rules(&self) -> &[R] {
        &self.rules
    }

    /// The rule for the images of a repository, by the table of precedence, and its claim.
    #[must_use]
    pub fn select(&self, repository: &Repository) -> Option<(&R, Claim)> {
        PRECEDENCE.into_iter().find_map(|claim| {
            let position = self.index.first(claim, repository)?;
            self.rules.get(position).map(|rule| (rule, claim))
        })
    }

    /// The scope that names a repository, as the policy writes it, and its rule.
    #[must_use]
    pub fn named(&self, repository: &Repository) -> Option<(&Repository, &R)> {
        let (scope, position) = self.index.by_repository.get_key_value(repository)?;
        self.rules.get(*position).map(|rule| (scope, rule))
    }

    /// The same policy with every rule replaced by what `with` makes of it. What finds them is shared.
    pub fn map<U>(&self, with: impl FnMut(&R) -> U) -> Policy<U> {
        Policy { rules: self.rules.iter().map(with).collect(), index: Arc::clone(&self.index) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn repositories(list: &[&str]) -> Vec<Repository> {
        list.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// A rule as a test writes it.
    #[derive(Clone, Copy, Debug)]
    enum Declared {
        Exact(&'static [&'static str]),
        Star,
        /// With the repositories that could be read.
        Uncertain(&'static [&'static str]),
    }

    use Declared::Exact;
    use Declared::Star;
    use Declared::Uncertain;

    const APP: &str = "registry.example/app";
    const OTHER: &str = "registry.example/other";
    const THIRD: &str = "registry.example/third";

    /// The rules of a policy, an image, and the number of the rule that applies to it with its claim.
    type Row = (&'static [Declared], &'static str, Option<(usize, Claim)>);

    const TABLE: &[Row] = &[
        (&[], APP, None),
        (&[Exact(&[APP])], APP, Some((0, Claim::Named))),
        (&[Exact(&[APP])], OTHER, None),
        (&[Exact(&[OTHER, APP])], APP, Some((0, Claim::Named))),
        (&[Star], APP, Some((0, Claim::All))),
        (&[Uncertain(&[])], APP, Some((0, Claim::Possible))),
        (&[Uncertain(&[APP])], APP, Some((0, Claim::Named))),
        (&[Uncertain(&[APP])], OTHER, Some((0, Claim::Possible))),
        // A rule that names the image precedes all others, wherever it is in the list.
        (&[Star, Exact(&[APP])], APP, Some((1, Claim::Named))),
        (&[Exact(&[APP]), Star], APP, Some((0, Claim::Named))),
        (&[Uncertain(&[]), Exact(&[APP])], APP, Some((1, Claim::Named))),
        (&[Uncertain(&[]), Star, Exact(&[APP])], APP, Some((2, Claim::Named))),
        (&[Star, Uncertain(&[APP])], APP, Some((1, Claim::Named))),
        // A rule that may be meant to name it precedes `*`.
        (&[Star, Uncertain(&[])], APP, Some((1, Claim::Possible))),
        (&[Uncertain(&[]), Star], APP, Some((0, Claim::Possible))),
        (&[Star, Uncertain(&[OTHER])], APP, Some((1, Claim::Possible))),
        (&[Exact(&[OTHER]), Star], APP, Some((1, Claim::All))),
        (&[Exact(&[OTHER]), Uncertain(&[THIRD]), Star], APP, Some((1, Claim::Possible))),
        (&[Exact(&[OTHER]), Uncertain(&[THIRD]), Star], OTHER, Some((0, Claim::Named))),
        (&[Exact(&[OTHER]), Uncertain(&[THIRD]), Star], THIRD, Some((1, Claim::Named))),
        // Of equal claims the first of the policy.
        (&[Exact(&[APP]), Exact(&[APP])], APP, Some((0, Claim::Named))),
        (&[Uncertain(&[APP]), Exact(&[APP])], APP, Some((0, Claim::Named))),
        (&[Uncertain(&[OTHER]), Uncertain(&[THIRD])], APP, Some((0, Claim::Possible))),
        (&[Star, Star], APP, Some((0, Claim::All))),
    ];

    #[test]
    fn the_rule_with_the_first_claim_of_the_table_applies() {
        for (declared, image, expected) in TABLE {
            let images = declared.iter().map(|declared| match declared {
                Exact(list) => DeclaredImages::Certain(ImageSelector::Repositories(repositories(list))),
                Star => DeclaredImages::Certain(ImageSelector::All),
                Uncertain(list) => DeclaredImages::Uncertain(repositories(list)),
            });
            let policy = Policy::new(images.zip(0_usize..));
            let selected = policy.select(&image.parse().unwrap()).map(|(rule, claim)| (*rule, claim));
            assert_eq!(selected, *expected, "{declared:?} {image}");
            // Whether a rule can be used plays no part: what is made of the rules is found in the same places.
            let mapped = policy.map(|rule| rule + 100);
            let selected = mapped.select(&image.parse().unwrap()).map(|(rule, claim)| (rule - 100, claim));
            assert_eq!(selected, *expected, "{declared:?} {image}");
        }
    }

    #[test]
    fn a_scope_is_found_as_it_is_written() {
        let images = DeclaredImages::Certain(ImageSelector::Repositories(repositories(&["Registry.Example:0443/app"])));
        let policy = Policy::new([(images, ())]);
        let (scope, ()) = policy.named(&APP.parse().unwrap()).unwrap();
        assert_eq!(scope.to_string(), "Registry.Example:0443/app");
        assert_eq!(policy.named(&OTHER.parse().unwrap()), None);
    }
}
