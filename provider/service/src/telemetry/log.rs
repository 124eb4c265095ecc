//! Events as lines of JSON, or as text for people. One event per verdict, with fixed field names; internal events are
//! at debug.
//!
//! Never whole bodies, tokens, keys or certificates. The AWS SDK logs whole responses, at WARN too, and those of STS have
//! credentials. So no line of its crates is written at any level; what an operator needs of AWS is in our own events.

mod event;
mod fields;
mod finding;
mod lost;
mod prepared;
mod queue;
mod quota;
mod repeated;
mod verdict;

use std::io;
use std::path::Path;
use std::time::Duration;

pub use event::Decision;
pub use event::VerdictEvent;
pub use finding::Finding;
pub use finding::LoggedFindings;
pub use finding::mistakes_by_file;
pub use lost::EventCounts;
pub use lost::LEVELS;
pub use lost::LostEvents;
pub use lost::level_label;
pub use prepared::PreparedVerdict;
pub use queue::LogLine;
pub use queue::LogQueue;
pub use queue::QUEUE_BYTES;
pub use quota::Quota;
pub use repeated::REPEATED_BYTES;
pub use repeated::RepeatedVerdicts;
use tracing::Level;
use tracing::Subscriber;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
pub use verdict::verdict;

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A subscriber is installed already.
    #[error("internal error: the log is already initialised")]
    Twice,
    /// The system starts no thread.
    #[error(
        "the thread that writes the log cannot be started: {0}; what to do: raise the limit on processes and threads"
    )]
    Thread(#[source] io::Error),
}

/// How long the end of the process waits at most for the log to be written: the pipe at standard error may be full.
const FLUSH: Duration = Duration::from_secs(1);

/// The same for a panic of another thread than the first one, which usually ends no process but keeps a request waiting.
const FLUSH_AFTER_PANIC: Duration = Duration::from_millis(50);

/// The log of the process.
#[derive(Clone, Debug)]
pub struct Log {
    /// Changes its level.
    pub level: LevelHandle,
    queue: LogQueue,
}

impl Log {
    /// Waits until the events until now are written, at most one second. Returns whether they are.
    pub fn flush(&self) -> bool {
        self.queue.flush(FLUSH)
    }

    /// Waits for the event of a panic, after which the process may end. Only a panic of the first thread does end it; the
    /// others serve requests, and wait no longer if standard error is known to be stuck.
    fn flush_panic(&self) {
        if std::thread::current().name() == Some("main") {
            self.queue.flush(FLUSH);
        } else {
            self.queue.flush_unless_stuck(FLUSH_AFTER_PANIC);
        }
    }
}

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Json,
    /// Time, level, message and fields on a line. Not for machines.
    Text,
}

/// Writes events of `level` and above to standard error from now on; those of other crates only from WARN, and none of the
/// AWS SDK. Panics become events as well. Called once, when the process starts.
///
/// A thread of its own writes them: see [`LogQueue`]. What it cannot write in time is lost, counted in
/// [`LostEvents::of_process`] and reported by a warning.
///
/// # Errors
/// Called twice, or the thread cannot be started.
pub fn init(level: Level, format: Format) -> Result<Log, LogError> {
    let queue = LogQueue::start(QUEUE_BYTES, io::stderr(), LostEvents::of_process(), Box::new(report_lost));
    let log_queue = queue.map_err(LogError::Thread)?;
    let (subscriber, handle) = adjustable(level, format, log_queue.clone());
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
    match format {
        Format::Json => prepared::write_to(log_queue.clone()),
        Format::Text => {}
    }
    let log = Log { level: handle, queue: log_queue };
    let of_hook = log.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let file = panic.location().map(std::panic::Location::file).unwrap_or_default();
        tracing::error!(location, what = logged_panic_text(file, panic.payload()), "panic");
        of_hook.flush_panic();
    }));
    Ok(log)
}

/// At ERROR if such events were lost: with `log.level` error, there is no event at WARN.
fn report_lost(events: EventCounts) {
    macro_rules! report {
        ($level:expr) => {
            tracing::event!(
                $level,
                error = events.of(Level::ERROR),
                warn = events.of(Level::WARN),
                info = events.of(Level::INFO),
                debug = events.of(Level::DEBUG),
                trace = events.of(Level::TRACE),
                "events of the log were lost: standard error was not read fast enough"
            )
        };
    }
    if events.of(Level::ERROR) > 0 {
        report!(Level::ERROR);
    } else {
        report!(Level::WARN);
    }
}

/// Changes the level of the log at run time.
#[derive(Clone, Debug)]
pub struct LevelHandle(reload::Handle<Targets, tracing_subscriber::Registry>);

impl LevelHandle {
    /// Writes events of `level` and above from now on, as for [`init`].
    pub fn set(&self, level: Level) {
        // The subscriber lives as long as the process, and nothing panics while it holds the lock.
        let _ = self.0.reload(targets(level));
    }
}

/// The subscriber of [`init`] for JSON, with another writer.
pub fn subscriber<W>(level: Level, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    adjustable(level, Format::Json, writer).0
}

fn adjustable<W>(level: Level, format: Format, writer: W) -> (Box<dyn Subscriber + Send + Sync>, LevelHandle)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(targets(level));
    let lines = tracing_subscriber::fmt::layer().with_target(false).with_writer(writer);
    let registry = tracing_subscriber::registry().with(filter);
    let subscriber: Box<dyn Subscriber + Send + Sync> = match format {
        Format::Json => Box::new(registry.with(lines.json().flatten_event(true))),
        Format::Text => Box::new(registry.with(lines.with_ansi(false))),
    };
    (subscriber, LevelHandle(handle))
}

/// The first characters of the targets of all crates of this product, and no others.
const OURS: &str = "countersign";

/// The first characters of the targets of all crates of the AWS SDK.
const AWS_SDK: &str = "aws_";

fn targets(level: Level) -> Targets {
    Targets::new().with_default(Level::WARN.min(level)).with_target(OURS, level).with_target(AWS_SDK, LevelFilter::OFF)
}

/// The text of a panic in this source file, as it is logged. Texts of the AWS SDK are not, as they can have the values that
/// it failed to process.
fn logged_panic_text<'a>(file: &str, payload: &'a (dyn std::any::Any + Send)) -> &'a str {
    let mut folders = Path::new(file).iter().filter_map(|folder| folder.to_str());
    if folders.any(|folder| folder.starts_with("aws-") && !folder.starts_with("aws-lc-")) {
        return "a panic in the AWS SDK, whose text is not logged";
    }
    panic_text(payload)
}

/// The text of a panic, if it has one.
#[must_use]
pub fn panic_text(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a text")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
