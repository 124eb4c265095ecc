//! The certificate authorities of one file.

use std::fmt;
use std::sync::Arc;

use countersign_core::codec::pem;
use countersign_core::codec::pem::CertificateBlock;
use countersign_core::codec::pem::PemError;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;

/// Certificates that vouch for a registry, from one PEM file. Never empty. Clones share them.
#[derive(Clone)]
pub struct Authorities(Arc<Parts>);

struct Parts {
    file: String,
    certificates: Vec<CertificateDer<'static>>,
    roots: Arc<RootCertStore>,
}

/// Why a file is not one of certificate authorities.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthoritiesError {
    #[error(transparent)]
    Pem(#[from] PemError),
    #[error("PEM block that begins in line {line} is no X.509 certificate that can vouch for another")]
    Certificate { line: usize },
}

impl Authorities {
    /// Reads the PEM text of `file`, which messages call it by.
    ///
    /// # Errors
    /// Anything in it that is no certificate; no certificate at all.
    pub fn parse(file: &str, pem: &[u8]) -> Result<Self, AuthoritiesError> {
        let mut roots = RootCertStore::empty();
        let mut certificates = Vec::new();
        for CertificateBlock { line, der } in pem::certificates(pem)? {
            let der = CertificateDer::from(der);
            roots.add(der.clone()).map_err(|_| AuthoritiesError::Certificate { line })?;
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

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.file == other.0.file && self.0.certificates == other.0.certificates)
    }
}

impl Eq for Authorities {}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { file, certificates, roots: _ } = &*self.0;
        f.debug_struct("Authorities").field("file", file).field("certificates", &certificates.len()).finish()
    }
}
