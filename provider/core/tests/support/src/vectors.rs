//! The location of external vectors.
#![allow(clippy::disallowed_methods, reason = "tests read files and the environment; the crate does not")]

use std::path::PathBuf;

/// The folder of external vectors: the value of `COUNTERSIGN_VECTORS`, or `shared/vectors` next to the checkout.
pub fn vectors() -> Option<PathBuf> {
    let beside = || {
        // Read at run time: several checkouts may share a build directory.
        let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
        package.join("../../../shared/vectors")
    };
    let folder = std::env::var_os("COUNTERSIGN_VECTORS").map_or_else(beside, PathBuf::from);
    folder.join("README.md").exists().then_some(folder)
}
