//! Results of requests for the observer.

use crate::error::Cause;
use crate::error::RegistryErrorKind;
use crate::observer::RequestResult;
use crate::request::Reply;
use crate::request::Request;

/// The result of `request`.
pub(crate) fn observed(request: &Request<'_>, result: &Result<Reply, Cause>) -> RequestResult {
    match result {
        Ok(Reply::Success(_)) => RequestResult::Ok,
        Ok(Reply::Unauthorized { .. }) if request.authorization.is_some() => RequestResult::Denied,
        Ok(Reply::Unauthorized { .. }) => RequestResult::Challenged,
        Err(cause) => failed_as(cause),
    }
}

/// The result for the response that ended the request, of whichever server it is.
fn failed_as(cause: &Cause) -> RequestResult {
    if let Cause::Redirected { cause, .. } = cause {
        return failed_as(cause);
    }
    if let Cause::Status { status: 500.., .. } = cause {
        return RequestResult::ServerError;
    }
    if let Cause::TokenNotFound { .. } = cause {
        return RequestResult::NotFound;
    }
    match cause.kind() {
        // No request is sent to a misconfigured registry.
        RegistryErrorKind::Misconfigured | RegistryErrorKind::Refused | RegistryErrorKind::RedirectRefused => {
            RequestResult::Refused
        }
        RegistryErrorKind::Unreachable => RequestResult::Unreachable,
        RegistryErrorKind::Timeout => RequestResult::Timeout,
        RegistryErrorKind::Denied => RequestResult::Denied,
        RegistryErrorKind::Throttled => RequestResult::Throttled,
        RegistryErrorKind::NotFound => RequestResult::NotFound,
        RegistryErrorKind::Overloaded => RequestResult::Overloaded,
        RegistryErrorKind::Failed
        | RegistryErrorKind::ResponseInvalid
        | RegistryErrorKind::ContentMismatch
        | RegistryErrorKind::ReferrersUnsupported
        | RegistryErrorKind::Unsupported => RequestResult::Invalid,
    }
}
