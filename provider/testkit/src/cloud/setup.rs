//! What the doubles of one test have in common.

use std::net::SocketAddr;

use crate::cloud::clock::Clock;
use crate::pki::Chain;
use crate::registry::ANY_PORT;

/// What the doubles of one test have in common. Each double is started from a reference to it.
#[derive(Clone, Debug)]
pub struct Setup {
    pub(crate) clock: Clock,
    pub(crate) address: SocketAddr,
    pub(crate) identity: Option<Chain>,
}

impl Setup {
    /// Plain HTTP on a free port of 127.0.0.1.
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), address: ANY_PORT, identity: None }
    }

    /// Serves over HTTPS with this certificate, which may have several names (see
    /// [`CertSpec::tls_server`](crate::pki::CertSpec::tls_server)).
    #[must_use]
    pub fn tls(mut self, identity: &Chain) -> Self {
        self.identity = Some(identity.clone());
        self
    }

    /// Serves over plain HTTP.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.identity = None;
        self
    }

    /// Listens on this address.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// The clock of all doubles of this setup.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}
