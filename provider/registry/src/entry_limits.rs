//! The limits of an entry of the settings, within those of the process.

use std::sync::Arc;
use std::time::Duration;

use countersign_http::FetchError;
use countersign_http::InProgress;
use countersign_http::LimitReached;
use countersign_http::Pace;
use countersign_http::Scope;
use countersign_http::Sent;
use countersign_http::SettingLimit;
use countersign_http::SettingReached;
use countersign_http::waiting_at_setting;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::entries::Entry;
use crate::entry_numbers::EntryNumbers;
use crate::error::Cause;
use crate::observer::Observer;
use crate::resources;

/// The limits of an entry, with what is in use of them.
#[derive(Debug)]
pub(crate) struct EntryLimits {
    name: Arc<str>,
    numbers: EntryNumbers,
    /// The setting of [`EntryNumbers::requests`], in messages.
    setting: Arc<str>,
    requests: Option<Arc<Semaphore>>,
    /// Those that are sent.
    in_progress: Arc<InProgress>,
    pace: Option<Arc<Pace>>,
}

impl EntryLimits {
    /// The limits of `entry`. Those of `former` with the same name and number are kept with their use.
    pub(crate) fn of(entry: &Entry, former: &[Self]) -> Self {
        let numbers = entry.numbers;
        let former = former.iter().find(|former| former.name == entry.name);
        let requests = former.filter(|former| former.numbers.requests == numbers.requests);
        let in_progress = requests.map(|former| Arc::clone(&former.in_progress)).unwrap_or_default();
        let requests = match (requests, numbers.requests) {
            (Some(former), _) => former.requests.clone(),
            (None, limit) => limit.map(|limit| Arc::new(Semaphore::new(limit))),
        };
        // The setting has the position of the entry, which may have changed.
        let setting: Arc<str> = format!("requestsPerSecond of {}", entry.rule).into();
        let is_same = |pace: &&Arc<Pace>| Some(pace.per_second()) == numbers.per_second && pace.setting() == &*setting;
        let pace = match former.and_then(|former| former.pace.as_ref()).filter(is_same) {
            Some(pace) => Some(Arc::clone(pace)),
            None => numbers.per_second.map(|per_second| Arc::new(Pace::new(Arc::clone(&setting), per_second))),
        };
        let setting = format!("maxRequests of {}", entry.rule).into();
        Self { name: Arc::clone(&entry.name), numbers, setting, requests, in_progress, pace }
    }

    /// Whether a request that is not about an image may be sent: it takes no turn of one that is, of those in a second or at the same time.
    pub(crate) fn has_room(&self) -> bool {
        self.pace.is_none() && self.requests.as_ref().is_none_or(|requests| requests.available_permits() > 0)
    }

    /// The timeout of a request under the entry.
    pub(crate) fn request_timeout(&self) -> Option<Duration> {
        self.numbers.request_timeout
    }

    /// Notes that a request to `host` is sent.
    pub(crate) fn send(&self, host: &str) -> Sent {
        self.in_progress.send(host)
    }

    /// Waits until the entry allows another request. The permit is held until its response is read.
    ///
    /// # Errors
    /// Immediately if the turn of the request is not before `deadline`; at `deadline` if the limit was reached until then.
    pub(crate) async fn acquire(
        &self,
        observer: &dyn Observer,
        deadline: Instant,
    ) -> Result<Option<OwnedSemaphorePermit>, Cause> {
        let permit = match (&self.requests, self.numbers.requests) {
            (Some(requests), Some(limit)) => {
                let acquired = match Arc::clone(requests).try_acquire_owned() {
                    Ok(permit) => Some(permit),
                    Err(_) => {
                        let _waiting = waiting_at_setting(&self.setting, limit, &self.in_progress);
                        let acquired = tokio::time::timeout_at(deadline, Arc::clone(requests).acquire_owned()).await;
                        // The semaphore is never closed.
                        acquired.ok().and_then(Result::ok)
                    }
                };
                if acquired.is_none() {
                    let scope = Scope::Pattern(Arc::clone(&self.name));
                    let reached = LimitReached {
                        resource: resources::REQUESTS,
                        scope,
                        at: None,
                        found: limit,
                        limit,
                        reduced: None,
                    };
                    observer.limit_reached(&reached);
                    let silence = self.in_progress.silence();
                    let (setting, reached) = (Arc::clone(&self.setting), SettingReached::AtOnce { limit, silence });
                    return Err(Cause::Fetch(FetchError::Setting(SettingLimit { setting, reached })));
                }
                acquired
            }
            (None, _) | (Some(_), None) => None,
        };
        if let Some(pace) = &self.pace {
            pace.turn(deadline).await.map_err(Cause::Fetch)?;
        }
        Ok(permit)
    }
}
