//! Requests whose answer waits for the test.

use std::sync::Arc;

use tokio::sync::watch;

/// Requests that are not answered until [`release`](Self::release).
#[derive(Clone, Debug)]
pub struct HeldRequests(Arc<watch::Sender<bool>>);

impl HeldRequests {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Answers all requests that wait, and all later ones without delay.
    pub fn release(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn released(&self) {
        self.0.subscribe().wait_for(|released| *released).await.expect("the sender lives as long as its borrower");
    }
}
