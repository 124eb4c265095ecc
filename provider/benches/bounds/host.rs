//! Hosts of one row: a registry, and a server for OCSP and CRLs, both behind relays. Each row has its own, so that no row sees what another
//! one has left behind.

use countersign_testkit::Descriptor;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::registry::Registry;
use countersign_testkit::responder::Responder;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

use crate::relay::Relay;

/// The repository of all images.
pub(crate) const REPOSITORY: &str = "app";

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) registry: Registry,
    pub(crate) responder: Responder,
    registry_relay: Relay,
    responder_relay: Relay,
}

/// What was sent in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) requests: usize,
    pub(crate) bytes: u64,
}

impl Host {
    /// With a certificate of this authority for the registry.
    pub(crate) async fn start(authority: &Authority) -> Self {
        let registry = Registry::start_tls(&authority.issue(CertSpec::tls_server(&["127.0.0.1"]))).await;
        let responder = Responder::start().await;
        let registry_relay = Relay::before(registry.address()).await;
        let responder_relay = Relay::before(responder.address()).await;
        Self { registry, responder, registry_relay, responder_relay }
    }

    /// The registry, as in an image reference.
    pub(crate) fn name(&self) -> String {
        self.registry_relay.host()
    }

    /// The server of OCSP and CRLs.
    pub(crate) fn responder_name(&self) -> String {
        self.responder_relay.host()
    }

    /// The URL of a path of the server of OCSP and CRLs.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.responder_relay.host())
    }

    pub(crate) fn reference(&self, image: &Descriptor) -> String {
        format!("{}/{REPOSITORY}@{}", self.name(), image.digest)
    }

    pub(crate) fn push(&self) -> Descriptor {
        self.registry.push_image(REPOSITORY, "v1")
    }

    /// A JWS by this chain, without the annotation that has it tried first.
    pub(crate) fn sign(&self, image: &Descriptor, chain: &Chain) -> Descriptor {
        self.attach(image, Signature::new(&SignRequest::new(chain, image), Format::Jws).without_annotations())
    }

    pub(crate) fn attach(&self, image: &Descriptor, signature: Signature) -> Descriptor {
        signature.attach(&self.registry, REPOSITORY, image)
    }

    /// Since the last call.
    pub(crate) fn take_traffic(&self) -> Traffic {
        let requests = self.registry.requests().len() + self.responder.journal().len();
        self.registry.clear_requests();
        self.responder.clear_journal();
        Traffic { requests, bytes: self.registry_relay.take_sent() + self.responder_relay.take_sent() }
    }
}
