//! The log of received requests.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use crate::registry::observer::Observer;
use crate::registry::request::RecordedRequest;
use crate::registry::request::Route;

/// All received requests, and how many were in progress at the same time.
#[derive(Debug)]
pub(crate) struct RequestLog {
    requests: Mutex<Vec<RecordedRequest>>,
    /// Notified when the list grows or is cleared.
    changed: watch::Sender<()>,
    in_flight: AtomicUsize,
    max_concurrent: AtomicUsize,
    connections: AtomicUsize,
    resumed: AtomicUsize,
    observer: Mutex<Option<Observer>>,
}

impl RequestLog {
    pub(crate) fn new() -> Self {
        Self {
            requests: Mutex::default(),
            changed: watch::Sender::new(()),
            in_flight: AtomicUsize::new(0),
            max_concurrent: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            resumed: AtomicUsize::new(0),
            observer: Mutex::default(),
        }
    }

    pub(crate) fn observe(&self, observer: Observer) {
        *self.observer.lock().expect("the lock is not poisoned") = Some(observer);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<RecordedRequest>> {
        self.requests.lock().expect("the lock is not poisoned")
    }

    /// Records a request; it counts as in progress until the guard is dropped.
    pub(crate) fn enter(&self, request: RecordedRequest) -> InFlight<'_> {
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.max_concurrent.fetch_max(now, Ordering::SeqCst);
        self.lock().push(request.clone());
        self.changed.send_replace(());
        InFlight { log: self, request }
    }

    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn resumed_session(&self) {
        self.resumed.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        self.lock().clone()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
        self.changed.send_replace(());
    }

    pub(crate) async fn wait_for(&self, route: Route, count: usize) {
        let mut changed = self.changed.subscribe();
        while self.lock().iter().filter(|request| request.route == route).count() < count {
            changed.changed().await.expect("the log lives as long as its borrower");
        }
    }

    /// The number of requests in progress beside one of them.
    pub(crate) fn others(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst).saturating_sub(1)
    }

    pub(crate) fn max_concurrent(&self) -> usize {
        self.max_concurrent.load(Ordering::SeqCst)
    }

    /// Connections that resumed a TLS session.
    pub(crate) fn resumed(&self) -> usize {
        self.resumed.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

pub(crate) struct InFlight<'a> {
    log: &'a RequestLog,
    request: RecordedRequest,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.log.in_flight.fetch_sub(1, Ordering::SeqCst);
        let observer = self.log.observer.lock().expect("the lock is not poisoned").clone();
        if let Some(observer) = observer {
            observer.observe(&self.request);
        }
    }
}
