//! A trust policy with its stores as a person would go through it: what each statement says, and what is in order by the
//! letter and will hardly be meant.

use std::time::Duration;

use countersign_core::policy::Action;
use countersign_core::policy::Decision;
use countersign_core::policy::DeclaredImages;
use countersign_core::policy::Identities;
use countersign_core::policy::Identity;
use countersign_core::policy::ImageSelector;
use countersign_core::policy::Level;
use countersign_core::policy::NotationRequirement;
use countersign_core::policy::Requirement;
use countersign_core::policy::RevocationAction;
use countersign_core::policy::Rule;
use countersign_core::policy::Store;
use countersign_core::policy::StoreKind;
use countersign_core::policy::StoreRef;
use countersign_core::policy::VerifyTimestamp;
use countersign_core::time::UnixTime;
use countersign_core::x509::CertificateSummary;

use super::DisabledStatement;
use super::LoadedPolicy;
use super::StatementState;
use super::StoreState;
use super::UsableStatement;

/// Most names of sub-directories in one warning.
const SHOWN_NAMES: usize = 5;

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementOutline {
    pub name: String,
    /// None for `*`. Of a disabled statement those that can be read.
    pub scopes: Option<Vec<String>>,
    pub mode: ModeOutline,
}

/// What becomes of a statement's images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModeOutline {
    /// They are let through.
    Skip,
    Verify(RequirementOutline),
    /// They are inconclusive, and why.
    Disabled(String),
}

impl ModeOutline {
    /// The level of a statement; `skip` and `disabled` where it verifies nothing.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Verify(rules) => rules.level,
            Self::Disabled(_) => "disabled",
        }
    }
}

/// What a statement asks for. The actions are `enforce`, `log` and `skip`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequirementOutline {
    /// `strict`, `permissive`, `audit`, or `custom` where overrides make it none of these.
    pub level: &'static str,
    pub authenticity: &'static str,
    pub authentic_timestamp: &'static str,
    pub expiry: &'static str,
    pub revocation: &'static str,
    /// `always` or `afterCertExpiry`; none without a `tsa` store.
    pub verify_timestamp: Option<&'static str>,
    /// As written; `*` alone for whoever the stores vouch for.
    pub identities: Vec<String>,
    pub stores: Vec<StoreOutline>,
}

/// One trust store of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOutline {
    /// `ca:release`.
    pub name: String,
    pub certificates: Vec<CertificateSummary>,
}

/// What is no mistake and needs a second look.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyWarning {
    #[error(
        "statement {statement:?} enforces revocation, which this version cannot check: signatures whose certificates name an OCSP responder or CRL are inconclusive"
    )]
    RevocationUnchecked { statement: String },
    #[error(
        "statement {statement:?} has the tsa trust store {store}, and this version cannot check timestamps: {when} a signature with a timestamp is inconclusive, and one without is rejected"
    )]
    TimestampUnchecked { statement: String, store: String, when: &'static str },
    #[error(
        "statement {statement:?} trusts every customer of the signing service in the signing authority store \
         {store}; name identities, unless the service signs only for you"
    )]
    EveryCustomer { statement: String, store: String },
    #[error(
        "statement {statement:?} has the identity {identity:?}, which no certificate matches: only x509.subject identities are compared"
    )]
    IdentityNeverMatches { statement: String, identity: String },
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
}

impl PolicyWarning {
    /// Stable text.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::RevocationUnchecked { .. } => "revocation-unchecked",
            Self::TimestampUnchecked { .. } => "timestamp-unchecked",
            Self::EveryCustomer { .. } => "every-customer",
            Self::IdentityNeverMatches { .. } => "identity-never-matches",
            Self::AnybodyCounts { .. } => "anybody-counts",
            Self::StoreSubdirectories { .. } => "store-subdirectories",
            Self::StoreCertificateExpired { .. } => "store-certificate-expired",
            Self::StoreCertificateEndsSoon { .. } => "store-certificate-ends-soon",
            Self::StoreCertificateNotYetValid { .. } => "store-certificate-not-yet-valid",
        }
    }
}

impl LoadedPolicy {
    /// What the statements say, in the order of the policy.
    #[must_use]
    pub fn outline(&self) -> Vec<StatementOutline> {
        let outline = |statement: &StatementState| match statement {
            StatementState::Usable(statement) => self.statement_outline(statement),
            StatementState::Disabled(statement) => StatementOutline::from(statement),
        };
        self.statements().iter().map(outline).collect()
    }

    /// What needs a second look at the time `now`: of the statements in their order, then of the stores. A certificate
    /// ends soon if it ends within `soon`.
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

    fn statement_outline(&self, usable: &UsableStatement) -> StatementOutline {
        let rule = usable.rule();
        let mode = match rule.decision() {
            Decision::Skip => ModeOutline::Skip,
            Decision::Verify(Requirement::Notation(requirement)) => {
                ModeOutline::Verify(self.requirement_outline(requirement))
            }
        };
        StatementOutline { name: rule.name().to_owned(), scopes: scopes(rule.images()), mode }
    }

    fn requirement_outline(&self, rules: &NotationRequirement) -> RequirementOutline {
        let Level { authenticity, authentic_timestamp, expiry, revocation } = *rules.level();
        let stores = rules.stores().iter().filter_map(|name| self.store(name));
        let timestamps = rules.stores_of(StoreKind::Tsa).next().map(|_| match rules.verify_timestamp() {
            VerifyTimestamp::Always => "always",
            VerifyTimestamp::AfterCertExpiry => "afterCertExpiry",
        });
        RequirementOutline {
            level: match *rules.level() {
                Level::STRICT => "strict",
                Level::PERMISSIVE => "permissive",
                Level::AUDIT => "audit",
                Level { authenticity: _, authentic_timestamp: _, expiry: _, revocation: _ } => "custom",
            },
            authenticity: action_name(authenticity),
            authentic_timestamp: action_name(authentic_timestamp),
            expiry: action_name(expiry),
            revocation: match revocation {
                RevocationAction::Enforce => "enforce",
                RevocationAction::Log => "log",
                RevocationAction::Skip => "skip",
            },
            verify_timestamp: timestamps,
            identities: match rules.identities() {
                Identities::Any => vec!["*".to_owned()],
                Identities::Listed(list) => list.iter().map(identity).collect(),
            },
            stores: stores.map(StoreOutline::from).collect(),
        }
    }
}

impl From<&DisabledStatement> for StatementOutline {
    fn from(statement: &DisabledStatement) -> Self {
        let scopes = match statement.scopes() {
            DeclaredImages::Certain(known) => scopes(known),
            DeclaredImages::Uncertain(list) => Some(list.iter().map(ToString::to_string).collect()),
        };
        let mode = ModeOutline::Disabled(statement.cause().to_string());
        Self { name: statement.name().to_owned(), scopes, mode }
    }
}

fn scopes(images: &ImageSelector) -> Option<Vec<String>> {
    match images {
        ImageSelector::All => None,
        ImageSelector::Repositories(list) => Some(list.iter().map(ToString::to_string).collect()),
    }
}

impl From<&Store> for StoreOutline {
    fn from(store: &Store) -> Self {
        let certificates = store.certificates().iter().map(CertificateSummary::from);
        Self { name: store.reference().to_string(), certificates: certificates.collect() }
    }
}

fn action_name(action: Action) -> &'static str {
    match action {
        Action::Enforce => "enforce",
        Action::Log => "log",
    }
}

fn identity(identity: &Identity) -> String {
    match identity {
        Identity::Subject(subject) => subject.as_str().to_owned(),
        Identity::Foreign { prefix: _, text } => text.clone(),
    }
}

fn of_rule(rule: &Rule) -> Vec<PolicyWarning> {
    let name = || rule.name().to_owned();
    let mut warnings = Vec::new();
    let rules = match rule.decision() {
        Decision::Skip => return warnings,
        Decision::Verify(Requirement::Notation(requirement)) => requirement,
    };
    let Level { authenticity, authentic_timestamp, expiry: _, revocation } = *rules.level();
    match authenticity {
        Action::Log => warnings.push(PolicyWarning::AnybodyCounts { statement: name() }),
        Action::Enforce => warnings.extend(unlikely_identities(rule, rules)),
    }
    match authentic_timestamp {
        Action::Enforce => warnings.extend(rules.stores_of(StoreKind::Tsa).map(|store| {
            let when = match rules.verify_timestamp() {
                VerifyTimestamp::Always => "always",
                VerifyTimestamp::AfterCertExpiry => "once a certificate of its chain has ended,",
            };
            PolicyWarning::TimestampUnchecked { statement: name(), store: store.to_string(), when }
        })),
        Action::Log => {}
    }
    match revocation {
        RevocationAction::Enforce => warnings.push(PolicyWarning::RevocationUnchecked { statement: name() }),
        RevocationAction::Log | RevocationAction::Skip => {}
    }
    warnings
}

fn unlikely_identities(rule: &Rule, rules: &NotationRequirement) -> Vec<PolicyWarning> {
    let name = || rule.name().to_owned();
    match rules.identities() {
        Identities::Any => rules
            .stores_of(StoreKind::SigningAuthority)
            .map(|store| PolicyWarning::EveryCustomer { statement: name(), store: store.to_string() })
            .collect(),
        Identities::Listed(list) => {
            let foreign = list.iter().filter(|identity| identity.subject().is_none());
            foreign
                .map(|entry| PolicyWarning::IdentityNeverMatches { statement: name(), identity: identity(entry) })
                .collect()
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
