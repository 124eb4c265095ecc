//! A registry with signed images, and the authorities that programs must trust.

#![allow(dead_code, reason = "each benchmark uses a part")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::KeyType;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::TokenService;

use super::delay;
use super::delay::RoundTrip;

pub(crate) const USER: &str = "bench";
pub(crate) const PASSWORD: &str = "bench-password";

/// How many repositories the images of a burst are in.
pub(crate) const REPOSITORIES: usize = 10;

/// The registry, with or without tokens, at the end of a network with a round-trip time.
pub(crate) struct Site {
    registry: Registry,
    /// That of the proxy in front of the registry.
    address: SocketAddr,
    round_trip: RoundTrip,
    authority: Authority,
    signer: Chain,
    pub(crate) has_tokens: bool,
}

/// Images of one kind. All have an RSA-2048 signature in a JWS envelope.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Naming {
    /// By tag, in one repository.
    Tag,
    /// By digest, in one repository.
    Digest,
    /// By tag, each in a repository of its own.
    OwnRepository,
    /// By tag, in ten repositories.
    TenRepositories,
}

impl Site {
    pub(crate) async fn start(round_trip: Duration, has_tokens: bool) -> Self {
        let authority = Authority::root(CertSpec::root().key(KeyType::Rsa2048).common_name("bench root"));
        let signer = authority.issue(CertSpec::leaf().key(KeyType::Rsa2048));
        let registry = Registry::start_tls(&authority.issue(CertSpec::tls_server(&["127.0.0.1"]))).await;
        let round_trip = RoundTrip::new(round_trip);
        let address = delay::proxy(registry.address(), round_trip.clone()).await;
        if has_tokens {
            registry.require_bearer(&TokenService::for_user(USER, PASSWORD).realm(&format!("https://{address}/token")));
        }
        Self { registry, address, round_trip, authority, signer, has_tokens }
    }

    /// Pushes and signs images on all processors, and returns their references. Those of another `prefix` are other images.
    pub(crate) fn images(&self, prefix: &str, naming: Naming, count: usize) -> Vec<String> {
        let numbers: Vec<usize> = (0..count).collect();
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let part = count.div_ceil(processors).max(1);
        thread::scope(|scope| {
            let image = |number: &usize| self.image(prefix, naming, *number);
            let threads = numbers.chunks(part).map(|part| scope.spawn(move || part.iter().map(image).collect()));
            let threads: Vec<thread::ScopedJoinHandle<'_, Vec<String>>> = threads.collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("the images are signed")).collect()
        })
    }

    /// Pushes and signs the image of a number.
    fn image(&self, prefix: &str, naming: Naming, number: usize) -> String {
        let tag = format!("{prefix}-{number}");
        let repository = match naming {
            Naming::Tag | Naming::Digest => "app".to_owned(),
            Naming::OwnRepository => format!("own/{tag}"),
            Naming::TenRepositories => format!("shop/{}", number % REPOSITORIES),
        };
        let image = self.registry.push_image(&repository, &tag);
        notation::sign_image(&self.registry, &repository, &image, &self.signer);
        match naming {
            Naming::Tag | Naming::OwnRepository | Naming::TenRepositories => {
                format!("{}/{repository}:{tag}", self.address)
            }
            Naming::Digest => format!("{}/{repository}@{}", self.address, image.digest),
        }
    }

    /// Pushes an image without a signature, and returns its reference.
    pub(crate) fn unsigned_image(&self, tag: &str) -> String {
        self.registry.push_image("app", tag);
        format!("{}/app:{tag}", self.address)
    }

    /// Changes the round-trip time, for connections that there are too.
    pub(crate) fn set_round_trip(&self, time: Duration) {
        self.round_trip.set(time);
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The requests since the last call, those for tokens too.
    pub(crate) fn take_requests(&self) -> usize {
        let count = self.registry.requests().len();
        self.registry.clear_requests();
        count
    }

    /// As [`take_requests`](Self::take_requests), how many there were of each method and kind of path.
    pub(crate) fn take_kinds(&self) -> BTreeMap<String, usize> {
        let mut kinds = BTreeMap::new();
        for request in self.registry.requests() {
            *kinds.entry(format!("{} {:?}", request.method, request.route)).or_default() += 1;
        }
        self.registry.clear_requests();
        kinds
    }

    /// The connections to the registry so far, and how many of them have resumed a TLS session.
    pub(crate) fn connections(&self) -> [usize; 2] {
        [self.registry.connections(), self.registry.resumed()]
    }
}
