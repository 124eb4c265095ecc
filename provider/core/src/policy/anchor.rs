//! Certificate chains with a trust anchor, and those with a trusted signer.

use super::identity::Identities;
use super::identity_mismatch::IdentityMismatch;
use super::signer_root::RootsInUse;
use super::store::Store;
use super::store_name::StoreKind;
use super::store_name::StoreRef;
use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;
use crate::name::SigningProfileAlias;
use crate::name::SigningProfileVersion;
use crate::x509::Certificate;
use crate::x509::Chain;
use crate::x509::TimestampingChain;

/// The trust anchor of a chain: a certificate of a trust store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The trust store.
    pub store: StoreRef,
    /// Subject of the certificate.
    pub subject: Text,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
}

/// A chain with a certificate that is in a trust store, compared byte for byte ([trust
/// store](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/trust-store-trust-policy.md#trust-store)).
/// Created only by [`Self::find`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchoredChain {
    chain: Chain,
    anchor: Anchor,
    /// The position of the highest certificate that is in a store. Those above it are not authenticated: the chain of an
    /// envelope is not signed, and other certificates for the same keys fit as well.
    highest: usize,
}

/// An anchored chain whose signer is a trusted identity. Created only from an [`AnchoredChain`].
///
/// Evidence is requested about the certificates of such a chain only: nothing untrusted causes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedChain {
    anchored: AnchoredChain,
}

/// The chain of a timestamping authority whose root is in a `tsa` trust store. Created only by [`Self::find`].
///
/// Evidence about timestamping authorities is requested for such a chain only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TsaChain {
    chain: TimestampingChain,
    anchor: Anchor,
}

/// A certificate of a [`TrustedChain`] or [`TsaChain`] below its root and not above its highest trust anchor, or another one
/// of the same issuer ([`Self::sibling`]), with the certificate that issued it. Evidence about revocation is requested about links only.
#[derive(Clone, Copy, Debug)]
pub struct TrustedLink<'a> {
    certificate: &'a Certificate,
    issuer: &'a Certificate,
}

impl AnchoredChain {
    /// The chain with its trust anchor: the first certificate, from the leaf, that is in one of `stores`. `None` if
    /// no certificate is in a store.
    #[must_use]
    pub fn find<'s>(chain: &Chain, stores: impl Iterator<Item = &'s Store> + Clone) -> Option<Self> {
        let store_of = |certificate: &Certificate| stores.clone().find(|store| store.contains(certificate));
        let anchor = chain
            .certificates()
            .iter()
            .find_map(|certificate| Some(Anchor::new(store_of(certificate)?, certificate)))?;
        let highest = chain.certificates().iter().rposition(|certificate| store_of(certificate).is_some())?;
        Some(Self { chain: chain.clone(), anchor, highest })
    }

    /// The trusted chain, if the subject of its leaf is one of `identities`.
    ///
    /// # Errors
    /// The reason why no identity matches.
    pub fn trust_subject(self, identities: &Identities) -> Result<TrustedChain, IdentityMismatch> {
        identities.matches(self.chain.leaf().subject())?;
        Ok(TrustedChain { anchored: self })
    }

    /// The trusted chain, if the signing profile or its alias is one of `identities`, and the root is one that may be above it.
    /// Certificates of AWS Signer name AWS and not its customer, so only the profile identifies the signer.
    ///
    /// # Errors
    /// The reason why no identity matches; an alias of another partition than the profile; another root than that of AWS Signer, which
    /// is in the stores too.
    pub fn trust_profile(
        self,
        identities: &Identities,
        profile: &SigningProfileVersion,
        alias: Option<&SigningProfileAlias>,
        roots: &RootsInUse,
    ) -> Result<TrustedChain, IdentityMismatch> {
        identities.matches_profile(profile, alias)?;
        // The identity that matches is in the partition of the profile then, also if it is an alias.
        if let Some(alias) = alias.filter(|alias| alias.partition_name() != profile.partition_name()) {
            return Err(IdentityMismatch::AliasOfAnotherPartition {
                alias: Excerpt::of(alias.as_str()),
                profile: Excerpt::of(profile.as_str()),
                expected: Excerpt::of(alias.partition_name()),
            });
        }
        if let Some(expected) = roots.missing_for(profile.partition_name()) {
            return Err(IdentityMismatch::NotUnderAwsRoot {
                profile: Excerpt::of(profile.as_str()),
                root: self.chain.root().subject().to_text(),
                expected: expected.description(),
            });
        }
        Ok(TrustedChain { anchored: self })
    }
}

impl TrustedChain {
    /// The trust anchor of the chain.
    #[must_use]
    pub fn anchor(&self) -> &Anchor {
        &self.anchored.anchor
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.anchored.chain
    }

    /// Every certificate up to the highest one that is in a trust store, except the root, leaf first, with its issuer.
    pub fn links(&self) -> impl Iterator<Item = TrustedLink<'_>> {
        links(self.chain().certificates()).take(self.anchored.highest + 1)
    }

    /// The certificates above the highest one that is in a trust store, except the root. They are not authenticated, so
    /// that no evidence is requested about them.
    pub fn above_anchors(&self) -> impl Iterator<Item = &Certificate> {
        let certificates = self.chain().certificates();
        let below_root = certificates.len().saturating_sub(1);
        certificates.iter().take(below_root).skip(self.anchored.highest + 1)
    }
}

impl TsaChain {
    /// The chain with its trust anchor: its root, in one of `stores` of kind `tsa`. Other stores are ignored. `None`
    /// if the root is in none.
    #[must_use]
    pub fn find<'s>(chain: &TimestampingChain, stores: impl Iterator<Item = &'s Store>) -> Option<Self> {
        let mut stores = stores.filter(|store| store.reference().kind == StoreKind::Tsa);
        let store = stores.find(|store| store.contains(chain.root()))?;
        Some(Self { chain: chain.clone(), anchor: Anchor::new(store, chain.root()) })
    }

    /// The trust anchor of the chain.
    #[must_use]
    pub fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// The chain.
    pub fn chain(&self) -> &TimestampingChain {
        &self.chain
    }

    /// Every certificate except the root, leaf first, with its issuer.
    pub fn links(&self) -> impl Iterator<Item = TrustedLink<'_>> {
        links(self.chain.certificates())
    }
}

/// Every certificate except the last one, with its issuer, which is the next one.
fn links(certificates: &[Certificate]) -> impl Iterator<Item = TrustedLink<'_>> {
    let issuers = certificates.iter().skip(1);
    certificates.iter().zip(issuers).map(|(certificate, issuer)| TrustedLink { certificate, issuer })
}

impl Anchor {
    fn new(store: &Store, certificate: &Certificate) -> Self {
        Self {
            store: store.reference().clone(),
            subject: certificate.subject().to_text(),
            fingerprint: certificate.fingerprint(),
        }
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

    /// The certificates of these stores whose issuer is in one of them, too, with that issuer. An operator has put both
    /// there, so both are trusted.
    #[must_use]
    pub fn of_stores(stores: &[&'a Store]) -> Vec<Self> {
        let all = || stores.iter().flat_map(|store| store.certificates());
        let issuer_of = |certificate: &Certificate| {
            let mut named = all().filter(|issuer| issuer.subject_raw() == certificate.issuer_raw());
            named.find(|issuer| *issuer != certificate && certificate.verify_signed_by(issuer).is_ok())
        };
        let mut links: Vec<Self> = Vec::new();
        for certificate in all() {
            if links.iter().any(|link| link.certificate == certificate) {
                continue;
            }
            if let Some(issuer) = issuer_of(certificate) {
                links.push(Self { certificate, issuer });
            }
        }
        links
    }

    /// Another certificate of the same issuer, such as that of an OCSP responder; `None` if the issuer did not sign it.
    #[must_use]
    pub fn sibling<'b>(&self, certificate: &'b Certificate) -> Option<TrustedLink<'b>>
    where
        'a: 'b,
    {
        let issuer = self.issuer;
        let is_issued =
            certificate.issuer_raw() == issuer.subject_raw() && certificate.verify_signed_by(issuer).is_ok();
        is_issued.then_some(TrustedLink { certificate, issuer })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_testkit::pki::Authority;
    use countersign_testkit::pki::CertSpec;

    use super::*;
    use crate::policy::SignerRoot;

    /// A chain of an authority that is not AWS, and the store with its root.
    fn of_another_authority() -> (Chain, Store) {
        let root = Authority::root(CertSpec::root());
        let chain = root.issue(CertSpec::leaf());
        let certificates = chain.der().iter().map(|der| Certificate::parse(der).unwrap()).collect();
        let files = [("root.der".to_owned(), root.der().to_vec())];
        let store = Store::parse(StoreKind::SigningAuthority, "own".parse().unwrap(), &files).unwrap();
        let chain = Chain::code_signing(certificates).unwrap();
        (chain, store)
    }

    #[test]
    fn another_authority_of_the_statement_cannot_claim_a_trusted_profile() {
        let (chain, store) = of_another_authority();
        let version = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1234";
        let profile = SigningProfileVersion::parse(version).unwrap();
        let identities = Identities::parse(&["arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci"]).unwrap();
        let trusted = |in_stores| {
            let anchored = AnchoredChain::find(&chain, std::iter::once(&store)).unwrap();
            let roots = RootsInUse { of_chain: SignerRoot::of_certificate(chain.root()), in_stores };
            anchored.trust_profile(&identities, &profile, None, &roots)
        };
        assert!(trusted(vec![SignerRoot::Unknown]).is_ok(), "a root of one's own alone");
        let error = trusted(vec![SignerRoot::Commercial, SignerRoot::Unknown]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "signing profile {version:?} is claimed by a signature of another authority: found root {}, expected the root of AWS \
                 Signer for commercial regions",
                chain.root().subject()
            )
        );
    }

    #[test]
    fn another_authority_cannot_claim_a_trusted_alias_for_a_profile_of_another_partition() {
        let (chain, store) = of_another_authority();
        let trusted = |alias: &str, version: &str| {
            let anchored = AnchoredChain::find(&chain, std::iter::once(&store)).unwrap();
            let in_stores = vec![SignerRoot::Commercial, SignerRoot::Unknown];
            let roots = RootsInUse { of_chain: SignerRoot::of_certificate(chain.root()), in_stores };
            let (profile, identities) =
                (SigningProfileVersion::parse(version).unwrap(), Identities::parse(&[alias]).unwrap());
            let result =
                anchored.trust_profile(&identities, &profile, SigningProfileAlias::parse(alias).as_ref(), &roots);
            result.map(drop).map_err(|error| error.to_string())
        };
        let alias = "arn:aws:signer:::/aliases/com.example.release";
        let own = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1234";
        assert!(trusted(alias, own).unwrap_err().ends_with("expected the root of AWS Signer for commercial regions"));
        for version in [
            "arn:aws-cn:signer:cn-north-1:111122223333:/signing-profiles/ci/abcDEF1234",
            "arn:nowhere:signer:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1234",
            "arn:aws-cn:signer:cn-north-1::/aliased-signing-profiles/x",
        ] {
            let expected = format!(
                "alias {alias:?} is claimed for a signing profile of another partition: found profile {version:?}, expected one of the \
                 partition \"aws\""
            );
            assert_eq!(trusted(alias, version), Err(expected));
        }
        // Where the root of the partition is not known, as for profiles.
        let (alias, version) =
            (alias.replace("aws", "aws-cn"), own.replace("aws:", "aws-cn:").replace("eu-central-1", "cn-north-1"));
        assert_eq!(trusted(&alias, &version), Ok(()));
    }
}
