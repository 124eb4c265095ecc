//! Access to all registries.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::name::Repository;
use countersign_credentials::CredentialScope;
use countersign_http::LimitObserver;
use countersign_http::LimitReached;
use countersign_http::RequestLimits;
use countersign_http::Share;
use countersign_http::SharedLimits;
use tokio::time::Instant;

use crate::client::Client;
use crate::content_cache::ContentCache;
use crate::entries::entry_for;
use crate::error::RegistryError;
use crate::limits;
use crate::locations::Attempts;
use crate::locations::ListedLocation;
use crate::locations::Location;
use crate::locations::Resting;
use crate::locations::locations;
use crate::observer::Observer;
use crate::observer::Stage;
use crate::pin_cache::PinCache;
use crate::resources;
use crate::settings::RegistrySettings;
use crate::settings::SettingsError;
use crate::transport::Transport;
use crate::unsupported::Unsupported;

/// Connections, tokens, limits and caches. Clones share them.
///
/// Every call has a deadline. At the deadline, it ends with an error that names the operation.
#[derive(Clone)]
pub struct Registries {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    limits: SharedLimits,
    requests: RequestLimits,
    observer: Arc<dyn Observer>,
    pins: PinCache,
    resting: Resting,
    /// Hosts without the referrers API.
    without_api: Unsupported<String>,
    /// Hosts of which a HEAD of manifests or blobs saves nothing.
    without_head: Unsupported<(String, Stage)>,
    /// That of all settings of the process: its content is the same under each of them.
    content: Arc<ContentCache>,
    tag_lifetime: Duration,
}

impl Registries {
    /// Creates the value from `settings`. `observer` observes requests and is called with the entries.
    ///
    /// # Errors
    /// The first mistake in the settings.
    pub fn new(settings: RegistrySettings, observer: Arc<dyn Observer>) -> Result<Self, SettingsError> {
        let limit_observer: Arc<dyn LimitObserver> = Arc::clone(&observer) as Arc<dyn LimitObserver>;
        let (requests, bodies) = (settings.request_limits(), limits::BODIES);
        let limits = SharedLimits::new(requests, bodies, &resources::NAMED, &limit_observer);
        let content = Arc::new(ContentCache::new(limits::CONTENT_BYTES));
        let registries = Self::within(limits, settings, observer, content, None)?;
        registries.inner.client.transport().show_entries();
        Ok(registries)
    }

    /// Creates a value with other settings and empty caches, except that of content, under the same limits: requests in progress count
    /// in both. The limits of `settings` apply after [`Self::take_over`].
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn successor(&self, settings: RegistrySettings) -> Result<Self, SettingsError> {
        let content = Arc::clone(&self.inner.content);
        let former = Some(self.inner.client.transport());
        Self::within(self.inner.limits.clone(), settings, Arc::clone(&self.inner.observer), content, former)
    }

    /// Applies the limits of these settings, also to requests in progress in `former`, and drops the caches of
    /// `former`, which only completes its requests.
    pub fn take_over(&self, former: &Self) {
        self.inner.limits.set_requests(self.inner.requests);
        self.inner.client.transport().show_entries();
        former.pins().retire();
        former.inner.client.retire();
    }

    fn within(
        limits: SharedLimits,
        settings: RegistrySettings,
        observer: Arc<dyn Observer>,
        content: Arc<ContentCache>,
        former: Option<&Transport>,
    ) -> Result<Self, SettingsError> {
        let transport = Transport::new(&settings, &limits, &observer, former)?;
        let inner = Inner {
            client: Client::new(transport, settings.unlisted),
            requests: settings.request_limits(),
            limits,
            observer,
            pins: PinCache::new(),
            resting: Resting::new(),
            without_api: Unsupported::new(limits::HOSTS_WITHOUT_API_BYTES, limits::API_ABSENCE),
            without_head: Unsupported::new(limits::HOSTS_WITHOUT_HEAD_BYTES, limits::HEAD_PAUSE),
            content,
            tag_lifetime: settings.tag_lifetime,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Keeps connections open to the registries that were asked lately, in the background and until this value is replaced by its successor.
    /// Within a runtime.
    pub fn keep_connections(&self) {
        if !self.inner.client.transport().keeps_connections() {
            return;
        }
        let inner = Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(limits::TOUCH_EVERY).await;
                let Some(inner) = inner.upgrade() else { return };
                inner.client.transport().keep_connections().await;
            }
        });
    }

    /// The number of certificate authorities of the system. Without any, only registries over plain HTTP or with
    /// configured roots can be reached.
    #[must_use]
    pub fn system_roots(&self) -> usize {
        self.inner.client.transport().system_roots()
    }

    /// The limits of the process that this client has, for clients of other kinds beside it
    /// ([`SharedLimits::beside`]).
    #[must_use]
    pub fn shared_limits(&self) -> &SharedLimits {
        &self.inner.limits
    }

    /// Checks the spelling of the repository's host. Call it before anything that equal repositories share, including
    /// the selection of a statement: for a registry over plain HTTP, an explicit port changes the server.
    ///
    /// # Errors
    /// The settings have the host over plain HTTP without a port, and the repository has port 443 or 80.
    pub fn check_spelling(&self, repository: &Repository) -> Result<(), RegistryError> {
        let failed = |cause| RegistryError { repository: repository.clone(), stage: Stage::Manifest, cause };
        self.inner.client.check_port(repository.host()).map_err(failed)
    }

    /// The repository with explicit port 80, if the settings have its host over plain HTTP without a port and the
    /// repository has no port: the same server under a host that is not equal. [`Self::check_spelling`] refuses
    /// references to it; comparisons of repositories with configured ones must refuse it, too.
    #[must_use]
    pub fn with_plain_port(&self, repository: &Repository) -> Option<Repository> {
        self.inner.client.with_plain_port(repository)
    }

    /// The credential scope of requests for the repository.
    #[must_use]
    pub fn credential_scope(&self, repository: &Repository) -> CredentialScope {
        self.inner.client.credential_scope(repository)
    }

    /// The share of limits that work for the repository counts against.
    #[must_use]
    pub fn share(&self, repository: &Repository) -> Share {
        self.inner.client.share(repository)
    }

    /// Runs `parse` for a document of the repository with `bytes` bytes and returns its result. Large documents are
    /// parsed on another thread. A panic is passed on to the caller.
    ///
    /// # Errors
    /// Too many large documents were being parsed until `deadline`, for the repository's host or in total.
    pub async fn parse<T: Send + 'static>(
        &self,
        repository: &Repository,
        bytes: usize,
        deadline: Instant,
        parse: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LimitReached> {
        self.inner.client.transport().limits.parsing().parse(&self.share(repository), bytes, deadline, parse).await
    }

    /// Runs `check` for content of the repository on another thread and returns its result, so that arithmetic with
    /// large keys delays no other task. A panic is passed on to the caller.
    ///
    /// # Errors
    /// Too many checks were in progress until `deadline`, for the repository's host or in total.
    pub async fn check<T: Send + 'static>(
        &self,
        repository: &Repository,
        deadline: Instant,
        check: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LimitReached> {
        self.inner.client.transport().limits.parsing().check(&self.share(repository), deadline, check).await
    }

    /// The locations of the repository in the order of the settings. The first is tried first.
    #[must_use]
    pub fn locations(&self, repository: &Repository) -> Vec<ListedLocation> {
        let entries = self.inner.client.transport().routes.entries();
        let locations = locations(entries, repository).into_iter();
        locations.map(|Location { mirror, repository }| ListedLocation { mirror, repository }).collect()
    }

    /// The locations of the repository, to be tried for `stage` until `deadline`.
    pub(crate) fn attempts<'a>(&'a self, repository: &'a Repository, stage: Stage, deadline: Instant) -> Attempts<'a> {
        let entries = self.inner.client.transport().routes.entries();
        Attempts::new(entries, repository, stage, deadline, (&self.inner.resting, &*self.inner.observer))
    }

    /// Whether only mirrors are requested about the repository.
    pub(crate) fn has_mirrors_only(&self, repository: &Repository) -> bool {
        let entry = entry_for(self.inner.client.transport().routes.entries(), repository);
        entry.is_some_and(|(_, entry)| entry.mirrors.only)
    }

    pub(crate) fn pins(&self) -> &PinCache {
        &self.inner.pins
    }

    pub(crate) fn without_api(&self) -> &Unsupported<String> {
        &self.inner.without_api
    }

    pub(crate) fn without_head(&self) -> &Unsupported<(String, Stage)> {
        &self.inner.without_head
    }

    pub(crate) fn content_cache(&self) -> &ContentCache {
        &self.inner.content
    }

    pub(crate) fn client(&self) -> &Client {
        &self.inner.client
    }

    pub(crate) fn observer(&self) -> &dyn Observer {
        &*self.inner.observer
    }

    pub(crate) fn tag_lifetime(&self) -> Duration {
        self.inner.tag_lifetime
    }
}
