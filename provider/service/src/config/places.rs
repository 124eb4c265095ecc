//! Where a configuration names files and trust stores, for messages about what they have.

use std::path::Path;
use std::path::PathBuf;

use countersign_core::policy::StoreRef;

/// A key of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1.
    pub line: u64,
    /// `registries[0].credentials.passwordFile`.
    pub field: String,
}

impl Place {
    /// The key alone: `passwordFile`.
    #[must_use]
    pub fn key(&self) -> &str {
        self.field.rsplit_once('.').map_or(&*self.field, |(_, key)| key)
    }
}

/// All keys with paths, also those of entries that cannot be read for another reason, and the elements of `trust.stores` and
/// `registries`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    files: Vec<(PathBuf, Place)>,
    stores: Vec<(StoreRef, Place)>,
    registries: Vec<Place>,
}

impl Places {
    pub(super) fn add_file(&mut self, path: &Path, place: Place) {
        self.files.push((path.to_owned(), place));
    }

    pub(super) fn add_store(&mut self, store: &StoreRef, place: Place) {
        self.stores.push((store.clone(), place));
    }

    pub(super) fn add_registry(&mut self, place: Place) {
        self.registries.push(place);
    }

    /// Every path, as resolved, with its key; section by section.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Place)> {
        self.files.iter().map(|(path, place)| (path.as_path(), place))
    }

    /// The first key that names the file at `path`, if it is `field`, or if no field is given.
    #[must_use]
    pub fn file(&self, path: &Path, field: &str) -> Option<&Place> {
        let is_named = |found: &Path, place: &Place| found == path && (field.is_empty() || place.field == field);
        self.files().find(|(found, place)| is_named(found, place)).map(|(_, place)| place)
    }

    /// The element of `registries` at `field`, which is as in [`Place::field`].
    #[must_use]
    pub fn registry(&self, field: &str) -> Option<&Place> {
        self.registries.iter().find(|place| place.field == field)
    }

    /// The element of `trust.stores` about `store`.
    #[must_use]
    pub fn store(&self, store: &StoreRef) -> Option<&Place> {
        self.stores.iter().find(|(found, _)| found == store).map(|(_, place)| place)
    }
}
