//! The certificate authorities that are trusted for a server.

use std::fmt;
use std::sync::Arc;

use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::codec::pem;
use countersign_core::codec::pem::CertificateBlock;
use countersign_core::codec::pem::PemError;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;

/// Which certificate authorities are trusted for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// The system's authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR` are supported).
    System,
    /// These instead of the system's. A self-issued certificate among them also authenticates a server that presents
    /// exactly this certificate, even if it is a CA certificate.
    Only(RootCertificates),
    /// The authorities of a file that is invalid: no server is accepted.
    Unusable {
        /// The name of the file in messages.
        file: String,
    },
}

/// Trusted certificates from one PEM file. Never empty. Clones share them.
#[derive(Clone)]
pub struct RootCertificates(Arc<Parts>);

struct Parts {
    file: String,
    certificates: Vec<CertificateDer<'static>>,
    roots: Arc<RootCertStore>,
}

/// The error for a file without valid [`RootCertificates`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootCertificatesError {
    /// The file is not PEM with certificates.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A block is not a valid trusted certificate.
    #[error("{}", self.mismatch())]
    Certificate {
        /// The number, counted from 1.
        line: usize,
    },
}

impl Mismatched for RootCertificatesError {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::Pem(error) => error.mismatch(),
            Self::Certificate { line } => Mismatch::new(format_args!(
                "PEM block that begins on line {line} is not an X.509 certificate that can be a trust anchor"
            ))
            .expecting("the certificate of an authority, or a self-signed one"),
        }
    }
}

impl RootCertificates {
    /// Parses the PEM text of `file`, whose name appears in messages.
    ///
    /// # Errors
    /// The file contains something other than certificates, or no certificate.
    pub fn parse(file: &str, pem: &[u8]) -> Result<Self, RootCertificatesError> {
        let mut roots = RootCertStore::empty();
        let mut certificates = Vec::new();
        for CertificateBlock { line, der } in pem::certificates(pem)? {
            let der = CertificateDer::from(der);
            roots.add(der.clone()).map_err(|_| RootCertificatesError::Certificate { line })?;
            certificates.push(der);
        }
        Ok(Self(Arc::new(Parts { file: file.to_owned(), certificates, roots: Arc::new(roots) })))
    }

    pub(super) fn file(&self) -> &str {
        &self.0.file
    }

    pub(super) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.0.certificates
    }

    pub(super) fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.0.roots)
    }
}

impl PartialEq for RootCertificates {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.file == other.0.file && self.0.certificates == other.0.certificates)
    }
}

impl Eq for RootCertificates {}

impl fmt::Debug for RootCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { file, certificates, roots: _ } = &*self.0;
        f.debug_struct("RootCertificates").field("file", file).field("certificates", &certificates.len()).finish()
    }
}
