//! PEM ([RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)): certificates and private keys as people have them in files.
//!
//! What editors and other systems add does no harm: a byte order mark before a line, line ends of Windows and of old
//! Macs, white space around a line, text between blocks (`openssl -text`, comments), a final Ctrl-Z. What is not read is
//! never passed over as if it were not there: a block with another label, a block that does not end and a block that is
//! no base64 are errors that name the line.

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
