//! Limits that all clients of a process share. After a reload, requests in progress in the former client count
//! together with those of the new one.

use std::sync::Arc;

use crate::connection::OpenConnections;
use crate::health::Health;
use crate::host_limiter::HostLimiter;
use crate::host_limiter::Pauses;
use crate::host_limiter::RequestLimits;
use crate::limiter::Limiter;
use crate::limiter::ReducedHosts;
use crate::limits;
use crate::parsing_threads::ParsingThreads;
use crate::resource::LOOKUPS;
use crate::resource::LimitObserver;
use crate::resource::Resource;
use crate::share::ShareLimits;
use crate::tls::Sessions;

/// Limits, and the pauses that hosts requested. Clones share them.
#[derive(Clone)]
pub struct SharedLimits {
    body_budget: Limiter,
    parsing: ParsingThreads,
    requests: Limiter,
    responders: Limiter,
    lookups: Limiter,
    pauses: Pauses,
    sessions: Sessions,
    /// `None` for [`SharedLimits::beside`].
    health: Option<Health>,
    /// Connections to hosts that the settings name.
    open_configured: OpenConnections,
    /// Connections to other hosts.
    open_unlisted: OpenConnections,
    idle: IdleConnections,
}

/// How many connections stay open in addition to one for each request.
#[derive(Clone, Copy)]
struct IdleConnections {
    configured: usize,
    unlisted: usize,
}

impl IdleConnections {
    const USUAL: Self = Self { configured: limits::IDLE_CONFIGURED, unlisted: limits::IDLE_UNLISTED };
    const NONE: Self = Self { configured: 0, unlisted: 0 };

    fn open_configured(self, requests: RequestLimits) -> usize {
        requests.total.saturating_add(self.configured)
    }

    fn open_unlisted(self, requests: RequestLimits) -> usize {
        requests.total.saturating_add(self.unlisted)
    }
}

/// The names of the limits in messages and metrics.
#[derive(Clone, Copy, Debug)]
pub struct Resources {
    /// Requests, counted for the host on whose behalf they are sent.
    pub requests: Resource,
    /// The same requests, counted for the host that responds.
    pub responders: Resource,
    /// Bytes of bodies and of values parsed from them.
    pub bytes: Resource,
}

impl SharedLimits {
    /// Creates limits on requests and on the `bodies` in memory, in bytes. `observer` observes their use.
    #[must_use]
    pub fn new(
        requests: RequestLimits,
        bodies: ShareLimits,
        resources: &Resources,
        observer: &Arc<dyn LimitObserver>,
    ) -> Self {
        let limiter = |resource, limits| Limiter::new(resource, limits, Arc::clone(observer));
        let idle = IdleConnections::USUAL;
        Self {
            body_budget: limiter(resources.bytes, bodies),
            parsing: ParsingThreads::new(observer),
            requests: limiter(resources.requests, requests.shares()),
            responders: Limiter::adaptive(resources.responders, requests.responder_shares(), Arc::clone(observer)),
            lookups: limiter(LOOKUPS, limits::LOOKUPS),
            pauses: Pauses::new(),
            sessions: Sessions::new(),
            health: Some(Health::new()),
            open_configured: OpenConnections::new(idle.open_configured(requests)),
            open_unlisted: OpenConnections::new(idle.open_unlisted(requests)),
            idle,
        }
    }

    /// Creates limits for requests of another kind in the same process. Requests and bodies have limits of their own, so
    /// that neither kind uses up those of the other. Name resolution, threads for parsing, sessions of TLS and the pauses that hosts
    /// requested are shared. Requests are sent to hosts that fail as to others. Connections beyond one for each request are closed when they are idle.
    ///
    /// The concurrency of a host is not reduced: these are few requests to hosts of other services, each of them for what many images need,
    /// and they are repeated only after a pause of their own. What overloads a registry says nothing about them.
    #[must_use]
    pub fn beside(
        &self,
        requests: RequestLimits,
        bodies: ShareLimits,
        resources: &Resources,
        observer: &Arc<dyn LimitObserver>,
    ) -> Self {
        let limiter = |resource, limits| Limiter::new(resource, limits, Arc::clone(observer));
        let idle = IdleConnections::NONE;
        Self {
            body_budget: limiter(resources.bytes, bodies),
            parsing: self.parsing.clone(),
            requests: limiter(resources.requests, requests.shares()),
            responders: limiter(resources.responders, requests.responder_shares()),
            lookups: self.lookups.clone(),
            pauses: self.pauses.clone(),
            sessions: self.sessions.clone(),
            health: None,
            open_configured: OpenConnections::new(idle.open_configured(requests)),
            open_unlisted: OpenConnections::new(idle.open_unlisted(requests)),
            idle,
        }
    }

    /// Changes the limits on requests, including requests in progress.
    pub fn set_requests(&self, requests: RequestLimits) {
        self.requests.set_limits(requests.shares());
        self.responders.set_limits(requests.responder_shares());
        self.open_configured.set_limit(self.idle.open_configured(requests));
        self.open_unlisted.set_limit(self.idle.open_unlisted(requests));
    }

    /// Changes the limits on the bytes of bodies, including those in memory.
    pub fn set_bodies(&self, bodies: ShareLimits) {
        self.body_budget.set_limits(bodies);
    }

    /// The limit on the bytes of bodies and of values parsed from them.
    #[must_use]
    pub fn body_budget(&self) -> &Limiter {
        &self.body_budget
    }

    /// Threads for expensive work on bodies.
    #[must_use]
    pub fn parsing(&self) -> &ParsingThreads {
        &self.parsing
    }

    /// A limiter for the hosts of a client with these limits on requests.
    pub(crate) fn host_limiter(&self, requests: RequestLimits) -> HostLimiter {
        let (requests, shares) = (self.requests.clone(), requests.shares());
        HostLimiter::new(shares, requests, self.responders.clone(), self.pauses.clone(), self.health.clone())
    }

    /// What counts the hosts that get fewer requests at the same time than the settings allow.
    #[must_use]
    pub fn reduced_hosts(&self) -> ReducedHosts {
        self.responders.reduced_hosts()
    }

    pub(crate) fn lookups(&self) -> &Limiter {
        &self.lookups
    }

    /// The sessions that connections resume.
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    pub(crate) fn open_configured(&self) -> &OpenConnections {
        &self.open_configured
    }

    pub(crate) fn open_unlisted(&self) -> &OpenConnections {
        &self.open_unlisted
    }
}
