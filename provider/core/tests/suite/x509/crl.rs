//! CRLs: every rule of RFC 5280 §5 that a list must meet to be usable, with the text of each refusal.
#![allow(clippy::unwrap_used)]

mod entries;
mod extensions;
mod form;
mod issuer;
mod large;
mod mutation;
mod openssl;
mod scope;
mod times;
mod vectors;

use countersign_core::x509::Certificate;
use countersign_core::x509::Crl;
use countersign_core::x509::CrlError;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

/// A certificate authority that issues CRLs.
struct Issuer {
    authority: Authority,
    certificate: Certificate,
}

impl Issuer {
    fn new(spec: CertSpec) -> Self {
        let authority = Authority::root(spec);
        let certificate = Certificate::parse(authority.der()).unwrap();
        Self { authority, certificate }
    }

    fn root() -> Self {
        Self::new(CertSpec::root())
    }

    fn read(&self, spec: &CrlSpec) -> Result<Crl, CrlError> {
        self.read_bytes(self.authority.crl(spec))
    }

    fn read_bytes(&self, bytes: Vec<u8>) -> Result<Crl, CrlError> {
        Crl::read(bytes, &self.certificate)
    }

    /// Checks the text of the refusal.
    #[track_caller]
    fn refuses(&self, spec: &CrlSpec, expected: &str) {
        assert_eq!(self.read(spec).unwrap_err().to_string(), expected);
    }

    #[track_caller]
    fn refuses_bytes(&self, bytes: Vec<u8>, expected: &str) {
        assert_eq!(self.read_bytes(bytes).unwrap_err().to_string(), expected);
    }
}
