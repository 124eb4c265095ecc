//! The log of a service: events are handed to a thread that writes them, so that a full pipe at standard error stops no
//! thread that serves requests.
//!
//! Bounded in bytes. What does not fit is lost and counted by level: events of INFO and below from three quarters of the
//! room on, so that warnings and errors have room for longer. Lines are written in the order of their events. A process
//! that is killed loses what waits: usually the last [`GATHERING`].

use std::cell::RefCell;
use std::io;
use std::io::Write;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tracing::Level;
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use super::lost::EventCounts;
use super::lost::LostEvents;

/// Maximum number of bytes of lines that wait, those that are being written included. Some hundred milliseconds of
/// verdicts at the highest rate.
pub const QUEUE_BYTES: usize = 1024 * 1024;

/// How long lines wait for further ones, so that a thread is not woken for each of them.
const GATHERING: Duration = Duration::from_millis(5);

/// Pause before a write is tried again, if standard error is set not to block.
const NOT_READY: Duration = Duration::from_millis(10);

/// Handles a report of the numbers of lost events, on the thread that writes. Events in it are written at once.
pub(super) type Report = Box<dyn Fn(EventCounts) + Send>;

/// The lines of events, in front of the thread that writes them. Clones share it.
#[derive(Clone, Debug)]
pub struct LogQueue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The state has changed for the thread that writes.
    filled: Condvar,
    /// The state has changed for callers of [`LogQueue::flush`].
    written: Condvar,
    /// Maximum number of bytes of a batch.
    batch_bytes: usize,
    lost: &'static LostEvents,
}

/// Lines that are written together. Has all its memory from the start.
#[derive(Debug)]
struct Batch {
    bytes: Vec<u8>,
    events: EventCounts,
}

#[derive(Debug)]
struct State {
    filling: Batch,
    /// Events that were lost since the last batch was taken.
    lost: EventCounts,
    /// Events ever logged, and how many of them are written, or lost and reported.
    logged: u64,
    done: u64,
    /// Callers of [`LogQueue::flush`].
    flushing: usize,
    /// [`State::done`] when a caller of [`LogQueue::flush`] last waited in vain.
    stuck_at: Option<u64>,
}

thread_local! {
    /// On a thread that writes: the lines of its report.
    static REPORTED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// False on a thread that ends and has no such lines any more: it is not the one that writes.
fn with_reported(handle: impl FnOnce(&mut Option<Vec<u8>>) -> bool) -> bool {
    REPORTED
        .try_with(|reported| reported.try_borrow_mut().is_ok_and(|mut reported| handle(&mut reported)))
        .unwrap_or(false)
}

impl Batch {
    fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), events: EventCounts::default() }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.events = EventCounts::default();
    }
}

impl LogQueue {
    /// Starts the thread that writes to `out`, with room for `bytes` bytes. It never ends.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(
        bytes: usize,
        out: impl Write + Send + 'static,
        lost: &'static LostEvents,
        report: Report,
    ) -> io::Result<Self> {
        // One batch is filled while the other one is written.
        let batch_bytes = bytes / 2;
        let state = State {
            filling: Batch::with_capacity(batch_bytes),
            lost: EventCounts::default(),
            logged: 0,
            done: 0,
            flushing: 0,
            stuck_at: None,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            filled: Condvar::new(),
            written: Condvar::new(),
            batch_bytes,
            lost,
        });
        let of_thread = Arc::clone(&shared);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || of_thread.write_forever(out, &report))?;
        Ok(Self(shared))
    }

    /// Takes the line of one event of `level`, with its end.
    pub(super) fn write(&self, level: Level, line: &[u8]) {
        self.0.push(level, line);
    }

    /// Waits until every event that was logged before is written, at most `within`: the pipe at standard error may be full.
    /// Returns whether all are written, or lost and counted.
    pub fn flush(&self, within: Duration) -> bool {
        // The thread that writes cannot wait for itself.
        if with_reported(|reported| reported.is_some()) {
            return false;
        }
        let mut state = self.0.state();
        let until = state.logged;
        if state.done >= until {
            return true;
        }
        state.flushing += 1;
        self.0.filled.notify_one();
        let waited = self.0.written.wait_timeout_while(state, within, |state| state.done < until);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.flushing -= 1;
        let written = state.done >= until;
        state.stuck_at = (!written).then_some(state.done);
        written
    }

    /// As [`LogQueue::flush`], but returns `false` at once if a former call waited in vain and nothing was written since:
    /// for threads that serve requests.
    pub fn flush_unless_stuck(&self, within: Duration) -> bool {
        let state = self.0.state();
        let stuck = state.stuck_at == Some(state.done);
        drop(state);
        !stuck && self.flush(within)
    }
}

impl Shared {
    /// Nothing panics while it holds the lock, and no state is half changed.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, level: Level, line: &[u8]) {
        let room = if level <= Level::WARN { self.batch_bytes } else { self.batch_bytes / 4 * 3 };
        let mut state = self.state();
        state.logged += 1;
        let before = state.filling.bytes.len();
        let after = before.saturating_add(line.len());
        if after > room {
            let mut one = EventCounts::default();
            one.add(level);
            self.lost.add(one);
            // Only of a line that no batch has room for.
            let wakes = before == 0 && state.lost.is_zero();
            state.lost.add(level);
            if wakes {
                self.filled.notify_one();
            }
            return;
        }
        state.filling.bytes.extend_from_slice(line);
        state.filling.events.add(level);
        // Once for a batch, and once more if it is half full before it is gathered.
        if before == 0 || (before < self.batch_bytes / 2 && after >= self.batch_bytes / 2) {
            self.filled.notify_one();
        }
    }

    /// Waits for lines, and exchanges the batch being filled with `empty`.
    fn take(&self, empty: &mut Batch) -> (EventCounts, u64) {
        let nothing = |state: &mut State| state.filling.bytes.is_empty() && state.lost.is_zero();
        let waited = self.filled.wait_while(self.state(), nothing);
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        let gathers = |state: &mut State| state.flushing == 0 && state.filling.bytes.len() < self.batch_bytes / 2;
        let waited = self.filled.wait_timeout_while(state, GATHERING, gathers);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.filling, empty);
        (std::mem::take(&mut state.lost), state.logged)
    }

    fn write_forever(&self, out: impl Write, report: &Report) {
        let mut out = Lines { out, cut: false };
        let mut batch = Batch::with_capacity(self.batch_bytes);
        let mut unreported = EventCounts::default();
        loop {
            let (lost, until) = self.take(&mut batch);
            unreported.add_all(lost);
            if out.write_all(&batch.bytes).is_err() {
                // Also those that were written before the error.
                self.lost.add(batch.events);
                unreported.add_all(batch.events);
            } else if !unreported.is_zero() {
                // Behind the lines before which nothing was lost.
                REPORTED.set(Some(Vec::new()));
                report(unreported);
                let lines = REPORTED.take().unwrap_or_default();
                // Reported once more if this fails.
                if out.write_all(&lines).is_ok() {
                    unreported = EventCounts::default();
                }
            }
            batch.clear();
            let mut state = self.state();
            state.done = until;
            // Waking is a call of the system, also without anybody to wake.
            if state.flushing > 0 {
                self.written.notify_all();
            }
        }
    }
}

/// An output of lines.
struct Lines<W> {
    out: W,
    /// A write has failed within a line: the next line must not continue it.
    cut: bool,
}

impl<W: Write> Lines<W> {
    /// As [`Write::write_all`], of whole lines; waits for an output that is not ready.
    fn write_all(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.cut && !lines.is_empty() {
            self.write(b"\n")?;
        }
        self.write(lines)
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.out.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    let (written, rest) = bytes.split_at_checked(count).unwrap_or((bytes, &[]));
                    self.cut = !written.ends_with(b"\n");
                    bytes = rest;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::park_timeout(NOT_READY),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Takes the line of one event, which `tracing_subscriber` writes at once.
#[derive(Debug)]
pub struct LogLine<'a> {
    queue: &'a Shared,
    level: Level,
}

impl Write for LogLine<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let is_report = with_reported(|reported| {
            if let Some(lines) = reported {
                lines.extend_from_slice(line);
            }
            reported.is_some()
        });
        if !is_report {
            self.queue.push(self.level, line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogQueue {
    type Writer = LogLine<'a>;

    /// For lines without a level, which are none of events: as errors.
    fn make_writer(&'a self) -> Self::Writer {
        LogLine { queue: &self.0, level: Level::ERROR }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Self::Writer {
        LogLine { queue: &self.0, level: *event.level() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
