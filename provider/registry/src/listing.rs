//! Pages of referrers: parses responses, selects entries, and counts others.

use std::collections::HashSet;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::limits;
use countersign_core::name::Digest;
use countersign_core::name::MediaType;
use countersign_core::oci::Descriptor;
use countersign_core::oci::Index;
use countersign_http::authority;
use countersign_http::content_type;

use crate::error::Cause;
use crate::error::RegistryError;
use crate::request::ApiResponse;

/// The referrers of one artifact type, in the registry's order. A digest occurs once, unless locations of the repository describe its
/// manifest differently.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Referrers {
    /// Entries of the type, and entries whose type is not stated, as their manifests have it.
    pub entries: Vec<Descriptor>,
    /// The number of malformed entries. It is unknown whether one of them would match.
    pub broken: usize,
    /// The reason why the list may be incomplete.
    pub incomplete: Option<Incomplete>,
    /// Whether not all that may have entries was asked: later locations of the repository, or the referrers API of a host that had none.
    /// Then the absence of an entry says nothing.
    pub later: bool,
}

impl Referrers {
    /// The memory of the entries, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        // The overhead of the allocator for each text, and of the map for each entry.
        const AROUND: usize = 64;
        let texts = |entry: &Descriptor| {
            let annotations: usize =
                entry.annotations.iter().map(|(name, value)| name.len() + value.len() + 2 * AROUND).sum();
            entry.media_type.as_str().len()
                + entry.digest.as_str().len()
                + entry.artifact_type.as_ref().map_or(0, String::len)
                + annotations
                + 3 * AROUND
        };
        self.entries.iter().map(|entry| size_of::<Descriptor>() + texts(entry)).sum()
    }
}

/// The reason why a list of referrers is incomplete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incomplete {
    /// There are more than `limits::REFERRERS_PAGES` pages or `limits::REFERRERS_ENTRIES` entries.
    Limit,
    /// A page could not be read, or the registry sent no reliable list.
    Failed(Box<RegistryError>),
}

/// The entries of all pages so far.
pub(crate) struct Listing<'a> {
    artifact_type: &'a str,
    referrers: Referrers,
    taken: HashSet<Digest>,
    /// The number of entries read, of any type.
    read: usize,
    pages: usize,
}

impl<'a> Listing<'a> {
    pub(crate) fn new(artifact_type: &'a str) -> Self {
        Self { artifact_type, referrers: Referrers::default(), taken: HashSet::new(), read: 0, pages: 0 }
    }

    /// Adds the entries of a page. Returns whether the limit on entries is reached.
    pub(crate) fn add(&mut self, index: Index) -> bool {
        self.pages += 1;
        if index.cut {
            self.referrers.incomplete = Some(Incomplete::Limit);
        }
        for entry in index.entries {
            if self.read == limits::REFERRERS_ENTRIES {
                self.referrers.incomplete = Some(Incomplete::Limit);
                return true;
            }
            self.read += 1;
            match entry {
                Ok(entry) => self.entry(entry),
                Err(_) => self.referrers.broken += 1,
            }
        }
        self.read == limits::REFERRERS_ENTRIES
    }

    fn entry(&mut self, entry: Descriptor) {
        // A manifest with an empty configuration has its type in `artifactType`: a registry that lists the type of the
        // configuration has not stated it.
        let artifact_type = entry.artifact_type.filter(|found| found != MediaType::OCI_EMPTY);
        if artifact_type.as_deref().is_some_and(|found| found != self.artifact_type) {
            return;
        }
        if self.taken.insert(entry.digest.clone()) {
            self.referrers.entries.push(Descriptor { artifact_type, ..entry });
        }
    }

    /// The memory in bytes of the entries and of the set of digests.
    pub(crate) fn bytes(&self) -> usize {
        const DIGEST: usize = 256;
        self.referrers.bytes() + self.taken.len() * DIGEST
    }

    /// Whether there is an entry of the type.
    pub(crate) fn has_entries(&self) -> bool {
        !self.referrers.entries.is_empty()
    }

    /// Marks the list as incomplete.
    pub(crate) fn cut(&mut self, why: Incomplete) {
        self.referrers.incomplete = Some(why);
    }

    /// Whether any page was an index.
    pub(crate) fn has_pages(&self) -> bool {
        self.pages > 0
    }

    pub(crate) fn finish(self) -> Referrers {
        self.referrers
    }
}

/// The kind of a response of the referrers API or for a fallback tag.
pub(crate) enum Page {
    Index(Index),
    /// An index with another Content-Type; see [`unlabelled_index`].
    Unlabelled(Index, Cause),
    Other(Cause),
}

/// Parses a response. An index with another Content-Type is accepted if `unlabelled`.
pub(crate) fn read_page(response: &ApiResponse, unlabelled: bool) -> Page {
    match read_index(response) {
        Ok(index) => Page::Index(index),
        Err(cause) => match unlabelled.then(|| unlabelled_index(response)).flatten() {
            Some(index) => Page::Unlabelled(index, cause),
            None => Page::Other(cause),
        },
    }
}

/// Reads an index.
///
/// # Errors
/// The response has another Content-Type, or its body is not an index.
fn read_index(response: &ApiResponse) -> Result<Index, Cause> {
    let found = content_type(&response.headers);
    if found != MediaType::OCI_INDEX {
        let (found, expected) = (Excerpt::of(&found), MediaType::OCI_INDEX.into());
        return Err(Cause::ContentType { host: authority(&response.url), found, expected });
    }
    Ok(Index::parse(&response.body)?)
}

/// Parses an index with a generic Content-Type whose body declares itself an index, as some registries send their
/// referrers. Its entries are used, but the list counts as incomplete.
fn unlabelled_index(response: &ApiResponse) -> Option<Index> {
    match content_type(&response.headers).as_str() {
        "" | "application/json" | "application/octet-stream" | "text/plain" => {}
        _ => return None,
    }
    Index::parse(&response.body).ok().filter(|index| index.declared)
}
