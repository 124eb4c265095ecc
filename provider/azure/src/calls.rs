//! Calls: their attempts, their errors, and their observer.

use std::sync::Arc;

use bytes::Bytes;
use countersign_core::codec::text::Text;
use countersign_credentials::Secret;
use countersign_http::FetchError;
use countersign_http::Payload;
use countersign_http::Retry;
use countersign_http::RetryAdvice;
use countersign_http::authority;
use http::HeaderValue;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded;

use crate::error::AzureError;
use crate::error::Kind;
use crate::error::Operation;
use crate::limits;
use crate::observer::AzureObserver;
use crate::refusal::Refusal;
use crate::transport::Answer;
use crate::transport::Transport;

/// Sends calls, and reports how they end.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) transport: Transport,
    pub(crate) observer: Arc<dyn AzureObserver>,
}

/// A call.
pub(crate) struct Call<'a> {
    pub(crate) operation: Operation,
    pub(crate) url: &'a Url,
    pub(crate) payload: Payload,
    /// What the request carries: a text of the service that repeats it is not shown.
    pub(crate) secret: Option<&'a Secret>,
    /// The token, for the host of `url`.
    pub(crate) authorization: Option<&'a HeaderValue>,
}

/// Why the service refused.
pub(crate) struct Refused {
    pub(crate) code: Text,
    pub(crate) message: Option<String>,
    pub(crate) refusal: Refusal,
    pub(crate) claims: Option<Box<str>>,
}

impl Refused {
    /// A refusal whose body is not understood.
    pub(crate) fn without_code(refusal: Refusal) -> Self {
        Self { code: Text::of("without a code"), message: None, refusal, claims: None }
    }
}

impl Calls {
    /// Sends a call until it is answered, and reads the answer: a 200 by `read`, another status by `refused`. A failure of the
    /// network or of the service is tried again until `deadline`.
    ///
    /// # Errors
    /// As [`AzureError`] says.
    pub(crate) async fn call<T>(
        &self,
        call: &Call<'_>,
        deadline: Instant,
        refused: impl Fn(&Answer) -> Refused,
        read: impl Fn(&Answer) -> Result<T, Text>,
    ) -> Result<T, AzureError> {
        let server = authority(call.url);
        let failed = |kind| AzureError::new(call.operation, kind).at(&server);
        let mut retry = Retry::new();
        let result = loop {
            let sent =
                self.transport.send(call.operation, call.url, call.payload.clone(), call.authorization, deadline).await;
            let (error, advice) = match sent {
                Ok(answer) if answer.status == 200 => {
                    break read(&answer).map_err(|problem| failed(Kind::Answer(problem)));
                }
                Ok(answer) => {
                    let refused = refused(&answer);
                    let is_failure = refused.refusal == Refusal::Failure;
                    let advice = if is_failure { RetryAdvice::BackOff } else { RetryAdvice::Never };
                    (kind(answer.status, refused, call.secret), advice)
                }
                Err(error) => (Kind::Fetch(error.clone()), advice(&error)),
            };
            if !retry.wait(advice, deadline).await {
                break Err(failed(error));
            }
        };
        self.observed(call.operation, result)
    }

    /// Reports the end of a call, and returns its result.
    pub(crate) fn observed<T>(&self, operation: Operation, result: Result<T, AzureError>) -> Result<T, AzureError> {
        self.observer.call(operation, result.as_ref().map(drop).map_err(AzureError::result));
        result
    }
}

/// A pause that the service requested is for all its callers: the next call reports it at once.
fn advice(error: &FetchError) -> RetryAdvice {
    match error.retry_advice() {
        RetryAdvice::After(_) | RetryAdvice::Never => RetryAdvice::Never,
        RetryAdvice::BackOff => RetryAdvice::BackOff,
    }
}

fn kind(status: u16, refused: Refused, secret: Option<&Secret>) -> Kind {
    let Refused { code, message, refusal, claims } = refused;
    let repeats = |text: &String| {
        secret.and_then(|secret| std::str::from_utf8(secret.expose()).ok()).is_some_and(|secret| text.contains(secret))
    };
    let message = match message {
        Some(text) if repeats(&text) => Text::of(": (its text repeats the secret)"),
        Some(text) if !text.is_empty() => Text::at_most(limits::TEXT_BYTES, format_args!(": {text}")),
        Some(_) | None => Text::default(),
    };
    Kind::Refused { status, code, message, refusal, claims }
}

/// A POST of a form.
pub(crate) fn form(fields: &[(&str, &str)]) -> Payload {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    Payload::Post { content_type: "application/x-www-form-urlencoded", body: Bytes::from(form.finish()) }
}
