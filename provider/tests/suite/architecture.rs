//! Holds ARCHITECTURE.md against the sources: which module imports which, that no modules import each other in a circle,
//! which dependencies the crates' manifests must not have, and that the files which the document names exist.

mod circles;
mod dependencies;
mod document;
mod modules;
mod readers;
pub(crate) mod source;
