//! The clients of one configuration.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign_cloud::CallObserver;
use countersign_core::time::UnixTime;
use countersign_credentials::CredentialError;
use countersign_credentials::ExpiringIdentities;
use countersign_credentials::Identity;
use countersign_credentials::IdentityObserver;
use countersign_http::SharedLimits;
use countersign_http::TlsSetupError;
use tokio::time::Instant;

use crate::calls::Calls;
use crate::entra::EntraTokenKey;
use crate::entra::EntraTokens;
use crate::error::Operation;
use crate::settings::AzureSettings;

/// Reads the time, for the end of tokens.
pub type AzureClock = Arc<dyn Fn() -> UnixTime + Send + Sync>;

/// Clients of Azure with one configuration. Nothing is sent before the first call. Clones share everything.
#[derive(Clone)]
pub struct Azure(Arc<Inner>);

struct Inner {
    settings: Arc<AzureSettings>,
    calls: Arc<Calls>,
    clock: AzureClock,
    tokens: ExpiringIdentities<EntraTokens>,
}

impl Azure {
    /// Clients whose requests are limited beside those of `others`. Fetches of tokens of Entra are reported to `issued`.
    ///
    /// # Errors
    /// The TLS library refuses the configuration.
    pub fn new(
        settings: AzureSettings,
        limits: &SharedLimits,
        clock: AzureClock,
        observer: Arc<dyn CallObserver<Operation>>,
        issued: Arc<dyn IdentityObserver>,
    ) -> Result<Self, TlsSetupError> {
        let calls = Calls::new(&settings, limits, observer)?;
        let (settings, calls) = (Arc::new(settings), Arc::new(calls));
        let tokens = EntraTokens { settings: Arc::clone(&settings), calls: Arc::clone(&calls) };
        let tokens = ExpiringIdentities::observed(tokens, issued);
        Ok(Self(Arc::new(Inner { settings, calls, clock, tokens })))
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &AzureSettings {
        &self.0.settings
    }

    /// The longest time of a call with all its attempts.
    #[must_use]
    pub fn longest_call(&self) -> Duration {
        2 * self.0.settings.attempt_timeout + Duration::from_secs(1)
    }

    pub(crate) fn calls(&self) -> &Calls {
        &self.0.calls
    }

    pub(crate) fn now(&self) -> UnixTime {
        (self.0.clock)()
    }

    /// A token of Entra: the kept one, or a new one.
    pub(crate) async fn token(&self, key: &EntraTokenKey, deadline: Instant) -> Result<Identity, CredentialError> {
        self.0.tokens.get(key.clone(), deadline).await
    }

    /// Another token in place of one that a service refused; `None` if that was just issued.
    pub(crate) async fn other_token(
        &self,
        key: &EntraTokenKey,
        refused: &Identity,
        deadline: Instant,
    ) -> Result<Option<Identity>, CredentialError> {
        self.0.tokens.replace(key.clone(), refused, deadline).await
    }
}

impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Azure")
    }
}
