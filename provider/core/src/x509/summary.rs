//! Summary of a certificate for people.

use super::certificate::Certificate;
use crate::codec::hex::hex;
use crate::codec::text::Text;
use crate::time::UnixTime;

/// Summary of a certificate for people. The certificate need not be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSummary {
    /// Distinguished name of the subject.
    pub subject: Text,
    /// Distinguished name of the issuer.
    pub issuer: Text,
    /// Lower-case hexadecimal.
    pub serial: Text,
    /// SHA-256 of the DER, lower-case hexadecimal.
    pub fingerprint: String,
    /// `EC P-256`, `RSA 2048 bits`.
    pub key: Text,
    /// The start of the validity period.
    pub not_before: UnixTime,
    /// Its end, included.
    pub not_after: UnixTime,
}

impl From<&Certificate> for CertificateSummary {
    fn from(certificate: &Certificate) -> Self {
        Self {
            subject: certificate.subject().to_text(),
            issuer: certificate.issuer().to_text(),
            serial: certificate.serial().clone(),
            fingerprint: hex(&certificate.fingerprint()).to_string(),
            key: certificate.key_name(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
        }
    }
}
