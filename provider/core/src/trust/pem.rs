//! Certificates in PEM ([RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)), of which nothing is skipped: a block that
//! cannot be read is an error, and so is text where a block may have been meant.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// Why a text is not PEM with certificates. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    #[error("line {line} is {found:?}: want -----BEGIN CERTIFICATE----- and -----END CERTIFICATE----- in turn")]
    Boundary { line: usize, found: String },
    #[error("PEM block that begins in line {line} does not end: want -----END CERTIFICATE-----")]
    Unfinished { line: usize },
    #[error("PEM block that begins in line {line} is not base64")]
    Base64 { line: usize },
    #[error("line {line} has text after the last PEM block: want nothing but white space there")]
    TrailingText { line: usize },
}

/// Whether bytes are to be read as PEM.
pub(super) fn is_pem(bytes: &[u8]) -> bool {
    let marker = b"-----BEGIN";
    bytes.windows(marker.len()).any(|window| window == marker)
}

/// The contents of all blocks, at least one if [`is_pem`]. Text may stand before a block, as openssl writes it.
pub(super) fn certificates(bytes: &[u8]) -> Result<Vec<Vec<u8>>, PemError> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, Vec<u8>)> = None;
    let mut text = None;
    for (line, content) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let content = content.trim_ascii();
        open = match open {
            None if content == BEGIN => {
                text = None;
                Some((line, Vec::new()))
            }
            Some((begin, base64)) if content == END => {
                blocks.push(STANDARD.decode(base64).map_err(|_| PemError::Base64 { line: begin })?);
                None
            }
            None | Some(_) if content.starts_with(b"-----") => {
                let found = String::from_utf8_lossy(content).chars().take(80).collect();
                return Err(PemError::Boundary { line, found });
            }
            Some((begin, mut base64)) => {
                base64.extend(content);
                Some((begin, base64))
            }
            None => {
                text = text.or_else(|| (!content.is_empty()).then_some(line));
                None
            }
        };
    }
    match (open, text) {
        (Some((line, _)), _) => Err(PemError::Unfinished { line }),
        (None, Some(line)) => Err(PemError::TrailingText { line }),
        (None, None) => Ok(blocks),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Vec<u8>>, PemError> {
        certificates(text.as_bytes())
    }

    #[test]
    fn reads_blocks_with_text_before_them_and_white_space_around() {
        let text = "Certificate:\n  Version: 3\r\n-----BEGIN CERTIFICATE-----\r\nAQI\r\nD\r\n-----END CERTIFICATE-----\r\n\n \
                    # next\n  -----BEGIN CERTIFICATE-----\nBA==\n-----END CERTIFICATE-----\n \t\n";
        assert!(is_pem(text.as_bytes()));
        assert_eq!(read(text), Ok(vec![vec![1, 2, 3], vec![4]]));
    }

    #[test]
    fn names_the_line_of_everything_that_cannot_be_read() {
        let boundary = |line, found: &str| Err(PemError::Boundary { line, found: found.to_owned() });
        let block = "-----BEGIN CERTIFICATE-----\nBA==\n-----END CERTIFICATE-----\n";
        for (text, error) in [
            (
                "-----BEGIN TRUSTED CERTIFICATE-----\nBA==\n-----END TRUSTED CERTIFICATE-----\n".to_owned(),
                boundary(1, "-----BEGIN TRUSTED CERTIFICATE-----"),
            ),
            (format!("{block}-----BEGIN PRIVATE KEY-----\n"), boundary(4, "-----BEGIN PRIVATE KEY-----")),
            (format!("-----BEGIN CERTIFICATE-----\n{block}"), boundary(2, "-----BEGIN CERTIFICATE-----")),
            ("x\n-----END CERTIFICATE-----\n-----BEGIN".to_owned(), boundary(2, "-----END CERTIFICATE-----")),
            (format!("{block}-----BEGIN CERTIFICATE-----\nBA=="), Err(PemError::Unfinished { line: 4 })),
            (format!("{block}{}", block.replace("BA==", "BA=")), Err(PemError::Base64 { line: 4 })),
            (block.replace("BA==", "BB=="), Err(PemError::Base64 { line: 1 })),
            (block.replace("BA==", "Proc-Type: 4"), Err(PemError::Base64 { line: 1 })),
            (format!("{block}\nrest\nmore"), Err(PemError::TrailingText { line: 5 })),
        ] {
            assert_eq!(read(&text), error, "{text}");
        }
    }
}
