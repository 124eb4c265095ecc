//! Writes the event about one verdict.

use countersign_core::name::SigningProfileAlias;
use countersign_core::notation::AwsSigner;
use tracing::Level;

use super::event::VerdictEvent;
use super::fields::Fields;
use super::fields::Severity;

/// Writes the event: at INFO; at WARN if the image is inconclusive or was admitted although a check failed; at ERROR
/// for faults of Countersign. README.md lists the fields.
pub fn verdict(verdict: &VerdictEvent<'_>) {
    let VerdictEvent { endpoint, request_id, digest, decision, cached: _, repeated, elapsed, image: _ } = *verdict;
    let fields = Fields::of(verdict);
    let Fields { image, code, responsible, detail, signature, failed, failed_total, cache, .. } = &fields;
    let signature = signature.as_ref();
    let aws_signer = signature.and_then(|signature| signature.aws_signer);
    macro_rules! event {
        ($level:expr) => {
            tracing::event!(
                $level,
                endpoint,
                // The former names of `endpoint` and `statement`, for one release.
                door = endpoint,
                request_id,
                image = image.as_str(),
                digest,
                verdict = code.kind().as_str(),
                code = code.as_str(),
                blame = responsible.as_str(),
                detail = detail.as_str(),
                statement = decision.statement(),
                rule = decision.statement(),
                signature = signature.map(|signature| signature.signature),
                subject = signature.and_then(|signature| signature.subject),
                issuer = signature.and_then(|signature| signature.issuer),
                trust_store = signature.and_then(|signature| signature.trust_store.as_deref()),
                anchor = signature.and_then(|signature| signature.anchor),
                anchor_sha256 = signature.and_then(|signature| signature.anchor_sha256.as_deref()),
                signing_profile_version = aws_signer.map(|aws_signer| aws_signer.profile_version().as_str()),
                signing_profile_alias = aws_signer.and_then(AwsSigner::alias).map(SigningProfileAlias::as_str),
                signing_job = aws_signer.map(|aws_signer| aws_signer.job().as_str()),
                unverified_subject = signature.and_then(|signature| signature.unverified_subject),
                warnings = fields.warnings(),
                failed_signatures = failed.as_deref(),
                failed_signatures_total = *failed_total,
                cache,
                repeated = (repeated > 0).then_some(repeated),
                elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                "verdict"
            )
        };
    }
    match fields.severity() {
        Severity::Error => event!(Level::ERROR),
        Severity::Warning => event!(Level::WARN),
        Severity::Information => event!(Level::INFO),
    }
}
