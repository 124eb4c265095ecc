//! Calls that are not repeated.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::ClassifyRetry;
use aws_smithy_runtime_api::client::retries::classifiers::RetryAction;
use aws_smithy_runtime_api::client::retries::classifiers::RetryClassifierPriority;

use crate::codes::ERROR_TYPE;
use crate::codes::is_throttled;

/// Does not repeat a call that the service refused because of the number of calls: the pause that it needs is longer than the
/// caller waits, and the next image makes the next call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoRetryIfThrottled;

impl ClassifyRetry for NoRetryIfThrottled {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(response) = context.response() else { return RetryAction::NoActionIndicated };
        let status = response.status().as_u16();
        let code = response.headers().get(ERROR_TYPE);
        if is_throttled(status, code, response.body().bytes().unwrap_or_default()) {
            RetryAction::RetryForbidden
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "NoRetryIfThrottled"
    }

    /// The last one decides.
    fn priority(&self) -> RetryClassifierPriority {
        let last = RetryClassifierPriority::transient_error_classifier();
        RetryClassifierPriority::run_after(RetryClassifierPriority::run_after(RetryClassifierPriority::run_after(last)))
    }
}
