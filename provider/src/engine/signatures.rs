//! The signatures of one image, one after the other, until one counts.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::hex::hex;
use countersign_core::codec::json;
use countersign_core::limits;
use countersign_core::limits::JsonLimits;
use countersign_core::name::Digest;
use countersign_core::name::MediaType;
use countersign_core::notation;
use countersign_core::notation::EnvelopeFormat;
use countersign_core::notation::Question;
use countersign_core::notation::VerifiedSignature;
use countersign_core::oci;
use countersign_core::oci::ArtifactManifest;
use countersign_core::oci::Descriptor;
use countersign_core::oci::ManifestError;
use countersign_core::policy::Mode;
use countersign_core::policy::Store;
use countersign_core::time::UnixTime;
use countersign_core::verdict::Code;
use countersign_core::verdict::FailedSignature;
use countersign_core::verdict::Reason;
use countersign_core::verdict::Reasons;
use countersign_registry::Content;
use countersign_registry::Kept;
use countersign_registry::Pinned;
use countersign_registry::Referrers;
use countersign_registry::Registries;
use tokio::time::Instant;

use super::error_mapping;
use crate::policy_source::UsableStatement;
use crate::telemetry::metrics::Metrics;

/// `artifactType`, or `config.mediaType` in the legacy form, of a
/// [signature manifest](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#oci-signatures).
pub(super) const SIGNATURE: &str = "application/vnd.cncf.notary.signature";

/// A JSON list of the hexadecimal SHA-256 fingerprints of the chain, leaf first. Unsigned.
const THUMBPRINTS: &str = "io.cncf.notary.x509chain.thumbprint#S256";

/// A list of texts, one for each certificate.
const CHAIN_JSON: JsonLimits =
    JsonLimits { depth: 1, values: limits::CHAIN_CERTIFICATES + 1, elements: limits::CHAIN_CERTIFICATES, members: 0 };

/// What came of a referrer that may be a signature.
pub(super) enum Judged {
    Verified(Box<VerifiedSignature>),
    Failed(FailedSignature),
    /// Its manifest is of another type. The registry said that it lists signatures, and did not name the type.
    OtherType,
}

/// Why there is no envelope.
pub(super) enum NoEnvelope {
    Failed(Reason),
    /// See [`Judged::OtherType`].
    OtherType,
}

/// Puts first what claims to be signed under a trusted certificate, and last what does not even claim to be a signature.
/// A hint for the order of work and nothing else: who can push can write anything there.
pub(super) fn order(entries: &mut [Descriptor], trusted: &BTreeSet<String>) {
    let claims_trust = |entry: &Descriptor| {
        let list = entry.annotations.get(THUMBPRINTS);
        let list: Vec<String> = list.and_then(|text| json::from_str(text, &CHAIN_JSON).ok()).unwrap_or_default();
        list.iter().any(|thumbprint| trusted.contains(&thumbprint.to_ascii_lowercase()))
    };
    entries.sort_by_cached_key(|entry| (!claims_trust(entry), entry.artifact_type.is_none()));
}

/// Keeps the first `most` entries, and of them what is needed to fetch them.
pub(super) fn shorten(referrers: &mut Kept<Referrers>, most: usize) {
    referrers.entries.truncate(most);
    referrers.entries.iter_mut().for_each(|entry| entry.annotations.clear());
    referrers.entries.shrink_to_fit();
    let bytes = referrers.bytes();
    referrers.shrink_to(bytes);
}

/// What [`order`] takes for trusted: the fingerprints of these stores' certificates.
pub(super) fn trusted(stores: &[&Store]) -> BTreeSet<String> {
    let certificates = stores.iter().flat_map(|store| store.certificates());
    certificates.map(|certificate| hex(&certificate.fingerprint()).to_string()).collect()
}

/// What the signatures of one image are judged by. Owned, as large ones are judged on other threads.
pub(super) struct Asked {
    pub(super) pinned: Pinned,
    pub(super) statement: Arc<UsableStatement>,
    pub(super) required_metadata: BTreeMap<String, String>,
    pub(super) now: UnixTime,
}

impl Asked {
    fn judge(&self, envelope: &[u8], media_type: &MediaType) -> Result<Box<VerifiedSignature>, notation::Failure> {
        let Mode::Verify(rules) = self.statement.mode() else {
            // Nothing is fetched for what is skipped.
            let reason = Reason::new(Code::InternalError, "the statement verifies nothing: want one that does");
            return Err(notation::Failure { unverified_subject: None, reasons: Reasons::one(reason) });
        };
        let question = Question {
            target: self.pinned.descriptor(),
            rules,
            stores: &self.statement.stores(),
            required_metadata: &self.required_metadata,
            now: self.now,
        };
        notation::signature(envelope, media_type.as_str(), &question)
    }
}

/// Fetches and judges the signature that `entry` names.
pub(super) async fn judge(
    registries: &Registries,
    metrics: &Metrics,
    asked: &Arc<Asked>,
    entry: &Descriptor,
    deadline: Instant,
) -> Judged {
    let pinned = &asked.pinned;
    let manifest = entry.digest.clone();
    let failed = |reason| {
        let manifest = manifest.clone();
        Judged::Failed(FailedSignature { manifest, unverified_subject: None, reasons: Reasons::one(reason) })
    };
    let (envelope, media_type) = match fetch(registries, pinned, entry, deadline).await {
        Ok(fetched) => fetched,
        Err(NoEnvelope::OtherType) => return Judged::OtherType,
        Err(NoEnvelope::Failed(reason)) => return failed(reason),
    };
    let asked = Arc::clone(asked);
    let judged = move || {
        let start = std::time::Instant::now();
        (asked.judge(&envelope, &media_type), start.elapsed())
    };
    let (judged, took) = match registries.check(pinned.repository(), deadline, judged).await {
        Ok(judged) => judged,
        Err(reached) => return failed(error_mapping::overloaded(&reached)),
    };
    metrics.stage("verify", took);
    match judged {
        Ok(signature) => Judged::Verified(signature),
        Err(failure) => Judged::Failed(FailedSignature {
            manifest,
            unverified_subject: failure.unverified_subject,
            reasons: failure.reasons,
        }),
    }
}

/// The envelope of the signature that `entry` names, and the media type that it is declared as.
pub(super) async fn fetch(
    registries: &Registries,
    pinned: &Pinned,
    entry: &Descriptor,
    deadline: Instant,
) -> Result<(Content, MediaType), NoEnvelope> {
    let layer = layer(registries, pinned, entry, deadline).await?;
    let envelope = registries
        .blob(pinned.repository(), &layer, limits::ENVELOPE_BYTES, deadline)
        .await
        .map_err(|error| NoEnvelope::Failed(error_mapping::of_signature(&error)))?;
    Ok((envelope, layer.media_type))
}

/// The descriptor of the envelope: the one layer of a manifest that refers to this image. What the list gave no artifact type
/// is a signature only if its manifest says so.
async fn layer(
    registries: &Registries,
    pinned: &Pinned,
    entry: &Descriptor,
    deadline: Instant,
) -> Result<Descriptor, NoEnvelope> {
    let invalid = |detail: &dyn fmt::Display| NoEnvelope::Failed(Reason::new(Code::SignatureManifestInvalid, detail));
    let untyped = entry.artifact_type.is_none();
    if ![MediaType::OCI_MANIFEST, MediaType::OCI_ARTIFACT].contains(&entry.media_type.as_str()) {
        if untyped {
            return Err(NoEnvelope::OtherType);
        }
        let found = &entry.media_type;
        return Err(invalid(&format_args!("the signature manifest has media type {found}: want an OCI manifest")));
    }
    let bytes = registries
        .manifest(pinned.repository(), entry, limits::MANIFEST_BYTES, deadline)
        .await
        .map_err(|error| NoEnvelope::Failed(error_mapping::of_signature(&error)))?;
    let (length, media_type, target) = (bytes.len(), entry.media_type.clone(), pinned.descriptor().digest.clone());
    let read = move || {
        let invalid = |error: ManifestError| NoEnvelope::Failed(Reason::new(Code::SignatureManifestInvalid, error));
        if untyped && oci::artifact_type(&bytes).map_err(invalid)?.as_deref() != Some(SIGNATURE) {
            return Err(NoEnvelope::OtherType);
        }
        let manifest = ArtifactManifest::parse(&bytes, &media_type).map_err(invalid)?;
        one_layer(manifest, &target).map_err(NoEnvelope::Failed)
    };
    let read = registries.parse(pinned.repository(), length, deadline, read).await;
    read.unwrap_or_else(|reached| Err(NoEnvelope::Failed(error_mapping::overloaded(&reached))))
}

fn one_layer(manifest: ArtifactManifest, target: &Digest) -> Result<Descriptor, Reason> {
    let invalid = |detail: fmt::Arguments<'_>| Err(Reason::new(Code::SignatureManifestInvalid, detail));
    if manifest.artifact_type.as_deref() != Some(SIGNATURE) {
        let found = Excerpt::of(manifest.artifact_type.as_deref().unwrap_or("nothing"));
        return invalid(format_args!("the signature manifest has artifact type {found:?}: want {SIGNATURE}"));
    }
    match &manifest.subject {
        Some(subject) if subject.digest == *target => {}
        Some(subject) => {
            return invalid(format_args!("the signature manifest has subject {}: want {target}", subject.digest));
        }
        None => return invalid(format_args!("the signature manifest has no subject: want {target}")),
    }
    let [layer] = manifest.layers.as_slice() else {
        return invalid(format_args!("the signature manifest has {} layers: want exactly one", manifest.layers.len()));
    };
    if EnvelopeFormat::of_media_type(layer.media_type.as_str()).is_none() {
        return Err(Reason::new(
            Code::EnvelopeUnsupported,
            format_args!(
                "the envelope has media type {}: want application/jose+json or application/cose",
                layer.media_type
            ),
        ));
    }
    if usize::try_from(layer.size).is_ok_and(|size| size <= limits::ENVELOPE_BYTES) {
        Ok(Descriptor::new(layer.media_type.clone(), layer.digest.clone(), layer.size))
    } else {
        invalid(format_args!("the envelope has {} bytes: want at most {}", layer.size, limits::ENVELOPE_BYTES))
    }
}
