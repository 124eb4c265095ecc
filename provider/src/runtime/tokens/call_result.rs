//! How a call of a cloud ended, for the metrics.

use countersign_credentials::CallResult;

use crate::telemetry::metrics::CloudCallResult;

/// The label of a result.
pub(in crate::runtime) fn label(result: Result<(), CallResult>) -> CloudCallResult {
    match result {
        Ok(()) => CloudCallResult::Ok,
        Err(CallResult::Throttled) => CloudCallResult::Throttled,
        Err(CallResult::Credentials) => CloudCallResult::Credentials,
        Err(CallResult::Timeout) => CloudCallResult::Timeout,
        Err(CallResult::Unreachable) => CloudCallResult::Unreachable,
        Err(CallResult::Failed) => CloudCallResult::Failed,
        Err(CallResult::Refused) => CloudCallResult::Refused,
        Err(CallResult::Invalid) => CloudCallResult::Invalid,
        Err(CallResult::NotAllowed) => CloudCallResult::NotAllowed,
    }
}
