//! The model of a rule.

use std::sync::Arc;

use super::notation_requirement::NotationRequirement;
use super::signature_scheme::SignatureScheme;
use super::store_name::StoreRef;
use crate::name::Digest;
use crate::name::Repository;

/// A rule for some images, such as a statement of a trust policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    name: Arc<str>,
    images: ImageSelector,
    decision: Decision,
    terms: Digest,
}

/// The images to which a rule applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageSelector {
    /// `*`: the images of every repository that no other rule names.
    All,
    /// The images of these repositories. Not empty.
    Repositories(Vec<Repository>),
}

/// The images to which a rule applies, as far as its declaration could be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeclaredImages {
    /// Exactly these images.
    Certain(ImageSelector),
    /// The declaration has a mistake, so the rule may apply to any repository. Has the repositories that could be
    /// parsed.
    Uncertain(Vec<Repository>),
}

/// The decision of a rule about its images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Images are admitted and nothing is fetched: level `skip`. Never with [`ImageSelector::All`].
    Skip,
    /// Images must have a signature that fulfils the requirement.
    Verify(Requirement),
}

/// A requirement, by signature scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// A signature of the Notary Project.
    Notation(Arc<NotationRequirement>),
}

impl Requirement {
    /// The scheme of the required signature.
    #[must_use]
    pub fn scheme(&self) -> SignatureScheme {
        match self {
            Self::Notation(_) => SignatureScheme::Notation,
        }
    }
}

impl Rule {
    /// Creates a rule. The name is not empty and unique in its policy. For `terms` see [`Self::terms`].
    #[must_use]
    pub fn new(name: Arc<str>, images: ImageSelector, decision: Decision, terms: Digest) -> Self {
        Self { name, images, decision, terms }
    }

    /// The name of the statement.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name, shared by all verdicts of the rule, as only the size of the document limits its length.
    #[must_use]
    pub fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// The images to which the rule applies.
    #[must_use]
    pub fn images(&self) -> &ImageSelector {
        &self.images
    }

    /// The decision about these images.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The digest of the declaration of the rule, name included, but without its images. Two rules with the same digest
    /// come to the same verdict about an image, with the same trust stores.
    #[must_use]
    pub fn terms(&self) -> &Digest {
        &self.terms
    }

    /// The trust stores of the rule, without duplicates, in the order of the policy.
    #[must_use]
    pub fn stores(&self) -> &[StoreRef] {
        match &self.decision {
            Decision::Skip => &[],
            Decision::Verify(Requirement::Notation(requirement)) => requirement.stores(),
        }
    }
}

impl DeclaredImages {
    /// The same images as uncertain: others may be meant as well.
    pub(super) fn uncertain(self) -> Self {
        match self {
            Self::Certain(ImageSelector::All) => Self::Uncertain(Vec::new()),
            Self::Certain(ImageSelector::Repositories(repositories)) | Self::Uncertain(repositories) => {
                Self::Uncertain(repositories)
            }
        }
    }
}
