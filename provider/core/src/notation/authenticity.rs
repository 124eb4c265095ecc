//! Authenticity: a certificate of the chain is in a trust store of the scheme's type, and the leaf is a trusted
//! identity ([trust store and trust policy](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/trust-store-trust-policy.md)).

use super::envelope::SigningScheme;
use super::input::VerificationInput;
use super::integrity::IntactEnvelope;
use super::plugin::Plugin;
use super::signer::Signer;
use crate::codec::hex::hex;
use crate::codec::text;
use crate::policy::Action;
use crate::policy::AnchoredChain;
use crate::policy::RootsInUse;
use crate::policy::StoreKind;
use crate::policy::TrustedChain;
use crate::reason::Code;
use crate::reason::Reason;
use crate::reason::Remedy;

/// Maximum number of trust stores in a message.
const STORES_SHOWN: usize = 8;

/// The result of the check, unless it rejects the signature.
#[derive(Clone, Debug)]
pub(super) enum Authenticity {
    Passed {
        signer: Signer,
        chain: Box<TrustedChain>,
    },
    /// The check failed, and the statement only logs it. The signer is not authenticated.
    Logged(Reason),
}

/// Runs the check and applies the statement's action.
pub(super) fn check(
    intact: &IntactEnvelope,
    plugin: &Plugin,
    input: &VerificationInput<'_>,
) -> Result<Authenticity, Reason> {
    match (trusted_chain(intact, plugin, input), input.requirement.level().authenticity) {
        (Ok(chain), Action::Enforce | Action::Log) => {
            Ok(Authenticity::Passed { signer: Signer::new(intact, &chain, plugin), chain: Box::new(chain) })
        }
        (Err(reason), Action::Log) => Ok(Authenticity::Logged(reason)),
        (Err(reason), Action::Enforce) => Err(reason),
    }
}

/// The chain with a trust anchor and a trusted identity.
fn trusted_chain(
    intact: &IntactEnvelope,
    plugin: &Plugin,
    input: &VerificationInput<'_>,
) -> Result<TrustedChain, Reason> {
    let anchored = anchored_chain(intact, input)?;
    let identities = input.requirement.identities();
    match plugin {
        Plugin::None => anchored.trust_subject(identities),
        Plugin::AwsSigner(attributes) => {
            let roots = RootsInUse::new(intact.chain().root(), input.stores);
            anchored.trust_profile(identities, &attributes.profile_version, attributes.alias.as_ref(), &roots)
        }
    }
    .map_err(|mismatch| {
        let remedy = mismatch.remedy().map(Remedy::Identity);
        Reason::new(Code::UntrustedIdentity, mismatch).with_remedy(remedy)
    })
}

/// The chain with a trust anchor in a store of the statement.
fn anchored_chain(intact: &IntactEnvelope, input: &VerificationInput<'_>) -> Result<AnchoredChain, Reason> {
    let scheme = &intact.attributes().scheme;
    // Only stores of this type are used, without a fallback to another type.
    let kind = match scheme {
        SigningScheme::X509 { .. } => StoreKind::Ca,
        SigningScheme::SigningAuthority { .. } => StoreKind::SigningAuthority,
    };
    let stores = input.stores.iter().copied().filter(|store| store.reference().kind == kind);
    // As a store shows its certificates: names can be the same.
    let root = || {
        let root = intact.chain().root();
        format!("{} (SHA-256 {})", root.subject(), hex(&root.fingerprint()))
    };
    if stores.clone().next().is_none() {
        let detail = format_args!(
            "no trust store for the signing scheme {}: found no {} trust store in the statement, expected one \
             with the root {}",
            scheme.name(),
            kind.as_str(),
            root(),
        );
        return Err(Reason::new(Code::UntrustedChain, detail));
    }
    AnchoredChain::find(intact.chain(), stores.clone()).ok_or_else(|| {
        let names = text::list(stores.map(|store| store.reference()), ", ", STORES_SHOWN);
        let detail = format_args!(
            "certificate chain is not trusted: found root {}, expected a certificate of {names} \
                          in the chain",
            root(),
        );
        Reason::new(Code::UntrustedChain, detail)
    })
}

impl Authenticity {
    /// The chain about which evidence may be requested.
    pub(super) fn trusted(&self) -> Option<&TrustedChain> {
        match self {
            Self::Passed { chain, .. } => Some(chain),
            Self::Logged(_) => None,
        }
    }
}
