//! The binding of a signature to an image: the signed payload contains exactly the pinned descriptor. Enforced at
//! every level
//! ([payload](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#payload)).

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::codec::excerpt::Excerpt;
use crate::codec::json;
use crate::limits;
use crate::oci::Descriptor;
use crate::oci::RawDescriptor;
use crate::reason::Code;
use crate::reason::Reason;

/// The target of a payload, equal to the pinned descriptor, without annotations. Created only here.
#[derive(Clone, Debug)]
pub(super) struct SignedPayload {
    target: Descriptor,
}

impl SignedPayload {
    pub(super) fn into_target(self) -> Descriptor {
        self.target
    }
}

/// The findings about the signed payload.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    /// The result of the comparison with the pinned descriptor.
    pub(super) target: Result<SignedPayload, Reason>,
    /// The result of the check of required metadata; `None` if the payload is malformed.
    pub(super) metadata: Option<Result<(), Reason>>,
}

impl Binding {
    /// Checks the descriptor in the payload.
    pub(super) fn check(
        signed: &Result<Descriptor, Reason>,
        target: &Descriptor,
        required: &BTreeMap<String, String>,
    ) -> Self {
        Self {
            target: is_target(signed, target),
            metadata: signed.as_ref().ok().map(|signed| has_metadata(signed, required)),
        }
    }

    /// Whether the signature is for the image and has the metadata.
    ///
    /// # Errors
    /// The first reason against it.
    pub(super) fn into_payload(self) -> Result<SignedPayload, Reason> {
        let payload = self.target?;
        self.metadata.unwrap_or(Ok(()))?;
        Ok(payload)
    }

    pub(super) fn holds(&self) -> bool {
        self.target.is_ok() && self.metadata.as_ref().is_none_or(Result::is_ok)
    }
}

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "targetArtifact")]
    target_artifact: Option<RawDescriptor<{ usize::MAX }>>,
}

/// Parses the descriptor in a payload, verified or not.
pub(super) fn named(payload: &[u8]) -> Result<Descriptor, Reason> {
    let invalid = |detail: &dyn fmt::Display| {
        Reason::new(Code::PayloadInvalid, format_args!("signed payload is invalid: {detail}"))
    };
    let raw: Raw = json::from_slice(payload, &limits::PAYLOAD_JSON).map_err(|error| invalid(&error))?;
    let signed = raw.target_artifact.ok_or_else(|| invalid(&"found no targetArtifact, expected one"))?;
    Descriptor::try_from(signed).map_err(|error| invalid(&error))
}

/// Whether the descriptor is that of the image.
pub(super) fn is_target(signed: &Result<Descriptor, Reason>, target: &Descriptor) -> Result<SignedPayload, Reason> {
    let signed = signed.as_ref().map_err(Reason::clone)?;
    if (&signed.media_type, &signed.digest, signed.size) != (&target.media_type, &target.digest, target.size) {
        return Err(Reason::new(
            Code::TargetMismatch,
            format_args!(
                "signature is for another image: found \
             {signed}, expected {target}"
            ),
        ));
    }
    let Descriptor { media_type, digest, size, artifact_type: _, annotations: _ } = signed;
    Ok(SignedPayload { target: Descriptor::new(media_type.clone(), digest.clone(), *size) })
}

fn has_metadata(signed: &Descriptor, required: &BTreeMap<String, String>) -> Result<(), Reason> {
    for (name, expected) in required {
        match signed.annotations.get(name) {
            Some(found) if found == expected => {}
            found => {
                let found = fmt::from_fn(|f| match found {
                    Some(found) => write!(f, "{:?}", Excerpt::of(found)),
                    None => f.write_str("nothing"),
                });
                let (name, expected) = (Excerpt::of(name), Excerpt::of(expected));
                let detail = format_args!("signed metadata {name:?}: found {found}, expected {expected:?}");
                return Err(Reason::new(Code::MetadataMissing, detail));
            }
        }
    }
    Ok(())
}
