//! Pages of referrers while they are read: what is an index, which entries are taken, which are only counted.

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
use crate::transport::Answer;

/// The referrers of one artifact type, in the registry's order, each digest once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Referrers {
    /// Those of the type; and those without an artifact type on pages that the registry says it filtered by artifact type.
    /// What an entry without a type is, its manifest decides.
    pub entries: Vec<Descriptor>,
    /// Entries that are not well-formed descriptors; whether one of them would have matched is unknown.
    pub broken: usize,
    /// Entries without an artifact type that are not among `entries`.
    pub untyped: usize,
    /// Why there may be more than were read.
    pub incomplete: Option<Incomplete>,
}

impl Referrers {
    /// What the entries occupy, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        // What an allocator adds to each text, and a map to each of its entries.
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

/// Why a list of referrers is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incomplete {
    /// There are more than `limits::REFERRERS_PAGES` pages or `limits::REFERRERS_ENTRIES` entries.
    Limit,
    /// A page could not be had, or the registry gave no list to rely on.
    Failed(Box<RegistryError>),
}

/// Whether the registry says that it left out what has another artifact type than the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    Applied,
    NotApplied,
}

/// Pages as they are read.
pub(crate) struct Listing<'a> {
    artifact_type: &'a str,
    referrers: Referrers,
    taken: HashSet<Digest>,
    untyped: HashSet<Digest>,
    /// Entries looked at, of any type.
    looked_at: usize,
    pages: usize,
}

impl<'a> Listing<'a> {
    pub(crate) fn new(artifact_type: &'a str) -> Self {
        Self {
            artifact_type,
            referrers: Referrers::default(),
            taken: HashSet::new(),
            untyped: HashSet::new(),
            looked_at: 0,
            pages: 0,
        }
    }

    /// Takes the entries of a page; whether the limit on entries is reached.
    pub(crate) fn add(&mut self, index: Index, filter: Filter) -> bool {
        self.pages += 1;
        if index.cut {
            self.referrers.incomplete = Some(Incomplete::Limit);
        }
        for entry in index.entries {
            if self.looked_at == limits::REFERRERS_ENTRIES {
                self.referrers.incomplete = Some(Incomplete::Limit);
                return true;
            }
            self.looked_at += 1;
            match entry {
                Ok(entry) => self.entry(entry, filter),
                Err(_) => self.referrers.broken += 1,
            }
        }
        self.looked_at == limits::REFERRERS_ENTRIES
    }

    fn entry(&mut self, entry: Descriptor, filter: Filter) {
        match (entry.artifact_type.as_deref(), filter) {
            (Some(found), _) if found != self.artifact_type => {}
            (Some(_), _) | (None, Filter::Applied) => {
                if self.taken.insert(entry.digest.clone()) {
                    self.referrers.entries.push(entry);
                }
            }
            (None, Filter::NotApplied) => {
                self.untyped.insert(entry.digest);
            }
        }
    }

    /// What it occupies, in bytes: the entries, and the digests that they are told apart by.
    pub(crate) fn bytes(&self) -> usize {
        const DIGEST: usize = 256;
        self.referrers.bytes() + (self.taken.len() + self.untyped.len()) * DIGEST
    }

    /// The list ends here, although there is more.
    pub(crate) fn cut(&mut self, why: Incomplete) {
        self.referrers.incomplete = Some(why);
    }

    /// Whether any page was an index.
    pub(crate) fn has_pages(&self) -> bool {
        self.pages > 0
    }

    pub(crate) fn finish(mut self) -> Referrers {
        self.referrers.untyped = self.untyped.difference(&self.taken).count();
        self.referrers
    }
}

/// What an answer of the referrers API, or for a fallback tag, is.
pub(crate) enum Page {
    Index(Index),
    /// Not by its Content-Type; see [`unlabelled_index`].
    Unlabelled(Index, Cause),
    Other(Cause),
}

/// Reads an answer; one without a label if `unlabelled` ones count.
pub(crate) fn read_page(answer: &Answer, unlabelled: bool) -> Page {
    match read_index(answer) {
        Ok(index) => Page::Index(index),
        Err(cause) => match unlabelled.then(|| unlabelled_index(answer)).flatten() {
            Some(index) => Page::Unlabelled(index, cause),
            None => Page::Other(cause),
        },
    }
}

/// The index that an answer is.
///
/// # Errors
/// Another Content-Type, or a body that is no index.
fn read_index(answer: &Answer) -> Result<Index, Cause> {
    let found = content_type(&answer.headers);
    if found != MediaType::OCI_INDEX {
        let (found, wanted) = (Excerpt::of(&found), MediaType::OCI_INDEX.into());
        return Err(Cause::ContentType { host: authority(&answer.url), found, wanted });
    }
    Ok(Index::parse(&answer.body)?)
}

/// The index that an answer is without saying so: its Content-Type names no other kind of document, and the body declares
/// itself. Some registries send their referrers so. Its entries can be looked at; what it does not list may still be there.
fn unlabelled_index(answer: &Answer) -> Option<Index> {
    match content_type(&answer.headers).as_str() {
        "" | "application/json" | "application/octet-stream" | "text/plain" => {}
        _ => return None,
    }
    Index::parse(&answer.body).ok().filter(|index| index.declared)
}

/// What the registry says about a page of the referrers API: in the
/// [header](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers) or, as drafts of
/// the specification had it, in an annotation of the index. Both are lists with commas.
pub(crate) fn filter(answer: &Answer, index: &Index) -> Filter {
    let names_it = |text: &str| text.split(',').any(|name| name.trim().eq_ignore_ascii_case("artifactType"));
    let headers = answer.headers.get_all("oci-filters-applied");
    let annotation = index.annotations.get("org.opencontainers.referrers.filtersApplied");
    if headers.iter().filter_map(|value| value.to_str().ok()).any(names_it)
        || annotation.is_some_and(|text| names_it(text))
    {
        Filter::Applied
    } else {
        Filter::NotApplied
    }
}
