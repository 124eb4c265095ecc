//! Fetches the trust stores of `trust.stores`: once before the trust policy is loaded, and then each by a task of its own.
//!
//! What was fetched is in [`FetchedStores`], from where the next poll of the trust policy takes it into use. So a store that is not
//! fetched yet disables the statements that name it, and one that cannot be fetched again keeps its content,
//! without what its source says has ended.

mod client;
pub mod memory;
mod receiving;

use std::sync::Arc;
use std::time::Duration;

use countersign_core::codec::text;
use countersign_core::policy::StoreRef;
use countersign_core::time::UnixTime;
use countersign_credentials::BoxFuture;
use countersign_http::SharedLimits;
use countersign_http::Unobserved;
use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::timeout_at;

use self::client::StoreClient;
use self::receiving::Receiving;
use super::age::age;
use super::azure::Vaults;
use crate::clock;
use crate::config::Config;
use crate::config::KeyVaultSource;
use crate::config::RegistryFiles;
use crate::config::StoreSource;
use crate::policy_source::FetchStatus;
use crate::policy_source::FetchedStore;
use crate::policy_source::FetchedStores;
use crate::policy_source::StoreContent;
use crate::policy_source::StoreFailure;
use crate::policy_source::StoreFailureCause;
use crate::policy_source::nothing_enabled;
use crate::server::health::StatusLine;
use crate::telemetry::RequestTrace;

/// How long all stores together may take before the trust policy is loaded without those that are missing. Pods of a rollout wait as
/// long, and a request to a near server takes some milliseconds.
const FIRST: Duration = Duration::from_secs(5);

/// For one attempt.
const ATTEMPT: Duration = Duration::from_secs(20);

/// The pause after the first failed attempt. It doubles with each further one, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Fetches the content of stores.
pub(super) trait FetchStore: Send + Sync + 'static {
    /// The files of `store` at this source, until `deadline`. They are checked against what the source says of them. After `failed`
    /// attempts in a row it begins with another part, so that one part that takes all of the time does not keep the others from being
    /// read.
    ///
    /// # Errors
    /// Why there is no content, without secrets.
    fn fetch(
        &self,
        store: &StoreRef,
        source: &StoreSource,
        failed: u32,
        deadline: Instant,
    ) -> BoxFuture<'static, Result<StoreContent, StoreFailure>>;
}

/// Most files of a store in a line of the log or of the status.
const LISTED: usize = 20;

/// What fetches the stores of each configuration, and the tasks that fetch those of the configuration in use.
pub(super) struct TrustStores {
    limits: SharedLimits,
    /// Shows requests for stores at a URL.
    trace: Option<Arc<dyn RequestTrace>>,
    /// One for each store whose content is being received.
    receiving: Receiving,
    /// They end with this value.
    tasks: JoinSet<()>,
}

impl TrustStores {
    /// Nothing is fetched yet. Requests are limited beside those of `others`.
    pub(super) fn new(others: &SharedLimits, trace: Option<Arc<dyn RequestTrace>>) -> Self {
        Self {
            limits: client::limits(others, Arc::new(Unobserved)),
            trace,
            receiving: Receiving::new(Arc::new(Unobserved)),
            tasks: JoinSet::new(),
        }
    }

    /// What fetches stores as `config` and the content of its `files` say, and from `vaults`.
    pub(super) fn fetcher(&self, config: &Config, files: &RegistryFiles, vaults: Vaults) -> Arc<dyn FetchStore> {
        Arc::new(StoreClient::new(config, files, vaults, self))
    }

    /// Fetches `stores` from now on, and no others. Within a runtime.
    pub(super) fn follow(&mut self, stores: &FetchedStores, fetcher: &Arc<dyn FetchStore>) {
        self.tasks = JoinSet::new();
        for store in stores.stores() {
            if let Some(danger) = danger(store.source()) {
                tracing::warn!(store = %store.reference(), "{danger}");
            }
            self.tasks.spawn(follow(Arc::clone(store), Arc::clone(fetcher)));
        }
    }
}

/// What an operator should know of a source, as a sentence; `None` for nothing.
pub(crate) fn danger(source: &StoreSource) -> Option<String> {
    match source {
        StoreSource::KeyVault(source) if source.secret => Some(format!(
            "`secret: true`: {} can read private keys of the vault {}; leave it out to read certificates only",
            source.identity.name(),
            source.vault
        )),
        StoreSource::KeyVault(_) | StoreSource::Url(_) => None,
    }
}

/// Of a fetched store, a sentence about each certificate of which its vault has nothing that is enabled, while it has something of others:
/// without any, this is a mistake of the store itself.
pub(crate) fn nothing_enabled_of(source: &StoreSource, status: &FetchStatus) -> Vec<String> {
    let FetchStatus { fetched: _, files, failure, nothing_enabled: none, next: _ } = status;
    match source {
        StoreSource::KeyVault(KeyVaultSource { vault, .. }) if !files.is_empty() || failure.is_some() => {
            let sentence =
                |of| format!("{}; signatures with it are not trusted until then", nothing_enabled(vault, of));
            none.iter().map(sentence).collect()
        }
        StoreSource::KeyVault(_) | StoreSource::Url(_) => Vec::new(),
    }
}

/// Fetches the stores that have no content yet, all at the same time. Returns when each was tried once, after [`FIRST`] at the latest.
pub(super) async fn first(stores: &FetchedStores, fetcher: &Arc<dyn FetchStore>) {
    let deadline = Instant::now() + FIRST;
    let missing = stores.stores().filter(|store| store.status().fetched.is_none());
    join_all(missing.map(|store| attempt(Arc::clone(store), Arc::clone(fetcher), deadline))).await;
}

/// Fetches a store whenever it is due. Ends if its content cannot change any more.
async fn follow(store: Arc<FetchedStore>, fetcher: Arc<dyn FetchStore>) {
    let longest = interval(store.source()).unwrap_or(LONGEST_PAUSE);
    while let Some(wait) = due(&store.status(), clock::now(), longest) {
        tokio::time::sleep(wait).await;
        attempt(Arc::clone(&store), Arc::clone(&fetcher), Instant::now() + ATTEMPT).await;
    }
}

/// How often the content of a source is read again; `None` if it cannot change.
fn interval(source: &StoreSource) -> Option<Duration> {
    match source {
        StoreSource::Url(_) => None,
        StoreSource::KeyVault(source) => Some(source.refresh_interval),
    }
}

/// How long after `now` a store is fetched, `longest` at most, as a clock that was set back must not stop it; `None` for never.
fn due(
    FetchStatus { fetched, files: _, failure: _, nothing_enabled: _, next }: &FetchStatus,
    now: UnixTime,
    longest: Duration,
) -> Option<Duration> {
    match next {
        Some(next) => {
            let seconds = u64::try_from(next.seconds().saturating_sub(now.seconds())).unwrap_or_default();
            Some(Duration::from_secs(seconds).min(longest))
        }
        None if fetched.is_some() => None,
        None => Some(Duration::ZERO),
    }
}

/// Fetches a store once. In a task of its own, so that a panic is a failure of this attempt.
pub(super) async fn attempt(store: Arc<FetchedStore>, fetcher: Arc<dyn FetchStore>, deadline: Instant) {
    let failed = store.status().failure.map_or(0, |failure| failure.attempts);
    let fetching = fetcher.fetch(store.reference(), store.source(), failed, deadline);
    let fetching = tokio::spawn(timeout_at(deadline, fetching));
    let fetched = match fetching.await {
        Ok(Ok(fetched)) => fetched,
        Ok(Err(_)) => Err(StoreFailure::new(StoreFailureCause::Late, "found no complete answer in time, expected one")),
        Err(panic) => Err(StoreFailure::new(StoreFailureCause::Internal, format_args!("an internal error: {panic}"))),
    };
    let (name, origin, now) = (store.reference(), store.source(), clock::now());
    let not_fetched = |why: &StoreFailure, pause: Option<Duration>| {
        let again_in_seconds = pause.map(|pause| pause.as_secs());
        tracing::warn!(store = %name, %origin, error = %why, again_in_seconds, "trust store not fetched");
    };
    match fetched {
        Ok(content) => {
            // What is not there yet is usually being made.
            let is_nothing = content.files.is_empty() && content.missing.is_some();
            let pause = if content.unanswered.is_empty() && !is_nothing {
                interval(origin).map(|interval| interval - fifth_at_most(interval))
            } else {
                Some(pause(failed))
            };
            let files = text::list(content.files.iter().map(|(name, _)| name), ", ", LISTED).to_string();
            let why = content.unanswered.first().map(|unanswered| &unanswered.why).or(content.missing.as_ref());
            match why {
                None => tracing::info!(store = %name, %origin, files, "trust store fetched"),
                Some(why) if content.files.is_empty() && !content.unanswered.is_empty() => not_fetched(why, pause),
                Some(why) => tracing::warn!(store = %name, %origin, files, error = %why, "trust store fetched in part"),
            }
            store.succeeded(content, now, pause.map(|pause| now.saturating_add(pause)));
            for why in nothing_enabled_of(origin, &store.status()) {
                tracing::warn!(store = %name, %origin, why, "a certificate of the trust store has no enabled version");
            }
        }
        Err(why) => {
            let pause = pause(failed);
            not_fetched(&why, Some(pause));
            store.failed(why, now, now.saturating_add(pause));
        }
    }
}

/// The pause after a failure, before which `failed` attempts have failed in a row: up to a fifth longer at random, so that replicas
/// that failed together do not retry together.
fn pause(failed: u32) -> Duration {
    let pause = PAUSE.saturating_mul(2_u32.saturating_pow(failed)).min(LONGEST_PAUSE);
    pause + fifth_at_most(pause)
}

/// Up to a fifth of `time` at random.
fn fifth_at_most(time: Duration) -> Duration {
    let random = u32::try_from(std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8) % 20);
    time / 100 * random.unwrap_or_default()
}

/// The lines of `/readyz?verbose` about fetched stores.
pub(super) fn lines(stores: &FetchedStores) -> Vec<StatusLine> {
    let now = clock::now();
    stores.stores().map(|store| line(store, now)).collect()
}

fn line(store: &FetchedStore, now: UnixTime) -> StatusLine {
    let (name, origin) = (store.reference(), store.source());
    let FetchStatus { fetched, files, failure, nothing_enabled, next } = store.status();
    let state = match fetched {
        Some(at) => format!("fetched at {at}, {} ago, from {origin}", age(at, now)),
        None => format!("not fetched from {origin}"),
    };
    let versions = match origin {
        StoreSource::KeyVault(_) if fetched.is_some() && files.is_empty() => ", no version".to_owned(),
        StoreSource::KeyVault(_) if !files.is_empty() => {
            format!(", versions {}", text::list(files.iter(), ", ", LISTED))
        }
        StoreSource::KeyVault(_) | StoreSource::Url(_) => String::new(),
    };
    let none = match nothing_enabled.as_slice() {
        [_, ..] if !files.is_empty() => {
            format!(", nothing enabled of {}", text::list(nothing_enabled.iter(), "; ", LISTED))
        }
        _ => String::new(),
    };
    let next = next.map_or_else(String::new, |next| format!(", next at {next}"));
    let failed = failure.as_ref().map_or_else(String::new, |failure| {
        let times = if failure.attempts == 1 { String::new() } else { format!(" ({} attempts)", failure.attempts) };
        format!("; failed since {}{times}: {}", failure.since, failure.why)
    });
    StatusLine {
        is_good: failure.is_none() && fetched.is_some(),
        text: format!("trust store {name}: {state}{versions}{none}{next}{failed}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
