//! The line of an event about a verdict that is in memory, as far as it does not differ from one request to the next.
//!
//! Only for JSON at standard error, as [`super::init`] sets it up: the line goes to its queue without passing through `tracing`, which
//! would write the same. Other subscribers, and the text for people, get the events as such.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::ser::to_string;
use tracing::Level;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime as _;
use tracing_subscriber::fmt::time::SystemTime;

use super::event::VerdictEvent;
use super::fields::Fields;
use super::fields::Member;
use super::queue::LogQueue;

/// The queue of the process, if its log is JSON.
static QUEUE: OnceLock<LogQueue> = OnceLock::new();

thread_local! {
    /// The line that is being written.
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Lines of prepared events go to `queue` from now on.
pub(super) fn write_to(queue: LogQueue) {
    // Set once, by the only call of `init` that succeeds.
    let _ = QUEUE.set(queue);
}

/// The parts of a line that do not change.
#[derive(Debug)]
pub struct PreparedVerdict {
    /// Up to the request ID.
    before: Box<str>,
    /// From behind it to the number of repeated events.
    after: Box<str>,
}

impl PreparedVerdict {
    /// The event at INFO, without its request ID, how often it is repeated, and its time. `None` if the log of the process is not
    /// JSON, or if the event has another level or failed signatures.
    pub fn of(event: &VerdictEvent<'_>) -> Option<Self> {
        QUEUE.get()?;
        Self::in_json(event)
    }

    /// As [`Self::of`], whatever the log of the process is.
    #[must_use]
    pub fn in_json(event: &VerdictEvent<'_>) -> Option<Self> {
        let fields = Fields::of(event);
        if fields.level() != Level::INFO || fields.has_failed_signatures() {
            return None;
        }
        let (before, after) = fields.around_request_id();
        Some(Self { before: members(&before).into(), after: members(&after).into() })
    }

    /// Memory that it has, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.before.len() + self.after.len()
    }

    /// Writes the event.
    pub fn write(&self, request_id: &str, repeated: u64, elapsed: Duration) {
        if !tracing::enabled!(Level::INFO) {
            return;
        }
        let Some(queue) = QUEUE.get() else { return };
        LINE.with_borrow_mut(|line| {
            line.clear();
            self.line(line, request_id, repeated, elapsed);
            queue.write(Level::INFO, line.as_bytes());
        });
    }

    /// Appends the event to `line`, with its end. `request_id` has no character that JSON escapes.
    pub fn line(&self, line: &mut String, request_id: &str, repeated: u64, elapsed: Duration) {
        line.push_str("{\"timestamp\":\"");
        // As events have it. Writing to a text does not fail.
        let _ = SystemTime.format_time(&mut Writer::new(line));
        let Self { before, after } = self;
        let _ = write!(line, "\",\"level\":\"INFO\"{before},\"request_id\":\"{request_id}\"{after}");
        if repeated > 0 {
            let _ = write!(line, ",\"repeated\":{repeated}");
        }
        let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let _ = writeln!(line, ",\"elapsed_ms\":{elapsed}}}");
    }
}

/// Members of a JSON object, each with a comma before it; those without a value are left out.
fn members(fields: &[Member<'_>]) -> String {
    let member = |(name, value): &Member<'_>| {
        let value = to_string((*value)?).ok()?;
        Some(format!(",\"{name}\":{value}"))
    };
    fields.iter().filter_map(member).collect()
}
