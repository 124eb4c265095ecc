//! Calls: their attempts and their observer.

use std::fmt;
use std::sync::Arc;

use countersign_credentials::CallResult;
use countersign_http::FetchError;
use countersign_http::Retry;
use countersign_http::RetryAdvice;
use tokio::time::Instant;

use crate::call::Call;
use crate::observer::CallObserver;
use crate::observer::Operation;
use crate::transport::Answer;
use crate::transport::Transport;

/// Sends calls, and reports how they end.
#[derive(Debug)]
pub struct Calls<O> {
    transport: Transport,
    observer: Arc<dyn CallObserver<O>>,
}

/// The error of a call.
pub trait CallError: fmt::Display {
    /// How the call ended.
    fn result(&self) -> CallResult;
}

/// An attempt that was answered without a result.
#[derive(Debug)]
pub struct FailedAttempt<E> {
    /// The error of the call if there is no further attempt.
    pub error: E,
    /// Whether the service may answer another time: it reported a failure of its own.
    pub is_transient: bool,
}

impl<E> FailedAttempt<E> {
    /// An answer that another attempt does not change.
    pub fn last(error: E) -> Self {
        Self { error, is_transient: false }
    }
}

impl<O: Operation> Calls<O> {
    /// Calls over `transport`, reported to `observer`.
    #[must_use]
    pub fn new(transport: Transport, observer: Arc<dyn CallObserver<O>>) -> Self {
        Self { transport, observer }
    }

    /// Sends a call until it is answered, and reads the answer by `read`. A failure of the network or of the service is tried again
    /// until `deadline`; `unanswered` makes the error of a request without an answer.
    ///
    /// # Errors
    /// That of the last attempt.
    pub async fn call<T, E: CallError>(
        &self,
        call: &Call<'_, O>,
        deadline: Instant,
        read: impl Fn(&Answer) -> Result<T, FailedAttempt<E>>,
        unanswered: impl Fn(FetchError) -> E,
    ) -> Result<T, E> {
        let mut retry = Retry::new();
        let result = loop {
            let sent = self.transport.send(call.operation.step(), call, deadline).await;
            let (error, advice) = match sent {
                Ok(answer) => match read(&answer) {
                    Ok(result) => break Ok(result),
                    Err(FailedAttempt { error, is_transient: true }) => (error, RetryAdvice::BackOff),
                    Err(FailedAttempt { error, is_transient: false }) => (error, RetryAdvice::Never),
                },
                Err(error) => {
                    let advice = advice(&error);
                    (unanswered(error), advice)
                }
            };
            if !retry.wait(advice, deadline).await {
                break Err(error);
            }
        };
        self.ended(call.operation, result.as_ref().map(drop).map_err(CallError::result));
        result
    }

    /// Reports the end of a call, also of one that was not sent.
    pub fn ended(&self, operation: O, result: Result<(), CallResult>) {
        self.observer.call(operation, result);
    }
}

/// A pause that the service requested is for all its callers: the next call reports it at once.
fn advice(error: &FetchError) -> RetryAdvice {
    match error.retry_advice() {
        RetryAdvice::After(_) | RetryAdvice::Never => RetryAdvice::Never,
        RetryAdvice::BackOff => RetryAdvice::BackOff,
    }
}
