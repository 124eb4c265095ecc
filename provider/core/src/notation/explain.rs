//! Explains one envelope to people: its contents, and the finding of every check with the statement's action. An
//! explanation proves nothing: only [`super::judge`] returns a [`super::VerifiedSignature`]. Both use the same
//! [`Examination`].

use super::authenticity::Authenticity;
use super::binding;
use super::envelope::EnvelopeFormat;
use super::evidence_fact::EvidenceFact;
use super::examination::Examination;
use super::examination::Settled;
use super::facts::Facts;
use super::input::VerificationInput;
use super::integrity;
use super::outcome::Check;
use super::outcome::CheckOutcome;
use super::outcome::CheckState;
use super::phases::read;
use super::plugin;
use crate::evidence::Evidence;
use crate::evidence::Progress;
use crate::oci::Descriptor;
use crate::policy::Action;
use crate::policy::Level;
use crate::policy::RevocationAction;
use crate::reason::Reason;

/// The explanation of an envelope.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// `None` if the bytes are not an envelope.
    pub facts: Option<Facts>,
    /// In the order of [`Check`].
    pub findings: Vec<Finding>,
    /// The evidence that was used, in the order of the chain.
    pub evidence: Vec<EvidenceFact>,
}

impl Explanation {
    /// Whether the signer is authenticated: the chain has a trust anchor, and the signing certificate is a trusted
    /// identity. Otherwise all facts are unverified claims.
    #[must_use]
    pub fn is_authentic(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.check == Check::Authenticity && finding.found == FindingResult::Passed)
    }

    /// Whether no check failed and all checks were reached. After [`Examined::explain`], this is whether
    /// [`super::judge`] accepts the signature.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.findings.iter().all(|finding| match &finding.found {
            FindingResult::Passed | FindingResult::Logged(_) | FindingResult::Skipped => true,
            FindingResult::Failed(_) | FindingResult::NotReached => false,
        })
    }
}

/// The statement's action for a check. The first four checks and the last one are enforced by every statement that
/// verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Enforcement {
    /// A failure rejects the signature.
    Enforce,
    /// A failure is only reported.
    Log,
    /// The check is not required.
    Skip,
}

impl Enforcement {
    /// Stable text for JSON, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Log => "log",
            Self::Skip => "skip",
        }
    }
}

/// A check, its action and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// The statement's action.
    pub action: Enforcement,
    /// The result.
    pub found: FindingResult,
}

/// The result of a check. Match it without `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindingResult {
    /// The check passed.
    Passed,
    /// The check failed, and the statement only logs it.
    Logged(Reason),
    /// The statement skips the check.
    Skipped,
    /// The check failed or could not be completed.
    Failed(Reason),
    /// Not run, because an earlier check failed.
    NotReached,
}

/// An envelope with the findings of the first phase, accepted or not. See [`examine`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Examined {
    facts: Option<Facts>,
    level: Level,
    /// An error is the reason why the envelope is not intact.
    examination: Result<Box<Examination>, Reason>,
}

/// Runs every check of [`super::open`], also for a signature that is rejected.
pub fn examine(bytes: &[u8], format: EnvelopeFormat, input: &VerificationInput<'_>) -> Examined {
    let level = *input.requirement.level();
    let (envelope, certificates) = match read(bytes, format) {
        Ok(read) => read,
        Err(reason) => return Examined { facts: None, level, examination: Err(reason) },
    };
    let subject = integrity::unverified_subject(&certificates);
    let signed = binding::named(&envelope.unverified_payload);
    let mut facts = Facts::new(&envelope, &certificates, signed.clone());
    let examination = match integrity::check(envelope, certificates) {
        Ok(intact) => {
            facts.intact = true;
            let examination = Examination::new(intact, subject, &signed, input);
            if let (Some(facts), Some(verified)) = (&mut facts.timestamp, examination.verified_timestamp()) {
                facts.verified(verified);
            }
            Ok(Box::new(examination))
        }
        Err(error) => Err(Reason::new(error.code(), error)),
    };
    Examined { facts: Some(facts), level, examination }
}

impl Examined {
    /// Returns the finding of every check. Requests the same evidence as [`super::judge`].
    pub fn explain(&self, evidence: &Evidence) -> Progress<Explanation> {
        let facts = self.facts.clone();
        match &self.examination {
            Ok(examination) => examination.settle(evidence).map(|mut settled| {
                let evidence = std::mem::take(&mut settled.evidence);
                Explanation { facts, findings: findings(examination, settled, &self.level), evidence }
            }),
            Err(reason) => {
                let findings = not_intact(reason, &Check::ALL, |check| action(check, &self.level));
                Progress::Done(Explanation { facts, findings, evidence: Vec::new() })
            }
        }
    }
}

/// The findings that need no statement, for the image `target`: integrity, critical
/// attributes and the binding to the image. Every action is [`Enforcement::Skip`].
#[must_use]
pub fn describe(bytes: &[u8], format: EnvelopeFormat, target: &Descriptor) -> Explanation {
    const CHECKS: [Check; 3] = [Check::Integrity, Check::CriticalAttributes, Check::TargetBinding];
    let skip = |_| Enforcement::Skip;
    let (envelope, certificates) = match read(bytes, format) {
        Ok(read) => read,
        Err(reason) => {
            let findings = not_intact(&reason, &CHECKS, skip);
            return Explanation { facts: None, findings, evidence: Vec::new() };
        }
    };
    let signed = binding::named(&envelope.unverified_payload);
    let mut facts = Facts::new(&envelope, &certificates, signed.clone());
    let findings = match integrity::check(envelope, certificates) {
        Ok(intact) => {
            facts.intact = true;
            let found = [
                FindingResult::Passed,
                plugin::check(&intact).map(drop).into(),
                binding::is_target(&signed, target).map(drop).into(),
            ];
            CHECKS.into_iter().zip(found).map(|(check, found)| Finding { check, action: skip(check), found }).collect()
        }
        Err(error) => not_intact(&Reason::new(error.code(), error), &CHECKS, skip),
    };
    Explanation { facts: Some(facts), findings, evidence: Vec::new() }
}

fn not_intact(reason: &Reason, checks: &[Check], action: impl Fn(Check) -> Enforcement) -> Vec<Finding> {
    let finding = |check: &Check| {
        let found =
            if *check == Check::Integrity { FindingResult::Failed(reason.clone()) } else { FindingResult::NotReached };
        Finding { check: *check, action: action(*check), found }
    };
    checks.iter().map(finding).collect()
}

fn findings(examination: &Examination, settled: Settled, level: &Level) -> Vec<Finding> {
    let Settled { timestamp, revocation, evidence_ends: _, evidence: _ } = settled;
    let binding = &examination.binding;
    let found = [
        (Check::Integrity, FindingResult::Passed),
        (Check::CriticalAttributes, examination.plugin.as_ref().map(drop).map_err(Reason::clone).into()),
        (Check::TargetBinding, binding.target.as_ref().map(drop).map_err(Reason::clone).into()),
        // A malformed payload is reported once.
        (Check::Metadata, binding.metadata.clone().map_or(FindingResult::NotReached, FindingResult::from)),
        (Check::Authenticity, examination.authenticity.clone().into()),
        (Check::AuthenticTimestamp, timestamp.into()),
        (Check::Expiry, examination.expiry.clone().into()),
        (Check::Revocation, revocation.into()),
    ];
    found.into_iter().map(|(check, found)| Finding { check, action: action(check, level), found }).collect()
}

fn action(check: Check, level: &Level) -> Enforcement {
    match check {
        Check::Integrity | Check::CriticalAttributes | Check::TargetBinding | Check::Metadata => Enforcement::Enforce,
        Check::Authenticity => level.authenticity.into(),
        Check::AuthenticTimestamp => level.authentic_timestamp.into(),
        Check::Expiry => level.expiry.into(),
        Check::Revocation => match level.revocation {
            RevocationAction::Enforce => Enforcement::Enforce,
            RevocationAction::Log => Enforcement::Log,
            RevocationAction::Skip => Enforcement::Skip,
        },
    }
}

impl From<Action> for Enforcement {
    fn from(action: Action) -> Self {
        match action {
            Action::Enforce => Self::Enforce,
            Action::Log => Self::Log,
        }
    }
}

impl From<Result<(), Reason>> for FindingResult {
    fn from(result: Result<(), Reason>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

impl From<CheckOutcome> for FindingResult {
    fn from(outcome: CheckOutcome) -> Self {
        match outcome {
            CheckOutcome::Passed => Self::Passed,
            CheckOutcome::Logged(reason) => Self::Logged(reason),
            CheckOutcome::Skipped => Self::Skipped,
        }
    }
}

impl From<Authenticity> for FindingResult {
    fn from(authenticity: Authenticity) -> Self {
        match authenticity {
            Authenticity::Passed { .. } => Self::Passed,
            Authenticity::Logged(reason) => Self::Logged(reason),
        }
    }
}

impl From<()> for FindingResult {
    fn from((): ()) -> Self {
        Self::Passed
    }
}

impl<T: Into<Self>> From<CheckState<T>> for FindingResult {
    fn from(state: CheckState<T>) -> Self {
        match state {
            CheckState::Passed(value) => value.into(),
            CheckState::Refused(reason) | CheckState::Unchecked(reason) => Self::Failed(reason),
            CheckState::NotReached => Self::NotReached,
        }
    }
}
