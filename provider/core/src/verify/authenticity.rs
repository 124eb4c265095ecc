//! Authenticity: a certificate of the chain is in a trust store of the scheme's type, and the leaf is a trusted
//! identity ([trust store and trust policy](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/trust-store-trust-policy.md)).

use super::IntactEnvelope;
use super::Question;
use crate::codec::text;
use crate::envelope::SigningScheme;
use crate::reason::Code;
use crate::reason::Reason;
use crate::trust::StoreKind;

/// Most trust stores that a message names.
const STORES_SHOWN: usize = 8;

pub(super) fn check(intact: &IntactEnvelope, question: &Question<'_>) -> Result<(), Reason> {
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
    let trusted = intact.chain().certificates().iter().any(|link| stores.iter().any(|store| store.contains(link)));
    if !trusted {
        let names = text::list(stores.iter().map(|store| store.reference()), ", ", STORES_SHOWN);
        let detail =
            format_args!("the certificate chain ends in the root {root}: want a chain with a certificate of {names}");
        return Err(Reason::new(Code::UntrustedChain, detail));
    }
    let subject = intact.chain().leaf().subject();
    question.rules.identities().matches(subject).map_err(|error| Reason::new(Code::UntrustedIdentity, error))
}
