//! The outline of a trust policy with its stores, for people: what each statement requires.

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
use countersign_core::policy::Store;
use countersign_core::policy::StoreKind;
use countersign_core::x509::CertificateSummary;

use super::DisabledStatement;
use super::LoadedPolicy;
use super::StatementState;
use super::UsableStatement;

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementOutline {
    pub name: String,
    /// None for `*`. Of a disabled statement those that can be read.
    pub scopes: Option<Vec<String>>,
    pub mode: ModeOutline,
}

/// The effect of a statement on its images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModeOutline {
    /// They are skipped.
    Skip,
    Verify(RequirementOutline),
    /// They are inconclusive, for this reason.
    Disabled(String),
}

impl ModeOutline {
    /// The level of a statement; `skip` or `disabled` if it verifies nothing.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Verify(requirement) => requirement.level,
            Self::Disabled(_) => "disabled",
        }
    }
}

/// The requirements of a statement. The actions are `enforce`, `log` and `skip`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequirementOutline {
    /// `strict`, `permissive`, `audit`, or `custom` with other overrides.
    pub level: &'static str,
    pub authenticity: &'static str,
    pub authentic_timestamp: &'static str,
    pub expiry: &'static str,
    pub revocation: &'static str,
    /// `always` or `afterCertExpiry`; none without a `tsa` store.
    pub verify_timestamp: Option<&'static str>,
    /// As written; `*` alone for every identity.
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

impl LoadedPolicy {
    /// The outlines of the statements, in the order of the policy.
    #[must_use]
    pub fn outline(&self) -> Vec<StatementOutline> {
        let outline = |statement: &StatementState| match statement {
            StatementState::Usable(statement) => self.statement_outline(statement),
            StatementState::Disabled(statement) => StatementOutline::from(statement),
        };
        self.statements().iter().map(outline).collect()
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

    fn requirement_outline(&self, requirement: &NotationRequirement) -> RequirementOutline {
        let Level { authenticity, authentic_timestamp, expiry, revocation } = *requirement.level();
        let stores = requirement.stores().iter().filter_map(|name| self.store(name));
        let has_tsa = requirement.stores_of(StoreKind::Tsa).next();
        let timestamps = has_tsa.map(|_| requirement.verify_timestamp().as_str());
        RequirementOutline {
            level: match *requirement.level() {
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
            identities: match requirement.identities() {
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

pub(super) fn identity(identity: &Identity) -> String {
    identity.as_str().to_owned()
}
