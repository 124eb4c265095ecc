//! Runs the checks of an intact envelope in order: first all that need no evidence, then those that may need it.

use super::authenticity;
use super::authenticity::Authenticity;
use super::aws_signer::SignerAttributes;
use super::binding::Binding;
use super::envelope::SigningScheme;
use super::evidence_fact::EvidenceFact;
use super::expiry;
use super::input::Failure;
use super::input::VerificationInput;
use super::integrity::IntactEnvelope;
use super::outcome::CheckOutcome;
use super::outcome::CheckState;
use super::plugin;
use super::plugin::Plugin;
use super::revocation;
use super::revocation::ChainOwner;
use super::revocation::ChainStatus;
use super::revocation::RevocationInput;
use super::revocation::RevocationProblem;
use super::timestamp;
use super::timestamp::AnchoredTimestamp;
use super::timestamp::SigningTime;
use super::verified::PassedChecks;
use super::verified::VerifiedSignature;
use crate::codec::text::Text;
use crate::evidence::Evidence;
use crate::evidence::EvidenceSettings;
use crate::evidence::Progress;
use crate::oci::Descriptor;
use crate::policy::Action;
use crate::policy::RevocationAction;
use crate::policy::TrustedChain;
use crate::reason::Code;
use crate::reason::Reason;
use crate::reason::Reasons;
use crate::time::UnixTime;

/// The results of the checks that need no evidence.
#[derive(Clone, Debug)]
pub(super) struct Examination {
    intact: IntactEnvelope,
    unverified_subject: Option<Text>,
    pub(super) plugin: Result<Plugin, Reason>,
    pub(super) binding: Binding,
    pub(super) authenticity: CheckState<Authenticity>,
    /// The result without evidence. An error that is not a refusal has the reason why the timestamp could not be
    /// checked.
    timestamp: Result<SigningTime, Reason>,
    timestamp_action: Action,
    pub(super) expiry: CheckState<CheckOutcome>,
    revocation: RevocationAction,
    settings: EvidenceSettings,
    now: UnixTime,
}

/// The results of the checks that may need evidence.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    pub(super) timestamp: CheckState<CheckOutcome>,
    pub(super) revocation: CheckState<CheckOutcome>,
    pub(super) service: CheckState<()>,
    /// The end of the first evidence of a passed check that stops being usable.
    pub(super) evidence_ends: Option<UnixTime>,
    /// The evidence that was used, whatever the results.
    pub(super) evidence: Vec<EvidenceFact>,
}

/// The result of the check of revocation, of the signer or of a timestamping authority.
struct SettledRevocation {
    state: CheckState<CheckOutcome>,
    status: Option<ChainStatus>,
}

impl SettledRevocation {
    /// The end of the first evidence that stops being usable, if the check passed.
    fn ends(&self) -> Option<UnixTime> {
        match (&self.state, &self.status) {
            (CheckState::Passed(CheckOutcome::Passed), Some(status)) => status.usable_until(),
            (CheckState::Passed(_) | CheckState::Refused(_) | CheckState::Unchecked(_) | CheckState::NotReached, _) => {
                None
            }
        }
    }
}

impl From<CheckState<CheckOutcome>> for SettledRevocation {
    /// Without evidence.
    fn from(state: CheckState<CheckOutcome>) -> Self {
        Self { state, status: None }
    }
}

impl Examination {
    /// `signed` is the descriptor in the payload.
    pub(super) fn new(
        intact: IntactEnvelope,
        unverified_subject: Option<Text>,
        signed: &Result<Descriptor, Reason>,
        input: &VerificationInput<'_>,
    ) -> Self {
        let level = input.requirement.level();
        let plugin = plugin::check(&intact);
        // If a plugin is refused, the other checks run as without a plugin.
        let known = plugin.as_ref().unwrap_or(&Plugin::None);
        Self {
            binding: Binding::check(signed, input.target, input.required_metadata),
            authenticity: CheckState::of(authenticity::check(&intact, known, input)),
            timestamp: timestamp::check(&intact, input),
            timestamp_action: level.authentic_timestamp,
            expiry: CheckState::of(CheckOutcome::of(level.expiry, expiry::check(&intact, input.now))),
            revocation: level.revocation,
            settings: *input.evidence,
            now: input.now,
            plugin,
            unverified_subject,
            intact,
        }
    }

    /// Whether a check that needs no evidence rejected the signature.
    pub(super) fn is_refused(&self) -> bool {
        self.plugin.is_err()
            || !self.binding.holds()
            || self.authenticity.is_refused()
            || self.expiry.is_refused()
            || self.timestamp_refusal().is_some()
    }

    /// The reason for which the timestamp rejects the signature without evidence.
    fn timestamp_refusal(&self) -> Option<&Reason> {
        match (&self.timestamp, self.timestamp_action) {
            (Err(reason), Action::Enforce) if reason.is_refusal() => Some(reason),
            (Ok(_) | Err(_), Action::Enforce | Action::Log) => None,
        }
    }

    /// The timestamp, if one was verified.
    pub(super) fn verified_timestamp(&self) -> Option<&AnchoredTimestamp> {
        self.timestamp.as_ref().ok().and_then(SigningTime::timestamp)
    }

    /// Runs the checks that may need evidence. No evidence is requested for a signature that is already rejected, or
    /// for an untrusted signer, even if the statement only logs that.
    pub(super) fn settle(&self, evidence: &Evidence) -> Progress<Settled> {
        let trusted = match &self.authenticity {
            CheckState::Passed(authenticity) if !self.is_refused() => authenticity.trusted(),
            CheckState::Passed(_) | CheckState::Refused(_) | CheckState::Unchecked(_) | CheckState::NotReached => None,
        };
        self.check_timestamp(trusted, evidence)
            .zip(self.check_revocation(trusted, evidence))
            .zip(self.check_service(trusted, evidence))
            .map(|((timestamp, revocation), service)| {
                let evidence_ends = [&timestamp, &revocation].into_iter().filter_map(SettledRevocation::ends).min();
                let facts = |settled: SettledRevocation| settled.status.map(|status| status.facts).unwrap_or_default();
                Settled {
                    timestamp: timestamp.state.clone(),
                    revocation: revocation.state.clone(),
                    service,
                    evidence_ends,
                    evidence: [revocation, timestamp].into_iter().flat_map(facts).collect(),
                }
            })
    }

    fn check_timestamp(&self, trusted: Option<&TrustedChain>, evidence: &Evidence) -> Progress<SettledRevocation> {
        let (context, action) =
            ("the status of a timestamping authority is checked only for trusted signers", self.timestamp_action);
        let without_status = |result| self.state(context, CheckOutcome::of(action, result)).into();
        let chain = match &self.timestamp {
            Ok(SigningTime::Timestamp(anchored)) => anchored.chain(),
            Ok(SigningTime::Unknown | SigningTime::Authority) => return Progress::Done(without_status(Ok(()))),
            Err(reason) => return Progress::Done(without_status(Err(reason.clone()))),
        };
        let checked = match trusted {
            Some(_) => revocation::check(chain.links(), &self.revocation_input(evidence)),
            None => Progress::Done(revocation::without_trust(chain.chain().certificates())),
        };
        checked.map(|status| {
            let problem = |problem: RevocationProblem| problem.into_reason(ChainOwner::TimestampAuthority, action);
            let outcome = CheckOutcome::of(action, status.result.clone().map_err(problem));
            SettledRevocation { state: self.state(context, outcome), status: Some(status) }
        })
    }

    fn check_revocation(&self, trusted: Option<&TrustedChain>, evidence: &Evidence) -> Progress<SettledRevocation> {
        if self.signer_service().is_some() {
            // The service covers revocation in its own status.
            return Progress::Done(CheckState::NotReached.into());
        }
        let action = match self.revocation {
            RevocationAction::Enforce => Action::Enforce,
            RevocationAction::Log => Action::Log,
            RevocationAction::Skip => return Progress::Done(CheckState::Passed(CheckOutcome::Skipped).into()),
        };
        let checked = match trusted {
            Some(trusted) => revocation::check(trusted.links(), &self.revocation_input(evidence)),
            None => Progress::Done(revocation::without_trust(self.intact.chain().certificates())),
        };
        checked.map(|status| {
            let problem = |problem: RevocationProblem| problem.into_reason(ChainOwner::Signer, action);
            let outcome = CheckOutcome::of(action, status.result.clone().map_err(problem));
            let state = self.state("revocation is checked only for trusted signers", outcome);
            SettledRevocation { state, status: Some(status) }
        })
    }

    fn revocation_input<'a>(&'a self, evidence: &'a Evidence) -> RevocationInput<'a> {
        let authentic_signing_time = match self.intact.attributes().scheme {
            SigningScheme::SigningAuthority { authentic_signing_time } => Some(authentic_signing_time),
            SigningScheme::X509 { .. } => None,
        };
        RevocationInput { evidence, settings: &self.settings, now: self.now, authentic_signing_time }
    }

    fn check_service(&self, trusted: Option<&TrustedChain>, evidence: &Evidence) -> Progress<CheckState<()>> {
        match &self.plugin {
            Ok(Plugin::None) => Progress::Done(CheckState::Passed(())),
            Ok(Plugin::AwsSigner(attributes)) => attributes
                .check(trusted, evidence)
                .map(|result| self.state("a signing service is called only for trusted signers", result)),
            // An unknown plugin has no service.
            Err(_) => Progress::Done(CheckState::NotReached),
        }
    }

    /// The attributes of AWS Signer, if the signature has them.
    fn signer_service(&self) -> Option<&SignerAttributes> {
        match &self.plugin {
            Ok(Plugin::AwsSigner(attributes)) => Some(attributes),
            Ok(Plugin::None) | Err(_) => None,
        }
    }

    /// The state of a check that may need evidence. If no evidence was requested because the signer is untrusted,
    /// that is the reason, prefixed by `context`.
    fn state<T>(&self, context: &'static str, result: Result<T, Reason>) -> CheckState<T> {
        let state = CheckState::of(result);
        match (&state, &self.authenticity) {
            (CheckState::Passed(_) | CheckState::Refused(_) | CheckState::NotReached, _) => state,
            (CheckState::Unchecked(_), _) if self.is_refused() => CheckState::NotReached,
            (CheckState::Unchecked(_), CheckState::Passed(Authenticity::Logged(Reason { code, detail }))) => {
                CheckState::Refused(Reason::new(*code, format_args!("{context}: {detail}")))
            }
            (CheckState::Unchecked(_), CheckState::Passed(Authenticity::Passed { .. })) => state,
            // The refused case is handled above; authenticity has no other state.
            (CheckState::Unchecked(_), CheckState::Refused(_) | CheckState::Unchecked(_) | CheckState::NotReached) => {
                CheckState::NotReached
            }
        }
    }

    /// The result: a [`VerifiedSignature`] only if every check passed.
    pub(super) fn conclude(&self, settled: Settled) -> Result<Box<VerifiedSignature>, Failure> {
        let (payload, authenticity, expiry) =
            (self.binding.clone().into_payload(), self.authenticity.clone(), self.expiry.clone());
        match (&self.plugin, payload, authenticity, expiry, settled) {
            (
                Ok(_),
                Ok(payload),
                CheckState::Passed(authenticity),
                CheckState::Passed(expiry),
                Settled {
                    timestamp: CheckState::Passed(authentic_timestamp),
                    revocation: CheckState::Passed(revocation),
                    service: CheckState::Passed(()),
                    evidence_ends,
                    evidence: _,
                },
            ) => {
                let certificates_end = self.timestamp.as_ref().ok().and_then(|time| time.ends(self.intact.chain()));
                let passed = PassedChecks {
                    authenticity,
                    authentic_timestamp,
                    certificates_end,
                    expiry,
                    revocation,
                    evidence_ends,
                };
                Ok(Box::new(VerifiedSignature::seal(&self.intact, payload, passed)))
            }
            (_, _, _, _, settled) => Err(self.failure(settled)),
        }
    }

    /// The reasons against the signature: the plugin's alone, or all of them.
    fn failure(&self, settled: Settled) -> Failure {
        let Settled { timestamp, revocation, service, evidence_ends: _, evidence: _ } = settled;
        let reasons = match &self.plugin {
            Err(reason) => Some(Reasons::one(reason.clone())),
            Ok(_) => Reasons::of(
                [
                    self.binding.clone().into_payload().err(),
                    self.authenticity.clone().into_reason(),
                    timestamp.into_reason(),
                    self.expiry.clone().into_reason(),
                    revocation.into_reason(),
                    service.into_reason(),
                ]
                .into_iter()
                .flatten(),
            ),
        };
        let without_reason = || {
            Reasons::one(Reason::new(
                Code::InternalError,
                "internal error: the signature was refused without a \
             reason",
            ))
        };
        Failure { unverified_subject: self.unverified_subject.clone(), reasons: reasons.unwrap_or_else(without_reason) }
    }

    /// The reasons for a rejection that evidence cannot change; `None` if there are none.
    pub(super) fn refusal(&self) -> Option<Failure> {
        let timestamp =
            self.timestamp_refusal().map_or(CheckState::NotReached, |reason| CheckState::Refused(reason.clone()));
        let settled = Settled {
            timestamp,
            revocation: CheckState::NotReached,
            service: CheckState::NotReached,
            evidence_ends: None,
            evidence: Vec::new(),
        };
        self.is_refused().then(|| self.failure(settled))
    }
}
