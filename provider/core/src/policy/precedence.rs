//! Which rule applies to an image, including policies in which some rules have mistakes.

use std::collections::HashMap;
use std::sync::Arc;

use super::rule::DeclaredImages;
use super::rule::ImageSelector;
use crate::name::Repository;

/// The reason why a rule applies to a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It names the repository.
    Named,
    /// The repositories of the rule are uncertain, and no other rule names this repository.
    Possible,
    /// The rule has the scope `*`, and no other rule names the repository or may name it.
    All,
}

/// The table of precedence: the rule with the first of these claims applies, whether or not it is usable. Among rules
/// with the same claim, the first in the policy applies.
///
/// An uncertain rule precedes `*`, as it may name the repository. The verdict is then inconclusive, which never
/// admits more than the intended rule.
const PRECEDENCE: [Claim; 3] = [Claim::Named, Claim::Possible, Claim::All];

/// An ordered list of rules, with a lookup by image.
///
/// If two rules declare the same repository, the first is found; the parser of the document marks both as broken.
#[derive(Clone, Debug)]
pub struct Policy<R> {
    rules: Vec<R>,
    index: Arc<Index>,
}

/// The positions of rules in the list.
#[derive(Debug, Default)]
struct Index {
    by_repository: HashMap<Repository, usize>,
    for_all: Option<usize>,
    /// The first uncertain rule.
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
    /// Creates a policy from ordered rules, each with its images.
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

    /// All rules, in order.
    #[must_use]
    pub fn rules(&self) -> &[R] {
        &self.rules
    }

    /// The rule that applies to a repository by the table of precedence, and its claim.
    #[must_use]
    pub fn select(&self, repository: &Repository) -> Option<(&R, Claim)> {
        PRECEDENCE.into_iter().find_map(|claim| {
            let position = self.index.first(claim, repository)?;
            self.rules.get(position).map(|rule| (rule, claim))
        })
    }

    /// The scope that names a repository, as written in the policy, and its rule.
    #[must_use]
    pub fn named(&self, repository: &Repository) -> Option<(&Repository, &R)> {
        let (scope, position) = self.index.by_repository.get_key_value(repository)?;
        self.rules.get(*position).map(|rule| (scope, rule))
    }

    /// The same policy with every rule replaced by the result of `with`. The index is shared.
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

    /// The images of a rule in a test.
    #[derive(Clone, Copy, Debug)]
    enum Declared {
        Exact(&'static [&'static str]),
        Star,
        /// Uncertain, with the repositories that could be parsed.
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
        // A rule that names the image precedes all others, at any position.
        (&[Star, Exact(&[APP])], APP, Some((1, Claim::Named))),
        (&[Exact(&[APP]), Star], APP, Some((0, Claim::Named))),
        (&[Uncertain(&[]), Exact(&[APP])], APP, Some((1, Claim::Named))),
        (&[Uncertain(&[]), Star, Exact(&[APP])], APP, Some((2, Claim::Named))),
        (&[Star, Uncertain(&[APP])], APP, Some((1, Claim::Named))),
        // A rule that may name it precedes `*`.
        (&[Star, Uncertain(&[])], APP, Some((1, Claim::Possible))),
        (&[Uncertain(&[]), Star], APP, Some((0, Claim::Possible))),
        (&[Star, Uncertain(&[OTHER])], APP, Some((1, Claim::Possible))),
        (&[Exact(&[OTHER]), Star], APP, Some((1, Claim::All))),
        (&[Exact(&[OTHER]), Uncertain(&[THIRD]), Star], APP, Some((1, Claim::Possible))),
        (&[Exact(&[OTHER]), Uncertain(&[THIRD]), Star], OTHER, Some((0, Claim::Named))),
        (&[Exact(&[OTHER]), Uncertain(&[THIRD]), Star], THIRD, Some((1, Claim::Named))),
        // Of equal claims, the first in the policy applies.
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
            // Precedence does not depend on the value of the rule: mapped rules are found in the same way.
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
