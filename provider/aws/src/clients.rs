//! The clients of one configuration.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::SystemTime;

use aws_config::BehaviorVersion;
use aws_config::Region;
use aws_config::SdkConfig;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_signer::config::IdentityCache;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::TimeSource as _;
use countersign_core::codec::text::Text;
use countersign_core::name::AwsRegion;
use countersign_http::Endpoint;
use countersign_http::SharedLimits;
use countersign_http::TlsSetupError;

use crate::credentials;
use crate::credentials::KeptCredentials;
use crate::credentials_status::CredentialsStatus;
use crate::endpoint::UseEndpoint;
use crate::error::AwsError;
use crate::error::Kind;
use crate::error::Operation;
use crate::limits;
use crate::observer::AwsObserver;
use crate::retry::NoRetryIfThrottled;
use crate::settings::AwsSettings;
use crate::settings::EcrRole;
use crate::settings::NamedEndpoint;
use crate::signer_answer::CheckAnswer;
use crate::time::AwsClock;
use crate::transport::Transport;

/// Clients of AWS with one configuration. Nothing is sent before the first call. Clones share everything.
#[derive(Clone)]
pub struct Aws(Arc<Inner>);

struct Inner {
    settings: AwsSettings,
    transport: Transport,
    clock: AwsClock,
    observer: Arc<dyn AwsObserver>,
    pod: KeptCredentials,
    /// By the region of STS too: it may not be reachable, or not be active for the account, in one of them.
    roles: Mutex<HashMap<(EcrRole, AwsRegion), KeptCredentials>>,
    signers: Mutex<HashMap<AwsRegion, aws_sdk_signer::Client>>,
}

/// The behaviour of the SDK is pinned, so that an update of it changes nothing by itself.
pub(crate) fn behaviour() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

impl Aws {
    /// Clients with the credentials of the pod. Requests are limited beside those of `others`.
    ///
    /// # Errors
    /// The TLS library refuses the configuration.
    pub fn new(
        settings: AwsSettings,
        limits: &SharedLimits,
        clock: AwsClock,
        observer: Arc<dyn AwsObserver>,
    ) -> Result<Self, TlsSetupError> {
        let transport = Transport::new(&settings, limits, &clock, &observer)?;
        // An endpoint of the environment is used as written.
        let is_named = settings.endpoints.sts.is_none();
        let config = ProviderConfig::empty()
            .with_behavior_version(Some(behaviour()))
            .with_http_client(transport.clone())
            .with_time_source(clock.clone())
            .with_sleep_impl(TokioSleep::new())
            .with_region(settings.region.as_ref().map(|region| Region::new(region.as_str().to_owned())))
            .with_use_fips(Some(settings.fips && is_named))
            .with_use_dual_stack(Some(settings.dual_stack && is_named))
            .with_retry_config(retries())
            .with_timeout_config(timeouts(&settings));
        let pod = credentials::of_pod(&settings, &config);
        Ok(Self::with(settings, transport, clock, observer, pod))
    }

    /// Clients with the credentials of `source`.
    ///
    /// # Errors
    /// The TLS library refuses the configuration.
    pub fn with_credentials(
        settings: AwsSettings,
        limits: &SharedLimits,
        clock: AwsClock,
        observer: Arc<dyn AwsObserver>,
        source: SharedCredentialsProvider,
    ) -> Result<Self, TlsSetupError> {
        let transport = Transport::new(&settings, limits, &clock, &observer)?;
        Ok(Self::with(settings, transport, clock, observer, source))
    }

    fn with(
        settings: AwsSettings,
        transport: Transport,
        clock: AwsClock,
        observer: Arc<dyn AwsObserver>,
        source: SharedCredentialsProvider,
    ) -> Self {
        let pod = KeptCredentials::new(source, Operation::Credentials, clock.clone(), Arc::clone(&observer));
        let pod = pod.in_pod(settings.endpoints.sts.as_ref().map(NamedEndpoint::setting), settings.region.as_ref());
        let (roles, signers) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { settings, transport, clock, observer, pod, roles, signers }))
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &AwsSettings {
        &self.0.settings
    }

    /// The time.
    pub(crate) fn now(&self) -> SystemTime {
        self.0.clock.now()
    }

    /// The observer of calls.
    pub(crate) fn observer(&self) -> &dyn AwsObserver {
        &*self.0.observer
    }

    /// How many seconds the clock is ahead of that of AWS, by the last response; negative if it is behind.
    #[must_use]
    pub fn clock_difference(&self) -> Option<i64> {
        self.0.transport.clock_difference()
    }

    /// The longest time of a call with all its attempts, including credentials.
    #[must_use]
    pub fn longest_call(&self) -> Duration {
        limits::CREDENTIALS_TIMEOUT + operation_timeout(self.settings())
    }

    /// Fetches the credentials of the pod, or renews them if that is due.
    ///
    /// # Errors
    /// There are none that are valid.
    pub async fn load_credentials(&self) -> Result<(), AwsError> {
        self.0.pod.get().await.map(drop)
    }

    /// The state of the credentials of the pod.
    #[must_use]
    pub fn credentials_status(&self) -> CredentialsStatus {
        self.0.pod.status()
    }

    /// Whether the services of `region` may be called.
    ///
    /// # Errors
    /// The settings do not have its partition.
    pub(crate) fn check_partition(&self, operation: Operation, region: &AwsRegion) -> Result<(), AwsError> {
        let (partition, allowed) = (region.partition(), &self.settings().partitions);
        if allowed.contains(&partition) {
            return Ok(());
        }
        let allowed = allowed.iter().map(|partition| partition.as_str()).collect::<Vec<_>>().join(", ");
        Err(AwsError::new(operation, Kind::Partition { region: region.clone(), partition, allowed: Text::of(allowed) }))
    }

    /// The credentials of the pod.
    pub(crate) fn pod(&self) -> &KeptCredentials {
        &self.0.pod
    }

    /// The client of AWS Signer in a region.
    pub(crate) fn signer(&self, region: &AwsRegion) -> aws_sdk_signer::Client {
        let mut signers = self.0.signers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = signers.get(region) {
            return client.clone();
        }
        let client = signer_client(&self.config(region, &self.0.pod), self.settings().signer_endpoint());
        // Without a configured region, signatures name it; AWS has half as many.
        if signers.len() >= limits::REGIONS {
            signers.clear();
        }
        signers.insert(region.clone(), client.clone());
        client
    }

    /// The configuration of clients in a region with these credentials.
    pub(crate) fn config(&self, region: &AwsRegion, credentials: &KeptCredentials) -> SdkConfig {
        let settings = self.settings();
        SdkConfig::builder()
            .behavior_version(behaviour())
            .http_client(self.0.transport.clone())
            .time_source(self.0.clock.clone())
            .region(Region::new(region.as_str().to_owned()))
            .use_fips(settings.fips)
            .use_dual_stack(settings.dual_stack)
            .retry_config(retries())
            .timeout_config(timeouts(settings))
            // The credentials are kept already.
            .identity_cache(IdentityCache::no_cache())
            .credentials_provider(credentials.for_region(region))
            .build()
    }

    /// The configuration of clients of STS in a region with the credentials of the pod.
    fn sts_config(&self, region: &AwsRegion) -> SdkConfig {
        let config = self.config(region, &self.0.pod);
        match &self.settings().endpoints.sts {
            None => config,
            Some(NamedEndpoint { endpoint, .. }) => {
                config.into_builder().endpoint_url(endpoint.to_string()).use_fips(false).use_dual_stack(false).build()
            }
        }
    }

    /// The credentials of a role in another account, or those of the pod. STS is called in the region of the pod, whose
    /// endpoint a VPC has, otherwise in `region`.
    pub(crate) async fn credentials(&self, role: Option<&EcrRole>, region: &AwsRegion) -> KeptCredentials {
        let Some(role) = role else { return self.0.pod.clone() };
        let of_pod = self.settings().region.as_ref().filter(|own| own.partition() == region.partition());
        let region = of_pod.unwrap_or(region);
        let key = (role.clone(), region.clone());
        if let Some(known) = self.0.roles.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return known.clone();
        }
        let mut provider = AssumeRoleProvider::builder(role.arn.as_str())
            .session_name("countersign")
            .region(Region::new(region.as_str().to_owned()))
            .configure(&self.sts_config(region));
        if let Some(id) = &role.external_id {
            provider = provider.external_id(id);
        }
        let source = SharedCredentialsProvider::new(provider.build_from_provider(self.0.pod.for_region(region)).await);
        let kept = KeptCredentials::of_role(source, self.0.pod.clone());
        let mut roles = self.0.roles.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a configured region, registries name it; AWS has half as many.
        if roles.len() >= limits::ROLES {
            roles.clear();
        }
        roles.entry(key).or_insert(kept).clone()
    }
}

/// A client of AWS Signer, which sends its requests to `endpoint` if there is one.
fn signer_client(config: &SdkConfig, endpoint: Option<&Endpoint>) -> aws_sdk_signer::Client {
    let mut config =
        aws_sdk_signer::config::Builder::from(config).retry_classifier(NoRetryIfThrottled).interceptor(CheckAnswer);
    if let Some(endpoint) = endpoint {
        config = config.interceptor(UseEndpoint(endpoint.clone()));
    }
    aws_sdk_signer::Client::from_conf(config.build())
}

/// The longest pause before the second attempt.
const BACKOFF: Duration = Duration::from_millis(100);

/// One more attempt after a failure of the network or of the service: the webhook has about two seconds.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(2).with_initial_backoff(BACKOFF)
}

/// The transport limits each attempt, and its error names the host. This limits both attempts with the pause between them, and is
/// later than both, so that it does not replace that error.
fn timeouts(settings: &AwsSettings) -> TimeoutConfig {
    TimeoutConfig::builder().operation_timeout(operation_timeout(settings)).build()
}

fn operation_timeout(settings: &AwsSettings) -> Duration {
    settings.attempt_timeout * 2 + 10 * BACKOFF
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("region", &self.settings().region).finish_non_exhaustive()
    }
}
