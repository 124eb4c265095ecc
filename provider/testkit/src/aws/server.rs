//! What every double has: an HTTP server with a journal, faults, and errors that the test sets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use crate::aws::exchange::Exchange;
use crate::aws::exchange::Service;
use crate::aws::service_error::ServiceError;
use crate::aws::setup::Setup;
use crate::registry::Handler;
use crate::registry::RecordedRequest;
use crate::registry::Registry;
use crate::registry::Reply;
use crate::registry::Route;
use crate::registry::When;

/// A running double. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct AwsServer {
    service: Service,
    server: Registry,
    errors: Errors,
}

/// Errors that the test sets, in order. Clones are the same list.
#[derive(Clone, Debug, Default)]
pub(super) struct Errors(Arc<Mutex<Vec<Pending>>>);

/// An error that the test set.
#[derive(Debug)]
struct Pending {
    error: ServiceError,
    /// Number of requests that it still applies to; `None` is unlimited.
    left: Option<usize>,
}

impl Errors {
    /// The error for a request that would succeed otherwise.
    pub(super) fn next(&self) -> Result<(), ServiceError> {
        let mut errors = self.lock();
        let Some(first) = errors.first_mut() else { return Ok(()) };
        let error = first.error.clone();
        first.left = first.left.map(|left| left - 1);
        if first.left == Some(0) {
            errors.remove(0);
        }
        Err(error)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Pending>> {
        self.0.lock().expect("the lock is not poisoned")
    }
}

impl AwsServer {
    /// Starts a server that answers every request by `answer`.
    pub(super) async fn start(
        setup: &Setup,
        service: Service,
        errors: Errors,
        answer: impl Fn(&RecordedRequest) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let server = Registry::start_on(setup.address, setup.identity.as_ref()).await;
        let clock = setup.clock.clone();
        // Clients compare their clock with it.
        server.serve_by("", Handler::new(move |request| answer(request).header("date", &clock.http_date())));
        Self { service, server, errors }
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn host(&self) -> String {
        self.server.host()
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `http://127.0.0.1:PORT`, or with `https`, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Sets a fault for every request: latency, no answer, other content, endless and slow bodies. The request is not checked.
    pub fn when(&self) -> When {
        self.server.when_any()
    }

    /// Sets a fault for requests whose path and query contain this.
    pub fn when_path(&self, part: &str) -> When {
        self.server.when(Route::Other).path_contains(part)
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.server.clear_faults();
    }

    /// Answers every request that is valid with this error, until [`Self::succeed`].
    pub fn fail(&self, error: ServiceError) {
        self.errors.lock().push(Pending { error, left: None });
    }

    /// Answers this many valid requests with this error. Several errors apply in the order in which they were set.
    pub fn fail_times(&self, count: usize, error: ServiceError) {
        if count > 0 {
            self.errors.lock().push(Pending { error, left: Some(count) });
        }
    }

    /// Removes all errors that were set.
    pub fn succeed(&self) {
        self.errors.lock().clear();
    }

    /// The service.
    pub(super) fn service(&self) -> Service {
        self.service
    }

    /// Every request since the start, or since [`Self::clear_journal`], in order of arrival.
    #[must_use]
    pub fn journal(&self) -> Vec<Exchange> {
        self.server.requests().iter().map(|request| Exchange::of(self.service, request)).collect()
    }

    /// The requests of the journal as they were received, with their secrets.
    pub(super) fn requests(&self) -> Vec<RecordedRequest> {
        self.server.requests()
    }

    /// The number of requests in the journal.
    #[must_use]
    pub fn count(&self) -> usize {
        self.server.requests().len()
    }

    /// Clears the journal.
    pub fn clear_journal(&self) {
        self.server.clear_requests();
    }

    /// Waits until the journal has `count` requests.
    pub async fn wait_for(&self, count: usize) {
        self.server.wait_for(Route::Other, count).await;
    }

    /// The largest number of requests that were in progress at the same time.
    #[must_use]
    pub fn max_concurrent(&self) -> usize {
        self.server.max_concurrent()
    }

    /// The number of accepted connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// Calls `observer` with each request from now on when it has been answered, or has ended without an answer.
    pub fn observe(&self, observer: impl Fn(&Exchange) + Send + Sync + 'static) {
        let service = self.service;
        self.server.observe(move |request| observer(&Exchange::of(service, request)));
    }
}
