//! What binds a signature to an image: the signed payload names exactly the pinned descriptor. Enforced at every level
//! ([payload](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#payload)).

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::IntactEnvelope;
use crate::codec::excerpt::Excerpt;
use crate::codec::json;
use crate::limits;
use crate::oci::Descriptor;
use crate::oci::RawDescriptor;
use crate::reason::Code;
use crate::reason::Reason;

/// The target that a payload names, found equal to the pinned one, without its annotations. Made only here.
#[derive(Clone, Debug)]
pub struct SignedPayload {
    target: Descriptor,
}

impl SignedPayload {
    pub(super) fn into_target(self) -> Descriptor {
        self.target
    }
}

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "targetArtifact")]
    target_artifact: Option<RawDescriptor<{ usize::MAX }>>,
}

pub(super) fn check(
    intact: &IntactEnvelope,
    target: &Descriptor,
    required: &BTreeMap<String, String>,
) -> Result<SignedPayload, Reason> {
    let signed = named(intact.payload())?;
    is_target(&signed, target)?;
    has_metadata(&signed, required)?;
    let Descriptor { media_type, digest, size, artifact_type: _, annotations: _ } = signed;
    Ok(SignedPayload { target: Descriptor::new(media_type, digest, size) })
}

/// The descriptor that a payload names, whoever wrote it.
pub(super) fn named(payload: &[u8]) -> Result<Descriptor, Reason> {
    let invalid = |detail: &dyn fmt::Display| {
        Reason::new(Code::PayloadInvalid, format_args!("the signed payload is not as wanted: {detail}"))
    };
    let raw: Raw = json::from_slice(payload, &limits::PAYLOAD_JSON).map_err(|error| invalid(&error))?;
    let signed = raw.target_artifact.ok_or_else(|| invalid(&"it has no targetArtifact"))?;
    Descriptor::try_from(signed).map_err(|error| invalid(&error))
}

pub(super) fn is_target(signed: &Descriptor, target: &Descriptor) -> Result<(), Reason> {
    if (&signed.media_type, &signed.digest, signed.size) == (&target.media_type, &target.digest, target.size) {
        return Ok(());
    }
    Err(Reason::new(Code::TargetMismatch, format_args!("the signature is for {signed}: want {target}")))
}

pub(super) fn has_metadata(signed: &Descriptor, required: &BTreeMap<String, String>) -> Result<(), Reason> {
    for (name, wanted) in required {
        match signed.annotations.get(name) {
            Some(found) if found == wanted => {}
            found => {
                let found = fmt::from_fn(|f| match found {
                    Some(found) => write!(f, "{:?}", Excerpt::of(found)),
                    None => f.write_str("nothing"),
                });
                let (name, wanted) = (Excerpt::of(name), Excerpt::of(wanted));
                let detail = format_args!("the signed metadata {name:?} is {found}: want {wanted:?}");
                return Err(Reason::new(Code::MetadataMissing, detail));
            }
        }
    }
    Ok(())
}
