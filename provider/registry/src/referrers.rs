//! The referrers of an image: the [referrers API](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers)
//! with its pages, otherwise the [tag schema](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#unavailable-referrers-api).
//!
//! To find referrers, any list is sufficient, as each referrer is verified separately. The fallback tag is therefore
//! read whenever the API sends no list, unless the registry fails. The absence of referrers is certain only after an
//! index without matching entries that was read to its end; or after a 404 of the API, which the specification
//! defines as "not supported", together with a 404 of the registry for the fallback tag, an index there, or the image
//! itself. In all other cases the list is incomplete, with the reason.
//!
//! An entry of the settings can require both lists: a registry that got the API later than signatures sends a list without those
//! that were pushed before. Then absence is certain only after both.
//!
//! That a host has no API decides nothing by itself. While it is remembered, the fallback tag is read first, and if it has an entry, that is
//! enough for who looks for any that verifies: [`Referrers::later`] says that the API was not asked.

use std::collections::HashSet;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::limits;
use countersign_core::name::Digest;
use countersign_core::name::MediaType;
use countersign_core::name::Repository;
use countersign_core::oci::Descriptor;
use countersign_core::oci::Index;
use countersign_http::BodyLimits;
use countersign_http::Budgeted;
use countersign_http::LimitReached;
use countersign_http::Permit;
use countersign_http::authority;
use countersign_http::resolve_link;
use countersign_http::same_origin;
use tokio::time::Instant;
use url::Url;

use crate::client::Query;
use crate::error::Cause;
use crate::error::Fallback;
use crate::error::LinkRefusal;
use crate::error::NoList;
use crate::error::RegistryError;
use crate::error::RegistryErrorKind;
use crate::fallback_tag::FallbackTag;
use crate::link;
use crate::listing::Incomplete;
use crate::listing::Listing;
use crate::listing::Page;
use crate::listing::Referrers;
use crate::listing::read_page;
use crate::observer::Stage;
use crate::registries::Registries;
use crate::repository_access::RepositoryAccess;
use crate::request::ApiResponse;
use crate::request::is_within;
use crate::resolve::TARGETS;
use crate::subject::Subject;

impl Registries {
    /// The referrers of `subject` with `artifact_type`. The registry is requested to filter by it, and the entries are
    /// filtered here in any case.
    ///
    /// The lists of the locations of a repository with mirrors are merged. A mirror need not have what refers to an image, so only the
    /// list of the registry that references name shows that there is nothing, after all mirrors that respond were asked; with mirrors only,
    /// those of all mirrors do. The list is incomplete without them.
    ///
    /// # Errors
    /// There is no list by `deadline`. An incomplete list has the reason in [`Referrers::incomplete`].
    pub async fn referrers<'a>(
        &self,
        subject: impl Into<Subject<'a>>,
        artifact_type: &str,
        deadline: Instant,
    ) -> Result<Budgeted<Referrers>, RegistryError> {
        self.list(subject.into(), artifact_type, Asked::All, deadline).await
    }

    /// As [`Self::referrers`], of the locations one after the other until one has an entry: enough if one of its entries is what is
    /// looked for. Later locations are not asked then, nor the API of a host that had none, as [`Referrers::later`] says.
    ///
    /// # Errors
    /// As [`Self::referrers`].
    pub async fn first_referrers<'a>(
        &self,
        subject: impl Into<Subject<'a>>,
        artifact_type: &str,
        deadline: Instant,
    ) -> Result<Budgeted<Referrers>, RegistryError> {
        self.list(subject.into(), artifact_type, Asked::UntilFound, deadline).await
    }

    async fn list(
        &self,
        subject: Subject<'_>,
        artifact_type: &str,
        asked: Asked,
        deadline: Instant,
    ) -> Result<Budgeted<Referrers>, RegistryError> {
        let repository = subject.repository;
        let only = self.has_mirrors_only(repository);
        let mut attempts = self.attempts(repository, Stage::Referrers, deadline);
        let mut merged: Option<Budgeted<Referrers>> = None;
        let mut has_written = false;
        while let Some(attempt) = attempts.next() {
            match self.referrers_at(&attempt.repository, subject.digest, artifact_type, asked, attempt.deadline).await {
                Ok(mut list) => {
                    attempts.succeeded(&attempt);
                    has_written |= attempt.is_written();
                    if !only && !attempt.is_written() {
                        // What a copy lacks says nothing about the registry itself.
                        list.broken = 0;
                        list.incomplete = None;
                    }
                    let list = match merged.take() {
                        None => list,
                        Some(former) => merge_lists(former, list).map_err(|reached| RegistryError {
                            repository: repository.clone(),
                            stage: Stage::Referrers,
                            cause: reached.into(),
                        })?,
                    };
                    let list = merged.insert(list);
                    // A mirror that rests is asked after the registry: it may have a signature that the registry lacks, as before its rest.
                    if asked == Asked::UntilFound && !list.entries.is_empty() && attempts.has_more() {
                        list.later = true;
                        break;
                    }
                }
                Err(error) => attempts.failed(&attempt, error),
            }
        }
        let Some(mut merged) = merged else { return Err(attempts.into_error()) };
        let is_missing = match (only, has_written) {
            (false, has_written) => !has_written,
            // A mirror without the image is no source of its signatures.
            (true, _) => attempts.failures().iter().any(|failure| failure.cause.kind() != RegistryErrorKind::NotFound),
        };
        if is_missing && !merged.later && merged.incomplete.is_none() {
            merged.incomplete = Some(Incomplete::Failed(Box::new(attempts.into_error())));
        }
        Ok(merged)
    }

    /// The referrers at one location.
    async fn referrers_at(
        &self,
        repository: &Repository,
        digest: &Digest,
        artifact_type: &str,
        asked: Asked,
        deadline: Instant,
    ) -> Result<Budgeted<Referrers>, RegistryError> {
        let access = self.client().access(repository, deadline).await.map_err(|cause| RegistryError {
            repository: repository.clone(),
            stage: Stage::Referrers,
            cause,
        })?;
        let mut url = access.url("referrers", digest.as_str());
        url.query_pairs_mut().append_pair("artifactType", artifact_type);
        let mut listing = Listing::new(artifact_type);
        let held = self.client().transport().limits.body_budget().try_acquire(&access.share, 0);
        let mut held = held.map_err(|reached| failed(&access, reached.into()))?;
        let body = BodyLimits { hash: Some(digest.algorithm()), ..page_limit() };
        let has_no_api = asked == Asked::UntilFound
            && access.fallback_tag == FallbackTag::WhenNeeded
            && self.without_api().has(&access.authority());
        let mut tag = None;
        if has_no_api {
            tag = Some(self.fallback(&access, digest, body.clone(), &mut listing, deadline).await);
            held.resize(listing.bytes()).map_err(|reached| failed(&access, reached.into()))?;
            if listing.has_entries() {
                return Ok(Budgeted::new(Referrers { later: true, ..listing.finish() }, held));
            }
        }
        let api = match self.page(&access, &url, MediaType::OCI_INDEX, body.clone(), deadline).await {
            Ok(response) if response.digest.as_ref() == Some(digest) => {
                Cause::ImageItself { host: authority(&response.url) }
            }
            Ok(response) => match self.read(&access, response, true, deadline).await? {
                (response, Page::Index(index)) => {
                    self.without_api().remove(&access.authority());
                    self.pages(&access, url, (response, index), &mut listing, &mut held, deadline).await;
                    match access.fallback_tag {
                        FallbackTag::WhenNeeded => {}
                        FallbackTag::Always => self.merge(&access, digest, body, &mut listing, deadline).await,
                    }
                    held.resize(listing.bytes()).map_err(|reached| failed(&access, reached.into()))?;
                    return Ok(Budgeted::new(listing.finish(), held));
                }
                (_, Page::Unlabelled(index, cause)) => {
                    listing.add(index);
                    held.resize(listing.bytes()).map_err(|reached| failed(&access, reached.into()))?;
                    cause
                }
                (_, Page::Other(cause)) => cause,
            },
            Err(error) if error.stage == Stage::Referrers && worth_a_fallback(&error.cause) => error.cause,
            Err(error) => return Err(error),
        };
        let fallback = match tag {
            Some(fallback) => fallback,
            None => self.fallback(&access, digest, body, &mut listing, deadline).await,
        };
        held.resize(listing.bytes()).map_err(|reached| failed(&access, reached.into()))?;
        if let (true, Fallback::Absent | Fallback::Image | Fallback::Index) = (api.is_absence(), &fallback) {
            if matches!(fallback, Fallback::Index) {
                let authority = access.authority();
                let text = authority.len();
                self.without_api().add(authority, text);
            }
            return Ok(Budgeted::new(listing.finish(), held));
        }
        let cause = Cause::NoList(Box::new(NoList { api, tag: digest.fallback_tag(), fallback }));
        let error = failed(&access, cause);
        if !listing.has_pages() {
            return Err(error);
        }
        listing.cut(Incomplete::Failed(Box::new(error)));
        Ok(Budgeted::new(listing.finish(), held))
    }

    /// Adds the entries of the fallback tag to those of the API. A tag that cannot be read makes the list incomplete.
    async fn merge(
        &self,
        access: &RepositoryAccess,
        digest: &Digest,
        body: BodyLimits,
        listing: &mut Listing<'_>,
        deadline: Instant,
    ) {
        match self.fallback(access, digest, body, listing, deadline).await {
            Fallback::Absent | Fallback::Image | Fallback::Index => {}
            Fallback::Failed(cause) => {
                let cause = Cause::MergedTag { tag: digest.fallback_tag(), cause: Box::new(cause) };
                listing.cut(Incomplete::Failed(Box::new(failed(access, cause))));
            }
        }
    }

    /// Reads the pages of the API after the first one. A page that cannot be read ends the list; earlier entries are
    /// kept.
    async fn pages(
        &self,
        access: &RepositoryAccess,
        first: Url,
        mut page: (ApiResponse, Index),
        listing: &mut Listing<'_>,
        held: &mut Permit,
        deadline: Instant,
    ) {
        let mut read = HashSet::from([first.to_string()]);
        for number in 1.. {
            let (response, index) = page;
            let full = listing.add(index);
            if let Err(reached) = held.resize(listing.bytes()) {
                return listing.cut(Incomplete::Failed(Box::new(failed(access, reached.into()))));
            }
            let next = match next_page(access, &response) {
                Ok(None) => return,
                Ok(Some(_)) if full || number == limits::REFERRERS_PAGES => return listing.cut(Incomplete::Limit),
                Ok(Some(next)) if read.insert(next.to_string()) => Ok(next),
                Ok(Some(_)) => Err(LinkRefusal::Loop),
                Err(refusal) => Err(refusal),
            };
            // Releases the bytes of the page before the next one is read.
            drop(response);
            let following = match next {
                Ok(next) => self.next(access, &next, deadline).await,
                Err(refusal) => Err(failed(access, Cause::Link(refusal))),
            };
            page = match following {
                Ok(following) => following,
                Err(RegistryError { repository, stage, cause }) => {
                    let cause = Cause::Page { number: number + 1, cause: Box::new(cause) };
                    return listing.cut(Incomplete::Failed(Box::new(RegistryError { repository, stage, cause })));
                }
            };
        }
    }

    /// Reads a further page.
    async fn next(
        &self,
        access: &RepositoryAccess,
        url: &Url,
        deadline: Instant,
    ) -> Result<(ApiResponse, Index), RegistryError> {
        let response = self.page(access, url, MediaType::OCI_INDEX, page_limit(), deadline).await?;
        match self.read(access, response, false, deadline).await? {
            (response, Page::Index(index)) => Ok((response, index)),
            (_, Page::Unlabelled(_, cause) | Page::Other(cause)) => Err(failed(access, cause)),
        }
    }

    /// Reads a response.
    async fn read(
        &self,
        access: &RepositoryAccess,
        response: ApiResponse,
        unlabelled: bool,
        deadline: Instant,
    ) -> Result<(ApiResponse, Page), RegistryError> {
        let bytes = response.body.len();
        let read = move || {
            let page = read_page(&response, unlabelled);
            (response, page)
        };
        let read = self.client().transport().limits.parsing().parse(&access.share, bytes, deadline, read).await;
        read.map_err(|reached| failed(access, reached.into()))
    }

    /// Reads the fallback tag, and takes the entries of an index. All kinds of manifest are accepted, as registries respond to a request for
    /// another kind with a conversion or a 404.
    async fn fallback(
        &self,
        access: &RepositoryAccess,
        digest: &Digest,
        body: BodyLimits,
        listing: &mut Listing<'_>,
        deadline: Instant,
    ) -> Fallback {
        let url = access.url("manifests", &digest.fallback_tag());
        match self.page(access, &url, TARGETS, body, deadline).await {
            // Some registries interpret the tag as the digest and send the image, whose platforms are not referrers.
            Ok(response) if response.digest.as_ref() == Some(digest) => Fallback::Image,
            Ok(response) => match self.read(access, response, false, deadline).await {
                Ok((_, Page::Index(index))) => {
                    listing.add(index);
                    Fallback::Index
                }
                Ok((_, Page::Unlabelled(_, cause) | Page::Other(cause))) => Fallback::Failed(cause),
                Err(RegistryError { cause, .. }) => Fallback::Failed(cause),
            },
            Err(RegistryError { stage, cause, .. }) => absent_or_failed(stage, cause),
        }
    }

    async fn page(
        &self,
        access: &RepositoryAccess,
        url: &Url,
        accept: &str,
        body: BodyLimits,
        deadline: Instant,
    ) -> Result<ApiResponse, RegistryError> {
        let query = Query { stage: Stage::Referrers, url, accept, body, deadline };
        self.client().get(access, query).await
    }
}

/// Which locations are asked for a list of referrers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// All.
    All,
    /// One after the other until one has an entry.
    UntilFound,
}

/// The entries of both lists without duplicates, at most as many as one list may have. An entry of the second list that describes the same
/// manifest in another way is not one: the first description may be wrong.
///
/// # Errors
/// They take too much memory.
fn merge_lists(
    mut into: Budgeted<Referrers>,
    mut from: Budgeted<Referrers>,
) -> Result<Budgeted<Referrers>, LimitReached> {
    let Referrers { entries, broken, incomplete, later } = std::mem::take(&mut *from);
    into.broken += broken;
    into.later |= later;
    into.incomplete = into.incomplete.take().or(incomplete);
    let described = |entry: &Descriptor| {
        let Descriptor { media_type, digest, size, artifact_type, annotations: _ } = entry;
        (digest.clone(), media_type.clone(), *size, artifact_type.clone())
    };
    let taken: HashSet<_> = into.entries.iter().map(described).collect();
    for entry in entries.into_iter().filter(|entry| !taken.contains(&described(entry))) {
        if into.entries.len() == limits::REFERRERS_ENTRIES {
            into.incomplete = Some(Incomplete::Limit);
            break;
        }
        into.entries.push(entry);
    }
    let bytes = into.bytes();
    drop(from);
    into.resize(bytes)?;
    Ok(into)
}

fn page_limit() -> BodyLimits {
    BodyLimits::at_most(limits::REFERRERS_PAGE_BYTES)
}

/// The state of the fallback tag after a failed request for it. Only a 404 of the registry itself to this request, with
/// a registry's error body, means that there is no tag: not one of a token service, nor of a host that the registry
/// redirects to.
fn absent_or_failed(stage: Stage, cause: Cause) -> Fallback {
    match (stage, cause) {
        (Stage::Referrers, Cause::NotFound { host, error, requested: _ }) if !error.name_unknown() => {
            if error.is_envelope() { Fallback::Absent } else { Fallback::Failed(Cause::BareNotFound { host }) }
        }
        (_, cause) => Fallback::Failed(cause),
    }
}

/// Whether to request the fallback tag: the registry has responded and does not fail. Requests that are not allowed
/// are not sent.
fn worth_a_fallback(cause: &Cause) -> bool {
    // The registry redirects this request to another server, whose responses are not those of the registry.
    if let Cause::Redirected { .. } = cause {
        return cause.kind() != RegistryErrorKind::Overloaded;
    }
    match cause.kind() {
        RegistryErrorKind::NotFound
        | RegistryErrorKind::Denied
        | RegistryErrorKind::ResponseInvalid
        | RegistryErrorKind::RedirectRefused
        | RegistryErrorKind::ContentMismatch => true,
        RegistryErrorKind::Failed => cause.is_refusal() || matches!(cause, Cause::Status { status: ..400, .. }),
        RegistryErrorKind::Misconfigured
        | RegistryErrorKind::Refused
        | RegistryErrorKind::Unreachable
        | RegistryErrorKind::Timeout
        | RegistryErrorKind::Throttled
        | RegistryErrorKind::Unsupported
        | RegistryErrorKind::ReferrersUnsupported
        | RegistryErrorKind::Overloaded => false,
    }
}

fn failed(access: &RepositoryAccess, cause: Cause) -> RegistryError {
    RegistryError { repository: access.repository.clone(), stage: Stage::Referrers, cause }
}

/// The URL of the next page. It must be on the registry itself, and about the repository if entries of the settings divide
/// the repositories of the registry.
fn next_page(access: &RepositoryAccess, response: &ApiResponse) -> Result<Option<Url>, LinkRefusal> {
    let Some(link) = link::next(&response.headers)? else {
        return Ok(None);
    };
    let next = resolve_link(&response.url, &link)?;
    if same_origin(&next, access.base()) {
        if access.within().is_none_or(|within| is_within(&next, within)) {
            return Ok(Some(next));
        }
        return Err(LinkRefusal::Repository { found: Excerpt::of(next.path()) });
    }
    let name = |url: &Url| format!("{}://{}", url.scheme(), authority(url));
    Err(LinkRefusal::Origin { found: Excerpt::of(&name(&next)), expected: name(access.base()) })
}
