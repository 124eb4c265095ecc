//! Credentials of AWS: their sources in the order of the SDK, and the renewal before they end.

mod checked;
mod container;
mod metadata;
mod of_region;
mod profile;
mod profile_files;
mod token_file;
mod variables;
mod web_identity;

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::SystemTime;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::TimeSource as _;
use countersign_core::codec::text::Text;
use countersign_core::name::AwsRegion;
use countersign_core::name::Partition;
use countersign_http::FlightError;
use countersign_http::SingleFlight;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use self::checked::Checked;
use self::container::Container;
use self::container::Loopback;
use self::of_region::OfRegion;
use self::profile::NoMetadata;
use self::profile::Profile;
use self::token_file::NamingFile;
pub use self::variables::check_pod_variables;
pub use self::variables::pod_source;
pub use self::variables::pod_token_file;
pub use self::variables::pod_variable_warnings;
pub use self::variables::uses_web_identity;
use self::web_identity::WebIdentity;
use crate::caught::caught;
use crate::credentials_status::CredentialsStatus;
use crate::credentials_status::CurrentCredentials;
use crate::error::AwsError;
use crate::error::Configured;
use crate::error::Kind;
use crate::error::Operation;
use crate::error::Origin;
use crate::error::Sent;
use crate::error::TokenFile;
use crate::limits;
use crate::naming;
use crate::naming::naming_request;
use crate::observer::AwsObserver;
use crate::observer::observed;
use crate::settings::AwsSettings;
use crate::time::AwsClock;

/// The sources of a pod, in this order: the environment, the web identity token (IRSA), the container (EKS Pod Identity), and,
/// only if the settings say so, the profile of a file and the instance metadata service.
pub(crate) fn of_pod(settings: &AwsSettings, config: &ProviderConfig) -> SharedCredentialsProvider {
    let web_identity = WebIdentity(NamingFile {
        file: TokenFile::WebIdentity,
        source: WebIdentityTokenCredentialsProvider::builder().configure(config).build(),
    });
    let container = Container(NamingFile {
        file: TokenFile::Container,
        source: EcsCredentialsProvider::builder().configure(config).dns(Loopback).build(),
    });
    let environment = Checked { origin: Origin::Environment, source: EnvironmentVariableCredentialsProvider::new() };
    let mut chain = CredentialsProviderChain::first_try("environment", environment)
        .or_else("web identity token", Checked { origin: Origin::Sts, source: web_identity })
        .or_else("container", Checked { origin: Origin::Container, source: container });
    if let Some(name) = &settings.profile {
        let metadata = if settings.instance_metadata {
            metadata::source(config)
        } else {
            SharedCredentialsProvider::new(NoMetadata { profile: name.clone() })
        };
        let source = Profile { name: name.clone(), config: config.clone(), metadata };
        chain = chain.or_else("profile", Checked { origin: Origin::Profile, source });
    }
    if settings.instance_metadata {
        let source = metadata::source(config);
        chain = chain.or_else("instance metadata", Checked { origin: Origin::InstanceMetadata, source });
    }
    SharedCredentialsProvider::new(chain)
}

/// Credentials of a source, kept until they end. They are fetched again before that; if that fails, the former ones are used
/// until their end. Concurrent callers share one fetch and its failure. A fetch continues when its callers stop waiting, so that
/// a source that is slower than their deadlines has a result for later ones.
#[derive(Clone)]
pub(crate) struct KeptCredentials(Arc<Inner>);

struct Inner {
    source: SharedCredentialsProvider,
    /// The credentials that sign the requests of the source, if these do.
    base: Option<KeptCredentials>,
    /// The name of a fetch in errors.
    operation: Operation,
    /// What has the endpoint of STS, for errors; `None` if it is that of the region.
    sts: Option<Text>,
    /// That of the pod's region; `None` if it is not known.
    of_pod: Option<Partition>,
    clock: AwsClock,
    observer: Arc<dyn AwsObserver>,
    kept: Mutex<Option<Kept>>,
    /// The last fetch, if it failed.
    failed: Mutex<Option<(SystemTime, AwsError)>>,
    fetches: SingleFlight<(), Result<Fetched, AwsError>>,
}

/// Credentials with what is known about them.
#[derive(Clone)]
struct Fetched {
    credentials: Credentials,
    /// That of the role, or of the pod for a role of the node's services; `None` for other credentials, such as keys, which name none.
    partition: Option<Partition>,
    origin: Origin,
}

#[derive(Clone)]
struct Kept {
    found: Fetched,
    fetched: Instant,
    /// What the clock showed then.
    shown: SystemTime,
    renew_at: Option<SystemTime>,
}

impl KeptCredentials {
    pub(crate) fn new(
        source: SharedCredentialsProvider,
        operation: Operation,
        clock: AwsClock,
        observer: Arc<dyn AwsObserver>,
    ) -> Self {
        let fetches = SingleFlight::with_grace(limits::CREDENTIALS_TIMEOUT);
        let (kept, failed) = (Mutex::default(), Mutex::default());
        let (base, sts, of_pod) = (None, None, None);
        Self(Arc::new(Inner { source, base, operation, sts, of_pod, clock, observer, kept, failed, fetches }))
    }

    /// The same, whose errors name what has the endpoint of STS, in a pod of this region. Nothing was fetched yet.
    pub(crate) fn in_pod(self, sts: Option<Text>, region: Option<&AwsRegion>) -> Self {
        let of_pod = region.map(AwsRegion::partition);
        Self(match Arc::try_unwrap(self.0) {
            Ok(inner) => Arc::new(Inner { sts, of_pod, ..inner }),
            Err(shared) => shared,
        })
    }

    /// Those of a role, which `source` assumes with `base`.
    pub(crate) fn of_role(source: SharedCredentialsProvider, base: Self) -> Self {
        let (clock, observer) = (base.0.clock.clone(), Arc::clone(&base.0.observer));
        let fetches = SingleFlight::with_grace(limits::CREDENTIALS_TIMEOUT);
        let (operation, kept, failed) = (Operation::AssumeRole, Mutex::default(), Mutex::default());
        let (sts, of_pod) = (base.0.sts.clone(), base.0.of_pod);
        let base = Some(base);
        Self(Arc::new(Inner { source, base, operation, sts, of_pod, clock, observer, kept, failed, fetches }))
    }

    /// # Errors
    /// There are none that are still valid, and the source has none.
    pub(crate) async fn get(&self) -> Result<Credentials, AwsError> {
        self.find().await.map(|found| found.credentials)
    }

    /// The same, for requests to the services of `region` only: those of another partition do not know the credentials, and must not get
    /// a session of this one.
    pub(crate) fn for_region(&self, region: &AwsRegion) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(OfRegion { kept: self.clone(), region: region.clone() })
    }

    async fn find(&self) -> Result<Fetched, AwsError> {
        let now = self.0.clock.now();
        match self.0.valid(now) {
            Some(kept) => {
                if kept.is_due(now) && !self.0.fetches.is_running(&()) {
                    let this = self.clone();
                    // A failure is kept as the time of the next attempt.
                    tokio::spawn(async move { drop(this.fetch().await) });
                }
                Ok(kept.found)
            }
            None => self.fetch().await,
        }
    }

    /// The same. Its type is known, as the credentials of a role need those of the pod.
    fn boxed(&self) -> BoxFuture<'_, Result<Credentials, AwsError>> {
        Box::pin(self.get())
    }

    /// Whether there are valid credentials, and how the last fetch failed.
    pub(crate) fn status(&self) -> CredentialsStatus {
        let current = match self.0.valid(self.0.clock.now()).map(|kept| kept.found.credentials.expiry()) {
            None => CurrentCredentials::None,
            Some(None) => CurrentCredentials::Endless,
            Some(Some(end)) => CurrentCredentials::Until(end),
        };
        let failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        CredentialsStatus { current, failed }
    }

    /// Whether `error` is the refusal of these credentials, and others may be accepted: not if they were just fetched. They
    /// are dropped then.
    pub(crate) fn refused(&self, used: &Credentials, error: &AwsError) -> bool {
        if !error.refuses_credentials() {
            return false;
        }
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let current = kept.as_ref().filter(|kept| kept.found.credentials.access_key_id() == used.access_key_id());
        // Without it, another call has dropped or replaced them.
        let is_old = current.is_none_or(|kept| kept.fetched.elapsed() >= limits::CREDENTIALS_RETRY);
        if current.is_some() && is_old {
            *kept = None;
        }
        is_old
    }

    /// Fetches credentials, or waits for a fetch in progress.
    async fn fetch(&self) -> Result<Fetched, AwsError> {
        let fetch = |_| {
            let inner = Arc::clone(&self.0);
            async move { inner.fetch().await }
        };
        let failed = |kind| Err(AwsError::new(self.0.operation, kind));
        match self.0.fetches.join_or_start((), Instant::now() + 2 * limits::CREDENTIALS_TIMEOUT, fetch).await {
            Ok(result) => result,
            Err(FlightError::Deadline { awaited, .. }) => failed(Kind::late(awaited)),
            Err(FlightError::Panicked) => failed(Kind::Credentials(Text::of("the source of credentials panicked"))),
        }
    }
}

impl Kept {
    /// The later one of `now`, which the clock shows, and what it would show if it had not been set since: a clock that is set back
    /// makes no credentials last longer.
    fn latest(&self, now: SystemTime) -> SystemTime {
        self.shown.checked_add(self.fetched.elapsed()).map_or(now, |unset| unset.max(now))
    }

    fn is_valid(&self, now: SystemTime) -> bool {
        self.found.credentials.expiry().is_none_or(|end| self.latest(now) < end)
    }

    fn is_due(&self, now: SystemTime) -> bool {
        self.renew_at.is_some_and(|at| at <= self.latest(now))
    }
}

impl Inner {
    fn valid(&self, now: SystemTime) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone().filter(|kept| kept.is_valid(now))
    }

    async fn fetch(&self) -> Result<Fetched, AwsError> {
        let now = self.clock.now();
        // Another fetch may have ended in the meantime.
        if let Some(kept) = self.valid(now).filter(|kept| !kept.is_due(now)) {
            return Ok(kept.found);
        }
        let loaded = self.load_with_base().await;
        let failed = loaded.as_ref().err().map(|error| (self.clock.now(), error.clone()));
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
        if loaded.is_err()
            && let Some(kept) = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner)
        {
            kept.renew_at = Some(kept.latest(self.clock.now()) + limits::CREDENTIALS_RETRY);
        }
        loaded
    }

    /// If the service refuses the credentials that signed the request, they are replaced, and it is sent once more.
    async fn load_with_base(&self) -> Result<Fetched, AwsError> {
        let Some(base) = &self.base else { return self.load_once().await };
        let used = base.boxed().await?;
        match self.load_once().await {
            Err(error) if error.operation() == self.operation && base.refused(&used, &error) => {
                base.boxed().await?;
                self.load_once().await
            }
            loaded => loaded,
        }
    }

    async fn load_once(&self) -> Result<Fetched, AwsError> {
        let load = async { caught(self.operation, self.load()).await.map_err(|error| self.naming_endpoint(error)) };
        let loaded = naming_request(self.operation, load).await;
        observed(&*self.observer, self.operation, loaded)
    }

    /// The error with what has the endpoint of STS, if the last request was for STS.
    fn naming_endpoint(&self, error: AwsError) -> AwsError {
        let of_sts = naming::last().sent.is_some_and(|sent| sent.has_action());
        error.under(self.operation, || Configured::endpoint(self.sts.clone().filter(|_| of_sts)))
    }

    async fn load(&self) -> Result<Fetched, AwsError> {
        let deadline = Instant::now() + limits::CREDENTIALS_TIMEOUT;
        let loaded = countersign_http::until(deadline, self.source.provide_credentials()).await;
        let credentials = loaded
            .map_err(|late| AwsError::new(self.operation, Kind::late(late.awaited)))?
            .map_err(|error| AwsError::of_credentials(self.operation, &error, &naming::last()))?;
        let origin = match self.operation {
            Operation::AssumeRole => Origin::Sts,
            Operation::Credentials | Operation::EcrToken | Operation::EcrPublicToken | Operation::SignerStatus => {
                naming::origin().unwrap_or(Origin::Other)
            }
        };
        checked::check(origin, &credentials).map_err(|error| AwsError::new(self.operation, Kind::Source(error)))?;
        let now = self.clock.now();
        if credentials.expiry().is_some_and(|end| end <= now) {
            let text = "found credentials that have ended already, expected valid ones: check the clock of the node";
            return Err(AwsError::new(self.operation, Kind::Credentials(Text::of(text))));
        }
        // A short life is used for three quarters.
        let renew_at = credentials.expiry().map(|end| {
            let life = end.duration_since(now).unwrap_or_default();
            end - limits::CREDENTIALS_RENEWED_BEFORE.min(life / 4)
        });
        let partition = match origin {
            // Their answers do not name the role; it is one of the cluster or of the node.
            Origin::Container | Origin::InstanceMetadata => self.of_pod,
            // Of the role that STS was asked for last.
            Origin::Environment | Origin::Sts | Origin::Profile | Origin::Other => {
                naming::last().sent.as_ref().and_then(Sent::partition)
            }
        };
        let found = Fetched { credentials, partition, origin };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Kept { found: found.clone(), fetched: Instant::now(), shown: now, renew_at });
        Ok(found)
    }
}

impl fmt::Debug for KeptCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptCredentials")
    }
}

#[cfg(test)]
mod tests;
