//! Warnings about a trust policy and its stores: valid, but probably not intended.

use std::time::Duration;

use countersign_core::name::Partition;
use countersign_core::name::SignerIdentity;
use countersign_core::policy::Action;
use countersign_core::policy::Decision;
use countersign_core::policy::Identities;
use countersign_core::policy::Identity;
use countersign_core::policy::Level;
use countersign_core::policy::NotationRequirement;
use countersign_core::policy::Requirement;
use countersign_core::policy::Rule;
use countersign_core::policy::Store;
use countersign_core::policy::StoreKind;
use countersign_core::policy::StoreRef;
use countersign_core::time::UnixTime;
use countersign_core::x509::CertificateSummary;

use super::LoadedPolicy;
use super::StatementState;
use super::StoreOutline;
use super::StoreState;
use super::review::identity;

/// Maximum number of names of sub-directories in one warning.
const SHOWN_NAMES: usize = 5;

/// A warning about a policy or its stores.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyWarning {
    #[error(
        "statement {statement:?} trusts every customer of the signing service in the signing authority store \
         {store}; name identities, unless the service signs only for you; signatures of AWS Signer are rejected without the ARN of \
         a signing profile"
    )]
    EveryCustomer { statement: String, store: String },
    #[error("statement {statement:?} has the identity {identity:?}, which no signer matches: {why}")]
    IdentityNeverMatches { statement: String, identity: String, why: String },
    #[error(
        "statement {statement:?} has verifyTimestamp {written:?} and no tsa trust store, so that timestamps are not \
         used: signatures are refused after the end of their certificates; add tsa:<name> to trustStores"
    )]
    TimestampsNotUsed { statement: String, written: &'static str },
    #[error("statement {statement:?} only logs authenticity, so that a signature by anyone admits an image")]
    AnybodyCounts { statement: String },
    #[error(
        "trust store {store} has sub-directories, which are ignored: {names}; put certificate files into the store's own directory"
    )]
    StoreSubdirectories { store: String, names: String },
    #[error(
        "trust store {store}: certificate {subject:?} has expired at {end}; signatures under it are outside its \
         validity"
    )]
    StoreCertificateExpired { store: String, subject: String, end: UnixTime },
    #[error("trust store {store}: certificate {subject:?} ends soon, at {end}")]
    StoreCertificateEndsSoon { store: String, subject: String, end: UnixTime },
    #[error("trust store {store}: certificate {subject:?} is valid only from {begin} on")]
    StoreCertificateNotYetValid { store: String, subject: String, begin: UnixTime },
    #[error(
        "statement {statement:?} trusts signing profiles of AWS Signer, and aws.signer.enabled is false, so that it is not asked \
         whether their signatures are revoked: {effect}; set aws.signer.enabled: true and allow signer:GetRevocationStatus to the role of the \
         pod; or override revocation in signatureVerification of the statement with {instead}"
    )]
    SignerNotEnabled { statement: String, effect: &'static str, instead: &'static str },
    #[error(
        "statement {statement:?} has the identity {identity:?}, and aws.partitions ({called}) does not have its partition, so that AWS \
         Signer is not asked whether its signatures are revoked: {effect}; add {partition} to aws.partitions"
    )]
    SignerPartitionNotCalled {
        statement: String,
        identity: String,
        partition: Partition,
        called: String,
        effect: &'static str,
    },
    #[error(
        "statement {statement:?} has {found}, and no signing profile: the certificates of AWS Signer are the same for all its \
         customers, so that its signatures are rejected as untrusted-identity; add the ARN of the signing profile to trustedIdentities"
    )]
    NoSigningProfiles { statement: String, found: String },
}

impl PolicyWarning {
    /// Stable text.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::EveryCustomer { .. } => "every-customer",
            Self::IdentityNeverMatches { .. } => "identity-never-matches",
            Self::TimestampsNotUsed { .. } => "timestamps-not-used",
            Self::AnybodyCounts { .. } => "anybody-counts",
            Self::StoreSubdirectories { .. } => "store-subdirectories",
            Self::StoreCertificateExpired { .. } => "store-certificate-expired",
            Self::StoreCertificateEndsSoon { .. } => "store-certificate-ends-soon",
            Self::StoreCertificateNotYetValid { .. } => "store-certificate-not-yet-valid",
            Self::SignerNotEnabled { .. } => "aws-signer-not-enabled",
            Self::SignerPartitionNotCalled { .. } => "aws-signer-partition-not-called",
            Self::NoSigningProfiles { .. } => "aws-signer-without-profiles",
        }
    }
}

impl LoadedPolicy {
    /// The warnings at the time `now`: about the statements in their order, then about the stores. A certificate ends
    /// soon if it ends within `soon`.
    #[must_use]
    pub fn warnings(&self, now: UnixTime, soon: Duration) -> Vec<PolicyWarning> {
        let statements = self.statements().iter().flat_map(|statement| match statement {
            StatementState::Usable(statement) => of_rule(statement.rule()),
            StatementState::Disabled(_) => Vec::new(),
        });
        let stores = self.stores().values().filter_map(StoreState::store);
        let stores = stores.flat_map(|store| of_store(store, now, soon));
        statements.chain(self.subdirectory_warnings()).chain(stores).collect()
    }

    /// For every store with sub-directories; their number in one store is bounded like that of its files.
    #[must_use]
    pub fn subdirectory_warnings(&self) -> Vec<PolicyWarning> {
        let warning = |(store, names): (&StoreRef, &Vec<String>)| {
            let mut shown: Vec<String> = names.iter().take(SHOWN_NAMES).map(|name| format!("{name:?}")).collect();
            if let Some(more) = names.len().checked_sub(SHOWN_NAMES + 1) {
                shown.push(format!("and {} more", more + 1));
            }
            PolicyWarning::StoreSubdirectories { store: store.to_string(), names: shown.join(", ") }
        };
        self.subdirectories().iter().map(warning).collect()
    }
}

fn of_rule(rule: &Rule) -> Vec<PolicyWarning> {
    let name = || rule.name().to_owned();
    let mut warnings = Vec::new();
    let requirement = match rule.decision() {
        Decision::Skip => return warnings,
        Decision::Verify(Requirement::Notation(requirement)) => requirement,
    };
    let Level { authenticity, authentic_timestamp: _, expiry: _, revocation: _ } = *requirement.level();
    if let Some(written) = requirement.written_verify_timestamp()
        && requirement.stores_of(StoreKind::Tsa).next().is_none()
    {
        warnings.push(PolicyWarning::TimestampsNotUsed { statement: name(), written: written.as_str() });
    }
    match authenticity {
        Action::Log => warnings.push(PolicyWarning::AnybodyCounts { statement: name() }),
        Action::Enforce => warnings.extend(unlikely_identities(rule, requirement)),
    }
    warnings
}

fn unlikely_identities(rule: &Rule, requirement: &NotationRequirement) -> Vec<PolicyWarning> {
    let name = || rule.name().to_owned();
    match requirement.identities() {
        Identities::Any => requirement
            .stores_of(StoreKind::SigningAuthority)
            .map(|store| PolicyWarning::EveryCustomer { statement: name(), store: store.to_string() })
            .collect(),
        Identities::Listed(list) => list
            .iter()
            .filter_map(|entry| {
                let why = why_never_matched(entry, requirement)?;
                Some(PolicyWarning::IdentityNeverMatches { statement: name(), identity: identity(entry), why })
            })
            .collect(),
    }
}

/// The reason why an identity matches no signer of the statement, if there is one.
fn why_never_matched(entry: &Identity, requirement: &NotationRequirement) -> Option<String> {
    match entry {
        Identity::Subject(_) => None,
        Identity::Signer(signer) if requirement.stores_of(StoreKind::SigningAuthority).next().is_some() => {
            signer.impossible_part().map(|part| format!("AWS Signer has no such ARN: {part}"))
        }
        Identity::Signer(_) => {
            Some("the statement has no signingAuthority trust store, which signatures of AWS Signer need".to_owned())
        }
        Identity::Foreign { prefix: _, text } => {
            Some(match (SignerIdentity::respelled(text), SignerIdentity::parse(text)) {
                (Some(arn), _) => format!("it is not spelled as an ARN of AWS Signer, expected {arn:?}"),
                (None, Some(Err(part))) => format!("it is not an ARN of AWS Signer: {part}"),
                (None, Some(Ok(_)) | None) => {
                    "only x509.subject identities and ARNs of AWS Signer are compared".to_owned()
                }
            })
        }
    }
}

fn of_store(store: &Store, now: UnixTime, soon: Duration) -> Vec<PolicyWarning> {
    let name = || store.reference().to_string();
    let warning = |certificate: &CertificateSummary| {
        let (subject, not_before, not_after) =
            (certificate.subject.to_string(), certificate.not_before, certificate.not_after);
        if not_after < now {
            Some(PolicyWarning::StoreCertificateExpired { store: name(), subject, end: not_after })
        } else if not_before > now {
            Some(PolicyWarning::StoreCertificateNotYetValid { store: name(), subject, begin: not_before })
        } else if not_after < now.saturating_add(soon) {
            Some(PolicyWarning::StoreCertificateEndsSoon { store: name(), subject, end: not_after })
        } else {
            None
        }
    };
    StoreOutline::from(store).certificates.iter().filter_map(warning).collect()
}
