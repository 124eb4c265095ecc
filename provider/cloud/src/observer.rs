//! The observer of calls. The clients have no metrics and no log.

use std::fmt;

use countersign_credentials::CallRequest;
use countersign_credentials::CallResult;

/// The calls of a cloud.
pub trait Operation: Copy + fmt::Debug + Send + Sync + 'static {
    /// What a request is for, in messages to callers whose deadline passes: a noun phrase such as "the token of Microsoft Entra".
    fn step(self) -> &'static str;
}

/// Observes calls.
pub trait CallObserver<O>: fmt::Debug + Send + Sync + 'static {
    /// A call has ended, with all its attempts. Must be fast.
    fn call(&self, operation: O, result: Result<(), CallResult>);

    /// A request of a call was answered, or has failed. A call has as many as attempts; one that is not sent has none. Must be fast.
    fn request(&self, _: O, _: &CallRequest<'_>) {}
}
