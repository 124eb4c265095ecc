//! The fields of the event about one verdict, and its level.

use countersign_core::codec::hex::hex;
use countersign_core::codec::text;
use countersign_core::codec::text::Text;
use countersign_core::name::SigningProfileAlias;
use countersign_core::notation::AwsSigner;
use countersign_core::notation::Signer;
use countersign_core::verdict::Code;
use countersign_core::verdict::FailedSignature;
use countersign_core::verdict::FailedSignatures;
use countersign_core::verdict::Responsible;
use countersign_core::verdict::VerdictKind;
use countersign_core::verdict::Verified;
use countersign_core::verdict::VerifiedBy;
use countersign_core::verdict::VerifiedNotation;
use tracing::Level;

use super::event::VerdictEvent;

/// Maximum size of an image in an event, in bytes: a key that is no reference may have any length.
pub(super) const IMAGE_BYTES: usize = 512;

/// Maximum number of bytes of an event about failed signatures.
pub(super) const FAILED_BYTES: usize = 4096;

/// The name of a field and its text, if it has one.
pub(super) type Member<'a> = (&'static str, Option<&'a str>);

/// The values of the fields of an event that are made for it.
pub(super) struct Fields<'a> {
    event: VerdictEvent<'a>,
    pub(super) image: Text,
    pub(super) code: Code,
    pub(super) responsible: Responsible,
    pub(super) detail: Text,
    pub(super) signature: Option<SignatureFields<'a>>,
    pub(super) failed: Option<String>,
    pub(super) failed_total: Option<u64>,
    pub(super) cache: &'static str,
}

impl<'a> Fields<'a> {
    pub(super) fn of(event: &VerdictEvent<'a>) -> Self {
        let VerdictEvent { image, decision, cached, .. } = *event;
        let (code, failed) = (decision.code(), decision.failed().filter(|failed| failed.total() > 0));
        Self {
            event: *event,
            image: Text::of(&image[..image.floor_char_boundary(IMAGE_BYTES)]),
            code,
            responsible: code.responsible(),
            detail: decision.detail().unwrap_or_default(),
            signature: decision.verified().map(SignatureFields::of),
            failed: failed.map(failed_text),
            failed_total: failed.and_then(|failed| u64::try_from(failed.total()).ok()),
            cache: if cached { "hit" } else { "miss" },
        }
    }

    /// The warnings, if there are any.
    pub(super) fn warnings(&self) -> Option<&str> {
        self.signature.as_ref().map(|signature| signature.warnings.as_str()).filter(|warnings| !warnings.is_empty())
    }

    pub(super) fn has_failed_signatures(&self) -> bool {
        self.failed_total.is_some()
    }

    pub(super) fn severity(&self) -> Severity {
        severity(self.responsible, self.code.kind(), self.warnings().is_some())
    }

    pub(super) fn level(&self) -> Level {
        match self.severity() {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARN,
            Severity::Information => Level::INFO,
        }
    }

    /// The texts before and behind the request ID, in the order in which [`super::verdict()`] writes them; without the numbers, which are the
    /// last ones unless signatures failed.
    pub(super) fn around_request_id(&self) -> (Vec<Member<'_>>, Vec<Member<'_>>) {
        let Self { event, image, code, responsible, detail, signature, failed: _, failed_total: _, cache } = self;
        let VerdictEvent { endpoint, digest, decision, .. } = *event;
        let signature = signature.as_ref();
        let aws_signer = signature.and_then(|signature| signature.aws_signer);
        let before = vec![("message", Some("verdict")), ("endpoint", Some(endpoint)), ("door", Some(endpoint))];
        let after = vec![
            ("image", Some(image.as_str())),
            ("digest", digest),
            ("verdict", Some(code.kind().as_str())),
            ("code", Some(code.as_str())),
            ("blame", Some(responsible.as_str())),
            ("detail", Some(detail.as_str())),
            ("statement", decision.statement()),
            ("rule", decision.statement()),
            ("signature", signature.map(|signature| signature.signature)),
            ("subject", signature.and_then(|signature| signature.subject)),
            ("issuer", signature.and_then(|signature| signature.issuer)),
            ("trust_store", signature.and_then(|signature| signature.trust_store.as_deref())),
            ("anchor", signature.and_then(|signature| signature.anchor)),
            ("anchor_sha256", signature.and_then(|signature| signature.anchor_sha256.as_deref())),
            ("signing_profile_version", aws_signer.map(|aws_signer| aws_signer.profile_version().as_str())),
            ("signing_profile_alias", aws_signer.and_then(AwsSigner::alias).map(SigningProfileAlias::as_str)),
            ("signing_job", aws_signer.map(|aws_signer| aws_signer.job().as_str())),
            ("unverified_subject", signature.and_then(|signature| signature.unverified_subject)),
            ("cache", Some(cache)),
        ];
        (before, after)
    }
}

/// The level of an event about a verdict.
pub(super) enum Severity {
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
pub(super) struct SignatureFields<'a> {
    /// Digest of the signature manifest.
    pub(super) signature: &'a str,
    pub(super) subject: Option<&'a str>,
    pub(super) issuer: Option<&'a str>,
    pub(super) trust_store: Option<String>,
    pub(super) anchor: Option<&'a str>,
    pub(super) anchor_sha256: Option<String>,
    pub(super) aws_signer: Option<&'a AwsSigner>,
    pub(super) unverified_subject: Option<&'a str>,
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
