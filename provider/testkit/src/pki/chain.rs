//! A certificate chain with the private key of its leaf.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::PrivatePkcs8KeyDer;

use crate::hash;
use crate::pem;
use crate::pki::CertSpec;
use crate::pki::Key;
use crate::pki::issue;

/// Leaf first, root last, and the leaf's private key.
#[derive(Clone, Debug)]
pub struct Chain {
    key: Key,
    certificates: Vec<Vec<u8>>,
}

impl Chain {
    pub(crate) fn new(key: Key, certificates: Vec<Vec<u8>>) -> Self {
        Self { key, certificates }
    }

    /// A self-signed leaf: a chain of one.
    #[must_use]
    pub fn self_signed(spec: CertSpec) -> Self {
        let key = issue::choose(&spec.key, issue::LEAF_KEY);
        let certificate = issue::write(&spec, &key, &spec.subject, &key);
        Self::new(key, vec![certificate])
    }

    /// The leaf's private key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// All certificates, DER.
    #[must_use]
    pub fn der(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    /// The first certificate, DER.
    #[must_use]
    pub fn leaf_der(&self) -> &[u8] {
        &self.certificates[0]
    }

    /// The last certificate, DER.
    #[must_use]
    pub fn root_der(&self) -> &[u8] {
        self.certificates.last().expect("a chain is not empty")
    }

    /// All certificates, PEM, leaf first.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificates.iter().map(|certificate| pem::certificate(certificate)).collect()
    }

    /// The last certificate, PEM, for a trust store.
    #[must_use]
    pub fn root_pem(&self) -> String {
        pem::certificate(self.root_der())
    }

    /// The leaf's private key, PKCS #8 PEM.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.key.pkcs8_pem()
    }

    /// Lower-case hex SHA-256 of each certificate, leaf first.
    #[must_use]
    pub fn thumbprints(&self) -> Vec<String> {
        self.certificates.iter().map(|certificate| hash::sha256_hex(certificate)).collect()
    }

    /// The same key with other certificates: missing, repeated, reordered, of another chain.
    #[must_use]
    pub fn with_certificates(&self, certificates: Vec<Vec<u8>>) -> Self {
        Self { key: self.key.clone(), certificates }
    }

    /// The same certificates with another private key, so that signatures do not match the leaf.
    #[must_use]
    pub fn with_key(&self, key: &Key) -> Self {
        Self { key: key.clone(), certificates: self.certificates.clone() }
    }

    /// For rustls: the certificates without the root (unless the chain has only one), and the key.
    #[must_use]
    pub fn for_rustls(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let count = self.certificates.len().saturating_sub(1).max(1);
        let certificates = self.certificates[..count].iter().cloned().map(CertificateDer::from).collect();
        (certificates, PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.pkcs8_der())))
    }
}
