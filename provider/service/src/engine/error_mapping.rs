//! Maps failures of registries and of the trust policy to reasons: never "unsigned".

use std::fmt;

use countersign_core::policy::Claim;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_core::verdict::Remedy;
use countersign_http::Awaited;
use countersign_http::Missing;
use countersign_http::SettingReached;
use countersign_registry::RegistryError;
use countersign_registry::RegistryErrorKind;

use super::registry_remedy;
use crate::evidence::late_cause;
use crate::policy_source::DisabledBy;
use crate::policy_source::DisabledStatement;

/// The reason for a verdict about the image itself.
pub(super) fn reason(error: &RegistryError) -> Reason {
    let code = match error.kind() {
        RegistryErrorKind::Misconfigured => Code::RegistryMisconfigured,
        RegistryErrorKind::Refused => Code::RegistryNotAllowed,
        RegistryErrorKind::Unreachable => Code::RegistryUnreachable,
        RegistryErrorKind::Timeout => Code::RegistryTimeout,
        RegistryErrorKind::Denied => Code::RegistryDenied,
        RegistryErrorKind::Throttled => Code::RegistryThrottled,
        RegistryErrorKind::Failed => Code::RegistryFailed,
        RegistryErrorKind::ResponseInvalid | RegistryErrorKind::ContentMismatch => Code::RegistryAnswerInvalid,
        RegistryErrorKind::RedirectRefused => Code::RegistryRedirectRefused,
        RegistryErrorKind::ReferrersUnsupported => Code::ReferrersUnsupported,
        RegistryErrorKind::NotFound => Code::ImageNotFound,
        RegistryErrorKind::Unsupported => Code::ImageUnsupported,
        RegistryErrorKind::Overloaded => Code::Overloaded,
    };
    let reason = if code == Code::RegistryTimeout {
        Reason::late(error.cause.missing().map(late_cause), error)
    } else {
        Reason::new(code, error)
    };
    match registry_remedy::remedy(error) {
        Some(remedy) => reason.with_remedy(Some(Remedy::Registry(remedy))),
        None => reason,
    }
}

/// The reason for one signature: a missing or damaged signature does not decide about the image.
pub(super) fn of_signature(error: &RegistryError) -> Reason {
    match error.kind() {
        RegistryErrorKind::ContentMismatch | RegistryErrorKind::NotFound | RegistryErrorKind::Unsupported => {
            Reason::new(Code::SignatureUnavailable, error)
        }
        // Pushing the signature again would not help.
        RegistryErrorKind::Misconfigured
        | RegistryErrorKind::Refused
        | RegistryErrorKind::Unreachable
        | RegistryErrorKind::Timeout
        | RegistryErrorKind::Denied
        | RegistryErrorKind::Throttled
        | RegistryErrorKind::Failed
        | RegistryErrorKind::ResponseInvalid
        | RegistryErrorKind::RedirectRefused
        | RegistryErrorKind::ReferrersUnsupported
        | RegistryErrorKind::Overloaded => reason(error),
    }
}

/// The reason if the deadline passed during `stage`, in which the work waited for this.
pub(crate) fn late(stage: &str, awaited: &Awaited) -> Reason {
    match awaited {
        Awaited::Pause(pause) => {
            let detail =
                format_args!("{pause}, which does not end before the request's deadline: it ended while {stage}");
            Reason::new(Code::RegistryThrottled, detail)
        }
        Awaited::Setting(limit) if limit.is_of_silence() => {
            let detail = format_args!("the request's deadline passed while {stage}: {limit}");
            Reason::late(Some(late_cause(Missing::Response)), detail)
        }
        Awaited::Setting(limit) => {
            let detail = match limit.reached {
                SettingReached::PerSecond { .. } => {
                    format!("{limit}, which does not end before the request's deadline: it ended while {stage}")
                }
                SettingReached::AtOnce { .. } => {
                    format!("{limit}, until the request's deadline: it ended while {stage}")
                }
            };
            Reason::new(Code::RegistryThrottled, detail).with_remedy(Some(registry_remedy::of_setting()))
        }
        Awaited::Limit(reached) => {
            let detail = format_args!("{reached}, until the request's deadline: it ended while {stage}");
            let reason = Reason::new(Code::Overloaded, detail);
            match registry_remedy::of_limit(reached) {
                Some(remedy) => reason.with_remedy(Some(Remedy::Registry(remedy))),
                None => reason,
            }
        }
        // Of the registry, or of a server that it needs: its blob store, its token service, or the issuer of its credential.
        // Evidence has a deadline of its own.
        Awaited::Answer(answer) => {
            let detail = format_args!("the request's deadline passed while {stage}: {answer}");
            Reason::late(Some(late_cause(answer.missing)), detail)
        }
        Awaited::Apart(awaited) => late_evidence(stage, awaited),
        Awaited::Nothing => Reason::new(Code::DeadlineExceeded, format_args!("{LATE} {stage}")),
    }
}

/// The beginning of the message if no registry is the cause.
const LATE: &str = "verification did not finish before the request's deadline: it ended while";

/// The reason if the deadline passed while the work waited for evidence: the deadline of the evidence is that of the caller who
/// started the work, and later.
fn late_evidence(stage: &str, awaited: &Awaited) -> Reason {
    match awaited {
        Awaited::Pause(pause) => Reason::new(Code::DeadlineExceeded, format_args!("{LATE} {stage}: {pause}")),
        Awaited::Setting(limit) => Reason::new(Code::DeadlineExceeded, format_args!("{LATE} {stage}: {limit}")),
        Awaited::Limit(reached) => Reason::new(Code::DeadlineExceeded, format_args!("{LATE} {stage}: {reached}")),
        Awaited::Answer(answer) => {
            let remedy = match answer.missing {
                Missing::Address | Missing::Connection | Missing::Handshake => {
                    Some(Remedy::Late(late_cause(answer.missing)))
                }
                // The timeouts of registries are not its own.
                Missing::Response | Missing::Body => None,
            };
            Reason::new(Code::DeadlineExceeded, format_args!("{LATE} {stage}: {answer}")).with_remedy(remedy)
        }
        Awaited::Apart(_) | Awaited::Nothing => Reason::new(Code::DeadlineExceeded, format_args!("{LATE} {stage}")),
    }
}

/// The reason if a limit refused the work.
pub(super) fn overloaded(refused: &impl fmt::Display) -> Reason {
    Reason::new(Code::Overloaded, refused)
}

/// The reason if the work panicked.
pub(super) fn panicked() -> Reason {
    Reason::new(Code::InternalError, "internal error: the verification task panicked")
}

/// The verdict about an image whose statement, or a statement that may apply to it, is disabled.
pub(super) fn of_disabled(statement: &DisabledStatement, claim: Claim) -> ImageVerdict {
    let (name, cause) = (statement.name(), statement.cause());
    let code = match cause {
        DisabledBy::Policy(_) | DisabledBy::Metadata(_) => Code::StatementDisabled,
        DisabledBy::Store { .. } => Code::TrustStoreUnusable,
    };
    let because =
        |detail: fmt::Arguments<'_>| Reason::new(code, detail).with_remedy(cause.store_advice().map(Remedy::Store));
    match claim {
        Claim::Named | Claim::All => {
            let reason = because(format_args!("statement {name:?} of the trust policy is disabled: {cause}"));
            ImageVerdict::from_reason(Some(statement.shared_name()), reason)
        }
        Claim::Possible => {
            let reason = because(format_args!(
                "statement {name:?} of the trust policy is disabled, and its scopes, which are not certain, may include \
                 this repository: {cause}"
            ));
            ImageVerdict::from_reason(None, reason)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use countersign_core::verdict::LateCause;
    use countersign_http::AwaitedAnswer;
    use countersign_http::CHECKS;
    use countersign_http::HostPause;
    use countersign_http::LimitReached;
    use countersign_http::Overload;
    use countersign_http::Reduced;
    use countersign_http::Scope;
    use countersign_http::SettingLimit;
    use countersign_http::Silence;
    use countersign_registry::resources::RESPONDERS;

    use super::*;

    const STAGE: &str = "the image's manifest was fetched";

    fn answer(missing: Missing) -> Awaited {
        let (host, waited) = ("registry.example".to_owned(), Duration::from_millis(2470));
        Awaited::Answer(Box::new(AwaitedAnswer {
            host,
            step: "the manifest of the image",
            missing,
            proxy: None,
            waited,
        }))
    }

    /// Code, message and remedy.
    fn seen(awaited: &Awaited) -> (Code, String, String) {
        let reason = late(STAGE, awaited);
        (reason.code, reason.detail.to_string(), reason.advice().to_owned())
    }

    #[test]
    fn a_late_registry_is_named_with_what_is_missing_and_its_remedy() {
        for (missing, found, cause) in [
            (Missing::Address, "no address of", LateCause::Address),
            (Missing::Connection, "no connection to", LateCause::Connection),
            (Missing::Handshake, "no end of the TLS handshake with", LateCause::Handshake),
            (Missing::Response, "no response of", LateCause::Response),
            (Missing::Body, "only the beginning of the response of", LateCause::Body),
        ] {
            let message = format!(
                "the request's deadline passed while {STAGE}: found {found} registry.example for the manifest of the image after \
                 2.5 s, expected a complete response"
            );
            let expected = (Code::RegistryTimeout, message, cause.advice().to_owned());
            assert_eq!(seen(&answer(missing)), expected);
        }
    }

    fn setting(reached: SettingReached) -> Awaited {
        Awaited::Setting(SettingLimit { setting: "requestsPerSecond of registries[0]".into(), reached })
    }

    #[test]
    fn a_limit_of_a_setting_is_named_with_its_number_and_what_to_do() {
        let advice = "raise the setting that the message names or remove it, or verify fewer images of the registry at a time; the next request \
                      goes on with what this one has found";
        let (limit, wait) = (NonZeroU32::new(1).unwrap(), Duration::from_millis(400));
        let message = format!(
            "requestsPerSecond of registries[0] (1) requires a wait of 0.4 s, which does not end before the request's deadline: it ended \
             while {STAGE}"
        );
        let turn = setting(SettingReached::PerSecond { limit, wait });
        assert_eq!(seen(&turn), (Code::RegistryThrottled, message, advice.to_owned()));
        let message = format!(
            "requestsPerSecond of registries[0]: found 2 requests in progress, expected at most 2, until the request's deadline: it ended \
             while {STAGE}"
        );
        let at_once = setting(SettingReached::AtOnce { limit: 2, silence: None });
        assert_eq!(seen(&at_once), (Code::RegistryThrottled, message, advice.to_owned()));
        // The requests in progress have no response.
        let silence = Some(Silence { host: "r.example".into(), time: Duration::from_millis(1740) });
        let silent =
            SettingLimit { setting: "maxRequests of x".into(), reached: SettingReached::AtOnce { limit: 1, silence } };
        let message = format!(
            "the request's deadline passed while {STAGE}: found no complete response of r.example for 1.7 s, for which other requests wait \
             (maxRequests of x: 1 at a time)"
        );
        let expected = (Code::RegistryTimeout, message, LateCause::Response.advice().to_owned());
        assert_eq!(seen(&Awaited::Setting(silent)), expected);
        // It is not the registry's if evidence is late.
        let apart = Awaited::Apart(Box::new(at_once));
        assert_eq!(seen(&apart).0, Code::DeadlineExceeded);
    }

    #[test]
    fn a_limit_of_this_process_is_no_failure_of_the_registry() {
        let reached = LimitReached {
            resource: CHECKS,
            scope: Scope::Host("r.example".into()),
            at: None,
            found: 2,
            limit: 2,
            reduced: None,
        };
        let message = format!(
            "too many checks of content in progress for r.example: found 2, expected at most 2, until the request's deadline: it ended while \
             {STAGE}"
        );
        let expected = (Code::Overloaded, message, Code::Overloaded.advice().to_owned());
        assert_eq!(seen(&Awaited::Limit(Box::new(reached))), expected);
        let reached = LimitReached {
            resource: RESPONDERS,
            scope: Scope::Host("r.example".into()),
            at: None,
            found: 4,
            limit: 4,
            reduced: Some(Reduced { from: 32, why: Overload::Refused }),
        };
        let message = format!(
            "too many registry requests in progress for r.example: found 4, expected at most 4 (reduced from 32, as the host refused requests), \
             until the request's deadline: it ended while {STAGE}"
        );
        let advice = "nothing if it happens once: the limit rises again with the responses of the host; otherwise use credentials with a higher \
                      rate limit or a mirror, or check the host's health";
        assert_eq!(seen(&Awaited::Limit(Box::new(reached))), (Code::Overloaded, message, advice.to_owned()));
    }

    #[test]
    fn late_evidence_is_named_and_not_taken_for_a_late_registry() {
        let start = format!("verification did not finish before the request's deadline: it ended while {STAGE}");
        let general = Code::DeadlineExceeded.advice().to_owned();
        for (missing, found, advice) in [
            (Missing::Address, "no address of", LateCause::Address.advice().to_owned()),
            (Missing::Connection, "no connection to", LateCause::Connection.advice().to_owned()),
            (Missing::Handshake, "no end of the TLS handshake with", LateCause::Handshake.advice().to_owned()),
            (Missing::Response, "no response of", general.clone()),
            (Missing::Body, "only the beginning of the response of", general.clone()),
        ] {
            let message = format!(
                "{start}: found {found} registry.example for the manifest of the image after 2.5 s, expected a complete response"
            );
            let apart = Awaited::Apart(Box::new(answer(missing)));
            assert_eq!(seen(&apart), (Code::DeadlineExceeded, message, advice));
        }
        let pause = HostPause { host: "ocsp.example".to_owned(), wait: Duration::from_secs(40) };
        let apart = Awaited::Apart(Box::new(Awaited::Pause(pause)));
        let message = format!("{start}: ocsp.example requires a wait of 40 s");
        assert_eq!(seen(&apart), (Code::DeadlineExceeded, message, general.clone()));
        assert_eq!(seen(&Awaited::Nothing), (Code::DeadlineExceeded, start, general));
    }
}
