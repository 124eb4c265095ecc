//! All registries behind one value: what the rest of the house calls.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::limits;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::ImageRef;
use countersign_core::name::MediaType;
use countersign_core::name::Repository;
use countersign_core::name::Selector;
use countersign_core::oci;
use countersign_core::oci::Descriptor;
use countersign_credentials::CredentialScope;
use countersign_http::BodyLimits;
use countersign_http::Content;
use countersign_http::LimitObserver;
use countersign_http::LimitReached;
use countersign_http::RequestLimits;
use countersign_http::Share;
use countersign_http::SharedLimits;
use countersign_http::authority;
use countersign_http::content_type;
use countersign_http::excerpt;
use http::HeaderMap;
use tokio::time::Instant;
use url::Url;

use crate::client::Client;
use crate::client::Query;
use crate::endpoint::Endpoint;
use crate::error::Cause;
use crate::error::RegistryError;
use crate::error::RegistryErrorKind;
use crate::limits as registry_limits;
use crate::observer::Observer;
use crate::observer::Stage;
use crate::observer::TagCache;
use crate::pin_cache::Claim;
use crate::pin_cache::PinCache;
use crate::resources;
use crate::settings::RegistrySettings;
use crate::settings::SettingsError;
use crate::transport::Answer;
use crate::transport::Transport;

/// An image whose digest is certain: its manifest was read, hashed and found to be an image or an index. Made by
/// [`Registries::pin`] alone; what comes after takes no tag.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Pinned {
    repository: Repository,
    descriptor: Descriptor,
}

impl Pinned {
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Media type, digest and size of the manifest, from its bytes.
    #[must_use]
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }
}

/// Connections, tokens, gates and what is remembered of pinned images. Clones share all of it.
///
/// Every call has a deadline, and ends by it with an error that says what it was waiting for.
#[derive(Clone)]
pub struct Registries {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    limits: SharedLimits,
    requests: RequestLimits,
    observer: Arc<dyn Observer>,
    /// Never held across an await.
    pins: Mutex<PinCache>,
    tag_lifetime: Duration,
}

/// The four kinds of target manifest.
pub(crate) const TARGETS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

impl Registries {
    /// # Errors
    /// The first mistake in the settings.
    pub fn new(settings: RegistrySettings, observer: Arc<dyn Observer>) -> Result<Self, SettingsError> {
        let limit_observer: Arc<dyn LimitObserver> = Arc::clone(&observer) as Arc<dyn LimitObserver>;
        let (requests, bodies) = (settings.request_limits(), registry_limits::BODIES);
        let limits = SharedLimits::new(requests, bodies, &resources::NAMED, &limit_observer);
        Self::within(limits, settings, observer)
    }

    /// Registries under other settings, with empty caches, within the same limits: requests that are under way here count
    /// there, and the other way round. The limits of `settings` apply after [`Self::take_over`].
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn successor(&self, settings: RegistrySettings) -> Result<Self, SettingsError> {
        Self::within(self.inner.limits.clone(), settings, Arc::clone(&self.inner.observer))
    }

    /// Applies the limits of these settings, also to requests that are under way elsewhere, and drops what `former` has
    /// cached: it only serves the requests under way.
    pub fn take_over(&self, former: &Self) {
        self.inner.limits.set_requests(self.inner.requests);
        former.pins().retire();
        former.inner.client.retire();
    }

    fn within(
        limits: SharedLimits,
        settings: RegistrySettings,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, SettingsError> {
        let transport = Transport::new(&settings, &limits, &observer)?;
        let inner = Inner {
            client: Client::new(transport, settings.unlisted),
            requests: settings.request_limits(),
            limits,
            observer,
            pins: Mutex::new(PinCache::new()),
            tag_lifetime: settings.tag_lifetime,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// How many certificate authorities the system has. With none, only registries with roots of their own and plain
    /// ones can be talked to.
    #[must_use]
    pub fn system_roots(&self) -> usize {
        self.inner.client.transport().system_roots()
    }

    /// Checks that the repository's host may be written so. To be called before anything that equal repositories share,
    /// the statement of a trust policy included: where a registry is plain HTTP, a port in writing makes a difference.
    ///
    /// # Errors
    /// The settings have the host as plain HTTP without a port, and the repository writes 443 or 80.
    pub fn check_spelling(&self, repository: &Repository) -> Result<(), RegistryError> {
        let failed = |cause| RegistryError { repository: repository.clone(), stage: Stage::Manifest, cause };
        self.inner.client.check_port(repository.host()).map_err(failed)
    }

    /// The repository as its requests are sent, port 80 in writing, where the settings have its host as plain HTTP without
    /// a port and it writes none: the same place under a host that is not equal. [`Self::check_spelling`] refuses references
    /// to it; whoever compares repositories with what an operator has written refuses that there, too.
    #[must_use]
    pub fn with_plain_port(&self, repository: &Repository) -> Option<Repository> {
        self.inner.client.with_plain_port(repository)
    }

    /// Reads the image's manifest and says what it is. The digest is that of the reference, with its algorithm, or for
    /// a tag the sha256 of what the registry sends.
    ///
    /// A tag is remembered for the configured time and a digest while there is room; then nothing is asked. After that time
    /// a tag costs a HEAD, and a GET only if it stands for a digest that was not read in this repository: registries count
    /// GETs of manifests as pulls.
    ///
    /// # Errors
    /// No good answer by `deadline`; other bytes than the digest names; not an image or index.
    pub async fn pin(&self, image: &ImageRef, deadline: Instant) -> Result<Pinned, RegistryError> {
        let repository = image.repository();
        self.check_spelling(repository)?;
        if let Some(pinned) = self.remembered_pin(image) {
            return Ok(pinned);
        }
        if let Selector::Tag(_) = image.selector() {
            self.inner.observer.tag(TagCache::Miss);
        }
        let descriptor = self.read_target(image, deadline).await?;
        self.pins().put(image, &descriptor, self.inner.tag_lifetime);
        Ok(Pinned { repository: repository.clone(), descriptor })
    }

    /// What [`Self::pin`] would give without asking the registry.
    #[must_use]
    pub fn remembered_pin(&self, image: &ImageRef) -> Option<Pinned> {
        // A registry that is disabled is disabled for what was read before, too.
        if !self.inner.client.has_usable_credential(image.repository()) {
            return None;
        }
        let descriptor = self.pins().current(image)?;
        if let Selector::Tag(_) = image.selector() {
            self.inner.observer.tag(TagCache::Hit);
        }
        Some(Pinned { repository: image.repository().clone(), descriptor })
    }

    /// Which credential requests for the repository carry.
    #[must_use]
    pub fn credential_scope(&self, repository: &Repository) -> CredentialScope {
        self.inner.client.credential_scope(repository)
    }

    /// Whose share of a limit work for the repository counts against.
    #[must_use]
    pub fn share(&self, repository: &Repository) -> Share {
        self.inner.client.share(repository)
    }

    /// What `parse` makes of a document of the repository that has so many bytes: at once if they are few, and otherwise on
    /// a thread for large documents. A panic of it is one of the caller.
    ///
    /// # Errors
    /// Too many large documents were being parsed until `deadline`, of the repository's host or in all.
    pub async fn parse<T: Send + 'static>(
        &self,
        repository: &Repository,
        bytes: usize,
        deadline: Instant,
        parse: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LimitReached> {
        self.inner.client.transport().limits.parsing().parse(&self.share(repository), bytes, deadline, parse).await
    }

    /// What `check` makes of content of the repository, on a thread for such work: arithmetic with large keys keeps nothing else
    /// waiting. A panic of it is one of the caller.
    ///
    /// # Errors
    /// Too many checks were in progress until `deadline`, of the repository's host or in all.
    pub async fn check<T: Send + 'static>(
        &self,
        repository: &Repository,
        deadline: Instant,
        check: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LimitReached> {
        self.inner.client.transport().limits.parsing().check(&self.share(repository), deadline, check).await
    }

    /// The digest that the image's tag stands for now; a digest stands for itself, unasked.
    ///
    /// # Errors
    /// As [`Self::pin`].
    pub async fn resolve(&self, image: &ImageRef, deadline: Instant) -> Result<Digest, RegistryError> {
        match image.selector() {
            Selector::Digest(digest) => Ok(digest.clone()),
            Selector::Tag(_) => Ok(self.pin(image, deadline).await?.descriptor.digest),
        }
    }

    /// The manifest that `descriptor` describes, at most `limit` bytes: exactly its bytes, sent with its media type.
    ///
    /// # Errors
    /// No good answer by `deadline`; larger than `limit`; other bytes, size or media type than described.
    pub async fn manifest(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        limit: usize,
        deadline: Instant,
    ) -> Result<Content, RegistryError> {
        let stage = Stage::ReferrerManifest;
        let answer = self.content(repository, "manifests", descriptor, limit, stage, deadline).await?;
        let found = content_type(&answer.headers);
        if descriptor.media_type != *found.as_str() {
            let wanted = descriptor.media_type.as_str().into();
            let cause = Cause::ContentType { host: authority(&answer.url), found: Excerpt::of(&found), wanted };
            return Err(RegistryError { repository: repository.clone(), stage, cause });
        }
        Ok(answer.body)
    }

    /// The blob that `descriptor` describes, at most `limit` bytes: exactly its bytes.
    ///
    /// # Errors
    /// No good answer by `deadline`; larger than `limit`; other bytes or size than described.
    pub async fn blob(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        limit: usize,
        deadline: Instant,
    ) -> Result<Content, RegistryError> {
        Ok(self.content(repository, "blobs", descriptor, limit, Stage::Blob, deadline).await?.body)
    }

    /// Never held across an await.
    fn pins(&self) -> MutexGuard<'_, PinCache> {
        self.inner.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.inner.client
    }

    async fn content(
        &self,
        repository: &Repository,
        kind: &str,
        descriptor: &Descriptor,
        limit: usize,
        stage: Stage,
        deadline: Instant,
    ) -> Result<Answer, RegistryError> {
        let failed = |cause| RegistryError { repository: repository.clone(), stage, cause };
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        if descriptor.size > limit {
            return Err(failed(Cause::DeclaredTooLarge { declared: descriptor.size, limit }));
        }
        let endpoint = self.inner.client.endpoint(repository, deadline).await.map_err(failed)?;
        let url = endpoint.url(kind, descriptor.digest.as_str());
        let accept = if stage == Stage::Blob { "*/*" } else { descriptor.media_type.as_str() };
        let body = BodyLimits {
            limit: descriptor.size,
            size: Some(descriptor.size),
            hash: Some(descriptor.digest.algorithm()),
        };
        let answer = self.inner.client.get(&endpoint, Query { stage, url: &url, accept, body, deadline }).await?;
        match &answer.digest {
            Some(found) if *found == descriptor.digest => Ok(answer),
            found => {
                let found = found.clone().unwrap_or_else(|| Digest::of(descriptor.digest.algorithm(), &answer.body));
                let wanted = descriptor.digest.clone();
                Err(failed(Cause::Digest { host: authority(&answer.url), found, wanted }))
            }
        }
    }

    async fn read_target(&self, image: &ImageRef, deadline: Instant) -> Result<Descriptor, RegistryError> {
        let stage = Stage::Manifest;
        let repository = image.repository();
        let failed = |cause| RegistryError { repository: repository.clone(), stage, cause };
        let endpoint = self.inner.client.endpoint(repository, deadline).await.map_err(failed)?;
        let (reference, algorithm) = match image.selector() {
            Selector::Tag(tag) => (tag.as_str(), DigestAlgorithm::Sha256),
            Selector::Digest(digest) => (digest.as_str(), digest.algorithm()),
        };
        let url = endpoint.url("manifests", reference);
        let claim = match image.selector() {
            Selector::Tag(tag) if self.pins().is_worth_a_head(repository, tag) => {
                self.claim(&endpoint, &url, deadline).await?
            }
            Selector::Tag(_) | Selector::Digest(_) => Claim::Unknown,
        };
        if let Claim::Known(descriptor) = claim {
            return Ok(descriptor);
        }
        let body = BodyLimits { hash: Some(algorithm), ..BodyLimits::at_most(limits::MANIFEST_BYTES) };
        let query = Query { stage, url: &url, accept: TARGETS, body, deadline };
        let answer = self.inner.client.get(&endpoint, query).await?;
        let (bytes, asked) = (answer.body.len(), image.clone());
        let described = move || describe(&asked, algorithm, &answer);
        let described =
            self.inner.client.transport().limits.parsing().parse(&endpoint.share, bytes, deadline, described).await;
        let descriptor = described.map_err(Cause::from).flatten().map_err(failed)?;
        if claim == Claim::Nothing {
            self.pins().stop_heads(repository);
        }
        Ok(descriptor)
    }

    /// What a HEAD of a tag names. Unless that is known, a GET decides.
    ///
    /// # Errors
    /// Those that a GET would meet as well.
    async fn claim(&self, endpoint: &Endpoint, url: &Url, deadline: Instant) -> Result<Claim, RegistryError> {
        let query = Query { stage: Stage::Manifest, url, accept: TARGETS, body: BodyLimits::at_most(0), deadline };
        match self.inner.client.head(endpoint, query).await {
            Ok(headers) => Ok(self.pins().claim(&endpoint.repository, &headers)),
            Err(error) if error.stage == Stage::Token => Err(error),
            Err(error) if matches!(error.cause, Cause::Status { status: 502..=504, .. }) => Err(error),
            Err(error) => match error.kind() {
                RegistryErrorKind::Misconfigured
                | RegistryErrorKind::Refused
                | RegistryErrorKind::Unreachable
                | RegistryErrorKind::Timeout
                | RegistryErrorKind::Throttled
                | RegistryErrorKind::Overloaded => Err(error),
                // Registries and what stands in front of them refuse HEAD in many ways.
                RegistryErrorKind::Denied
                | RegistryErrorKind::Failed
                | RegistryErrorKind::AnswerInvalid
                | RegistryErrorKind::RedirectRefused
                | RegistryErrorKind::ContentMismatch
                | RegistryErrorKind::NotFound
                | RegistryErrorKind::ReferrersUnsupported
                | RegistryErrorKind::Unsupported => Ok(Claim::Nothing),
            },
        }
    }
}

/// The target's descriptor from its bytes, which must be those that were asked for.
fn describe(image: &ImageRef, algorithm: DigestAlgorithm, answer: &Answer) -> Result<Descriptor, Cause> {
    let host = authority(&answer.url);
    let found = answer.digest.clone().unwrap_or_else(|| Digest::of(algorithm, &answer.body));
    if let Selector::Digest(wanted) = image.selector()
        && found != *wanted
    {
        return Err(Cause::Digest { host, found, wanted: wanted.clone() });
    }
    check_digest_header(&answer.headers, &found, &answer.body, &host)?;
    let media_type: MediaType = oci::target_media_type(&answer.body, &content_type(&answer.headers))?;
    let size = u64::try_from(answer.body.len()).unwrap_or(u64::MAX);
    Ok(Descriptor::new(media_type, found, size))
}

/// `Docker-Content-Digest`, where there is one, must be a digest of the bytes, whichever algorithm it uses: a registry
/// that says otherwise serves something else than it means to.
fn check_digest_header(headers: &HeaderMap, found: &Digest, body: &[u8], host: &str) -> Result<(), Cause> {
    let Some(value) = headers.get("docker-content-digest") else {
        return Ok(());
    };
    let claimed: Option<Digest> = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    let holds = claimed.is_some_and(|claimed| {
        claimed == *found
            || (claimed.algorithm() != found.algorithm() && claimed == Digest::of(claimed.algorithm(), body))
    });
    if holds {
        return Ok(());
    }
    let claimed = excerpt(value.as_bytes());
    Err(Cause::DigestHeader { host: host.to_owned(), found: found.clone(), claimed })
}
