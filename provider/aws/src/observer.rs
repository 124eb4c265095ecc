//! The observer of calls. This crate has no metrics and no log.

use std::fmt;

use crate::error::AwsError;
use crate::error::Operation;
use countersign_credentials::CallRequest;
use countersign_credentials::CallResult;

/// Observes calls.
pub trait AwsObserver: fmt::Debug + Send + Sync + 'static {
    /// A call has ended, with all its attempts. Must be fast.
    fn call(&self, operation: Operation, result: Result<(), CallResult>);

    /// A request of a call was answered, or has failed. A call has as many as attempts; one that is not sent has none, and the
    /// instance metadata service answers several. Must be fast.
    fn request(&self, _: Operation, _: &CallRequest<'_>) {}
}

/// Observes nothing.
#[derive(Clone, Copy, Debug)]
pub struct Unobserved;

impl AwsObserver for Unobserved {
    fn call(&self, _: Operation, _: Result<(), CallResult>) {}
}

/// Reports the end of a call, and returns its result.
pub(crate) fn observed<T>(
    observer: &dyn AwsObserver,
    operation: Operation,
    result: Result<T, AwsError>,
) -> Result<T, AwsError> {
    observer.call(operation, result.as_ref().map(drop).map_err(AwsError::result));
    result
}
