//! CAs that issue certificates.

use crate::pki::CertSpec;
use crate::pki::Chain;
use crate::pki::Key;
use crate::pki::issue::LEAF_KEY;
use crate::pki::issue::choose;
use crate::pki::issue::resign;
use crate::pki::issue::write;
use crate::pki::name::Name;

/// A CA: certificate, key, and the CAs above it.
#[derive(Clone, Debug)]
pub struct Authority {
    name: Name,
    key: Key,
    /// Own certificate first, root last.
    certificates: Vec<Vec<u8>>,
}

impl Authority {
    /// Makes a self-signed root.
    #[must_use]
    pub fn root(spec: CertSpec) -> Self {
        let key = choose(&spec.key, 0);
        let certificate = write(&spec, &key, &spec.subject, &key);
        Self { name: spec.subject, key, certificates: vec![certificate] }
    }

    /// Issues a CA certificate under this CA.
    #[must_use]
    pub fn intermediate(&self, spec: CertSpec) -> Self {
        let key = choose(&spec.key, self.certificates.len());
        let certificate = write(&spec, &key, &self.name, &self.key);
        let certificates = std::iter::once(certificate).chain(self.certificates.iter().cloned()).collect();
        Self { name: spec.subject, key, certificates }
    }

    /// Issues a certificate and returns it with all CA certificates above it. Checks nothing: any spec is accepted.
    #[must_use]
    pub fn issue(&self, spec: CertSpec) -> Chain {
        let key = choose(&spec.key, LEAF_KEY);
        let certificate = write(&spec, &key, &self.name, &self.key);
        Chain::new(key, std::iter::once(certificate).chain(self.certificates.iter().cloned()).collect())
    }

    /// DER of this CA's own certificate.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.certificates[0]
    }

    /// PEM of this CA's own certificate.
    #[must_use]
    pub fn pem(&self) -> String {
        crate::pem::certificate(self.der())
    }

    /// The key that signs certificates.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// This CA as a signer of envelopes: its certificate, those above it, and its key.
    #[must_use]
    pub fn as_chain(&self) -> Chain {
        Chain::new(self.key.clone(), self.certificates.clone())
    }

    /// Lets `edit` change the elements of the TBSCertificate of a certificate (`[0]` version, serial number,
    /// signature, issuer, validity, subject, key, `[3]` extensions; lengths are recomputed), and signs the result.
    #[must_use]
    pub fn reissue(&self, certificate: &[u8], edit: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
        resign(certificate, &self.key, edit)
    }
}
