//! Calls: what is Azure's about their answers and errors.

use std::sync::Arc;

use countersign_cloud::Answer;
use countersign_cloud::CallError as _;
use countersign_cloud::CallObserver;
use countersign_cloud::Destination;
use countersign_cloud::FailedAttempt;
use countersign_cloud::Transport;
use countersign_cloud::TransportSettings;
use countersign_cloud::message;
use countersign_core::codec::text::Text;
use countersign_credentials::Secret;
use countersign_credentials::without_secrets;
use countersign_http::Payload;
use countersign_http::SharedLimits;
use countersign_http::TlsSetupError;
use countersign_http::authority;
use http::HeaderValue;
use tokio::time::Instant;
use url::Url;

use crate::error::AzureError;
use crate::error::Kind;
use crate::error::Operation;
use crate::limits;
use crate::refusal::Refusal;
use crate::settings::AzureSettings;

/// Sends calls, and reports how they end.
#[derive(Debug)]
pub(crate) struct Calls(countersign_cloud::Calls<Operation>);

/// A call.
pub(crate) struct Call<'a> {
    pub(crate) operation: Operation,
    pub(crate) url: &'a Url,
    pub(crate) payload: Payload,
    /// What the request carries: a text of the service is shown up to where it repeats it, see [`without_secrets`].
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
        let refusal = refusal.without_error();
        Self { code: Text::of("without a code"), message: None, refusal, claims: None }
    }
}

impl Calls {
    /// # Errors
    /// The TLS library refuses the configuration.
    pub(crate) fn new(
        settings: &AzureSettings,
        limits: &SharedLimits,
        observer: Arc<dyn CallObserver<Operation>>,
    ) -> Result<Self, TlsSetupError> {
        let transport = TransportSettings {
            requests_name: "requests to Azure",
            requests: limits::REQUESTS,
            connect_timeout: settings.connect_timeout,
            attempt_timeout: settings.attempt_timeout,
            roots: settings.roots.clone(),
            proxy: settings.proxy.clone(),
            proxy_setting: "azure.proxy",
            proxies: settings.proxies.clone(),
        };
        Ok(Self(countersign_cloud::Calls::new(Transport::new(transport, limits)?, observer)))
    }

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
        let sent = countersign_cloud::Call {
            operation: call.operation,
            url: call.url,
            destination: Destination::of(call.url),
            payload: call.payload.clone(),
            authorization: call.authorization,
        };
        let read = |answer: &Answer| {
            if answer.status == 200 {
                let unusable = |problem| FailedAttempt::last(failed(Kind::Answer(hidden(&problem, call.secret))));
                return read(answer).map_err(unusable);
            }
            let refused = refused(answer);
            let is_transient = refused.refusal == Refusal::Failure;
            Err(FailedAttempt { error: failed(kind(answer.status, refused, call.secret)), is_transient })
        };
        self.0.call(&sent, deadline, read, |error| failed(Kind::Fetch(error))).await
    }

    /// Reports a call that was not sent.
    pub(crate) fn not_sent(&self, error: &AzureError) {
        self.0.ended(error.operation(), Err(error.result()));
    }
}

fn kind(status: u16, refused: Refused, secret: Option<&Secret>) -> Kind {
    let Refused { code, message: text, refusal, claims } = refused;
    let code = hidden(&code, secret);
    let message = message(text.map(|text| without(&text, secret)).as_deref());
    Kind::Refused { status, code, message, refusal, claims }
}

/// A text about an answer up to where it repeats the secret of the request.
fn hidden(text: &Text, secret: Option<&Secret>) -> Text {
    Text::of(without(text.as_str(), secret))
}

#[allow(clippy::disallowed_methods, reason = "compares texts with the secret, and keeps it out of messages")]
fn without(text: &str, secret: Option<&Secret>) -> String {
    without_secrets(text, secret.map(Secret::expose))
}
