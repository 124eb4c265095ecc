//! The event about one verdict.

use std::hash::Hash;
use std::time::Duration;

use countersign_core::codec::hex::hex;
use countersign_core::codec::text;
use countersign_core::codec::text::Text;
use countersign_core::name::SigningProfileAlias;
use countersign_core::notation::AwsSigner;
use countersign_core::notation::Signer;
use countersign_core::verdict::Code;
use countersign_core::verdict::FailedSignature;
use countersign_core::verdict::FailedSignatures;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Inconclusive;
use countersign_core::verdict::Reason;
use countersign_core::verdict::Rejected;
use countersign_core::verdict::Responsible;
use countersign_core::verdict::VerdictKind;
use countersign_core::verdict::Verified;
use countersign_core::verdict::VerifiedBy;
use countersign_core::verdict::VerifiedNotation;
use tracing::Level;

/// Maximum size of an image in an event, in bytes: a key that is no reference may have any length.
pub(super) const IMAGE_BYTES: usize = 512;

/// Maximum number of bytes of an event about failed signatures.
pub(super) const FAILED_BYTES: usize = 4096;

/// The event about one image of a request.
#[derive(Clone, Copy, Debug)]
pub struct VerdictEvent<'a> {
    pub endpoint: &'static str,
    pub request_id: &'a str,
    /// As requested.
    pub image: &'a str,
    pub digest: Option<&'a str>,
    pub decision: Decision<'a>,
    /// Whether the result came from the cache.
    pub cached: bool,
    /// How many events like this one were left out since the last one: see [`super::RepeatedVerdicts`].
    pub repeated: u64,
    pub elapsed: Duration,
}

impl<'a> VerdictEvent<'a> {
    /// Whether the event may be left out if it repeats another one: that an image was verified without warnings, from the
    /// cache, or was skipped, for which nothing is requested. A rejection, an undecided image and a warning are always written.
    pub(super) fn may_be_left_out(&self) -> bool {
        match self.decision {
            Decision::Decided(ImageVerdict::Verified(verified)) => self.cached && verified.warnings().next().is_none(),
            Decision::Decided(ImageVerdict::Skipped(_)) => true,
            Decision::Decided(ImageVerdict::Rejected(_) | ImageVerdict::Inconclusive(_)) | Decision::Unresolved(_) => {
                false
            }
        }
    }

    /// What an event has in common with those that it repeats.
    pub(super) fn identity(&self) -> impl Hash + use<'a> {
        let Self { endpoint, request_id: _, image, digest, decision, cached: _, repeated: _, elapsed: _ } = *self;
        (endpoint, image, digest, decision.code().as_str(), decision.statement())
    }
}

/// See [`VerdictEvent::decision`].
#[derive(Clone, Copy, Debug)]
pub enum Decision<'a> {
    Decided(&'a ImageVerdict),
    /// A tag that is to be mutated has no digest.
    Unresolved(&'a Reason),
}

impl<'a> Decision<'a> {
    fn code(self) -> Code {
        match self {
            Self::Decided(verdict) => verdict.code(),
            Self::Unresolved(reason) => reason.code,
        }
    }

    /// The trust policy statement.
    fn statement(self) -> Option<&'a str> {
        match self {
            Self::Decided(verdict) => verdict.statement(),
            Self::Unresolved(_) => None,
        }
    }

    fn verified(self) -> Option<&'a Verified> {
        match self {
            Self::Decided(ImageVerdict::Verified(verified)) => Some(verified),
            Self::Decided(ImageVerdict::Skipped(_) | ImageVerdict::Rejected(_) | ImageVerdict::Inconclusive(_))
            | Self::Unresolved(_) => None,
        }
    }

    /// Failed signatures.
    fn failed(self) -> Option<&'a FailedSignatures> {
        match self {
            Self::Decided(ImageVerdict::Verified(verified)) => Some(&verified.others),
            Self::Decided(ImageVerdict::Rejected(rejected)) => Some(&rejected.signatures),
            Self::Decided(ImageVerdict::Inconclusive(inconclusive)) => Some(&inconclusive.signatures),
            Self::Decided(ImageVerdict::Skipped(_)) | Self::Unresolved(_) => None,
        }
    }

    /// The explanation of the code; `None` if there is nothing to report.
    fn detail(self) -> Option<Text> {
        match self {
            Self::Decided(ImageVerdict::Verified(verified)) => verified.warnings().next().map(|_| verified.summary()),
            Self::Decided(ImageVerdict::Skipped(_)) => None,
            Self::Decided(ImageVerdict::Rejected(Rejected { reason, .. }))
            | Self::Decided(ImageVerdict::Inconclusive(Inconclusive { reason, .. }))
            | Self::Unresolved(reason) => Some(reason.detail.clone()),
        }
    }
}

/// Writes the event: at INFO; at WARN if the image is inconclusive or was admitted although a check failed; at ERROR
/// for faults of Countersign. README.md lists the fields.
pub fn verdict(verdict: &VerdictEvent<'_>) {
    let VerdictEvent { endpoint, request_id, image, digest, decision, cached, repeated, elapsed } = *verdict;
    let image = Text::of(&image[..image.floor_char_boundary(IMAGE_BYTES)]);
    let image = image.as_str();
    let code = decision.code();
    let responsible = code.responsible();
    let detail = decision.detail();
    let detail = detail.as_ref().map_or("", Text::as_str);
    let signature_fields = decision.verified().map(SignatureFields::of);
    let signature_fields = signature_fields.as_ref();
    let aws_signer = signature_fields.and_then(|signature_fields| signature_fields.aws_signer);
    let warned = signature_fields.is_some_and(|signature_fields| !signature_fields.warnings.is_empty());
    let failed = decision.failed().filter(|failed| failed.total() > 0);
    let failed_signatures = failed.map(failed_text);
    macro_rules! event {
        ($level:expr) => {
            tracing::event!(
                $level,
                endpoint,
                // The former names of `endpoint` and `statement`, for one release.
                door = endpoint,
                request_id,
                image,
                digest,
                verdict = code.kind().as_str(),
                code = code.as_str(),
                blame = responsible.as_str(),
                detail,
                statement = decision.statement(),
                rule = decision.statement(),
                signature = signature_fields.map(|signature_fields| signature_fields.signature),
                subject = signature_fields.and_then(|signature_fields| signature_fields.subject),
                issuer = signature_fields.and_then(|signature_fields| signature_fields.issuer),
                trust_store = signature_fields.and_then(|signature_fields| signature_fields.trust_store.as_deref()),
                anchor = signature_fields.and_then(|signature_fields| signature_fields.anchor),
                anchor_sha256 = signature_fields.and_then(|signature_fields| signature_fields.anchor_sha256.as_deref()),
                signing_profile_version = aws_signer.map(|aws_signer| aws_signer.profile_version().as_str()),
                signing_profile_alias = aws_signer.and_then(AwsSigner::alias).map(SigningProfileAlias::as_str),
                signing_job = aws_signer.map(|aws_signer| aws_signer.job().as_str()),
                unverified_subject = signature_fields.and_then(|signature_fields| signature_fields.unverified_subject),
                warnings =
                    signature_fields.filter(|_| warned).map(|signature_fields| signature_fields.warnings.as_str()),
                failed_signatures = failed_signatures.as_deref(),
                failed_signatures_total = failed.and_then(|failed| u64::try_from(failed.total()).ok()),
                cache = if cached { "hit" } else { "miss" },
                repeated = (repeated > 0).then_some(repeated),
                elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                "verdict"
            )
        };
    }
    match severity(responsible, code.kind(), warned) {
        Severity::Error => event!(Level::ERROR),
        Severity::Warning => event!(Level::WARN),
        Severity::Information => event!(Level::INFO),
    }
}

/// The level of an event about a verdict.
enum Severity {
    Error,
    Warning,
    Information,
}

/// An error for a fault of Countersign; a warning for what could not be decided, or was admitted although a check failed.
fn severity(responsible: Responsible, kind: VerdictKind, admitted_with_failure: bool) -> Severity {
    match (responsible, kind) {
        (Responsible::Countersign, _) => Severity::Error,
        (
            Responsible::None
            | Responsible::Caller
            | Responsible::Signer
            | Responsible::Operator
            | Responsible::Registry
            | Responsible::RevocationService,
            VerdictKind::Inconclusive,
        ) => Severity::Warning,
        (
            Responsible::None
            | Responsible::Caller
            | Responsible::Signer
            | Responsible::Operator
            | Responsible::Registry
            | Responsible::RevocationService,
            VerdictKind::Verified | VerdictKind::Skipped | VerdictKind::Rejected,
        ) => match admitted_with_failure {
            true => Severity::Warning,
            false => Severity::Information,
        },
    }
}

/// Fields about the verified signature. The signer only if it was authenticated.
struct SignatureFields<'a> {
    /// Digest of the signature manifest.
    signature: &'a str,
    subject: Option<&'a str>,
    issuer: Option<&'a str>,
    trust_store: Option<String>,
    anchor: Option<&'a str>,
    anchor_sha256: Option<String>,
    aws_signer: Option<&'a AwsSigner>,
    unverified_subject: Option<&'a str>,
    /// `check=code`, with commas between.
    warnings: String,
}

impl<'a> SignatureFields<'a> {
    fn of(verified: &'a Verified) -> Self {
        let VerifiedBy::Notation(VerifiedNotation { manifest, signature }) = &verified.by;
        let signer = signature.signer();
        let anchor = signer.map(Signer::anchor);
        let warnings = signature.warnings().map(|(check, reason)| format!("{check}={}", reason.code));
        Self {
            signature: manifest.as_str(),
            subject: signer.map(|signer| signer.subject().as_str()),
            issuer: signer.map(|signer| signer.issuer().as_str()),
            trust_store: anchor.map(|anchor| anchor.store.to_string()),
            anchor: anchor.map(|anchor| anchor.subject.as_str()),
            anchor_sha256: anchor.map(|anchor| hex(&anchor.fingerprint).to_string()),
            aws_signer: signer.and_then(Signer::aws_signer),
            unverified_subject: signer.is_none().then(|| signature.unverified_subject().as_str()),
            warnings: warnings.collect::<Vec<_>>().join(","),
        }
    }
}

/// Each signature with its reasons, as many as fit.
fn failed_text(failed: &FailedSignatures) -> String {
    let mut text = String::new();
    for (position, FailedSignature { manifest, unverified_subject: _, reasons }) in failed.listed().iter().enumerate() {
        let reasons = text::list(reasons.iter(), "; ", usize::MAX);
        let one = Text::of(format_args!("{manifest}: {reasons}"));
        let separator = if position == 0 { "" } else { " | " };
        if text.len() + separator.len() + one.as_str().len() > FAILED_BYTES {
            text.push_str(&format!(" and {} more", failed.total() - position));
            return text;
        }
        text.push_str(separator);
        text.push_str(one.as_str());
    }
    if failed.omitted() > 0 {
        text.push_str(&format!(" and {} more", failed.omitted()));
    }
    text
}
