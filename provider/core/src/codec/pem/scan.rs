//! Splits lines into blocks. A block is decoded only after its label was checked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::PemError;
use crate::limits;

/// Longest label, in characters.
const LABEL_CHARACTERS: usize = 40;

/// One block, still in base64.
pub(super) struct Block {
    /// The line of its start.
    pub(super) line: usize,
    pub(super) label: String,
    /// The lines between the boundaries, joined. Headers stay in `base64`; check `encrypted` before `content`.
    base64: Vec<u8>,
    /// Whether it has a `Proc-Type` header as old encrypted keys do, [RFC 1421](https://www.rfc-editor.org/rfc/rfc1421).
    pub(super) encrypted: bool,
}

pub(super) struct Scanned {
    pub(super) blocks: Vec<Block>,
    /// The first line with text after the last block.
    pub(super) first_text_line_after_blocks: Option<usize>,
}

impl Block {
    /// The decoded content; only the canonical base64 is accepted.
    pub(super) fn content(&self) -> Result<Vec<u8>, PemError> {
        STANDARD.decode(&self.base64).map_err(|_| PemError::Base64 { line: self.line, label: self.label.clone() })
    }
}

/// Splits `bytes` into blocks and finds text after the last one.
///
/// # Errors
/// Unbalanced boundaries, a boundary that shares its line, or more than [`limits::PEM_BLOCKS`] blocks.
pub(super) fn scan(bytes: &[u8]) -> Result<Scanned, PemError> {
    let mut scanned = Scanned { blocks: Vec::new(), first_text_line_after_blocks: None };
    let mut open: Option<Block> = None;
    for (line, content) in (1..).zip(lines(bytes)) {
        open = match (open, Boundary::of(line, content)?) {
            (None, Some(Boundary::Begin(label))) => {
                scanned.first_text_line_after_blocks = None;
                Some(Block { line, label, base64: Vec::new(), encrypted: false })
            }
            (Some(block), Some(Boundary::End(label))) if label == block.label => {
                if scanned.blocks.len() == limits::PEM_BLOCKS {
                    return Err(PemError::TooManyBlocks);
                }
                scanned.blocks.push(block);
                None
            }
            (_, Some(boundary)) => return Err(PemError::Boundary { line, found: boundary.to_text() }),
            (Some(mut block), None) => {
                block.encrypted |= content.starts_with(b"Proc-Type:");
                block.base64.extend(content);
                Some(block)
            }
            (None, None) => {
                if !content.is_empty() {
                    scanned.first_text_line_after_blocks.get_or_insert(line);
                }
                None
            }
        };
    }
    match open {
        Some(Block { line, label, .. }) => Err(PemError::Unfinished { line, label }),
        None => Ok(scanned),
    }
}

/// The lines without white space around them, without a byte order mark at the start (of the file, or of an appended
/// file), and without Ctrl-Z at the end of the file.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let end = bytes.iter().rposition(|byte| *byte != 0x1a && !byte.is_ascii_whitespace()).map_or(0, |last| last + 1);
    let bytes = bytes.get(..end).unwrap_or(bytes);
    bytes
        .split(|byte| *byte == b'\n')
        .flat_map(|line| line.strip_suffix(b"\r").unwrap_or(line).split(|byte| *byte == b'\r'))
        .map(<[u8]>::trim_ascii)
        .map(|line| line.strip_prefix(MARK).map_or(line, <[u8]>::trim_ascii_start))
}

/// A line that begins with five hyphens.
enum Boundary {
    Begin(String),
    End(String),
    /// Neither the start nor the end of a block, with the part that can be shown.
    Neither(String),
}

impl Boundary {
    /// `None` for a line that does not begin with five hyphens.
    ///
    /// # Errors
    /// The line contains more than the boundary. It may be a whole block with a key, so only the boundary is shown.
    fn of(line: usize, content: &[u8]) -> Result<Option<Self>, PemError> {
        let Some(rest) = content.strip_prefix(b"-----") else { return Ok(None) };
        let rest = String::from_utf8_lossy(rest);
        let (kind, rest) = match (rest.strip_prefix("BEGIN "), rest.strip_prefix("END ")) {
            (Some(rest), _) => ("BEGIN ", rest),
            (None, Some(rest)) => ("END ", rest),
            (None, None) => return Ok(Some(Self::Neither(String::new()))),
        };
        let (label, hyphens) = rest.split_at(rest.find("--").unwrap_or(rest.len()));
        if !is_label(label) {
            return Ok(Some(Self::Neither(kind.to_owned())));
        }
        let boundary = if kind == "BEGIN " { Self::Begin(label.to_owned()) } else { Self::End(label.to_owned()) };
        match hyphens {
            "-----" => Ok(Some(boundary)),
            _ if hyphens.starts_with("-----") => Err(PemError::NotAlone { line, found: boundary.to_text() }),
            _ => Ok(Some(Self::Neither(format!("{kind}{label}")))),
        }
    }

    /// The boundary alone, without other text of the line.
    fn to_text(&self) -> String {
        match self {
            Self::Begin(label) => format!("-----BEGIN {label}-----"),
            Self::End(label) => format!("-----END {label}-----"),
            Self::Neither(start) => format!("-----{start}…"),
        }
    }
}

/// Whether the text is a label: capitals, digits and some punctuation, short enough to be shown. Base64 of a key is
/// not.
fn is_label(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" .#-".contains(&byte);
    !text.is_empty() && text.len() <= LABEL_CHARACTERS && text.bytes().all(fits)
}
