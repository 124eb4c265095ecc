//! The model of a rule.

use std::sync::Arc;

use super::notation_requirement::NotationRequirement;
use super::store_name::StoreRef;
use crate::name::Repository;

/// What holds for some images: a statement of a trust policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    name: Arc<str>,
    images: ImageSelector,
    decision: Decision,
}

/// Which images a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageSelector {
    /// `*`: the images of every repository that no other rule names.
    All,
    /// The images of these repositories, which are compared by place; at least one.
    Repositories(Vec<Repository>),
}

/// Which images a rule is for, as far as its declaration can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeclaredImages {
    /// Exactly these.
    Certain(ImageSelector),
    /// The declaration has a mistake, so that it may be meant for any repository. Those that could be read are here.
    Uncertain(Vec<Repository>),
}

/// What a rule decides about its images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Images are admitted and nothing is fetched: level `skip`. Never with [`ImageSelector::All`].
    Skip,
    /// Images must have a signature that meets the requirement.
    Verify(Requirement),
}

/// What a signature must meet, by the scheme of the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// A signature of the Notary Project.
    Notation(Arc<NotationRequirement>),
}

impl Rule {
    /// The rule of that name, which is not empty and unique in its policy.
    #[must_use]
    pub fn new(name: Arc<str>, images: ImageSelector, decision: Decision) -> Self {
        Self { name, images, decision }
    }

    /// The name of the statement.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name, shared by all verdicts of the rule: nothing bounds its length but that of the document.
    #[must_use]
    pub fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Which images it is for.
    #[must_use]
    pub fn images(&self) -> &ImageSelector {
        &self.images
    }

    /// What it decides about them.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The trust stores that it names, each once, in the order of the policy.
    #[must_use]
    pub fn stores(&self) -> &[StoreRef] {
        match &self.decision {
            Decision::Skip => &[],
            Decision::Verify(Requirement::Notation(requirement)) => requirement.stores(),
        }
    }
}

impl DeclaredImages {
    /// The same images, perhaps with others beside them.
    pub(super) fn uncertain(self) -> Self {
        match self {
            Self::Certain(ImageSelector::All) => Self::Uncertain(Vec::new()),
            Self::Certain(ImageSelector::Repositories(repositories)) | Self::Uncertain(repositories) => {
                Self::Uncertain(repositories)
            }
        }
    }
}
