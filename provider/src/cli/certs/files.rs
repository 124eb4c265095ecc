//! Writes files that only their owner can read; all are complete before any is renamed to its final name.

use std::fs;
use std::fs::DirBuilder;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::files;

/// Maximum size of a file, in bytes.
const FILE_BYTES: usize = 1024 * 1024;

/// A file to be written.
pub(super) struct NewFile {
    pub(super) name: &'static str,
    /// Secret, some of them.
    pub(super) content: String,
}

/// Writes all files into `directory`, which is created if necessary. Existing files are replaced.
pub(super) fn write(directory: &Path, files: &[NewFile]) -> anyhow::Result<()> {
    let context = || format!("cannot make the directory {}", directory.display());
    DirBuilder::new().recursive(true).mode(0o700).create(directory).with_context(context)?;
    let mut written = Vec::new();
    let done = files.iter().try_for_each(|file| {
        let path = directory.join(file.name);
        let new = directory.join(format!(".{}.new-{}", file.name, std::process::id()));
        written.push(new.clone());
        create(&new, &file.content).with_context(|| format!("cannot write {}", path.display()))
    });
    let done = done.and_then(|()| {
        files.iter().zip(&written).try_for_each(|(file, new)| {
            let path = directory.join(file.name);
            fs::rename(new, &path).with_context(|| format!("cannot write {}", path.display()))
        })
    });
    if done.is_err() {
        clean(&written);
    }
    done
}

fn create(path: &Path, content: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

/// Removes temporary files that were not renamed.
fn clean(written: &[PathBuf]) {
    for path in written {
        // The file is absent if it was renamed; a failure is ignored.
        let _ = fs::remove_file(path);
    }
}

pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    let context = || format!("cannot read {}", path.display());
    String::from_utf8(files::read_start(path, FILE_BYTES).with_context(context)?)
        .map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
        .with_context(context)
}
