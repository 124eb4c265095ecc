//! Manifests of Kubernetes on the command line: files and standard input, YAML and JSON, several documents, lists.

mod images;
mod mistake;
mod objects;

use std::io;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;

use countersign_core::codec::json;
use countersign_core::codec::mismatch::Mismatch;
use countersign_core::limits::JsonLimits;
use serde_json::Value as Json;

pub(super) use self::images::ImageField;
pub(super) use self::images::images;
pub(super) use self::mistake::ManifestMistake;
pub(super) use self::mistake::ManifestMistakes;
pub(super) use self::objects::Object;
pub(super) use self::objects::described;
pub(super) use self::objects::list;
pub(super) use self::objects::objects;
pub(super) use self::objects::text;
use crate::config::MANIFEST_BYTES;
use crate::config::MANIFEST_DEPTH;
use crate::config::MANIFEST_NODES;
use crate::config::ManifestDocument;
use crate::config::load_manifests;
use crate::files;
use crate::files::ReadError;

/// The name of standard input in place of a file, as kubectl has it.
const STANDARD_INPUT: &str = "-";

/// Limits on JSON: those of the YAML reader.
const LIMITS: JsonLimits =
    JsonLimits { depth: MANIFEST_DEPTH, values: MANIFEST_NODES, elements: MANIFEST_NODES, members: MANIFEST_NODES };

/// A document and its origin.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// The file as messages name it.
    file: String,
    /// Counted from 1; empty documents do not count.
    number: usize,
    line: u64,
    value: Json,
}

/// Reads all documents of all files. Files with mistakes have none.
pub(super) fn read(files: &[PathBuf], mistakes: &mut ManifestMistakes) -> Vec<Document> {
    let mut all = Vec::new();
    for (index, path) in files.iter().enumerate() {
        let file = shown(path);
        if files.iter().take(index).any(|earlier| earlier == path) {
            mistakes.add(ManifestMistake::of_file(&file, 0, Mismatch::new("found twice").expecting("each file once")));
            continue;
        }
        match read_file(path) {
            Ok(documents) => all.extend((1..).zip(documents).map(|(number, document)| {
                let ManifestDocument { line, value } = document;
                Document { file: file.clone(), number, line, value }
            })),
            Err((line, mismatch)) => mistakes.add(ManifestMistake::of_file(&file, line, mismatch)),
        }
    }
    all
}

fn shown(path: &Path) -> String {
    if is_standard_input(path) { "standard input".to_owned() } else { path.display().to_string() }
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == STANDARD_INPUT
}

/// The documents of one file. A mistake has its line, 0 for none.
fn read_file(path: &Path) -> Result<Vec<ManifestDocument>, (u64, Mismatch)> {
    let bytes = if is_standard_input(path) { read_standard_input() } else { files::read_input(path, MANIFEST_BYTES) };
    let bytes = bytes.map_err(|error| {
        let expected = format_args!("a file of at most {MANIFEST_BYTES} bytes with Kubernetes objects");
        match error {
            ReadError::Io(error) => (0, Mismatch::new(format_args!("cannot be read: {error}")).expecting(expected)),
            ReadError::TooLarge { max } => {
                (0, Mismatch::new(format_args!("found more than {max} bytes")).expecting(expected))
            }
        }
    })?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| (0, Mismatch::new(format_args!("found {error}")).expecting("UTF-8")))?;
    parse(text)
}

/// The documents of a text.
fn parse(text: &str) -> Result<Vec<ManifestDocument>, (u64, Mismatch)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // JSON is nearly YAML: escaped pairs of surrogates and tabs between values are not. YAML may begin as JSON does.
    if text.trim_start().starts_with('{')
        && let Ok(value) = json::from_str(text, &LIMITS)
    {
        return Ok(vec![ManifestDocument { line: 1, value }]);
    }
    load_manifests(text).map_err(|error| {
        let found = format_args!("found {}", error.found);
        (error.line, Mismatch::new(found).expecting(&error.wanted))
    })
}

fn read_standard_input() -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let max = u64::try_from(MANIFEST_BYTES).unwrap_or(u64::MAX);
    io::stdin().lock().take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > MANIFEST_BYTES { Err(ReadError::TooLarge { max: MANIFEST_BYTES }) } else { Ok(bytes) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
impl Document {
    /// The documents of a text, as a file of this name.
    fn of(file: &str, text: &str) -> Vec<Self> {
        let documents = parse(text).unwrap();
        let document = |(number, ManifestDocument { line, value })| Self { file: file.to_owned(), number, line, value };
        (1..).zip(documents).map(document).collect()
    }
}
