//! What `countersign verify` prints, and its exit code.

pub(super) mod json;
mod table;
pub(super) mod text;

use std::ffi::OsString;
use std::io;
use std::io::Write;

use countersign_core::name::ReferenceError;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_core::verdict::VerdictKind;

use super::Exit;
use super::args::Color;
use super::manifests::ImageField;
use crate::engine::ImageResult;

/// The result for one image.
#[derive(Debug)]
pub(super) struct Checked {
    /// The expanded reference; the text as written if it is no reference.
    pub(super) image: String,
    pub(super) result: ImageResult,
    /// The fields of manifests that name the image; none for an image of the command line.
    pub(super) fields: Vec<ImageField>,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Table { colour: bool },
    Text,
    Json,
}

/// The verdict about a text that is not an image reference: the server's.
pub(super) fn not_a_reference(why: ReferenceError) -> ImageResult {
    let verdict = ImageVerdict::from_reason(None, Reason::new(Code::InvalidReference, why));
    ImageResult { digest: None, verdict: verdict.into(), cached: false }
}

/// Whether a table has colours. `variable` reads the environment: NO_COLOR has an effect if it is not empty
/// (<https://no-color.org>).
pub(super) fn has_colour(when: Color, terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let is_off = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
            let is_dumb = variable("TERM").is_some_and(|value| value == "dumb");
            terminal && !is_off && !is_dumb
        }
    }
}

/// Prints all images in the order of the command line, then those of the manifests.
///
/// # Errors
/// Those of `out`.
pub(super) fn print(checked: &[Checked], format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table { colour } => out.write_all(table::report(checked, colour).as_bytes()),
        Format::Text => out.write_all(text::report(checked).as_bytes()),
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &json::Report::from(checked))?;
            out.write_all(b"\n")
        }
    }
}

/// A rejection takes precedence over an inconclusive image: a retry cannot change it.
pub(super) fn exit(checked: &[Checked]) -> Exit {
    let any = |kind| checked.iter().any(|checked| checked.result.verdict.kind() == kind);
    if any(VerdictKind::Rejected) {
        Exit::Rejected
    } else if any(VerdictKind::Inconclusive) {
        Exit::Undecided
    } else {
        Exit::Success
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
