//! The checks that may need evidence: the status of a timestamping authority, and revocation.

use super::Examination;
use crate::evidence::Evidence;
use crate::evidence::Progress;
use crate::notation::authenticity::Authenticity;
use crate::notation::aws_signer::SignerAttributes;
use crate::notation::envelope::SigningScheme;
use crate::notation::evidence_fact::EvidenceFact;
use crate::notation::outcome::CheckOutcome;
use crate::notation::outcome::CheckState;
use crate::notation::plugin::Plugin;
use crate::notation::revocation;
use crate::notation::revocation::ChainOwner;
use crate::notation::revocation::ChainStatus;
use crate::notation::revocation::RevocationInput;
use crate::notation::revocation::RevocationProblem;
use crate::notation::timestamp::SigningTime;
use crate::policy::Action;
use crate::policy::RevocationAction;
use crate::policy::TrustedChain;
use crate::reason::Reason;
use crate::time::UnixTime;

/// The results of the checks that may need evidence.
#[derive(Clone, Debug)]
pub(in crate::notation) struct Settled {
    pub(in crate::notation) timestamp: CheckState<CheckOutcome>,
    pub(in crate::notation) revocation: CheckState<CheckOutcome>,
    /// The end of the first evidence of a passed check that stops being usable.
    pub(in crate::notation) evidence_ends: Option<UnixTime>,
    /// The evidence that was used, whatever the results.
    pub(in crate::notation) evidence: Vec<EvidenceFact>,
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
    /// Runs the checks that may need evidence. No evidence is requested for a signature that is already rejected, or
    /// for an untrusted signer, even if the statement only logs that.
    pub(in crate::notation) fn settle(&self, evidence: &Evidence) -> Progress<Settled> {
        let trusted = match &self.authenticity {
            CheckState::Passed(authenticity) if !self.is_refused() => authenticity.trusted(),
            CheckState::Passed(_) | CheckState::Refused(_) | CheckState::Unchecked(_) | CheckState::NotReached => None,
        };
        self.check_timestamp(trusted, evidence).zip(self.check_revocation(trusted, evidence)).map(
            |(timestamp, revocation)| {
                let evidence_ends = [&timestamp, &revocation].into_iter().filter_map(SettledRevocation::ends).min();
                let facts = |settled: SettledRevocation| settled.status.map(|status| status.facts).unwrap_or_default();
                Settled {
                    timestamp: timestamp.state.clone(),
                    revocation: revocation.state.clone(),
                    evidence_ends,
                    evidence: [revocation, timestamp].into_iter().flat_map(facts).collect(),
                }
            },
        )
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
            // Such a chain ends at its anchor.
            Some(_) => revocation::check(chain.links(), std::iter::empty(), &self.revocation_input(evidence)),
            None => Progress::Done(revocation::without_trust(chain.chain().certificates())),
        };
        checked.map(|status| {
            let problem = |problem: RevocationProblem| problem.into_reason(ChainOwner::TimestampAuthority, action);
            let outcome = CheckOutcome::of(action, status.result.clone().map_err(problem));
            SettledRevocation { state: self.state(context, outcome), status: Some(status) }
        })
    }

    fn check_revocation(&self, trusted: Option<&TrustedChain>, evidence: &Evidence) -> Progress<SettledRevocation> {
        let action = match self.revocation {
            RevocationAction::Enforce => Action::Enforce,
            RevocationAction::Log => Action::Log,
            RevocationAction::Skip => return Progress::Done(CheckState::Passed(CheckOutcome::Skipped).into()),
        };
        let input = self.revocation_input(evidence);
        let checked = match (self.signer_service(), trusted) {
            // AWS Signer has the status of all certificates and of the signature.
            (Some(attributes), _) => attributes.status(trusted, &input),
            (None, Some(trusted)) => revocation::check(trusted.links(), trusted.above_anchors(), &input),
            (None, None) => Progress::Done(revocation::without_trust(self.intact.chain().certificates())),
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
            (CheckState::Unchecked(_), CheckState::Passed(Authenticity::Logged(Reason { code, detail, remedy }))) => {
                CheckState::Refused(Reason::new(*code, format_args!("{context}: {detail}")).with_remedy(remedy.clone()))
            }
            (CheckState::Unchecked(_), CheckState::Passed(Authenticity::Passed { .. })) => state,
            // The refused case is handled above; authenticity has no other state.
            (CheckState::Unchecked(_), CheckState::Refused(_) | CheckState::Unchecked(_) | CheckState::NotReached) => {
                CheckState::NotReached
            }
        }
    }
}
