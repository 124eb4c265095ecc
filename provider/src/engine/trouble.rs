//! What a registry's trouble means for a verdict: never "unsigned".

use countersign_core::verdict::Code;
use countersign_core::verdict::Reason;
use countersign_registry::RegistryError;
use countersign_registry::Trouble;

use crate::cache::FlightError;

/// The reason for a verdict about the image itself.
pub(super) fn reason(error: &RegistryError) -> Reason {
    let code = match error.trouble() {
        Trouble::Refused => Code::RegistryNotAllowed,
        Trouble::Unreachable => Code::RegistryUnreachable,
        Trouble::Timeout => Code::RegistryTimeout,
        Trouble::Denied => Code::RegistryDenied,
        Trouble::Throttled => Code::RegistryThrottled,
        Trouble::Failed => Code::RegistryFailed,
        Trouble::AnswerInvalid => Code::RegistryAnswerInvalid,
        Trouble::NotFound => Code::ImageNotFound,
        Trouble::Unsupported => Code::ImageUnsupported,
        Trouble::Overloaded => Code::Overloaded,
    };
    Reason::new(code, error)
}

/// The reason for one signature: what is missing or damaged there says nothing about the image.
pub(super) fn of_signature(error: &RegistryError) -> Reason {
    match error.trouble() {
        Trouble::AnswerInvalid | Trouble::NotFound | Trouble::Unsupported => {
            Reason::new(Code::SignatureUnavailable, error)
        }
        Trouble::Refused
        | Trouble::Unreachable
        | Trouble::Timeout
        | Trouble::Denied
        | Trouble::Throttled
        | Trouble::Failed
        | Trouble::Overloaded => reason(error),
    }
}

/// The reason when shared work gave no answer.
pub(super) fn of_flight(error: FlightError) -> Reason {
    match error {
        FlightError::Deadline { stage } => Reason::new(
            Code::DeadlineExceeded,
            format_args!("the request's time was over while {stage}: want an answer before its deadline"),
        ),
        FlightError::Panicked => {
            Reason::new(Code::InternalError, "the verification ended unexpectedly: want it to end with a verdict")
        }
        FlightError::Full => {
            Reason::new(Code::Overloaded, "as many images are being verified as may be: want a free place")
        }
    }
}
