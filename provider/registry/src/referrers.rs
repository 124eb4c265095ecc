//! What refers to an image: the [referrers API](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers)
//! with its pages, else the [tag schema](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#unavailable-referrers-api).
//!
//! "None" is said only where the registry says so: an index without matching entries, or a 404 for the fallback tag.
//! Whatever else comes is an error, so that a registry's bad minute does not look like an image that nobody signed.
//! Whether a registry has the API is not remembered: one more request is cheaper than a wrong memory.

use std::collections::HashSet;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::limits;
use countersign_core::name::Digest;
use countersign_core::name::MediaType;
use countersign_core::oci::Descriptor;
use countersign_core::oci::Index;
use tokio::time::Instant;
use url::Url;

use crate::body::Expect;
use crate::body::content_type;
use crate::client::Ask;
use crate::endpoint::Endpoint;
use crate::error::Cause;
use crate::error::LinkRefusal;
use crate::error::RegistryError;
use crate::link;
use crate::observer::Stage;
use crate::origin::authority;
use crate::origin::resolve_link;
use crate::origin::same_origin;
use crate::registries::Pinned;
use crate::registries::Registries;
use crate::wire::Answer;

/// The referrers of one artifact type, in the registry's order, each digest once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Referrers {
    pub entries: Vec<Descriptor>,
    /// Entries that are not well-formed descriptors; whether one of them would have matched is unknown.
    pub broken: usize,
    /// There are more than were read: a limit on pages or entries was reached.
    pub cut: bool,
}

/// Pages as they are read.
struct Listing<'a> {
    artifact_type: &'a str,
    referrers: Referrers,
    digests: HashSet<Digest>,
    /// Entries looked at, of any type.
    looked_at: usize,
}

impl Registries {
    /// What refers to `pinned` with `artifact_type`, which the registry is asked to select by and which is compared
    /// here in any case. An entry without an artifact type does not match: registries and clients must put the
    /// configuration's media type there for manifests that have none of their own.
    ///
    /// # Errors
    /// No good answer by `deadline`, on any page; a page that is no index; a link to elsewhere or in a circle.
    pub async fn referrers(
        &self,
        pinned: &Pinned,
        artifact_type: &str,
        deadline: Instant,
    ) -> Result<Referrers, RegistryError> {
        let endpoint = self.client().endpoint(pinned.repository()).map_err(|cause| RegistryError {
            repository: pinned.repository().clone(),
            stage: Stage::Referrers,
            cause,
        })?;
        let digest = &pinned.descriptor().digest;
        let mut url = endpoint.url("referrers", digest.as_str());
        url.query_pairs_mut().append_pair("artifactType", artifact_type);
        let listing = Listing { artifact_type, referrers: Referrers::default(), digests: HashSet::new(), looked_at: 0 };
        match self.page(&endpoint, &url, deadline).await {
            Ok(answer) if is_index(&answer) => self.pages(&endpoint, url, answer, listing, deadline).await,
            // Some other page: there is no such API at this address.
            Ok(_) => self.fallback(&endpoint, digest, listing, deadline).await,
            Err(RegistryError { cause: Cause::NotFound { said, .. }, .. }) if !said.name_unknown() => {
                self.fallback(&endpoint, digest, listing, deadline).await
            }
            Err(error) => Err(error),
        }
    }

    async fn pages(
        &self,
        endpoint: &Endpoint,
        first: Url,
        mut answer: Answer,
        mut listing: Listing<'_>,
        deadline: Instant,
    ) -> Result<Referrers, RegistryError> {
        let failed = |cause| failed(endpoint, cause);
        let mut read = HashSet::from([first.to_string()]);
        for page in 1.. {
            check_index(&answer).map_err(failed)?;
            let full = listing.add(&answer).map_err(failed)?;
            let Some(next) = next_page(endpoint, &answer).map_err(|refusal| failed(Cause::Link(refusal)))? else {
                break;
            };
            if full || page == limits::REFERRERS_PAGES {
                listing.referrers.cut = true;
                break;
            }
            if !read.insert(next.to_string()) {
                return Err(failed(Cause::Link(LinkRefusal::Loop)));
            }
            answer = self.page(endpoint, &next, deadline).await?;
        }
        Ok(listing.referrers)
    }

    async fn fallback(
        &self,
        endpoint: &Endpoint,
        digest: &Digest,
        mut listing: Listing<'_>,
        deadline: Instant,
    ) -> Result<Referrers, RegistryError> {
        let url = endpoint.url("manifests", &digest.fallback_tag());
        match self.page(endpoint, &url, deadline).await {
            Ok(answer) => {
                check_index(&answer).map_err(|cause| failed(endpoint, cause))?;
                listing.add(&answer).map_err(|cause| failed(endpoint, cause))?;
                Ok(listing.referrers)
            }
            Err(RegistryError { cause: Cause::NotFound { said, .. }, .. }) if !said.name_unknown() => {
                Ok(listing.referrers)
            }
            Err(error) => Err(error),
        }
    }

    async fn page(&self, endpoint: &Endpoint, url: &Url, deadline: Instant) -> Result<Answer, RegistryError> {
        let expect = Expect::at_most(limits::REFERRERS_PAGE_BYTES);
        let ask = Ask { stage: Stage::Referrers, url, accept: MediaType::OCI_INDEX, expect, deadline };
        self.client().get(endpoint, ask).await
    }
}

impl Listing<'_> {
    /// Takes the entries of a page; whether the limit on entries is reached.
    fn add(&mut self, answer: &Answer) -> Result<bool, Cause> {
        let index = Index::parse(&answer.body)?;
        self.referrers.cut |= index.cut;
        for entry in index.entries {
            if self.looked_at == limits::REFERRERS_ENTRIES {
                self.referrers.cut = true;
                return Ok(true);
            }
            self.looked_at += 1;
            match entry {
                Ok(entry) if entry.artifact_type.as_deref() != Some(self.artifact_type) => {}
                Ok(entry) => {
                    if self.digests.insert(entry.digest.clone()) {
                        self.referrers.entries.push(entry);
                    }
                }
                Err(_) => self.referrers.broken += 1,
            }
        }
        Ok(self.looked_at == limits::REFERRERS_ENTRIES)
    }
}

fn failed(endpoint: &Endpoint, cause: Cause) -> RegistryError {
    RegistryError { repository: endpoint.repository.clone(), stage: Stage::Referrers, cause }
}

fn is_index(answer: &Answer) -> bool {
    content_type(&answer.headers) == MediaType::OCI_INDEX
}

fn check_index(answer: &Answer) -> Result<(), Cause> {
    if is_index(answer) {
        return Ok(());
    }
    Err(Cause::ContentType {
        host: authority(&answer.url),
        found: Excerpt::of(&content_type(&answer.headers)),
        wanted: MediaType::OCI_INDEX.into(),
    })
}

/// Where the next page is: on the registry itself, or it is refused.
fn next_page(endpoint: &Endpoint, answer: &Answer) -> Result<Option<Url>, LinkRefusal> {
    let Some(link) = link::next(&answer.headers)? else {
        return Ok(None);
    };
    let next = resolve_link(&answer.url, &link)?;
    if same_origin(&next, endpoint.base()) {
        return Ok(Some(next));
    }
    let name = |url: &Url| format!("{}://{}", url.scheme(), authority(url));
    Err(LinkRefusal::Origin { found: Excerpt::of(&name(&next)), wanted: name(endpoint.base()) })
}
