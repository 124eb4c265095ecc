//! The images that a command is about: those of the command line in its order, then those of manifests.

use std::path::PathBuf;

use super::Exit;
use super::Failure;
use super::manifests;
use super::manifests::ImageField;
use super::manifests::ManifestMistakes;
use super::warn;

/// There is nothing to verify. A pipeline whose first command failed must not succeed.
#[derive(Debug, thiserror::Error)]
#[error("no image in the manifests: found no workload with an image, expected at least one")]
struct NoImage;

/// An image as written, and the fields of manifests that name it.
pub(super) struct Requested {
    pub(super) text: String,
    pub(super) fields: Vec<ImageField>,
}

/// At least one image.
///
/// # Errors
/// All mistakes in the manifests, or that there is no image.
pub(super) fn requested(images: &[String], files: &[PathBuf]) -> Result<Vec<Requested>, Failure> {
    let mut mistakes = ManifestMistakes::default();
    let documents = manifests::read(files, &mut mistakes);
    let objects = manifests::objects(&documents, &mut mistakes);
    let found = manifests::images(&objects, &mut mistakes);
    if !mistakes.is_empty() {
        let causes = mistakes.into_list().into_iter().map(anyhow::Error::new).collect();
        return Err(Failure { exit: Exit::Usage, causes });
    }
    found.unread.iter().for_each(warn);
    let written = images.iter().map(|text| Requested { text: text.clone(), fields: Vec::new() });
    let named = found.images.into_iter().map(|(text, fields)| Requested { text, fields });
    let all: Vec<Requested> = written.chain(named).collect();
    if all.is_empty() { Err(Failure::usage(NoImage)) } else { Ok(all) }
}
