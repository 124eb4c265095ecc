//! Events as lines of JSON. One event per verdict, with fixed field names; what happens inside is at debug.
//!
//! Never whole bodies, tokens, keys or certificates.

mod quota;

use std::io;
use std::time::Duration;

use countersign_core::codec::hex::hex;
use countersign_core::codec::text;
use countersign_core::codec::text::Text;
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
pub use quota::Quota;
use tracing::Level;
use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;

/// Longest image in an event, in bytes: a key that is no reference may have any length.
const IMAGE_BYTES: usize = 512;

/// Most bytes of an event about signatures that did not count.
const FAILED_BYTES: usize = 4096;

/// There is a subscriber already.
#[derive(Debug, thiserror::Error)]
#[error("internal error: the log is already initialised")]
pub struct LogError;

/// Events of `level` and above go to standard error from now on, and those of other crates if they are warnings. Panics
/// become events as well. For the beginning of the process.
///
/// # Errors
/// Called twice.
pub fn init(level: Level) -> Result<LevelHandle, LogError> {
    let (subscriber, handle) = adjustable(level, io::stderr);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError)?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, what = panic_text(panic.payload()), "panic");
    }));
    Ok(handle)
}

/// Changes the level of the log while we run.
#[derive(Clone, Debug)]
pub struct LevelHandle(reload::Handle<Targets, tracing_subscriber::Registry>);

impl LevelHandle {
    /// Events of `level` and above are written from now on, as for [`init`].
    pub fn set(&self, level: Level) {
        // The subscriber lives as long as the process, and nothing panics while it holds the lock.
        let _ = self.0.reload(targets(level));
    }
}

/// What [`init`] installs, with another place to write to.
pub fn subscriber<W>(level: Level, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    adjustable(level, writer).0
}

fn adjustable<W>(level: Level, writer: W) -> (impl Subscriber + Send + Sync, LevelHandle)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(targets(level));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_target(false).with_writer(writer);
    (tracing_subscriber::registry().with(filter).with(lines), LevelHandle(handle))
}

fn targets(level: Level) -> Targets {
    let ours =
        ["countersign", "countersign_core", "countersign_http", "countersign_registry"].map(|name| (name, level));
    Targets::new().with_default(Level::WARN.min(level)).with_targets(ours)
}

/// The text of a panic, if it has one.
#[must_use]
pub fn panic_text(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a text")
}

/// What became of one image of a request.
#[derive(Clone, Copy, Debug)]
pub struct VerdictEvent<'a> {
    pub endpoint: &'static str,
    pub request_id: &'a str,
    /// As requested.
    pub image: &'a str,
    pub digest: Option<&'a str>,
    pub decision: Decision<'a>,
    /// Whether the answer was remembered.
    pub cached: bool,
    pub elapsed: Duration,
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

    /// Signatures that did not count.
    fn failed(self) -> Option<&'a FailedSignatures> {
        match self {
            Self::Decided(ImageVerdict::Verified(verified)) => Some(&verified.others),
            Self::Decided(ImageVerdict::Rejected(rejected)) => Some(&rejected.signatures),
            Self::Decided(ImageVerdict::Inconclusive(inconclusive)) => Some(&inconclusive.signatures),
            Self::Decided(ImageVerdict::Skipped(_)) | Self::Unresolved(_) => None,
        }
    }

    /// The sentence behind the code; none where all is well.
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

/// Writes the event: at info, as a warning what could not be decided and what is admitted although a check failed, as an
/// error what is our fault. README.md lists the fields.
pub fn verdict(verdict: &VerdictEvent<'_>) {
    let VerdictEvent { endpoint, request_id, image, digest, decision, cached, elapsed } = *verdict;
    let image = Text::of(&image[..image.floor_char_boundary(IMAGE_BYTES)]);
    let image = image.as_str();
    let code = decision.code();
    let responsible = code.responsible();
    let detail = decision.detail();
    let detail = detail.as_ref().map_or("", Text::as_str);
    let signature_fields = decision.verified().map(SignatureFields::of);
    let signature_fields = signature_fields.as_ref();
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
                unverified_subject = signature_fields.and_then(|signature_fields| signature_fields.unverified_subject),
                warnings =
                    signature_fields.filter(|_| warned).map(|signature_fields| signature_fields.warnings.as_str()),
                failed_signatures = failed_signatures.as_deref(),
                failed_signatures_total = failed.and_then(|failed| u64::try_from(failed.total()).ok()),
                cache = if cached { "hit" } else { "miss" },
                elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                "verdict"
            )
        };
    }
    match (responsible, code.kind()) {
        (Responsible::Countersign, _) => event!(Level::ERROR),
        (
            Responsible::None
            | Responsible::Caller
            | Responsible::Signer
            | Responsible::Operator
            | Responsible::Registry,
            VerdictKind::Inconclusive,
        ) => event!(Level::WARN),
        (
            Responsible::None
            | Responsible::Caller
            | Responsible::Signer
            | Responsible::Operator
            | Responsible::Registry,
            VerdictKind::Verified | VerdictKind::Skipped | VerdictKind::Rejected,
        ) => {
            if warned {
                event!(Level::WARN);
            } else {
                event!(Level::INFO);
            }
        }
    }
}

/// What there is to say about the signature that counts. Who signature_fields, only if somebody has vouched for it.
struct SignatureFields<'a> {
    /// Digest of the signature manifest.
    signature: &'a str,
    subject: Option<&'a str>,
    issuer: Option<&'a str>,
    trust_store: Option<String>,
    anchor: Option<&'a str>,
    anchor_sha256: Option<String>,
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;

    use countersign_core::name::Digest;
    use countersign_core::name::DigestAlgorithm;
    use countersign_core::verdict::Reasons;
    use countersign_core::verdict::Skipped;
    use serde_json::json;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(level: Level, act: impl FnOnce()) -> Vec<serde_json::Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(subscriber(level, move || writer.clone()), act);
        let bytes = lines.0.lock().unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn one(decision: Decision<'_>) -> VerdictEvent<'_> {
        VerdictEvent {
            endpoint: "verify",
            request_id: "1f",
            image: "nginx",
            digest: None,
            decision,
            cached: true,
            elapsed: Duration::from_millis(12),
        }
    }

    fn failed(code: Code, detail: &str) -> FailedSignature {
        FailedSignature {
            manifest: Digest::of(DigestAlgorithm::Sha256, b"{}"),
            unverified_subject: None,
            reasons: Reasons::one(Reason::new(code, detail)),
        }
    }

    #[test]
    fn a_verdict_is_one_event_with_fixed_names() {
        let signatures = [failed(Code::UntrustedChain, "a, expected b"), failed(Code::Expired, "found x")];
        let rejected = ImageVerdict::none_verified("all".into(), signatures.into_iter().collect(), None);
        let mut events = written(Level::INFO, || {
            verdict(&VerdictEvent { digest: Some("sha256:00"), ..one(Decision::Decided(&rejected)) });
        });
        assert_eq!(events.len(), 1);
        let mut event = events.remove(0);
        assert!(event.as_object_mut().unwrap().remove("timestamp").is_some());
        let manifest = Digest::of(DigestAlgorithm::Sha256, b"{}");
        assert_eq!(
            event,
            json!({
                "level": "INFO", "message": "verdict", "endpoint": "verify", "door": "verify", "request_id": "1f", "image": "nginx",
                "digest": "sha256:00", "verdict": "rejected", "code": "expired", "blame": "signer",
                "detail": "found x", "statement": "all", "rule": "all", "cache": "hit", "elapsed_ms": 12,
                "failed_signatures": format!("{manifest}: untrusted-chain: a, expected b | {manifest}: expired: found x"),
                "failed_signatures_total": 2,
            })
        );
    }

    #[test]
    fn signatures_that_did_not_count_stay_within_their_bytes() {
        let many = (0..100).map(|_| failed(Code::Expired, &"\u{202e}".repeat(100_000)));
        let rejected = ImageVerdict::none_verified("all".into(), many.collect(), None);
        let events = written(Level::INFO, || verdict(&one(Decision::Decided(&rejected))));
        let text = events[0]["failed_signatures"].as_str().unwrap();
        assert!(text.len() <= FAILED_BYTES + " and 100 more".len() && text.ends_with(" and 96 more"), "{text}");
        assert_eq!(events[0]["failed_signatures_total"], 100);
    }

    #[test]
    fn the_level_says_who_should_look() {
        let skipped = ImageVerdict::Skipped(Skipped { statement: "mirror".into() });
        let of = |code| ImageVerdict::from_reason(None, Reason::new(code, "found x"));
        let unresolved = Reason::new(Code::RegistryTimeout, "found x");
        let (unsigned, timeout, bug) = (of(Code::Unsigned), of(Code::RegistryTimeout), of(Code::InternalError));
        let events = written(Level::INFO, || {
            for decision in [&skipped, &unsigned, &timeout, &bug].map(Decision::Decided) {
                verdict(&one(decision));
            }
            verdict(&one(Decision::Unresolved(&unresolved)));
        });
        let levels: Vec<&str> = events.iter().map(|event| event["level"].as_str().unwrap()).collect();
        assert_eq!(levels, ["INFO", "INFO", "WARN", "ERROR", "WARN"]);
    }

    #[test]
    fn a_monstrous_key_and_line_ends_stay_within_a_line() {
        let image = format!("a\n\u{2028}b{}", "ü".repeat(10_000));
        let invalid = ImageVerdict::from_reason(None, Reason::new(Code::InvalidReference, "x"));
        let events =
            written(Level::INFO, || verdict(&VerdictEvent { image: &image, ..one(Decision::Decided(&invalid)) }));
        let logged = events[0]["image"].as_str().unwrap();
        assert!(logged.starts_with("a\\n\\u{2028}bü") && logged.len() < 2 * IMAGE_BYTES, "{logged}");
    }

    #[test]
    fn the_level_can_be_changed_while_we_run() {
        let lines = Lines::default();
        let writer = lines.clone();
        let (subscriber, handle) = adjustable(Level::WARN, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "countersign::server", "one");
            handle.set(Level::INFO);
            tracing::info!(target: "countersign::server", "two");
        });
        let bytes = lines.0.lock().unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(!text.contains("one") && text.contains("two"), "{text}");
    }

    #[test]
    fn other_crates_speak_only_of_trouble() {
        let events = written(Level::DEBUG, || {
            tracing::info!(target: "hyper::proto", "chatter");
            tracing::warn!(target: "hyper::proto", "trouble");
            tracing::debug!(target: "countersign::server", "detail");
        });
        let messages: Vec<&str> = events.iter().map(|event| event["message"].as_str().unwrap()).collect();
        assert_eq!(messages, ["trouble", "detail"]);
    }
}
