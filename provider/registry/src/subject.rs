//! What a list of referrers is about.

use countersign_core::name::Digest;
use countersign_core::name::ImageRef;
use countersign_core::name::Repository;
use countersign_core::name::Selector;

use crate::resolve::Pinned;

/// A manifest by its digest: that of a [`Pinned`], or one that a reference names, whose manifest need not be read yet. Never a tag.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) digest: &'a Digest,
}

impl<'a> Subject<'a> {
    /// That of a reference with a digest; `None` for a tag.
    #[must_use]
    pub fn named(image: &'a ImageRef) -> Option<Self> {
        match image.selector() {
            Selector::Digest(digest) => Some(Self { repository: image.repository(), digest }),
            Selector::Tag(_) => None,
        }
    }
}

impl<'a> From<&'a Pinned> for Subject<'a> {
    fn from(pinned: &'a Pinned) -> Self {
        Self { repository: pinned.repository(), digest: &pinned.descriptor().digest }
    }
}
