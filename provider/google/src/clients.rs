//! The client of one configuration.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign_cloud::AccessToken;
use countersign_cloud::Answer;
use countersign_cloud::Call;
use countersign_cloud::CallObserver;
use countersign_cloud::Calls;
use countersign_cloud::Destination;
use countersign_cloud::FailedAttempt;
use countersign_cloud::Transport;
use countersign_cloud::TransportSettings;
use countersign_cloud::get_with;
use countersign_cloud::message;
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::Roots;
use countersign_http::SharedLimits;
use countersign_http::TlsSetupError;
use countersign_http::authority;
use http::HeaderName;
use http::HeaderValue;
use tokio::time::Instant;

use crate::error::GoogleError;
use crate::error::Kind;
use crate::error::Operation;
use crate::limits;
use crate::refusal::Refusal;
use crate::settings::GoogleSettings;

/// A client of Google Cloud with one configuration. Nothing is sent before the first call. Clones share everything.
#[derive(Clone)]
pub struct Google(Arc<Inner>);

struct Inner {
    settings: GoogleSettings,
    calls: Calls<Operation>,
}

/// The path of a token of the service account
/// ([request](https://cloud.google.com/compute/docs/access/authenticate-workloads#curl)). Its scopes are those of the account: the
/// metadata server of GKE issues tokens for the whole cloud, which the roles of the account limit.
const TOKEN: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

/// The header of requests, which the metadata server demands, and repeats in every answer.
const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");

const GOOGLE: HeaderValue = HeaderValue::from_static("Google");

impl Google {
    /// A client whose requests are limited beside those of `limits`.
    ///
    /// # Errors
    /// The TLS library refuses the configuration.
    pub fn new(
        settings: GoogleSettings,
        limits: &SharedLimits,
        observer: Arc<dyn CallObserver<Operation>>,
    ) -> Result<Self, TlsSetupError> {
        let transport = TransportSettings {
            requests_name: "requests to the metadata server",
            requests: limits::REQUESTS,
            connect_timeout: settings.connect_timeout,
            attempt_timeout: settings.attempt_timeout,
            // Only the node is called, over plain HTTP and without a proxy.
            roots: Roots::System,
            proxy: ProxyChoice::Direct,
            proxy_setting: "google",
            proxies: ProxyEnvironment::default(),
        };
        let calls = Calls::new(Transport::new(transport, limits)?, observer);
        Ok(Self(Arc::new(Inner { settings, calls })))
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &GoogleSettings {
        &self.0.settings
    }

    /// The longest time of a call with all its attempts. The metadata server of GKE does not answer in the first seconds of a pod.
    #[must_use]
    pub fn longest_call(&self) -> Duration {
        2 * self.0.settings.attempt_timeout + Duration::from_secs(1)
    }

    /// A token of the service account.
    pub(crate) async fn access_token(&self) -> Result<AccessToken, GoogleError> {
        let operation = Operation::MetadataToken;
        let url = self.0.settings.metadata_server.url(TOKEN);
        let server = authority(&url);
        let failed = |kind| GoogleError::new(operation, &server, kind);
        let call = Call {
            operation,
            url: &url,
            destination: Destination::Node,
            payload: get_with(FLAVOR, GOOGLE),
            authorization: None,
        };
        let read = |answer: &Answer| {
            read(answer).map_err(|(kind, is_transient)| FailedAttempt { error: failed(kind), is_transient })
        };
        let deadline = Instant::now() + self.longest_call();
        self.0.calls.call(&call, deadline, read, |error| failed(Kind::Fetch(error))).await
    }
}

/// The token in an answer; or what failed, and whether it ends by itself.
fn read(answer: &Answer) -> Result<AccessToken, (Kind, bool)> {
    let status = answer.status;
    let text = String::from_utf8_lossy(&answer.body);
    let refusal = Refusal::of(status, &text);
    let is_transient = status != 200 && refusal == Refusal::Failure;
    // Exactly one: what forwards the request for somebody else may add another.
    let flavors: Vec<_> = answer.headers.get_all(&FLAVOR).iter().collect();
    if flavors != [GOOGLE] {
        return Err((Kind::NotGoogle { status }, is_transient));
    }
    if status == 200 {
        return AccessToken::read(&answer.body).map_err(|problem| (Kind::Answer(problem), false));
    }
    // The first line says what failed. A page is not shown; nor is an answer that is no refusal or may have a token.
    let is_shown = status >= 400 && !text.contains("access_token");
    let line = text.lines().next().map(str::trim).filter(|line| is_shown && !line.starts_with('<'));
    Err((Kind::Refused { status, message: message(line), refusal }, is_transient))
}

impl fmt::Debug for Google {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Google")
    }
}
