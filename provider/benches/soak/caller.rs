//! The client, whose identity changes, and the certificates that the server has.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;

use crate::expectations::Dated;
use crate::served;

/// How long the client keeps a connection that it does not use: below what the server does, so that no request is lost.
const IDLE: Duration = Duration::from_secs(5);

/// Clients with the same identity.
#[derive(Debug)]
pub(crate) struct Clients {
    /// Keeps connections.
    pub(crate) keeping: reqwest::Client,
    /// Connects for each request, as older Gatekeepers do.
    pub(crate) connecting: reqwest::Client,
}

/// Of servers and of clients there are two authorities each, which are in use in turn.
pub(crate) struct Caller {
    servers: [Authority; 2],
    clients: [Authority; 2],
    /// `None` at the end of the run.
    current: Mutex<Option<Arc<Clients>>>,
    /// The certificate that the server presents.
    presented: Mutex<Dated<Vec<u8>>>,
}

impl Caller {
    /// With the certificate of the server for the start.
    pub(crate) fn new() -> (Self, Chain) {
        let root = |name| Authority::root(CertSpec::root().common_name(name));
        let servers = ["servers 1", "servers 2"].map(root);
        let clients = ["clients 1", "clients 2"].map(root);
        let first = issue(&servers[0]);
        let presented = Mutex::new(Dated::new(first.leaf_der().to_vec()));
        let caller = Self { servers, clients, current: Mutex::new(None), presented };
        caller.become_client(0);
        (caller, first)
    }

    /// The client's authority of this number.
    pub(crate) fn client_authority(&self, number: usize) -> String {
        self.clients[number % 2].pem()
    }

    /// Another certificate with another key for the server, of the authority of this number, which is presented from now on.
    pub(crate) fn next_server(&self, number: usize) -> Chain {
        let chain = issue(&self.servers[number % 2]);
        self.presented.lock().unwrap().set(chain.leaf_der().to_vec());
        chain
    }

    /// The clients have an identity of the authority of this number from now on, and new connections; returns the former clients.
    pub(crate) fn become_client(&self, number: usize) -> Option<Arc<Clients>> {
        let identity = self.clients[number % 2].issue(CertSpec::tls_client(served::GATEKEEPER));
        let identity = reqwest::Identity::from_pem((identity.pem() + &identity.key_pem()).as_bytes()).unwrap();
        let root = |authority: &Authority| reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
        let builder = || served::calling(self.servers.iter().map(root), identity.clone()).tls_info(true);
        let clients = Clients {
            keeping: builder().pool_idle_timeout(IDLE).build().unwrap(),
            connecting: builder().pool_max_idle_per_host(0).build().unwrap(),
        };
        self.current.lock().unwrap().replace(Arc::new(clients))
    }

    pub(crate) fn clients(&self) -> Arc<Clients> {
        Arc::clone(self.current.lock().unwrap().as_ref().expect("the run has not ended"))
    }

    /// Closes all connections when their requests have ended.
    pub(crate) fn leave(&self) {
        *self.current.lock().unwrap() = None;
    }

    /// Whether the certificate of a connection that was made at `began` or later is that of the server.
    ///
    /// # Errors
    /// It is not.
    pub(crate) fn check_presented(&self, answer: &reqwest::Response, began: Instant) -> Result<(), String> {
        let info = answer.extensions().get::<reqwest::tls::TlsInfo>();
        let found = info.and_then(reqwest::tls::TlsInfo::peer_certificate).ok_or("the server has no certificate")?;
        let presented = self.presented.lock().unwrap();
        if presented.seen(began).iter().any(|certificate| certificate == found) {
            return Ok(());
        }
        Err("a new connection has a former certificate of the server, expected the one on disk".to_owned())
    }
}

fn issue(authority: &Authority) -> Chain {
    authority.issue(CertSpec::tls_server(&["127.0.0.1", "localhost"]))
}
