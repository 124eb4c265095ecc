//! Maps failures of registries and of the trust policy to reasons: never "unsigned".

use countersign_core::policy::Claim;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::LateCause;
use countersign_core::verdict::Reason;
use countersign_http::Awaited;
use countersign_http::LimitReached;
use countersign_http::Missing;
use countersign_registry::RegistryError;
use countersign_registry::RegistryErrorKind;

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
    if code == Code::RegistryTimeout {
        return Reason::late(error.cause.missing().map(late_cause), error);
    }
    Reason::new(code, error)
}

/// The case for the remedy.
fn late_cause(missing: Missing) -> LateCause {
    match missing {
        Missing::Address => LateCause::Address,
        Missing::Connection => LateCause::Connection,
        Missing::Handshake => LateCause::Handshake,
        Missing::Response => LateCause::Response,
        Missing::Body => LateCause::Body,
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
pub(super) fn late(stage: &str, awaited: &Awaited) -> Reason {
    let late = "verification did not finish before the request's deadline: it ended while";
    match awaited {
        Awaited::Pause(pause) => {
            let detail =
                format_args!("{pause}, which does not end before the request's deadline: it ended while {stage}");
            Reason::new(Code::RegistryThrottled, detail)
        }
        // Of the registry, or of a server that it needs: its blob store, its token service, or the issuer of its credential.
        // Evidence has a deadline of its own.
        Awaited::Answer(answer) => {
            let detail = format_args!("the request's deadline passed while {stage}: {answer}");
            Reason::late(Some(late_cause(answer.missing)), detail)
        }
        Awaited::Nothing => Reason::new(Code::DeadlineExceeded, format_args!("{late} {stage}")),
    }
}

/// The reason if a limit refused the work.
pub(super) fn overloaded(reached: &LimitReached) -> Reason {
    Reason::new(Code::Overloaded, reached)
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
    match claim {
        Claim::Named | Claim::All => {
            let detail = format_args!("statement {name:?} of the trust policy is disabled: {cause}");
            ImageVerdict::from_reason(Some(statement.shared_name()), Reason::new(code, detail))
        }
        Claim::Possible => {
            let detail = format_args!(
                "statement {name:?} of the trust policy is disabled, and its scopes, which are not certain, may include \
                 this repository: {cause}"
            );
            ImageVerdict::from_reason(None, Reason::new(code, detail))
        }
    }
}
