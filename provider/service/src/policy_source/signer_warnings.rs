//! Warnings about statements for signatures of AWS Signer: those whose revocation status is not requested with the section `aws` of
//! the configuration, and those that no signature of AWS Signer matches.

use countersign_core::name::Partition;
use countersign_core::name::SignerIdentity;
use countersign_core::policy::Action;
use countersign_core::policy::Decision;
use countersign_core::policy::Identities;
use countersign_core::policy::Identity;
use countersign_core::policy::NotationRequirement;
use countersign_core::policy::Requirement;
use countersign_core::policy::RevocationAction;
use countersign_core::policy::SignerRoot;
use countersign_core::policy::StoreKind;

use super::LoadedPolicy;
use super::PolicyWarning;
use super::StatementState;
use super::StoreOutline;
use super::UsableStatement;
use crate::config::Aws;

/// The organization in the subjects of all certificates of AWS Signer.
const ORGANIZATION: &str = "AWS";

impl LoadedPolicy {
    /// The warnings about the statements in their order, if `aws` is the section of the configuration.
    #[must_use]
    pub fn signer_warnings(&self, aws: &Aws) -> Vec<PolicyWarning> {
        let statements = self.statements().iter().flat_map(|statement| match statement {
            StatementState::Usable(statement) => of_statement(statement, aws),
            StatementState::Disabled(_) => Vec::new(),
        });
        statements.collect()
    }
}

fn of_statement(statement: &UsableStatement, aws: &Aws) -> Vec<PolicyWarning> {
    let requirement = match statement.decision() {
        Decision::Skip => return Vec::new(),
        Decision::Verify(Requirement::Notation(requirement)) => requirement,
    };
    // AWS Signer is a signing authority: without such a store, there is a warning about each of its names.
    if requirement.stores_of(StoreKind::SigningAuthority).next().is_none() {
        return Vec::new();
    }
    let signers: Vec<&SignerIdentity> = match requirement.identities() {
        Identities::Any => Vec::new(),
        Identities::Listed(list) => list.iter().filter_map(Identity::signer).collect(),
    };
    if signers.is_empty() {
        return without_profiles(statement, requirement).into_iter().collect();
    }
    let name = || statement.name().to_owned();
    let (effect, instead) = match requirement.level().revocation {
        RevocationAction::Enforce => (
            "its images are inconclusive as signer-service-unchecked",
            "log, which admits them with that warning, or skip, which admits them without one",
        ),
        RevocationAction::Log => (
            "its images are admitted with the warning signer-service-unchecked, revoked signatures included",
            "skip, which admits them without the warning",
        ),
        RevocationAction::Skip => return Vec::new(),
    };
    if !aws.signer.enabled {
        return vec![PolicyWarning::SignerNotEnabled { statement: name(), effect, instead }];
    }
    let mut warnings = Vec::new();
    let mut warned: Vec<Partition> = Vec::new();
    for signer in signers {
        // Otherwise, no signature has the identity, and there is a warning about that.
        let Some(partition) = Partition::named(signer.partition_name()) else { continue };
        if signer.impossible_part().is_some() || aws.partitions.contains(&partition) || warned.contains(&partition) {
            continue;
        }
        warned.push(partition);
        warnings.push(PolicyWarning::SignerPartitionNotCalled {
            statement: name(),
            identity: signer.as_str().to_owned(),
            partition,
            called: aws.partitions.iter().map(|partition| partition.as_str()).collect::<Vec<_>>().join(", "),
            effect,
        });
    }
    warnings
}

/// A statement that trusts the certificates of AWS Signer, by their root or subject, and none of its signing profiles.
fn without_profiles(statement: &UsableStatement, requirement: &NotationRequirement) -> Option<PolicyWarning> {
    match requirement.level().authenticity {
        Action::Enforce => {}
        // Then every signer is admitted.
        Action::Log => return None,
    }
    let subject = match requirement.identities() {
        Identities::Any => None,
        Identities::Listed(list) => {
            list.iter().filter_map(Identity::subject).find(|subject| subject.attribute("O") == Some(ORGANIZATION))
        }
    };
    let stores = statement.stores().into_iter().filter(|store| store.reference().kind == StoreKind::SigningAuthority);
    let certificates: Vec<_> = stores.flat_map(|store| StoreOutline::from(store).certificates).collect();
    let root = root_of(certificates.iter().map(|certificate| certificate.fingerprint.as_str()));
    let found = match (subject, root) {
        (Some(subject), _) => format!("the identity {:?}", subject.as_str()),
        (None, Some(root)) => root.description().to_owned(),
        (None, None) => return None,
    };
    Some(PolicyWarning::NoSigningProfiles { statement: statement.name().to_owned(), found })
}

/// The first root of AWS Signer among these certificates.
fn root_of<'a>(mut fingerprints: impl Iterator<Item = &'a str>) -> Option<SignerRoot> {
    fingerprints.find_map(|fingerprint| match SignerRoot::of(fingerprint) {
        root @ (SignerRoot::Commercial | SignerRoot::GovCloud) => Some(root),
        SignerRoot::Unknown => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roots_of_aws_signer_are_found_by_their_fingerprints() {
        let [commercial, gov_cloud] = ["aws", "aws-us-gov"].map(|name| SignerRoot::fingerprint_for(name).unwrap_or(""));
        let unknown = "0".repeat(64);
        assert_eq!(root_of([unknown.as_str(), gov_cloud, commercial].into_iter()), Some(SignerRoot::GovCloud));
        assert_eq!(root_of([commercial].into_iter()), Some(SignerRoot::Commercial));
        assert_eq!(root_of([unknown.as_str()].into_iter()), None);
        assert_eq!(SignerRoot::fingerprint_for("aws-cn"), None);
    }
}
