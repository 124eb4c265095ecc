//! `--online`: fetches the trust stores that are not in files; tries the addresses of OCSP responders and CRLs that certificates of the trust stores name; with `--image`
//! also those that the signatures of images need, and the images themselves. And the calls of AWS, Azure and Google Cloud that the
//! configuration needs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::codec::text::Text;
use countersign_core::name::ImageRef;
use countersign_core::notation::Check;
use countersign_core::notation::EvidenceFact;
use countersign_core::notation::EvidenceKind;
use countersign_core::notation::Explanation;
use countersign_core::notation::FindingResult;
use countersign_core::policy::Store;
use countersign_core::verdict::Code;
use countersign_core::verdict::Reason;
use countersign_core::verdict::VerdictKind;
use countersign_registry::Observer;
use prometheus::Registry;
use tokio::time::Instant;

use super::Findings;
use super::aws_calls;
use super::fetched_stores;
use super::read_locations::MirrorFailure;
use super::read_locations::ReadLocations;
use super::token_calls;
use super::tried_images::SignerStatus;
use super::tried_images::TriedImage;
use super::trust;
use crate::cli::Failure;
use crate::cli::args::CheckArgs;
use crate::clock;
use crate::config::Config;
use crate::engine::CountRequests;
use crate::engine::Deadline;
use crate::engine::Engine;
use crate::engine::InspectedSignature;
use crate::engine::JudgedUnder;
use crate::engine::Listed;
use crate::evidence::Survey;
use crate::evidence::TriedAddress;
use crate::evidence::TryingSource;
use crate::evidence::UntriedCertificate;
use crate::runtime::Components;
use crate::runtime::Observers;
use crate::runtime::aws::AwsSurvey;
use crate::runtime::tokens::TriedToken;
use crate::telemetry::metrics::Metrics;

/// The time for all addresses of the trust stores, and again for all of one image.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why nothing is tried. The mistakes are among the findings already.
const MISTAKES: &str = "the configuration has mistakes; correct them first";
const NO_POLICY: &str = "no document of the trust policy can be used; correct it first";

/// Adds what was found to `findings`. An address without a usable response causes a warning.
///
/// # Errors
/// The machine, or this program, failed.
pub(super) fn check(file: &Path, config: &Config, args: &CheckArgs, findings: &mut Findings) -> Result<(), Failure> {
    let CheckArgs { images, entries_for: shown, .. } = args;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::unexpected)?;
    let metrics = Arc::new(Metrics::new(&Registry::new()).map_err(Failure::unexpected)?);
    let survey = runtime.block_on(survey(file, config, images, &metrics, findings));
    // A fetch that is not finished has no further use.
    runtime.shutdown_background();
    let Tried { survey, aws, azure, google } = match survey {
        Ok(tried) => tried,
        Err(why) => {
            findings.is_image_unread = !images.is_empty();
            findings.warn("online-not-tried", format_args!("--online has tried nothing: {why}"));
            return Ok(());
        }
    };
    for TriedAddress { certificate, issuer, image, kind, url, result } in &survey.tried {
        let Err(why) = result else { continue };
        let subject = match certificate {
            Some(certificate) => format!("certificate {certificate:?} names {url}"),
            None => format!("the {} of {issuer:?} is at {url}", kind.as_str()),
        };
        let source = image.as_ref().map_or_else(String::new, |image| format!(" (needed for {image})"));
        findings.warn("evidence-unusable", format_args!("{subject}{source}: {why}"));
    }
    for UntriedCertificate { certificate, issuer } in &survey.untried {
        findings.warn(
            "evidence-untried",
            format_args!(
                "the addresses of certificate {certificate:?} were not tried: its issuer {issuer:?} is in no trust store"
            ),
        );
    }
    not_read(shown, images, findings);
    aws.iter().for_each(|aws| aws_calls::warn(aws, findings));
    azure.iter().for_each(|tokens| token_calls::warn("acr-token-not-issued", tokens, findings));
    google.iter().for_each(|tokens| token_calls::warn("google-token-not-issued", tokens, findings));
    (findings.online, findings.aws, findings.azure, findings.google) = (Some(survey), aws, azure, google);
    Ok(())
}

/// Warns about images that are only shown with their entries, although `--online` is given: nothing was read of them.
fn not_read(shown: &[ImageRef], images: &[ImageRef], findings: &mut Findings) {
    for image in shown.iter().filter(|image| !images.contains(image)) {
        findings.warn(
            "image-not-read",
            format_args!(
                "nothing was read of {image}, only its entry of registries is shown: --online --image {image} reads it"
            ),
        );
    }
}

/// What was tried. Of a cloud, `None` if the configuration does not need it.
struct Tried {
    survey: Survey,
    aws: Option<AwsSurvey>,
    azure: Option<Vec<TriedToken>>,
    google: Option<Vec<TriedToken>>,
}

async fn survey(
    file: &Path,
    config: &Config,
    images: &[ImageRef],
    metrics: &Arc<Metrics>,
    findings: &mut Findings,
) -> Result<Tried, &'static str> {
    // What is written is not what would be used: without a credential or a proxy, no request may be sent.
    if findings.is_config_broken {
        return Err(MISTAKES);
    }
    let locations = Arc::new(ReadLocations::new(CountRequests::new(Arc::clone(metrics))));
    let observers = Observers { metrics, registries: Arc::clone(&locations) as Arc<dyn Observer>, trace: None };
    let components = Components::load(config, observers).await.map_err(|_| MISTAKES)?;
    let policy = components.policy().ok_or(NO_POLICY)?;
    if !config.trust.stores.is_empty() {
        fetched_stores::tried(components.fetched_stores(), findings);
        findings.statements = Some(trust::loaded_again(file, config, policy, clock::now(), findings));
    }
    let stores: Vec<&Store> =
        policy.stores().values().filter_map(|state| state.store()).map(|store| &**store).collect();
    let mut survey = components.evidence.try_stores(&stores, Instant::now() + PATIENCE).await;
    for image in images {
        let source = Arc::new(TryingSource::new(components.evidence.clone(), Instant::now() + PATIENCE));
        let engine = components.engine_with(config, Arc::clone(&source) as _).map_err(|_| MISTAKES)?;
        let request = engine.request(Arc::new(image.clone()), Deadline::after(PATIENCE));
        let reading = engine.try_reading(request).await;
        let mut seen = locations.take();
        let mut tried = TriedImage::new(config, image, reading, &seen);
        tried.warn(findings);
        findings.is_image_unread |= !tried.is_read();
        if tried.reading.manifest.is_err() {
            tried.warn_of_mirrors(&seen.failures, findings);
            findings.tried_images.push(tried);
            continue;
        }
        // Without OCSP responses, as if they were not available, the CRLs are requested; with them, the status of their
        // responders.
        let listed = signatures(&engine, image).await;
        let is_new = |failure: &MirrorFailure| seen.failures.iter().all(|seen| seen.mirror != failure.mirror);
        let of_signatures: Vec<_> = locations.take().failures.into_iter().filter(is_new).collect();
        seen.failures.extend(of_signatures);
        tried.warn_of_mirrors(&seen.failures, findings);
        tried.signer = listed.as_ref().map(signer_statuses).unwrap_or_default();
        findings.is_image_unread |= listed.as_ref().map_or(true, |listed| listed.signatures.iter().any(is_unread));
        findings.tried_images.push(tried);
        source.give_ocsp();
        drop(signatures(&engine, image).await);
        drop(locations.take());
        let tried = source.take();
        about_image(image, &listed, tried.is_empty(), findings);
        let image = Text::of(image);
        survey.tried.extend(tried.into_iter().map(|one| TriedAddress { image: Some(image.clone()), ..one }));
    }
    let aws = components.survey_aws(config, &aws_calls::profiles(&policy.outline())).await;
    let azure = components.survey_azure(config).await;
    let google = components.survey_google(config).await;
    Ok(Tried { survey, aws, azure, google })
}

async fn signatures(engine: &Engine, image: &ImageRef) -> Result<Listed, String> {
    let request = engine.request(Arc::new(image.clone()), Deadline::after(PATIENCE));
    engine.signatures(request).await.map_err(|reason| reason.to_string())
}

/// Warnings that explain why addresses of an image were not tried.
fn about_image(image: &ImageRef, listed: &Result<Listed, String>, nothing_tried: bool, findings: &mut Findings) {
    let mut warn =
        |message: &dyn std::fmt::Display| findings.warn("evidence-of-image", format_args!("{image}: {message}"));
    let listed = match listed {
        Ok(listed) => listed,
        Err(why) => return warn(&format_args!("its signatures cannot be listed: {why}")),
    };
    if let Some(reason) = &listed.left_out {
        warn(reason);
    }
    match listed.judged {
        JudgedUnder::Statement => {}
        JudgedUnder::NoStatement => {
            return warn(&"no usable statement of the trust policy verifies it, so no evidence is requested");
        }
    }
    if listed.signatures.is_empty() {
        return warn(&"it has no signatures, so no evidence is requested");
    }
    for signature in &listed.signatures {
        match &signature.envelope {
            Err(reason) => warn(&format_args!("signature {} cannot be fetched: {reason}", signature.manifest)),
            Ok(envelope) if !envelope.explanation.is_authentic() => warn(&format_args!(
                "nothing is requested for signature {}, as its signer is not trusted; `countersign inspect` has the reason",
                signature.manifest
            )),
            Ok(_) => {}
        }
    }
    let mut needs_none = false;
    for signature in &listed.signatures {
        let Some(explanation) = authentic(signature) else { continue };
        if signer_facts(explanation).next().is_some() {
            continue;
        }
        match unchecked(explanation) {
            // The other addresses that were tried are shown with their results.
            Some(reason) if nothing_tried || reason.code == Code::SignerServiceUnchecked => {
                warn(&format_args!("signature {} has no status of its revocation: {reason}", signature.manifest))
            }
            Some(_) => {}
            None => needs_none = true,
        }
    }
    if needs_none && nothing_tried {
        warn(
            &"no OCSP response or CRL is requested: the certificates name no address, or the statement skips revocation",
        );
    }
}

/// Whether a signature could not be read. One that was read and is not well-formed is read.
fn is_unread(signature: &InspectedSignature) -> bool {
    match signature.envelope.as_ref().map_err(|reason| reason.code.kind()) {
        Ok(_) | Err(VerdictKind::Verified | VerdictKind::Skipped | VerdictKind::Rejected) => false,
        Err(VerdictKind::Inconclusive) => true,
    }
}

/// The findings about a signature whose signer is trusted.
fn authentic(signature: &InspectedSignature) -> Option<&Explanation> {
    let envelope = signature.envelope.as_ref().ok()?;
    Some(&envelope.explanation).filter(|explanation| explanation.is_authentic())
}

/// What AWS Signer has answered about a signature.
fn signer_facts(explanation: &Explanation) -> impl Iterator<Item = &EvidenceFact> {
    explanation.evidence.iter().filter(|fact| fact.kind == EvidenceKind::AwsSigner)
}

/// Why it is not known whether a signature is revoked.
fn unchecked(explanation: &Explanation) -> Option<&Reason> {
    explanation.findings.iter().filter(|finding| finding.check == Check::Revocation).find_map(|finding| match &finding
        .found
    {
        FindingResult::Failed(reason) | FindingResult::Logged(reason) => Some(reason),
        FindingResult::Passed | FindingResult::Skipped | FindingResult::NotReached => None,
    })
}

/// The status at AWS Signer of the signatures of an image.
fn signer_statuses(listed: &Listed) -> Vec<SignerStatus> {
    let facts = listed.signatures.iter().filter_map(authentic).flat_map(signer_facts);
    facts
        .map(|fact| SignerStatus {
            profile: fact.certificate.clone(),
            status: fact.status,
            usable_until: fact.usable_until,
        })
        .collect()
}
