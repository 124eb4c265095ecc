//! Events as lines of JSON. One event per verdict, with fixed field names; what happens inside is at debug.
//!
//! Never whole bodies, tokens, keys or certificates.

use std::io;
use std::time::Duration;

use countersign_core::verdict::Blame;
use countersign_core::verdict::Code;
use countersign_core::verdict::VerdictKind;
use tracing::Level;
use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;

/// Longest image in an event, in bytes: a key that is no reference may have any length.
const IMAGE_BYTES: usize = 512;

/// Longest detail in an event, in bytes: some of it comes from registries and certificates.
const DETAIL_BYTES: usize = 2048;

/// There is a subscriber already.
#[derive(Debug, thiserror::Error)]
#[error("log is initialised already: want one call at the start")]
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
    let ours = ["countersign", "countersign_core", "countersign_registry"].map(|name| (name, level));
    Targets::new().with_default(Level::WARN.min(level)).with_targets(ours)
}

/// The text of a panic, if it has one.
#[must_use]
pub fn panic_text(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a text")
}

/// A verdict about one image, or the failed look-up of a tag.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    pub door: &'static str,
    pub request_id: &'a str,
    /// As requested.
    pub image: &'a str,
    pub digest: Option<&'a str>,
    pub code: Code,
    /// The sentence behind the code.
    pub detail: &'a str,
    /// The trust policy statement.
    pub rule: Option<&'a str>,
    /// Whether the answer was remembered.
    pub cached: bool,
    pub elapsed: Duration,
}

/// Writes the event: at info, as a warning what could not be decided, as an error what is our fault.
pub fn verdict(verdict: &Verdict<'_>) {
    let Verdict { door, request_id, image, digest, code, detail, rule, cached, elapsed } = *verdict;
    let (image, detail) = (head(image, IMAGE_BYTES), head(detail, DETAIL_BYTES));
    let blame = code.blame();
    macro_rules! event {
        ($level:expr) => {
            tracing::event!(
                $level,
                door,
                request_id,
                image,
                digest,
                verdict = code.kind().text(),
                code = code.text(),
                blame = blame.text(),
                detail,
                rule,
                cache = if cached { "hit" } else { "miss" },
                elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                "verdict"
            )
        };
    }
    match (blame, code.kind()) {
        (Blame::Countersign, _) => event!(Level::ERROR),
        (
            Blame::Nobody | Blame::Caller | Blame::Signer | Blame::Operator | Blame::Registry,
            VerdictKind::Inconclusive,
        ) => event!(Level::WARN),
        (
            Blame::Nobody | Blame::Caller | Blame::Signer | Blame::Operator | Blame::Registry,
            VerdictKind::Verified | VerdictKind::Skipped | VerdictKind::Rejected,
        ) => event!(Level::INFO),
    }
}

fn head(text: &str, most: usize) -> &str {
    let end = (0..=text.len().min(most)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;

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

    fn one(code: Code) -> Verdict<'static> {
        Verdict {
            door: "verify",
            request_id: "1f",
            image: "nginx",
            digest: None,
            code,
            detail: "found: want",
            rule: Some("all"),
            cached: true,
            elapsed: Duration::from_millis(12),
        }
    }

    #[test]
    fn a_verdict_is_one_event_with_fixed_names() {
        let mut events =
            written(Level::INFO, || verdict(&Verdict { digest: Some("sha256:00"), ..one(Code::Unsigned) }));
        assert_eq!(events.len(), 1);
        let mut event = events.remove(0);
        assert!(event.as_object_mut().unwrap().remove("timestamp").is_some());
        assert_eq!(
            event,
            json!({
                "level": "INFO", "message": "verdict", "door": "verify", "request_id": "1f", "image": "nginx",
                "digest": "sha256:00", "verdict": "rejected", "code": "unsigned", "blame": "signer",
                "detail": "found: want", "rule": "all", "cache": "hit", "elapsed_ms": 12,
            })
        );
    }

    #[test]
    fn the_level_says_who_should_look() {
        let events = written(Level::INFO, || {
            for code in [Code::Verified, Code::Unsigned, Code::RegistryTimeout, Code::InternalError] {
                verdict(&one(code));
            }
        });
        let levels: Vec<&str> = events.iter().map(|event| event["level"].as_str().unwrap()).collect();
        assert_eq!(levels, ["INFO", "INFO", "WARN", "ERROR"]);
    }

    #[test]
    fn a_monstrous_key_and_line_ends_stay_within_a_line() {
        let image = format!("a\nb{}", "ü".repeat(10_000));
        let events = written(Level::INFO, || verdict(&Verdict { image: &image, ..one(Code::InvalidReference) }));
        let logged = events[0]["image"].as_str().unwrap();
        assert!(logged.starts_with("a\nbü") && logged.len() <= IMAGE_BYTES);
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
