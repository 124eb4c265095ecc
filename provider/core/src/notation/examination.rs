//! Runs the checks of an intact envelope in order: first all that need no evidence, then those that may need it.

mod settle;

pub(super) use settle::Settled;

use super::authenticity;
use super::authenticity::Authenticity;
use super::binding::Binding;
use super::expiry;
use super::input::Failure;
use super::input::VerificationInput;
use super::integrity::IntactEnvelope;
use super::outcome::CheckOutcome;
use super::outcome::CheckState;
use super::plugin;
use super::plugin::Plugin;
use super::timestamp;
use super::timestamp::AnchoredTimestamp;
use super::timestamp::SigningTime;
use super::verified::PassedChecks;
use super::verified::VerifiedSignature;
use crate::codec::text::Text;
use crate::evidence::EvidenceSettings;
use crate::oci::Descriptor;
use crate::policy::Action;
use crate::policy::RevocationAction;
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
        let Settled { timestamp, revocation, evidence_ends: _, evidence: _ } = settled;
        let reasons = match &self.plugin {
            Err(reason) => Some(Reasons::one(reason.clone())),
            Ok(_) => Reasons::of(
                [
                    self.binding.clone().into_payload().err(),
                    self.authenticity.clone().into_reason(),
                    timestamp.into_reason(),
                    self.expiry.clone().into_reason(),
                    revocation.into_reason(),
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
        let settled =
            Settled { timestamp, revocation: CheckState::NotReached, evidence_ends: None, evidence: Vec::new() };
        self.is_refused().then(|| self.failure(settled))
    }
}
