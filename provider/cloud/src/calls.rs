//! Calls: their attempts and their observer.

use std::fmt;
use std::sync::Arc;

use countersign_credentials::CallRequest;
use countersign_credentials::CallResult;
use countersign_http::FetchError;
use countersign_http::Retry;
use countersign_http::RetryAdvice;
use countersign_http::authority;
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
            let began = Instant::now();
            let sent = self.transport.send(call.operation.step(), call, deadline).await;
            let answered = sent.as_ref().ok().map(|answer| (answer.status, answer.body.len()));
            let attempt = match sent {
                Ok(answer) => read(&answer).map_err(|FailedAttempt { error, is_transient }| {
                    (error, if is_transient { RetryAdvice::BackOff } else { RetryAdvice::Never })
                }),
                Err(error) => {
                    let advice = advice(&error);
                    Err((unanswered(error), advice))
                }
            };
            let ended = attempt.as_ref().map(drop).map_err(|(error, _)| error.result());
            self.requested(call, answered, ended, began);
            let (error, advice) = match attempt {
                Ok(result) => break Ok(result),
                Err(failed) => failed,
            };
            if !retry.wait(advice, deadline).await {
                break Err(error);
            }
        };
        self.ended(call.operation, result.as_ref().map(drop).map_err(CallError::result));
        result
    }

    /// Reports a request that has ended: with the status and the size of its answer, if there is one.
    fn requested(
        &self,
        call: &Call<'_, O>,
        answered: Option<(u16, usize)>,
        result: Result<(), CallResult>,
        began: Instant,
    ) {
        let method = call.payload.method();
        let request = CallRequest {
            method: method.as_str(),
            host: &authority(call.url),
            status: answered.map(|(status, _)| status),
            bytes: answered.map_or(0, |(_, bytes)| bytes),
            result,
            elapsed: began.elapsed(),
        };
        self.observer.request(call.operation, &request);
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
