//! OCSP ([RFC 6960](https://www.rfc-editor.org/rfc/rfc6960)): responses, right ones and every kind of wrong one, and a
//! reader of requests for a responder.
//!
//! The defaults of [`OcspSpec`] follow RFC 6960; each setting changes one part. A response is signed by
//! [`Authority::ocsp`], or by another signer that the spec names.

mod encode;
mod request;
mod single;

use time::OffsetDateTime;

use crate::crl;
use crate::der;
use crate::pki::Authority;
use crate::pki::Chain;
use crate::pki::Key;
use encode::Algorithm;

pub use encode::IssuerHash;
pub use request::OcspRequest;
pub use single::Single;

/// A response without a result has one of these numbers as its status.
pub mod status {
    /// The responder could not read the request.
    pub const MALFORMED_REQUEST: u8 = 1;
    /// The responder has an internal error.
    pub const INTERNAL_ERROR: u8 = 2;
    /// The responder is temporarily unable to respond.
    pub const TRY_LATER: u8 = 3;
    /// The responder requires signed requests.
    pub const SIG_REQUIRED: u8 = 5;
    /// The responder does not know the certificate.
    pub const UNAUTHORIZED: u8 = 6;
}

/// The content of a response.
#[derive(Clone, Debug)]
pub struct OcspSpec {
    singles: Vec<Single>,
    signer: Option<Signer>,
    embedded: Vec<Vec<u8>>,
    /// `None`: that of the signer, in the form of [`Self::by_key`].
    responder: Option<Vec<u8>>,
    by_key: bool,
    produced_at: Vec<u8>,
    version: Option<Vec<u8>>,
    extensions: Vec<Vec<u8>>,
    algorithm: Option<Algorithm>,
    kind: Vec<u8>,
    broken_signature: bool,
}

#[derive(Clone, Debug)]
struct Signer {
    key: Key,
    certificate: Vec<u8>,
}

impl OcspSpec {
    /// A response with these single responses, produced at [`Single::THIS_UPDATE`], signed by the issuer, which is named
    /// by its subject. No certificate is embedded.
    #[must_use]
    pub fn new(singles: impl IntoIterator<Item = Single>) -> Self {
        Self {
            singles: singles.into_iter().collect(),
            signer: None,
            embedded: Vec::new(),
            responder: None,
            by_key: false,
            produced_at: crl::generalized_time(Single::THIS_UPDATE),
            version: None,
            extensions: Vec::new(),
            algorithm: None,
            kind: der::oid("1.3.6.1.5.5.7.48.1.1"),
            broken_signature: false,
        }
    }

    /// Signs with the key of the first certificate of `signer`, names it as responder, and embeds it.
    #[must_use]
    pub fn signed_by(mut self, signer: &Chain) -> Self {
        self.signer = Some(Signer { key: signer.key().clone(), certificate: signer.leaf_der().to_vec() });
        self.embedding(signer.leaf_der())
    }

    /// Signs with another key than that of the responder which the response names.
    #[must_use]
    pub fn with_signature_of(mut self, key: &Key) -> Self {
        let certificate = self.signer.take().map(|signer| signer.certificate).unwrap_or_default();
        self.signer = Some(Signer { key: key.clone(), certificate });
        self
    }

    /// Adds a certificate; `certificate` may be any bytes.
    #[must_use]
    pub fn embedding(mut self, certificate: &[u8]) -> Self {
        self.embedded.push(certificate.to_vec());
        self
    }

    /// Removes all certificates.
    #[must_use]
    pub fn without_certificates(mut self) -> Self {
        self.embedded.clear();
        self
    }

    /// Identifies the responder by the hash of its key.
    #[must_use]
    pub fn by_key(mut self) -> Self {
        self.by_key = true;
        self
    }

    /// Identifies the responder by the subject of this certificate.
    #[must_use]
    pub fn naming(self, certificate: &[u8]) -> Self {
        let name = der::element(0xa1, crl::subject(certificate));
        self.responder_der(&name)
    }

    /// Sets the responderID.
    #[must_use]
    pub fn responder_der(mut self, id: &[u8]) -> Self {
        self.responder = Some(id.to_vec());
        self
    }

    /// Sets producedAt.
    #[must_use]
    pub fn produced_at(self, at: OffsetDateTime) -> Self {
        self.produced_at_der(&crl::generalized_time(at))
    }

    /// Sets producedAt as its encoded bytes.
    #[must_use]
    pub fn produced_at_der(mut self, at: &[u8]) -> Self {
        self.produced_at = at.to_vec();
        self
    }

    /// Adds the nonce of a request.
    #[must_use]
    pub fn nonce(self, nonce: &[u8]) -> Self {
        self.extension("1.3.6.1.5.5.7.48.1.2", false, &der::octet_string(nonce))
    }

    /// Adds any extension of the response; `value` is the DER in the OCTET STRING.
    #[must_use]
    pub fn extension(mut self, oid: &str, critical: bool, value: &[u8]) -> Self {
        self.extensions.push(crl::extension(oid, critical, value));
        self
    }

    /// Writes the version with this number: 0 means version 1.
    #[must_use]
    pub fn version(mut self, number: u64) -> Self {
        self.version = Some(der::element(0xa0, &der::integer(number)));
        self
    }

    /// Signs with RSASSA-PSS and SHA-256; the key must be an RSA key.
    #[must_use]
    pub fn pss_sha256(mut self) -> Self {
        self.algorithm = Some(Algorithm::PssSha256);
        self
    }

    /// Sets the AlgorithmIdentifier; the signature stays that of the key.
    #[must_use]
    pub fn algorithm_der(mut self, algorithm: &[u8]) -> Self {
        self.algorithm = Some(Algorithm::Der(algorithm.to_vec()));
        self
    }

    /// Sets the type of the response.
    #[must_use]
    pub fn response_type(mut self, oid: &str) -> Self {
        self.kind = der::oid(oid);
        self
    }

    /// Changes a bit of the signature.
    #[must_use]
    pub fn broken_signature(mut self) -> Self {
        self.broken_signature = true;
        self
    }

    fn response(&self, issuer: &Authority) -> Vec<u8> {
        let (key, certificate) = match &self.signer {
            None => (issuer.key(), issuer.der()),
            Some(Signer { key, certificate }) if certificate.is_empty() => (key, issuer.der()),
            Some(Signer { key, certificate }) => (key, certificate.as_slice()),
        };
        let responder = self.responder.clone().unwrap_or_else(|| {
            if self.by_key {
                der::element(0xa2, &der::octet_string(&IssuerHash::Sha1.of(encode::key_bits(certificate))))
            } else {
                der::element(0xa1, crl::subject(certificate))
            }
        });
        let data = der::sequence([
            self.version.clone().unwrap_or_default(),
            responder,
            self.produced_at.clone(),
            der::sequence(self.singles.iter().map(|single| single.to_der(issuer.der()))),
            encode::extensions(&self.extensions),
        ]);
        let (algorithm, mut signature) = encode::sign(key, self.algorithm.as_ref(), &data);
        if let Some(last) = signature.last_mut().filter(|_| self.broken_signature) {
            *last ^= 1;
        }
        let embedded = der::element(0xa0, &der::sequence(self.embedded.iter().cloned()));
        let embedded = if self.embedded.is_empty() { Vec::new() } else { embedded };
        let basic = der::sequence([data, algorithm, der::bit_string(&signature), embedded]);
        let body = der::sequence([self.kind.clone(), der::octet_string(&basic)]);
        der::sequence([der::element(0x0a, &[0]), der::element(0xa0, &body)])
    }
}

impl Authority {
    /// A response about certificates of this authority, signed by it unless the spec names another signer. Checks nothing:
    /// any spec is accepted.
    #[must_use]
    pub fn ocsp(&self, spec: &OcspSpec) -> Vec<u8> {
        spec.response(self)
    }
}

/// A response without a result, with this status (see [`status`]).
#[must_use]
pub fn refusal(status: u8) -> Vec<u8> {
    der::sequence([der::element(0x0a, &[status])])
}
