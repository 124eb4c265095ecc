//! Reads `signatureVerification`: the level with its overrides, and when timestamps are verified.

use serde_json::Value;

use super::fields::Fields;
use super::fields::type_of;
use super::problem::PolicyProblem;
use crate::codec::excerpt::Excerpt;
use crate::policy::level::Action;
use crate::policy::level::Level;
use crate::policy::level::RevocationAction;
use crate::policy::notation_requirement::VerifyTimestamp;

const VERIFICATION: &str = "an object with level and, perhaps, override and verifyTimestamp";
const LEVEL: &str = "strict, permissive, audit or skip";
const TIMESTAMP: &str = "always or afterCertExpiry";
const OVERRIDES: &str = "authenticity, authenticTimestamp, expiry or revocation";
const ACTION: &str = "enforce or log";
const REVOCATION: &str = "enforce, log or skip";

/// The parsed `signatureVerification`.
pub(super) enum Verification {
    Skip,
    /// With `verifyTimestamp`, if that is written.
    Level(Level, Option<VerifyTimestamp>),
}

impl Fields<'_> {
    pub(super) fn verification(&mut self, value: Option<&Value>) -> Option<Verification> {
        let field = "signatureVerification";
        let Some(value) = value else {
            self.fail(field, PolicyProblem::Missing { expected: VERIFICATION });
            return None;
        };
        let members = self.object(field, value, &["level", "override", "verifyTimestamp"], VERIFICATION)?;
        let verify_timestamp = match members.get("verifyTimestamp") {
            Some(value) => self.verify_timestamp(value),
            None => Some(None),
        };
        let level_field = "signatureVerification.level";
        let preset = match self.required_text(level_field, members.get("level"), LEVEL)? {
            "strict" => Some(Level::STRICT),
            "permissive" => Some(Level::PERMISSIVE),
            "audit" => Some(Level::AUDIT),
            "skip" => None,
            other => {
                self.fail(level_field, PolicyProblem::Value { found: other.into(), expected: LEVEL });
                return None;
            }
        };
        let overrides = members.get("override");
        match (preset, overrides) {
            (Some(level), Some(overrides)) => {
                Some(Verification::Level(self.overridden(level, overrides)?, verify_timestamp?))
            }
            (Some(level), None) => Some(Verification::Level(level, verify_timestamp?)),
            (None, Some(overrides)) if overrides.as_object().is_none_or(|members| !members.is_empty()) => {
                self.fail("signatureVerification.override", PolicyProblem::OverrideSkip);
                Some(Verification::Skip)
            }
            (None, Some(_) | None) => Some(Verification::Skip),
        }
    }

    /// The value; `Some(None)` for an empty text, which is as if the member were absent.
    fn verify_timestamp(&mut self, value: &Value) -> Option<Option<VerifyTimestamp>> {
        let field = "signatureVerification.verifyTimestamp";
        match self.text(field, value, TIMESTAMP)? {
            "" => Some(None),
            "always" => Some(Some(VerifyTimestamp::Always)),
            "afterCertExpiry" => Some(Some(VerifyTimestamp::AfterCertExpiry)),
            other => {
                self.fail(field, PolicyProblem::Value { found: other.into(), expected: TIMESTAMP });
                None
            }
        }
    }

    /// The level with its overrides. Reports mistakes and continues.
    fn overridden(&mut self, mut level: Level, overrides: &Value) -> Option<Level> {
        let field = "signatureVerification.override";
        let Value::Object(members) = overrides else {
            self.fail(field, PolicyProblem::Type { found: type_of(overrides), expected: OVERRIDES });
            return None;
        };
        let before = self.mistakes.total();
        for (check, value) in members {
            let field = format!("{field}.{}", Excerpt::of(check).escaped());
            match check.as_str() {
                "authenticity" => level.authenticity = self.action(&field, value).unwrap_or(level.authenticity),
                "authenticTimestamp" => {
                    level.authentic_timestamp = self.action(&field, value).unwrap_or(level.authentic_timestamp);
                }
                "expiry" => level.expiry = self.action(&field, value).unwrap_or(level.expiry),
                "revocation" => level.revocation = self.revocation(&field, value).unwrap_or(level.revocation),
                "integrity" => self.fail(field, PolicyProblem::OverrideIntegrity),
                _ => self.fail(field, PolicyProblem::UnknownMember { expected: OVERRIDES }),
            }
        }
        (self.mistakes.total() == before).then_some(level)
    }

    fn action(&mut self, field: &str, value: &Value) -> Option<Action> {
        match self.text(field, value, ACTION)? {
            "enforce" => Some(Action::Enforce),
            "log" => Some(Action::Log),
            other => {
                self.fail(field, PolicyProblem::Value { found: other.into(), expected: ACTION });
                None
            }
        }
    }

    fn revocation(&mut self, field: &str, value: &Value) -> Option<RevocationAction> {
        match self.text(field, value, REVOCATION)? {
            "enforce" => Some(RevocationAction::Enforce),
            "log" => Some(RevocationAction::Log),
            "skip" => Some(RevocationAction::Skip),
            other => {
                self.fail(field, PolicyProblem::Value { found: other.into(), expected: REVOCATION });
                None
            }
        }
    }
}
