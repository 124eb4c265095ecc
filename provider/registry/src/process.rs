//! What all configurations of a process share, so that a reload gives no registry a second set of limits: requests that are
//! under way under the former configuration count like those under the newest one.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;

use lru::LruCache;
use tokio::time::Instant;

use crate::observer::Observer;
use crate::settings::RegistrySettings;
use countersign_http::LimitObserver;
use countersign_http::Limiter;
use countersign_http::Open;
use countersign_http::Parsing;
use countersign_http::Resource;
use countersign_http::ShareLimits;
use countersign_http::limits;

/// Limits, and the pauses that hosts have asked for. Clones are the same.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) observer: Arc<dyn Observer>,
    /// Bytes of bodies, and of what is made of them.
    pub(crate) memory: Limiter,
    pub(crate) parsing: Parsing,
    pub(crate) requests: Limiter,
    pub(crate) answers: Limiter,
    pub(crate) lookups: Limiter,
    pub(crate) pauses: Pauses,
    /// Connections to hosts that the settings name, and to others.
    pub(crate) open_configured: Open,
    pub(crate) open_outside: Open,
}

/// When hosts may be asked again: those that the settings have, and others, which cannot push the former out.
pub(crate) type Pauses = Arc<[Mutex<LruCache<String, Instant>>; 2]>;

impl Process {
    /// With the numbers of `settings`.
    pub(crate) fn new(settings: &RegistrySettings, observer: Arc<dyn Observer>) -> Self {
        let requests = request_limits(settings);
        let limit_observer: Arc<dyn LimitObserver> = Arc::clone(&observer) as Arc<dyn LimitObserver>;
        let limiter = |resource, limits| Limiter::new(resource, limits, Arc::clone(&limit_observer));
        let hosts = NonZeroUsize::new(limits::HOSTS).unwrap_or(NonZeroUsize::MIN);
        Self {
            memory: limiter(Resource::Bytes, limits::BODIES),
            parsing: Parsing::new(&limit_observer),
            requests: limiter(Resource::Requests, requests),
            answers: limiter(Resource::Answers, answer_limits(requests)),
            lookups: limiter(Resource::Lookups, limits::LOOKUPS),
            pauses: Arc::new([Mutex::new(LruCache::new(hosts)), Mutex::new(LruCache::new(hosts))]),
            open_configured: Open::new(settings.requests.saturating_add(limits::IDLE_CONFIGURED)),
            open_outside: Open::new(settings.requests.saturating_add(limits::IDLE_OUTSIDE)),
            observer,
        }
    }

    /// Where a configuration has numbers of its own, these apply from now on.
    pub(crate) fn adopt(&self, numbers: Numbers) {
        let Numbers { requests_per_host, requests } = numbers;
        let limits = limits(requests_per_host, requests);
        self.requests.set_limits(limits);
        self.answers.set_limits(answer_limits(limits));
        self.open_configured.set_most(requests.saturating_add(limits::IDLE_CONFIGURED));
        self.open_outside.set_most(requests.saturating_add(limits::IDLE_OUTSIDE));
    }
}

/// The numbers of a configuration that are limits of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    requests_per_host: usize,
    requests: usize,
}

impl Numbers {
    pub(crate) fn of(settings: &RegistrySettings) -> Self {
        Self { requests_per_host: settings.requests_per_host, requests: settings.requests }
    }
}

/// How requests are shared under `settings`.
pub(crate) fn request_limits(settings: &RegistrySettings) -> ShareLimits {
    limits(settings.requests_per_host, settings.requests)
}

/// An unlisted host gets a quarter of what another one gets.
fn limits(requests_per_host: usize, requests: usize) -> ShareLimits {
    ShareLimits { host: requests_per_host, unlisted_host: requests_per_host / 4, ..ShareLimits::of(requests) }
}

/// The number of all of them is that of the requests.
fn answer_limits(requests: ShareLimits) -> ShareLimits {
    ShareLimits { total: usize::MAX, ..requests }
}
