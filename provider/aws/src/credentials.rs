//! Credentials of AWS: their sources in the order of the SDK, and the renewal before they end.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::SystemTime;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_smithy_async::time::TimeSource as _;

use crate::limits;
use crate::settings::AwsSettings;
use crate::time::AwsClock;

/// The sources of a pod, in this order: the environment, the web identity token (IRSA), the container (EKS Pod Identity), and,
/// only if the settings say so, the profile of a file and the instance metadata service.
pub(crate) fn of_pod(settings: &AwsSettings, config: &ProviderConfig) -> SharedCredentialsProvider {
    let web_identity = WebIdentityTokenCredentialsProvider::builder().configure(config).build();
    let container = EcsCredentialsProvider::builder().configure(config).build();
    let mut chain = CredentialsProviderChain::first_try("environment", EnvironmentVariableCredentialsProvider::new())
        .or_else("web identity token", web_identity)
        .or_else("container", container);
    if let Some(profile) = &settings.profile {
        let profile = ProfileFileCredentialsProvider::builder().configure(config).profile_name(profile).build();
        chain = chain.or_else("profile", profile);
    }
    if settings.instance_metadata {
        chain = chain.or_else("instance metadata", ImdsCredentialsProvider::builder().configure(config).build());
    }
    SharedCredentialsProvider::new(chain)
}

/// Credentials of a source, kept until they end. They are fetched again before that, once for all callers; if that fails, the
/// former ones are used until their end.
#[derive(Clone)]
pub(crate) struct KeptCredentials(Arc<Inner>);

struct Inner {
    source: SharedCredentialsProvider,
    clock: AwsClock,
    kept: Mutex<Option<Kept>>,
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Kept {
    credentials: Credentials,
    renew_at: Option<SystemTime>,
}

impl KeptCredentials {
    pub(crate) fn new(source: SharedCredentialsProvider, clock: AwsClock) -> Self {
        Self(Arc::new(Inner { source, clock, kept: Mutex::new(None), fetching: tokio::sync::Mutex::new(()) }))
    }

    /// # Errors
    /// There are none that are still valid, and the source has none.
    pub(crate) async fn get(&self) -> Result<Credentials, CredentialsError> {
        let now = self.0.clock.now();
        match self.0.valid(now) {
            Some(kept) => {
                if kept.renew_at.is_some_and(|at| at <= now) {
                    self.renew();
                }
                Ok(kept.credentials)
            }
            None => self.fetch().await,
        }
    }

    /// Fetches in the background, unless a fetch is in progress.
    fn renew(&self) {
        let this = self.clone();
        tokio::spawn(async move {
            let Ok(_fetching) = this.0.fetching.try_lock() else { return };
            if this.0.load().await.is_err() {
                this.0.retry_later();
            }
        });
    }

    async fn fetch(&self) -> Result<Credentials, CredentialsError> {
        let _fetching = self.0.fetching.lock().await;
        // Another caller may have fetched them in the meantime.
        match self.0.valid(self.0.clock.now()) {
            Some(kept) => Ok(kept.credentials),
            None => self.0.load().await,
        }
    }
}

impl Inner {
    fn valid(&self, now: SystemTime) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone().filter(|kept| kept.credentials.expiry().is_none_or(|end| now < end))
    }

    async fn load(&self) -> Result<Credentials, CredentialsError> {
        let loaded = tokio::time::timeout(limits::CREDENTIALS_TIMEOUT, self.source.provide_credentials()).await;
        let credentials =
            loaded.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(limits::CREDENTIALS_TIMEOUT)))?;
        let now = self.clock.now();
        // A short life is used for three quarters.
        let renew_at = credentials.expiry().map(|end| {
            let life = end.duration_since(now).unwrap_or_default();
            end - limits::CREDENTIALS_RENEWED_BEFORE.min(life / 4)
        });
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Kept { credentials: credentials.clone(), renew_at });
        Ok(credentials)
    }

    fn retry_later(&self) {
        let at = self.clock.now() + limits::CREDENTIALS_RETRY;
        if let Some(kept) = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner) {
            kept.renew_at = Some(at);
        }
    }
}

impl ProvideCredentials for KeptCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.get())
    }
}

impl fmt::Debug for KeptCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptCredentials")
    }
}
