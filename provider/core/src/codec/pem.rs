//! PEM ([RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)): certificates and private keys in files.
//!
//! Ignores what editors and other systems add: a byte order mark before a line, line ends of Windows and of old Macs,
//! white space around a line, text between blocks (`openssl -text`, comments), a final Ctrl-Z. Blocks are never
//! skipped silently: another label, a missing end and invalid base64 are errors that name the line.

mod certificates;
mod error;
mod form;
mod key;
mod labels;
mod scan;

pub use certificates::CertificateBlock;
pub use certificates::certificates;
pub use certificates::certificates_beside_key;
pub use certificates::certificates_to_the_end;
pub use error::PemError;
pub use form::Form;
pub use key::KeyFormat;
pub use key::PrivateKey;
pub use key::private_key;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
