//! Critical attributes and verification plugins: what the signer demands and nobody here understands fails, at every
//! level ([plugin extensibility](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/plugin-extensibility.md)).
//! No process is ever started for a signature.

use super::IntactEnvelope;
use crate::codec::excerpt::Excerpt;
use crate::reason::Code;
use crate::reason::Reason;

/// The plugin that AWS Signer's signatures name.
const AWS_SIGNER: &str = "com.amazonaws.signer.notation.plugin";

pub(super) fn check(intact: &IntactEnvelope) -> Result<(), Reason> {
    let attributes = intact.attributes();
    if let Some(plugin) = attributes.verification_plugin() {
        let Some(name) = plugin.text.as_deref().filter(|name| !name.trim().is_empty()) else {
            let detail = "attribute io.cncf.notary.verificationPlugin is not a name: want a text that is not blank";
            return Err(Reason::new(Code::EnvelopeMalformed, detail));
        };
        if !plugin.critical {
            let detail = "attribute io.cncf.notary.verificationPlugin is not listed in crit: want it listed";
            return Err(Reason::new(Code::EnvelopeMalformed, detail));
        }
        return Err(match name {
            AWS_SIGNER => Reason::new(
                Code::SignerServiceUnchecked,
                "AWS Signer could not be asked about the signature: want its signing profile and revocation status",
            ),
            other => Reason::new(
                Code::PluginUnsupported,
                format_args!(
                    "the signature asks for the verification plugin {:?}: want none, or a built-in one",
                    Excerpt::of(other)
                ),
            ),
        });
    }
    match attributes.extended.iter().find(|attribute| attribute.critical) {
        Some(unknown) => Err(Reason::new(
            Code::CriticalAttributeUnknown,
            format_args!(
                "the signature marks the attribute {:?} critical: want only known ones",
                Excerpt::of(&unknown.name)
            ),
        )),
        None => Ok(()),
    }
}
