//! An in-process OCI registry: real HTTP on a free port of 127.0.0.1, with faults that the test sets.
//!
//! It stores content ([`Registry::push_image`], [`Registry::put_manifest`], …), records every request
//! ([`Registry::requests`]), optionally requires credentials ([`Registry::require_basic`],
//! [`Registry::require_bearer`]), and applies faults per route ([`Registry::when`]). A second registry serves as another
//! host. A registry runs on the runtime that started it, so its delays follow a paused clock; it stops when its handle is
//! dropped.
//!
//! It does not implement pushes over HTTP, the catalogue, the list of tags, or uploads.

mod auth;
mod blob_source;
mod body;
mod client_auth;
mod fault;
mod handler;
mod held_requests;
mod observer;
mod product;
mod reply;
mod request;
mod request_log;
mod routes;
mod server;
mod state;
mod store;
mod when;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::AbortHandle;

pub use auth::TokenResponse;
pub use auth::TokenService;
pub use fault::FaultHandle;
pub use handler::Handler;
pub use held_requests::HeldRequests;
pub use product::Product;
pub use product::docker_hub_abuse_limit;
pub use product::docker_hub_pull_limit;
pub use reply::Reply;
pub use request::RecordedRequest;
pub use request::Route;
pub use store::Referrers;
pub use when::When;

use crate::Descriptor;
use crate::pki::Chain;
use auth::Authentication;
pub(crate) use blob_source::BlobSource;
use observer::Observer;
pub(crate) use request::form_pairs;
pub(crate) use server::ANY_PORT;
pub(crate) use server::acceptor;
use state::State;

/// A running registry. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Registry {
    state: Arc<State>,
    address: SocketAddr,
    scheme: &'static str,
    server: AbortHandle,
}

impl Registry {
    /// Starts a registry over plain HTTP.
    pub async fn start() -> Self {
        Self::start_on(ANY_PORT, None).await
    }

    /// Starts a registry over HTTPS, with HTTP/2, and this certificate (see
    /// [`CertSpec::tls_server`](crate::pki::CertSpec::tls_server)).
    pub async fn start_tls(identity: &Chain) -> Self {
        Self::start_on(ANY_PORT, Some(identity)).await
    }

    /// Starts a registry on this address, over HTTPS if there is a certificate. Panics if the address cannot be used.
    pub async fn start_on(address: SocketAddr, identity: Option<&Chain>) -> Self {
        let (state, address, server) = server::start(address, identity).await;
        Self { state, address, scheme: if identity.is_some() { "https" } else { "http" }, server }
    }

    /// Starts a registry over plain HTTP on `[::1]`; `None` if this system has no IPv6.
    pub async fn start_v6() -> Option<Self> {
        let (state, address, server) = server::start_v6().await?;
        Some(Self { state, address, scheme: "http", server })
    }

    /// Refuses new connections of clients without a certificate, over HTTPS.
    pub fn require_client_certificates(&self) {
        self.state.client_certificates_required.store(true, Ordering::Relaxed);
    }

    /// Presents another certificate to new connections over HTTPS; open ones stay.
    pub fn replace_certificate(&self, identity: &Chain) {
        let config = server::tls(identity, Arc::clone(&self.state.client_certificates_required));
        *self.state.tls() = Some(config);
    }

    /// `127.0.0.1:PORT`, or `[::1]:PORT`: the registry part of an image reference.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:PORT`, or with `https`, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `127.0.0.1:PORT/repository@digest`.
    #[must_use]
    pub fn reference(&self, repository: &str, target: &Descriptor) -> String {
        format!("{}/{repository}@{}", self.address, target.digest)
    }

    /// Stores a small image manifest with its config and layer under `tag`. Each call makes different content.
    pub fn push_image(&self, repository: &str, tag: &str) -> Descriptor {
        self.state.store().push_image(repository, tag)
    }

    /// Stores an index over these manifests under `tag`.
    pub fn push_index(&self, repository: &str, tag: &str, manifests: &[Descriptor]) -> Descriptor {
        self.state.store().push_index(repository, tag, manifests)
    }

    /// Stores any manifest. A manifest with a `subject` is listed as a referrer of that subject.
    pub fn put_manifest(&self, repository: &str, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        self.state.store().put_manifest(repository, &descriptor, bytes);
        descriptor
    }

    /// Stores bytes under any digest, correct or not: another hash algorithm, other content.
    pub fn put_manifest_as(&self, repository: &str, digest: &str, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor { digest: digest.to_owned(), ..Descriptor::of(media_type, bytes) };
        self.state.store().put_manifest(repository, &descriptor, bytes);
        descriptor
    }

    /// Stores a blob; the media type is used for the returned descriptor only.
    pub fn put_blob(&self, repository: &str, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        self.state.store().put_blob(repository, &descriptor.digest, bytes);
        descriptor
    }

    /// Stores a blob under any digest, correct or not.
    pub fn put_blob_as(&self, repository: &str, digest: &str, bytes: &[u8]) {
        self.state.store().put_blob(repository, digest, bytes);
    }

    /// Sets a tag to a digest; an existing tag is moved.
    pub fn tag(&self, repository: &str, tag: &str, digest: &str) {
        self.state.store().tag(repository, tag, digest);
    }

    /// Lists `entry` as a referrer of `subject` without storing content: wrong entries, or entries without a manifest.
    pub fn list_referrer(&self, repository: &str, subject: &str, entry: Descriptor) {
        self.state.store().list_referrer(repository, subject, entry);
    }

    /// Leaves a manifest out of the lists of the referrers API, as Amazon ECR does with
    /// [archived](https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImageReferrers.html) ones. It can still be fetched.
    pub fn archive(&self, repository: &str, digest: &str) {
        self.state.store().archive(repository, digest);
    }

    /// Deletes a manifest or blob; tags and lists of referrers keep their entries.
    pub fn remove(&self, repository: &str, digest: &str) {
        self.state.store().remove(repository, digest);
    }

    /// Sets how referrers are listed. Default: [`Referrers::Api`].
    pub fn referrers(&self, mode: Referrers) {
        self.state.store().mode = mode;
    }

    /// Sets the answer to requests for manifests that do not exist. Default: 404 with an error of registries.
    pub fn set_absent_manifests(&self, reply: Reply) {
        self.state.store().absent = Some(reply);
    }

    /// Sets the number of entries per page of the referrers API. Default: all on one page.
    pub fn page_size(&self, entries: usize) {
        assert!(entries > 0, "a page holds at least one entry; for empty pages see `When::endless_empty_pages`");
        self.state.store().page_size = entries;
    }

    /// Serves any bytes at any path (outside `/v2/` and `/token`) without authentication: CRLs, OCSP responses.
    pub fn serve_file(&self, path: &str, content_type: &str, bytes: &[u8]) {
        self.state.store().files.insert(path.to_owned(), (content_type.to_owned(), bytes.to_vec().into()));
    }

    /// Answers requests with this path, or with a path below it (outside `/v2/` and `/token`), by `handler`, without
    /// authentication. Of several paths the longest applies.
    pub fn serve_by(&self, path: &str, handler: Handler) {
        let handlers = &mut self.state.store().handlers;
        handlers.retain(|(other, _)| other != path);
        handlers.push((path.to_owned(), handler));
    }

    /// Requires Basic authentication with this user and password from now on.
    pub fn require_basic(&self, user: &str, password: &str) {
        self.require_basic_any(&[(user, password)]);
    }

    /// Requires Basic authentication with one of these users and passwords: a user may have two during a rotation.
    pub fn require_basic_any(&self, credentials: &[(&str, &str)]) {
        *self.state.authentication() = Authentication::basic(credentials);
    }

    /// Requires a token of this service from now on; `/token` of this registry issues them too.
    pub fn require_bearer(&self, service: &TokenService) {
        *self.state.authentication() = Authentication::Bearer(service.clone());
        self.serve_tokens(service);
    }

    /// Issues tokens at `/token` for another registry (see [`TokenService::realm`]).
    pub fn serve_tokens(&self, service: &TokenService) {
        *self.state.tokens() = Some(service.clone());
    }

    /// Requires what `check` requires from now on: it returns the answer to a refused request, `None` otherwise.
    pub fn require_by(&self, check: impl Fn(&RecordedRequest) -> Option<Reply> + Send + Sync + 'static) {
        *self.state.authentication() = Authentication::By(Arc::new(check));
    }

    /// Answers a GET of each existing blob with a redirect (307) to the address that `location` computes.
    pub fn redirect_blobs(&self, location: impl Fn(&RecordedRequest) -> String + Send + Sync + 'static) {
        let redirect = move |request: &RecordedRequest| Reply::status(307).header("location", &location(request));
        self.state.store().blob_address = Some(Handler::new(redirect));
    }

    /// Calls `observer` with each request from now on when it has been answered, or has ended without an answer.
    pub fn observe(&self, observer: impl Fn(&RecordedRequest) + Send + Sync + 'static) {
        self.state.log.observe(Observer::new(observer));
    }

    /// Its blobs, for another server.
    pub(crate) fn blob_source(&self) -> BlobSource {
        BlobSource::new(&self.state)
    }

    /// Requires no authentication any more.
    pub fn require_no_auth(&self) {
        *self.state.authentication() = Authentication::NotRequired;
    }

    /// Sets a fault for requests to a route. Authentication is checked first: a refused request has no faults and is not
    /// counted. Several matching faults apply in the order in which they were set.
    pub fn when(&self, route: Route) -> When {
        When::new(Arc::clone(&self.state.faults), Some(route))
    }

    /// Like [`when`](Self::when), for all routes.
    pub fn when_any(&self) -> When {
        When::new(Arc::clone(&self.state.faults), None)
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.state.faults.clear();
    }

    /// Every request so far, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.log.all()
    }

    /// The requests of one route, in order of arrival.
    #[must_use]
    pub fn requests_to(&self, route: Route) -> Vec<RecordedRequest> {
        self.requests().into_iter().filter(|request| request.route == route).collect()
    }

    /// The number of requests of one route.
    #[must_use]
    pub fn count(&self, route: Route) -> usize {
        self.requests_to(route).len()
    }

    /// Clears the list of recorded requests.
    pub fn clear_requests(&self) {
        self.state.log.clear();
    }

    /// Waits until `count` requests of this route have been received since the last [`clear_requests`](Self::clear_requests).
    pub async fn wait_for(&self, route: Route, count: usize) {
        self.state.log.wait_for(route, count).await;
    }

    /// The largest number of requests that were in progress at the same time.
    #[must_use]
    pub fn max_concurrent(&self) -> usize {
        self.state.log.max_concurrent()
    }

    /// The number of connections that have resumed a TLS session.
    #[must_use]
    pub fn resumed(&self) -> usize {
        self.state.log.resumed()
    }

    /// The number of accepted connections.
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
