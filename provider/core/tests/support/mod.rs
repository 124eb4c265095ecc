//! Where the outside vectors are.
#![allow(clippy::disallowed_methods, reason = "tests read files and the environment; the crate does not")]

use std::path::PathBuf;

/// The folder of outside vectors: what `COUNTERSIGN_VECTORS` names, or `shared/vectors` beside the checkout.
pub(crate) fn vectors() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let folder = std::env::var_os("COUNTERSIGN_VECTORS").map_or_else(beside, PathBuf::from);
    folder.join("README.md").exists().then_some(folder)
}
