//! The signatures of one image, one after the other, until one is valid.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::hex::unhex;
use countersign_core::codec::json;
use countersign_core::evidence::Evidence;
use countersign_core::evidence::EvidenceSettings;
use countersign_core::evidence::Progress;
use countersign_core::limits;
use countersign_core::limits::JsonLimits;
use countersign_core::name::Digest;
use countersign_core::name::MediaType;
use countersign_core::notation;
use countersign_core::notation::EnvelopeFormat;
use countersign_core::notation::Failure;
use countersign_core::notation::Opened;
use countersign_core::notation::VerificationInput;
use countersign_core::notation::VerifiedSignature;
use countersign_core::oci;
use countersign_core::oci::ArtifactManifest;
use countersign_core::oci::Descriptor;
use countersign_core::oci::ManifestError;
use countersign_core::policy::NotationRequirement;
use countersign_core::policy::SignatureScheme;
use countersign_core::policy::Store;
use countersign_core::time::UnixTime;
use countersign_core::verdict::Code;
use countersign_core::verdict::FailedSignature;
use countersign_core::verdict::Reason;
use countersign_core::verdict::Reasons;
use countersign_http::Budgeted;
use countersign_http::Content;
use countersign_http::LimitReached;
use countersign_registry::Pinned;
use countersign_registry::Referrers;
use countersign_registry::Registries;
use countersign_registry::RegistryError;
use futures_util::FutureExt as _;
use futures_util::future::Either;
use futures_util::future::select;
use tokio::time::Instant;

use super::error_mapping;
use super::rounds::Rounds;
use crate::evidence::EvidenceSource;
use crate::policy_source::UsableStatement;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::VerdictStage;

/// A JSON list of the hexadecimal SHA-256 fingerprints of the chain, leaf first. Unsigned.
const THUMBPRINTS: &str = "io.cncf.notary.x509chain.thumbprint#S256";

/// A list of texts, one for each certificate.
const CHAIN_JSON: JsonLimits =
    JsonLimits { depth: 1, values: limits::CHAIN_CERTIFICATES + 1, elements: limits::CHAIN_CERTIFICATES, members: 0 };

/// The result for a referrer that may be a signature.
pub(super) enum Judged {
    Verified(Box<VerifiedSignature>),
    Failed(FailedSignature),
    /// Its manifest is of another type. The registry listed it without its type.
    OtherType,
}

/// The reason why there is no envelope.
pub(super) enum NoEnvelope {
    Failed(Reason),
    /// See [`Judged::OtherType`].
    OtherType,
}

/// Sorts first the entries that claim a certificate of `stores`, and last those without an artifact type. Gives whether the first one
/// claims it. Affects only the order of work: anyone who can push can write these annotations.
pub(super) fn order(entries: &mut [Descriptor], stores: &[&Store]) -> bool {
    let is_trusted =
        |thumbprint| stores.iter().flat_map(|store| store.certificates()).any(|one| one.fingerprint() == thumbprint);
    let claims_trust = |entry: &Descriptor| {
        let list = entry.annotations.get(THUMBPRINTS);
        let list: Vec<String> = list.and_then(|text| json::from_str(text, &CHAIN_JSON).ok()).unwrap_or_default();
        list.iter().filter_map(|thumbprint| unhex(thumbprint)).any(is_trusted)
    };
    if let [only] = entries {
        return claims_trust(only);
    }
    entries.sort_by_cached_key(|entry| (!claims_trust(entry), entry.artifact_type.is_none()));
    entries.first().is_some_and(claims_trust)
}

/// Keeps the first `max` entries, without their annotations.
pub(super) fn shorten(referrers: &mut Budgeted<Referrers>, max: usize) {
    referrers.entries.truncate(max);
    referrers.entries.iter_mut().for_each(|entry| entry.annotations.clear());
    referrers.entries.shrink_to_fit();
    let bytes = referrers.bytes();
    referrers.shrink_to(bytes);
}

/// The context in which the signatures of one image are judged. Owned, because large ones are judged on other threads.
pub(super) struct JudgementContext {
    pub(super) pinned: Pinned,
    pub(super) scheme: SignatureScheme,
    pub(super) statement: Arc<UsableStatement>,
    /// The requirement of the statement.
    pub(super) requirement: Arc<NotationRequirement>,
    pub(super) required_metadata: BTreeMap<String, String>,
    pub(super) evidence: EvidenceSettings,
    /// When to stop waiting for evidence.
    pub(super) evidence_until: Instant,
    pub(super) now: UnixTime,
}

impl JudgementContext {
    /// Runs both phases without evidence from outside.
    fn open(&self, envelope: &[u8], format: EnvelopeFormat) -> Result<(Opened, Progress<Judgement>), Failure> {
        let input = VerificationInput {
            target: self.pinned.descriptor(),
            requirement: &self.requirement,
            stores: &self.statement.stores(),
            required_metadata: &self.required_metadata,
            evidence: &self.evidence,
            now: self.now,
        };
        let opened = notation::open(envelope, format, &input)?;
        let progress = notation::judge(&opened, &Evidence::none());
        Ok((opened, progress))
    }
}

/// The result of [`notation::judge`].
type Judgement = Result<Box<VerifiedSignature>, Failure>;

/// Fetches and judges the signature that `entry` names.
pub(super) async fn judge(
    registries: &Registries,
    source: &dyn EvidenceSource,
    metrics: &Metrics,
    context: &Arc<JudgementContext>,
    entry: &Descriptor,
    deadline: Instant,
) -> Judged {
    let failed = |unverified_subject, reasons| {
        Judged::Failed(FailedSignature { manifest: entry.digest.clone(), unverified_subject, reasons })
    };
    let fetched = match fetch(registries, &context.pinned, context.scheme, entry, deadline).await {
        Ok(fetched) => fetched,
        Err(NoEnvelope::OtherType) => return Judged::OtherType,
        Err(NoEnvelope::Failed(reason)) => return failed(None, Reasons::one(reason)),
    };
    match judge_envelope(registries, source, metrics, context, fetched, deadline).await {
        Ok(Ok(signature)) => Judged::Verified(signature),
        Ok(Err(Failure { unverified_subject, reasons })) => failed(unverified_subject, reasons),
        Err(reached) => failed(None, Reasons::one(error_mapping::overloaded(&reached))),
    }
}

/// Judges an envelope on the threads for parsing, and gets evidence between the rounds.
async fn judge_envelope(
    registries: &Registries,
    source: &dyn EvidenceSource,
    metrics: &Metrics,
    context: &Arc<JudgementContext>,
    FetchedEnvelope { content, format, .. }: FetchedEnvelope,
    deadline: Instant,
) -> Result<Judgement, LimitReached> {
    let repository = context.pinned.repository();
    let open = {
        let context = Arc::clone(context);
        move || {
            let start = std::time::Instant::now();
            // The content lives as long as the values parsed from it, because its budget covers both.
            (context.open(&content, format), content, start.elapsed())
        }
    };
    let (opened, _content, mut took) = registries.check(repository, deadline, open).await?;
    let judgement = match opened {
        Ok((opened, first)) => {
            let (opened, mut progress) = (Arc::new(opened), first);
            let mut rounds = Rounds::new(source, context.evidence_until);
            loop {
                let requests = match progress {
                    Progress::Done(judgement) => break judgement,
                    Progress::Needs(requests) => requests,
                };
                let (opened, evidence) = (Arc::clone(&opened), rounds.fetch(&requests).await);
                let judge = move || {
                    let start = std::time::Instant::now();
                    (notation::judge(&opened, &evidence), start.elapsed())
                };
                let more;
                (progress, more) = registries.check(repository, deadline, judge).await?;
                took += more;
            }
        }
        Err(failure) => Err(failure),
    };
    metrics.stage_ended(VerdictStage::Verify, took);
    Ok(judgement)
}

/// An envelope from a registry.
pub(super) struct FetchedEnvelope {
    pub(super) content: Content,
    pub(super) format: EnvelopeFormat,
    /// The media type that its layer declares.
    pub(super) media_type: MediaType,
}

/// The envelope of the signature that `entry` names. If its manifest was read before, in whichever repository, both are requested at the
/// same time, which saves a round trip; the repository's answer about the manifest decides first.
pub(super) async fn fetch(
    registries: &Registries,
    pinned: &Pinned,
    scheme: SignatureScheme,
    entry: &Descriptor,
    deadline: Instant,
) -> Result<FetchedEnvelope, NoEnvelope> {
    check_type(entry)?;
    let failed = |error: RegistryError| NoEnvelope::Failed(error_mapping::of_signature(&error));
    // Each request is in memory of its own: the state of this function is moved several times before it runs.
    let manifest = registries.manifest_once(pinned.repository(), entry, limits::MANIFEST_BYTES, deadline).boxed();
    let expected = match registries.received_before(pinned.repository(), entry) {
        Some(bytes) => layer(registries, pinned, scheme, entry, bytes, deadline).await.ok(),
        None => None,
    };
    let (content, layer, format) = match expected {
        Some((layer, format)) => {
            let envelope = registries.blob_once(pinned.repository(), &layer, limits::ENVELOPE_BYTES, deadline).boxed();
            // The manifest is requested first, so that it is named first if both are late.
            let envelope = match select(manifest, envelope).await {
                Either::Left((manifest, envelope)) => {
                    manifest.map_err(failed)?;
                    envelope.await
                }
                Either::Right((envelope, manifest)) => {
                    manifest.await.map_err(failed)?;
                    envelope
                }
            };
            (envelope.map_err(failed)?, layer, format)
        }
        None => {
            let bytes = manifest.await.map_err(failed)?;
            let (layer, format) = layer(registries, pinned, scheme, entry, bytes, deadline).await?;
            let envelope = registries.blob_once(pinned.repository(), &layer, limits::ENVELOPE_BYTES, deadline).boxed();
            (envelope.await.map_err(failed)?, layer, format)
        }
    };
    Ok(FetchedEnvelope { content, format, media_type: layer.media_type })
}

/// Whether `entry` can be the manifest of a signature.
fn check_type(entry: &Descriptor) -> Result<(), NoEnvelope> {
    if [MediaType::OCI_MANIFEST, MediaType::OCI_ARTIFACT].contains(&entry.media_type.as_str()) {
        return Ok(());
    }
    if entry.artifact_type.is_none() {
        return Err(NoEnvelope::OtherType);
    }
    let found = &entry.media_type;
    let detail = format_args!("signature manifest: found media type {found}, expected an OCI manifest");
    Err(NoEnvelope::Failed(Reason::new(Code::SignatureManifestInvalid, detail)))
}

/// The descriptor of the envelope, and its format: the one layer of a manifest that refers to this image. `bytes` are those that `entry`
/// describes. An entry that the list gives no artifact type is a signature only if its manifest has the artifact type.
async fn layer(
    registries: &Registries,
    pinned: &Pinned,
    scheme: SignatureScheme,
    entry: &Descriptor,
    bytes: Content,
    deadline: Instant,
) -> Result<(Descriptor, EnvelopeFormat), NoEnvelope> {
    let untyped = entry.artifact_type.is_none();
    let (length, media_type, target) = (bytes.len(), entry.media_type.clone(), pinned.descriptor().digest.clone());
    let read = move || {
        let invalid = |error: ManifestError| NoEnvelope::Failed(Reason::new(Code::SignatureManifestInvalid, error));
        if untyped && oci::artifact_type(&bytes).map_err(invalid)?.as_deref() != Some(scheme.artifact_type()) {
            return Err(NoEnvelope::OtherType);
        }
        let manifest = ArtifactManifest::parse(&bytes, &media_type).map_err(invalid)?;
        one_layer(manifest, scheme.artifact_type(), &target).map_err(NoEnvelope::Failed)
    };
    let read = registries.parse(pinned.repository(), length, deadline, read).await;
    read.unwrap_or_else(|reached| Err(NoEnvelope::Failed(error_mapping::overloaded(&reached))))
}

fn one_layer(
    manifest: ArtifactManifest,
    artifact_type: &str,
    target: &Digest,
) -> Result<(Descriptor, EnvelopeFormat), Reason> {
    let invalid = |detail: fmt::Arguments<'_>| Err(Reason::new(Code::SignatureManifestInvalid, detail));
    if manifest.artifact_type.as_deref() != Some(artifact_type) {
        let found = Excerpt::of(manifest.artifact_type.as_deref().unwrap_or("nothing"));
        return invalid(format_args!("signature manifest: found artifact type {found:?}, expected {artifact_type}"));
    }
    match &manifest.subject {
        Some(subject) if subject.digest == *target => {}
        Some(subject) => {
            return invalid(format_args!("signature manifest: found subject {}, expected {target}", subject.digest));
        }
        None => return invalid(format_args!("signature manifest: found no subject, expected {target}")),
    }
    let [layer] = manifest.layers.as_slice() else {
        return invalid(format_args!(
            "signature manifest: found {} layers, expected exactly one",
            manifest.layers.len()
        ));
    };
    let Some(format) = EnvelopeFormat::of_media_type(&layer.media_type) else {
        return Err(Reason::new(
            Code::EnvelopeUnsupported,
            format_args!(
                "envelope media type: found {}, expected application/jose+json or application/cose",
                layer.media_type
            ),
        ));
    };
    if usize::try_from(layer.size).is_ok_and(|size| size <= limits::ENVELOPE_BYTES) {
        Ok((Descriptor::new(layer.media_type.clone(), layer.digest.clone(), layer.size), format))
    } else {
        invalid(format_args!("envelope: found {} bytes, expected at most {}", layer.size, limits::ENVELOPE_BYTES))
    }
}
