//! The observer of calls. This crate has no metrics and no log.

use std::fmt;

use countersign_credentials::CallResult;

use crate::error::Operation;

/// Observes calls.
pub trait AzureObserver: fmt::Debug + Send + Sync + 'static {
    /// A call has ended, with all its attempts. Must be fast.
    fn call(&self, operation: Operation, result: Result<(), CallResult>);
}

/// Observes nothing.
#[derive(Clone, Copy, Debug)]
pub struct Unobserved;

impl AzureObserver for Unobserved {
    fn call(&self, _: Operation, _: Result<(), CallResult>) {}
}
