//! Authenticity: a certificate of the chain is in a trust store of the scheme's type, and the leaf is a trusted
//! identity ([trust store and trust policy](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/trust-store-trust-policy.md)).

use super::IntactEnvelope;
use super::Question;
use super::SigningScheme;
use super::plugin::Plugin;
use crate::codec::text;
use crate::codec::text::Text;
use crate::policy::Action;
use crate::policy::StoreKind;
use crate::policy::StoreRef;
use crate::reason::Code;
use crate::reason::Reason;
use crate::time::UnixTime;
use crate::x509::Certificate;

/// Most trust stores that a message names.
const STORES_SHOWN: usize = 8;

/// Who signed, and who vouches for it. Made only where a trust store vouches for the chain and the signing certificate
/// is a trusted identity, so that what nobody has authenticated cannot be shown as a signer.
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

/// Which certificate of which trust store vouches for a [`Signer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub store: StoreRef,
    /// Subject of the certificate.
    pub subject: Text,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
}

/// How the check ended where it does not stand in the way of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Authenticity {
    Passed(Signer),
    /// Failed, and the rule only logs it. Nobody knows who signed.
    Logged(Reason),
}

/// Checks, and applies the rule's action.
pub(super) fn judge(
    action: Action,
    intact: &IntactEnvelope,
    plugin: &Plugin,
    question: &Question<'_>,
) -> Result<Authenticity, Reason> {
    match (check(intact, plugin, question), action) {
        (Ok(signer), Action::Enforce | Action::Log) => Ok(Authenticity::Passed(signer)),
        (Err(reason), Action::Log) => Ok(Authenticity::Logged(reason)),
        (Err(reason), Action::Enforce) => Err(reason),
    }
}

fn check(intact: &IntactEnvelope, plugin: &Plugin, question: &Question<'_>) -> Result<Signer, Reason> {
    let anchor = anchor(intact, question)?;
    let identities = question.rules.identities();
    match plugin {
        Plugin::None => identities
            .matches(intact.chain().leaf().subject())
            .map_err(|error| Reason::new(Code::UntrustedIdentity, error))?,
        Plugin::AwsSigner(profile) => profile.is_trusted(identities)?,
    }
    Ok(Signer::new(intact, anchor))
}

/// The first certificate of the chain, leaf first, that a store of the scheme's type has.
fn anchor(intact: &IntactEnvelope, question: &Question<'_>) -> Result<Anchor, Reason> {
    let scheme = &intact.attributes().scheme;
    // Stores of another type never count, and there is no falling back from one type to another.
    let kind = match scheme {
        SigningScheme::X509 { .. } => StoreKind::Ca,
        SigningScheme::SigningAuthority { .. } => StoreKind::SigningAuthority,
    };
    let stores: Vec<_> = question.stores.iter().filter(|store| store.reference().kind == kind).collect();
    let root = intact.chain().root().subject();
    if stores.is_empty() {
        let detail = format_args!(
            "the signature has scheme {} and the statement names no {} trust store: want one with the root {root}",
            scheme.name(),
            kind.text(),
        );
        return Err(Reason::new(Code::UntrustedChain, detail));
    }
    let vouches = |link: &Certificate| {
        let store = stores.iter().find(|store| store.contains(link))?;
        Some(Anchor {
            store: store.reference().clone(),
            subject: link.subject().text(),
            fingerprint: link.fingerprint(),
        })
    };
    intact.chain().certificates().iter().find_map(vouches).ok_or_else(|| {
        let names = text::list(stores.iter().map(|store| store.reference()), ", ", STORES_SHOWN);
        let detail =
            format_args!("the certificate chain ends in the root {root}: want a chain with a certificate of {names}");
        Reason::new(Code::UntrustedChain, detail)
    })
}

impl Signer {
    fn new(intact: &IntactEnvelope, anchor: Anchor) -> Self {
        let (leaf, attributes) = (intact.chain().leaf(), intact.attributes());
        Self {
            subject: leaf.subject().text(),
            issuer: leaf.issuer().text(),
            serial: leaf.serial().clone(),
            anchor,
            format: intact.envelope().format().text(),
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

    /// Who vouches for the signing certificate.
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

    /// The signer's own word under `notary.x509`; the authority's under `notary.x509.signingAuthority`.
    #[must_use]
    pub fn signing_time(&self) -> UnixTime {
        self.signing_time
    }

    #[must_use]
    pub fn expiry(&self) -> Option<UnixTime> {
        self.expiry
    }

    /// The memory behind the value itself, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let texts = [&self.subject, &self.issuer, &self.serial, &self.anchor.subject];
        texts.into_iter().map(Text::heap_bytes).sum::<usize>() + self.anchor.store.name.as_str().len()
    }
}
