//! The authenticated signer.

use super::integrity::IntactEnvelope;
use crate::codec::text::Text;
use crate::policy::Anchor;
use crate::policy::TrustedChain;
use crate::time::UnixTime;

/// The signer and the trust anchor. Created only if the chain has a trust anchor and the signer is a trusted
/// identity, so that an unauthenticated subject is never shown as a signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    subject: Text,
    issuer: Text,
    serial: Text,
    anchor: Anchor,
    format: &'static str,
    algorithm: &'static str,
    scheme: &'static str,
    signing_time: UnixTime,
    expiry: Option<UnixTime>,
}

impl Signer {
    pub(super) fn new(intact: &IntactEnvelope, trusted: &TrustedChain) -> Self {
        let (leaf, attributes) = (trusted.chain().leaf(), intact.attributes());
        Self {
            subject: leaf.subject().to_text(),
            issuer: leaf.issuer().to_text(),
            serial: leaf.serial().clone(),
            anchor: trusted.anchor().clone(),
            format: intact.envelope().format().as_str(),
            algorithm: intact.envelope().claimed_algorithm.jose_name(),
            scheme: attributes.scheme.name(),
            signing_time: attributes.scheme.time(),
            expiry: attributes.expiry,
        }
    }

    /// Distinguished name of the signing certificate's subject.
    #[must_use]
    pub fn subject(&self) -> &Text {
        &self.subject
    }

    /// Distinguished name of the signing certificate's issuer.
    #[must_use]
    pub fn issuer(&self) -> &Text {
        &self.issuer
    }

    /// Serial number of the signing certificate, lower-case hexadecimal.
    #[must_use]
    pub fn serial(&self) -> &Text {
        &self.serial
    }

    /// The trust anchor of the signing certificate.
    #[must_use]
    pub fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// `jws` or `cose`.
    #[must_use]
    pub fn format(&self) -> &'static str {
        self.format
    }

    /// `PS256` … `ES512`.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// `notary.x509` or `notary.x509.signingAuthority`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The signing time: claimed by the signer under `notary.x509`, by the authority under
    /// `notary.x509.signingAuthority`.
    #[must_use]
    pub fn signing_time(&self) -> UnixTime {
        self.signing_time
    }

    /// The expiry time, if there is one.
    #[must_use]
    pub fn expiry(&self) -> Option<UnixTime> {
        self.expiry
    }

    /// Heap memory that the value owns, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let texts = [&self.subject, &self.issuer, &self.serial, &self.anchor.subject];
        texts.into_iter().map(Text::heap_bytes).sum::<usize>() + self.anchor.store.name.as_str().len()
    }
}
