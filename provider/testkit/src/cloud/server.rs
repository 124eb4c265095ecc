//! What every double has: an HTTP server with a journal, faults, and answers that the test sets.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use crate::cloud::clock::Clock;
use crate::cloud::exchange::Exchange;
use crate::cloud::setup::Setup;
use crate::registry::Handler;
use crate::registry::RecordedRequest;
use crate::registry::Registry;
use crate::registry::Reply;
use crate::registry::Route;
use crate::registry::When;

/// A running double. Faults ([`Registry::when_any`]) apply before a request is checked; answers that the test sets ([`Self::fail`])
/// apply to requests that would succeed. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct CloudServer {
    service: &'static str,
    server: Registry,
    failures: Failures,
}

/// Answers in place of successful ones, in order. Clones are the same list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failures(Arc<Mutex<Vec<Pending>>>);

#[derive(Debug)]
struct Pending {
    reply: Reply,
    /// Number of requests that it still applies to; `None` is unlimited.
    left: Option<usize>,
}

impl Failures {
    /// The answer to a request that would succeed otherwise.
    pub(crate) fn next(&self) -> Result<(), Reply> {
        let mut failures = self.lock();
        let Some(first) = failures.first_mut() else { return Ok(()) };
        let reply = first.reply.clone();
        first.left = first.left.map(|left| left - 1);
        if first.left == Some(0) {
            failures.remove(0);
        }
        Err(reply)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Pending>> {
        self.0.lock().expect("the lock is not poisoned")
    }
}

impl CloudServer {
    /// Starts a server that answers every request by `answer`; its error is an answer too.
    pub(crate) async fn start(
        setup: &Setup,
        service: &'static str,
        answer: impl Fn(&RecordedRequest, &Failures) -> Result<Reply, Reply> + Send + Sync + 'static,
    ) -> Self {
        let this = Self::start_registry(setup, service).await;
        let (clock, failures) = (setup.clock.clone(), this.failures.clone());
        this.server.serve_by("", Handler::new(move |request| dated(answer(request, &failures), &clock)));
        this
    }

    /// Starts a server that is a registry.
    pub(crate) async fn start_registry(setup: &Setup, service: &'static str) -> Self {
        let server = Registry::start_on(setup.address, setup.identity.as_ref()).await;
        Self { service, server, failures: Failures::default() }
    }

    /// The answers that the test sets.
    pub(crate) fn failures(&self) -> &Failures {
        &self.failures
    }

    /// The name of the service in journals.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// Sets a fault for requests whose path and query contain this.
    pub fn when_path(&self, part: &str) -> When {
        self.server.when(Route::Other).path_contains(part)
    }

    /// Answers every request that is valid with this, until [`Self::succeed`].
    pub fn fail(&self, reply: Reply) {
        self.failures.lock().push(Pending { reply, left: None });
    }

    /// Answers this many valid requests with this. Several apply in the order in which they were set.
    pub fn fail_times(&self, count: usize, reply: Reply) {
        if count > 0 {
            self.failures.lock().push(Pending { reply, left: Some(count) });
        }
    }

    /// Removes all answers that were set.
    pub fn succeed(&self) {
        self.failures.lock().clear();
    }

    /// Every request since the start, or since [`Registry::clear_requests`], in order of arrival.
    #[must_use]
    pub fn journal(&self) -> Vec<Exchange> {
        self.server.requests().iter().map(|request| Exchange::of(self.service, request)).collect()
    }

    /// Calls `observer` with each request from now on when it has been answered, or has ended without an answer.
    pub(crate) fn observe_exchanges(&self, observer: impl Fn(&Exchange) + Send + Sync + 'static) {
        let service = self.service;
        self.server.observe(move |request| observer(&Exchange::of(service, request)));
    }
}

impl Deref for CloudServer {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        &self.server
    }
}

/// Adds the time. Clients compare their clock with it.
pub(crate) fn dated(answer: Result<Reply, Reply>, clock: &Clock) -> Reply {
    let (Ok(reply) | Err(reply)) = answer;
    reply.header("date", &clock.http_date())
}
