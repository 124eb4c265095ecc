//! Chains that a trust store vouches for, and those whose signer is trusted as well.

use super::identity::Identities;
use super::identity_error::IdentityMismatch;
use super::store::Store;
use super::store_name::StoreRef;
use crate::codec::text::Text;
use crate::name::SigningProfileVersion;
use crate::x509::Certificate;
use crate::x509::Chain;

/// Which certificate of which trust store vouches for a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The trust store.
    pub store: StoreRef,
    /// Subject of the certificate.
    pub subject: Text,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
}

/// A chain of which a trust store has a certificate, byte for byte
/// ([trust store](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/trust-store-trust-policy.md#trust-store)).
/// Made only by [`Self::find`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchoredChain {
    chain: Chain,
    anchor: Anchor,
}

/// An anchored chain whose signer is a trusted identity. Made only from an [`AnchoredChain`].
///
/// Evidence is requested about the certificates of such a chain only: no URL is fetched because of something that is
/// not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedChain {
    anchored: AnchoredChain,
}

/// A certificate of a [`TrustedChain`] below its root, with the certificate that issued it.
#[derive(Clone, Copy, Debug)]
pub struct TrustedLink<'a> {
    certificate: &'a Certificate,
    issuer: &'a Certificate,
}

impl AnchoredChain {
    /// The chain with the first of its certificates, leaf first, that one of `stores` has; none if no store has any.
    #[must_use]
    pub fn find<'s>(chain: &Chain, stores: impl Iterator<Item = &'s Store> + Clone) -> Option<Self> {
        let anchor = chain.certificates().iter().find_map(|certificate| {
            let store = stores.clone().find(|store| store.contains(certificate))?;
            Some(Anchor {
                store: store.reference().clone(),
                subject: certificate.subject().to_text(),
                fingerprint: certificate.fingerprint(),
            })
        })?;
        Some(Self { chain: chain.clone(), anchor })
    }

    /// The chain as one that is trusted, if the subject of its leaf is one of `identities`.
    ///
    /// # Errors
    /// Why it is none of them.
    pub fn trust_subject(self, identities: &Identities) -> Result<TrustedChain, IdentityMismatch> {
        identities.matches(self.chain.leaf().subject())?;
        Ok(TrustedChain { anchored: self })
    }

    /// The chain as one that is trusted, if the signing profile is one of `identities`. The certificates of AWS Signer name
    /// AWS and not its customer: only the profile says who signed.
    ///
    /// # Errors
    /// Why it is none of them.
    pub fn trust_profile(
        self,
        identities: &Identities,
        profile: &SigningProfileVersion,
    ) -> Result<TrustedChain, IdentityMismatch> {
        identities.matches_profile(profile)?;
        Ok(TrustedChain { anchored: self })
    }
}

impl TrustedChain {
    /// What vouches for the chain.
    #[must_use]
    pub fn anchor(&self) -> &Anchor {
        &self.anchored.anchor
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.anchored.chain
    }

    /// Every certificate but the root, leaf first, with its issuer.
    pub fn links(&self) -> impl Iterator<Item = TrustedLink<'_>> {
        let certificates = self.chain().certificates();
        certificates
            .iter()
            .zip(certificates.iter().skip(1))
            .map(|(certificate, issuer)| TrustedLink { certificate, issuer })
    }
}

impl<'a> TrustedLink<'a> {
    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &'a Certificate {
        self.certificate
    }

    /// The certificate that issued it.
    #[must_use]
    pub fn issuer(&self) -> &'a Certificate {
        self.issuer
    }
}
