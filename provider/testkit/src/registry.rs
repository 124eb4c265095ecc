//! An OCI registry inside the test: real HTTP on a free port of 127.0.0.1, and as badly behaved as the test wants.
//!
//! It holds what the test puts in ([`Registry::push_image`], [`Registry::put_manifest`], …), writes down every request
//! ([`Registry::requests`]), asks for credentials if told to ([`Registry::require_basic`],
//! [`Registry::require_bearer`]), and misbehaves per route ([`Registry::when`]). A second one serves as "another host".
//! It runs on the runtime that started it, so its delays follow a paused clock, and it ends with its handle.
//!
//! No pushes over HTTP, no catalogue, no tag list, no uploads.

mod auth;
mod body;
mod fault;
mod request;
mod routes;
mod server;
mod store;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::AbortHandle;

pub use auth::Bearer;
pub use auth::TokenAnswer;
pub use fault::FaultHandle;
pub use fault::Gate;
pub use fault::Reply;
pub use fault::When;
pub use request::Recorded;
pub use request::Route;
pub use store::Referrers;

use crate::Descriptor;
use crate::pki::Chain;
use auth::Guard;
use server::State;
pub(crate) use server::acceptor;

/// A running registry. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Registry {
    state: Arc<State>,
    address: SocketAddr,
    scheme: &'static str,
    server: AbortHandle,
}

impl Registry {
    /// Plain HTTP.
    pub async fn start() -> Self {
        Self::run(None).await
    }

    /// HTTPS with this certificate (see [`CertSpec::tls_server`](crate::pki::CertSpec::tls_server)), HTTP/2 offered.
    pub async fn start_tls(identity: &Chain) -> Self {
        Self::run(Some(identity)).await
    }

    /// Plain HTTP on `[::1]`, where this system has IPv6.
    pub async fn start_v6() -> Option<Self> {
        let (state, address, server) = server::start_v6().await?;
        Some(Self { state, address, scheme: "http", server })
    }

    async fn run(identity: Option<&Chain>) -> Self {
        let (state, address, server) = server::start(identity).await;
        Self { state, address, scheme: if identity.is_some() { "https" } else { "http" }, server }
    }

    /// `127.0.0.1:PORT`, or `[::1]:PORT`: the registry part of an image reference.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:PORT`, or with `https`; no slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `127.0.0.1:PORT/repository@digest`.
    #[must_use]
    pub fn reference(&self, repository: &str, target: &Descriptor) -> String {
        format!("{}/{repository}@{}", self.address, target.digest)
    }

    /// Stores a small image manifest unlike any other in this registry, with its config and layer, under `tag`.
    pub fn push_image(&self, repository: &str, tag: &str) -> Descriptor {
        self.state.store().push_image(repository, tag)
    }

    /// Stores an index over these manifests under `tag`.
    pub fn push_index(&self, repository: &str, tag: &str, manifests: &[Descriptor]) -> Descriptor {
        self.state.store().push_index(repository, tag, manifests)
    }

    /// Stores any manifest. One with a `subject` becomes a referrer of that subject, listed as a registry would.
    pub fn put_manifest(&self, repository: &str, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        self.state.store().put_manifest(repository, &descriptor, bytes);
        descriptor
    }

    /// Stores bytes under any digest, right or wrong: other hash algorithms, other content.
    pub fn put_manifest_as(&self, repository: &str, digest: &str, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor { digest: digest.to_owned(), ..Descriptor::of(media_type, bytes) };
        self.state.store().put_manifest(repository, &descriptor, bytes);
        descriptor
    }

    /// Stores a blob; the media type is only what the descriptor says.
    pub fn put_blob(&self, repository: &str, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        self.state.store().put_blob(repository, &descriptor.digest, bytes);
        descriptor
    }

    /// Stores a blob under any digest, right or wrong.
    pub fn put_blob_as(&self, repository: &str, digest: &str, bytes: &[u8]) {
        self.state.store().put_blob(repository, digest, bytes);
    }

    /// Points a tag at a digest; one that exists is moved.
    pub fn tag(&self, repository: &str, tag: &str, digest: &str) {
        self.state.store().tag(repository, tag, digest);
    }

    /// Lists `entry` as a referrer of `subject` without storing anything: entries that lie, or lead nowhere.
    pub fn list_referrer(&self, repository: &str, subject: &str, entry: Descriptor) {
        self.state.store().list_referrer(repository, subject, entry);
    }

    /// Forgets a manifest or blob; tags and referrer lists keep their entries, as after a careless deletion.
    pub fn remove(&self, repository: &str, digest: &str) {
        self.state.store().remove(repository, digest);
    }

    /// How referrers are offered. [`Referrers::Api`] at first.
    pub fn referrers(&self, mode: Referrers) {
        self.state.store().mode = mode;
    }

    /// Entries per page of the referrers API; all on one page at first.
    pub fn page_size(&self, entries: usize) {
        assert!(entries > 0, "a page holds at least one entry; for empty pages see `When::endless_empty_pages`");
        self.state.store().page_size = entries;
    }

    /// Serves any bytes at any path (outside `/v2/` and `/token`) without authentication: CRLs, OCSP answers.
    pub fn serve_file(&self, path: &str, content_type: &str, bytes: &[u8]) {
        self.state.store().files.insert(path.to_owned(), (content_type.to_owned(), bytes.to_vec().into()));
    }

    /// From now on only with this user and password.
    pub fn require_basic(&self, user: &str, password: &str) {
        self.require_basic_of(&[(user, password)]);
    }

    /// From now on only with one of these users and passwords: one user with two during a rotation.
    pub fn require_basic_of(&self, logins: &[(&str, &str)]) {
        *self.state.guard() = Guard::basic(logins);
    }

    /// From now on only with a token of this service; `/token` here serves it too.
    pub fn require_bearer(&self, bearer: &Bearer) {
        *self.state.guard() = Guard::Bearer(bearer.clone());
        self.serve_tokens(bearer);
    }

    /// Serves tokens at `/token` for a service that guards another registry (see [`Bearer::realm`]).
    pub fn serve_tokens(&self, bearer: &Bearer) {
        *self.state.tokens() = Some(bearer.clone());
    }

    /// Lets everybody in again.
    pub fn require_nothing(&self) {
        *self.state.guard() = Guard::Open;
    }

    /// Begins a sentence: when such a request comes, this happens. Authentication goes first; a request that was turned
    /// away there meets no fault and is not counted. Several that fit apply in the order they were set.
    pub fn when(&self, route: Route) -> When {
        When::new(Arc::clone(&self.state.faults), Some(route))
    }

    /// As [`when`](Self::when), for every route.
    pub fn when_any(&self) -> When {
        When::new(Arc::clone(&self.state.faults), None)
    }

    /// Takes all faults away.
    pub fn behave(&self) {
        self.state.faults.clear();
    }

    /// Every request so far, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.log.all()
    }

    /// The requests of one route.
    #[must_use]
    pub fn requests_to(&self, route: Route) -> Vec<Recorded> {
        self.requests().into_iter().filter(|request| request.route == route).collect()
    }

    /// How many requests of one route.
    #[must_use]
    pub fn count(&self, route: Route) -> usize {
        self.requests_to(route).len()
    }

    /// Starts a new page in the book of requests.
    pub fn forget_requests(&self) {
        self.state.log.clear();
    }

    /// Returns as soon as `count` requests of this route have come (since the last `forget_requests`).
    pub async fn wait_for(&self, route: Route, count: usize) {
        self.state.log.wait_for(route, count).await;
    }

    /// The most requests that were being answered at the same time.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.state.log.most_at_once()
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.log.connections()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.server.abort();
    }
}
