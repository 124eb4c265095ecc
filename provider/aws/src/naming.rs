//! The last request of a call, which its error names.

use std::cell::RefCell;
use std::future::Future;

use http::StatusCode;
use url::Url;

use crate::error::Answered;
use crate::error::AwsError;
use crate::error::LastRequest;
use crate::error::Operation;
use crate::error::Sent;
use crate::query_refusal::QueryRefusal;

tokio::task_local! {
    /// Of the call that runs in this task.
    static LAST: RefCell<LastRequest>;
}

/// Runs a call, and names its last request in an error of this operation.
pub(crate) async fn naming_request<T>(
    operation: Operation,
    call: impl Future<Output = Result<T, AwsError>>,
) -> Result<T, AwsError> {
    let call = async {
        let result = call.await;
        result.map_err(|error| if error.operation() == operation { error.after(last().sent) } else { error })
    };
    LAST.scope(RefCell::default(), call).await
}

/// The last request of the call that runs in this task.
pub(crate) fn last() -> LastRequest {
    LAST.try_with(|last| last.borrow().clone()).unwrap_or_default()
}

/// Notes a request of the call that runs in this task, if it is one that names its requests.
pub(crate) fn note(url: &Url, body: &[u8]) {
    let request = LastRequest { sent: Some(Sent::of(url, body)), answered: None };
    let _ = LAST.try_with(|last| last.replace(request));
}

/// Notes the answer to the last request.
pub(crate) fn note_answer(status: StatusCode, refusal: Option<QueryRefusal>) {
    let answered = Some(Answered { status: status.as_u16(), refusal });
    let _ = LAST.try_with(|last| last.borrow_mut().answered = answered);
}
