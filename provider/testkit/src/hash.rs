//! SHA-256 in the forms of OCI and X.509.

use aws_lc_rs::digest;

/// `sha256:` and lower-case hex of the SHA-256 of `bytes`.
#[must_use]
pub fn sha256_digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256_hex(bytes))
}

/// Lower-case hex of the SHA-256 of `bytes`.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Key identifier of a SubjectPublicKeyInfo: the first 160 bits of its SHA-256 (RFC 7093 §2, method 4).
pub(crate) fn key_id(spki: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, spki).as_ref()[..20].to_vec()
}
