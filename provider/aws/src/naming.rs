//! The last request of a call, which its error names.

use std::cell::RefCell;
use std::future::Future;

use url::Url;

use crate::error::AwsError;
use crate::error::Operation;
use crate::error::Sent;

tokio::task_local! {
    /// Of the call that runs in this task.
    static LAST: RefCell<Option<Sent>>;
}

/// Runs a call, and names its last request in an error of this operation.
pub(crate) async fn naming_request<T>(
    operation: Operation,
    call: impl Future<Output = Result<T, AwsError>>,
) -> Result<T, AwsError> {
    let call = async {
        let result = call.await;
        result
            .map_err(|error| if error.operation() == operation { error.after(LAST.with(RefCell::take)) } else { error })
    };
    LAST.scope(RefCell::new(None), call).await
}

/// Notes a request of the call that runs in this task, if it is one that names its requests.
pub(crate) fn note(url: &Url, body: &[u8]) {
    let _ = LAST.try_with(|last| last.replace(Some(Sent::of(url, body))));
}
