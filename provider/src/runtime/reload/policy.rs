//! The trust policy in use. It is polled by a task of its own, so that no other file can delay the end of trust.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;
use std::time::Duration;

use tokio::task::JoinError;
use tokio::task::spawn_blocking;

use crate::clock;
use crate::config::Aws;
use crate::config::Config;
use crate::policy_source::PolicyHandle;
use crate::policy_source::PolicyPoll;
use crate::policy_source::PolicySource;
use crate::runtime::status::PollStatus;
use crate::runtime::status::ReloadStatus;
use crate::runtime::trust_stores;
use crate::runtime::watchdog::watch;
use crate::server::health::StatusLine;
use crate::telemetry::metrics::Component;

/// The component [`Component::Trust`], shared by the task that polls it and by that of the configuration, which may name
/// another policy.
#[derive(Clone)]
pub(in crate::runtime) struct SharedPolicy(Arc<Mutex<PolicyState>>);

/// Locked only while nothing is read, because a file system may not respond.
pub(super) struct PolicyState {
    pub(super) source: PolicySource,
    pub(super) status: ReloadStatus,
    /// `trust.reloadInterval`.
    pub(super) interval: Duration,
    /// The section `aws`, for warnings about statements.
    pub(super) aws: Aws,
}

impl PolicyState {
    /// The generation of the policy in use; `None` if there is no policy.
    pub(super) fn generation(&self) -> Option<u64> {
        generation(&self.source)
    }
}

/// The generation of the newest policy of `source`; `None` if there is no policy.
pub(super) fn generation(source: &PolicySource) -> Option<u64> {
    source.handle().current().map(|policy| policy.generation())
}

impl SharedPolicy {
    /// `source` with its status, for the service with this configuration.
    pub(in crate::runtime) fn new(source: PolicySource, status: ReloadStatus, config: &Config) -> Self {
        let (interval, aws) = (config.trust.reload_interval, config.aws.clone());
        Self(Arc::new(Mutex::new(PolicyState { source, status, interval, aws })))
    }

    /// The handle of the policy in use.
    pub(in crate::runtime) fn handle(&self) -> Arc<PolicyHandle> {
        self.lock().source.handle()
    }

    /// A line for each trust store that is fetched, whenever it is called.
    pub(in crate::runtime) fn fetched_lines(&self) -> impl Fn() -> Vec<StatusLine> + Send + Sync + 'static {
        // The status of the policy has what shows these lines.
        let policy = Arc::downgrade(&self.0);
        move || {
            let policy = Weak::upgrade(&policy).map(Self);
            policy.map_or_else(Vec::new, |policy| {
                let fetched = policy.lock().source.fetched().clone();
                trust_stores::lines(&fetched)
            })
        }
    }

    /// The source in use.
    pub(super) fn source(&self) -> PolicySource {
        self.lock().source.clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, PolicyState> {
        // The state is consistent at every point; a panic of a task ends the process.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls forever, every `trust.reloadInterval`, and calls `changed` after each that has taken another policy into use. Returns only if a
    /// poll panics.
    pub(super) async fn follow(self, polls: PollStatus, changed: impl Fn()) -> JoinError {
        loop {
            let interval = self.lock().interval;
            tokio::time::sleep(interval).await;
            let policy = self.clone();
            let poll = spawn_blocking(move || policy.poll());
            match watch(poll, |late| polls.late(Component::Trust, late)).await {
                Ok(true) => changed(),
                Ok(false) => {}
                Err(error) => return error,
            }
            polls.finished(Component::Trust);
        }
    }

    /// Reads the files and takes changes into use. Returns whether another policy is in use. Blocks on the file system.
    pub(super) fn poll(&self) -> bool {
        let mut source = self.source();
        let former = generation(&source);
        let polled = source.poll(clock::now());
        let mut state = self.lock();
        let PolicyState { source: in_use, status, interval: _, aws } = &mut *state;
        // A changed configuration has replaced the source, whose handle is not in use any more.
        if !Arc::ptr_eq(&source.handle(), &in_use.handle()) {
            return false;
        }
        *in_use = source;
        status.stores_fetched(in_use.fetched());
        match polled {
            PolicyPoll::Unchanged => {}
            PolicyPoll::Unsettled => tracing::debug!(
                "trust policy and trust stores are changing; reading them again \
                 later"
            ),
            PolicyPoll::Loaded(policy) => status.policy_in_use(&policy, in_use.location(), aws),
            PolicyPoll::Refused(error) => status.no_policy(&error, in_use.location()),
        }
        generation(in_use) != former
    }
}
