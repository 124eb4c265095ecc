use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;

use super::*;
use crate::telemetry::log::subscriber;

/// Long enough for a thread of this process, short enough for a test that fails.
const SOON: Duration = Duration::from_secs(20);

/// An output whose writes wait until the test allows each of them.
struct Gated {
    begun: SyncSender<()>,
    allowed: Receiver<io::Result<()>>,
    written: Arc<Mutex<Vec<u8>>>,
}

/// The other side of a [`Gated`].
struct Gate {
    begun: Receiver<()>,
    allow: SyncSender<io::Result<()>>,
    written: Arc<Mutex<Vec<u8>>>,
}

fn gated() -> (Gated, Gate) {
    let (begun, begins) = sync_channel(100);
    let (allow, allowed) = sync_channel(100);
    let written = Arc::<Mutex<Vec<u8>>>::default();
    (Gated { begun, allowed, written: Arc::clone(&written) }, Gate { begun: begins, allow, written })
}

impl Write for Gated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.send(()).unwrap();
        self.allowed.recv().unwrap()?;
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Gate {
    fn text(&self) -> String {
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }
}

fn queue(bytes: usize, out: impl Write + Send + 'static) -> (LogQueue, &'static LostEvents) {
    let lost: &'static LostEvents = Box::leak(Box::default());
    let shared = Arc::new(Mutex::new(None::<LogQueue>));
    let of_report = Arc::clone(&shared);
    let report = move |counts: EventCounts| {
        let queue = of_report.lock().unwrap().clone().unwrap();
        let text = format!("lost: {} error, {} info\n", counts.of(Level::ERROR), counts.of(Level::INFO));
        queue.make_writer().write_all(text.as_bytes()).unwrap();
    };
    let queue = LogQueue::start(bytes, out, lost, Box::new(report)).unwrap();
    *shared.lock().unwrap() = Some(queue.clone());
    (queue, lost)
}

fn counts(error: u64, info: u64) -> EventCounts {
    let mut counts = EventCounts::default();
    (0..error).for_each(|_| counts.add(Level::ERROR));
    (0..info).for_each(|_| counts.add(Level::INFO));
    counts
}

/// A queue whose thread writes a first line that never ends, with room for 80 bytes behind it.
fn stuck() -> (LogQueue, &'static LostEvents, Gate) {
    let (out, gate) = gated();
    let (queue, lost) = queue(160, out);
    queue.0.push(Level::INFO, b"first\n");
    gate.begun.recv_timeout(SOON).unwrap();
    (queue, lost, gate)
}

#[test]
fn all_lines_are_written_in_their_order() {
    let (out, gate) = gated();
    for _ in 0..100 {
        gate.allow.send(Ok(())).unwrap();
    }
    let (queue, lost) = queue(1024 * 1024, out);
    let lines: Vec<String> = (0..10_000).map(|number| format!("line {number}\n")).collect();
    for line in &lines {
        queue.0.push(Level::INFO, line.as_bytes());
    }
    assert!(queue.flush(SOON));
    assert_eq!(gate.text(), lines.concat());
    assert_eq!(lost.counts(), EventCounts::default());
}

#[test]
fn an_output_that_is_not_read_loses_information_first_and_then_errors() {
    let (queue, lost, gate) = stuck();
    // Three quarters of 80 bytes are six lines.
    for number in 0..9 {
        queue.0.push(Level::INFO, format!("info    {number}\n").as_bytes());
    }
    assert_eq!(lost.counts(), counts(0, 3));
    for number in 0..4 {
        queue.0.push(Level::ERROR, format!("error   {number}\n").as_bytes());
    }
    assert_eq!(lost.counts(), counts(2, 3));
    assert!(!queue.flush(Duration::from_millis(1)));
    for _ in 0..3 {
        gate.allow.send(Ok(())).unwrap();
    }
    assert!(queue.flush(SOON));
    let info = |number| format!("info    {number}\n");
    let error = |number| format!("error   {number}\n");
    let wanted: String = (0..6).map(info).chain((0..2).map(error)).collect();
    assert_eq!(gate.text(), format!("first\n{wanted}lost: 2 error, 3 info\n"));
    assert_eq!(lost.counts(), counts(2, 3));
}

#[test]
fn a_line_that_no_batch_has_room_for_is_lost_and_reported() {
    let (out, gate) = gated();
    let (queue, lost) = queue(160, out);
    queue.0.push(Level::ERROR, &[b'x'; 81]);
    gate.begun.recv_timeout(SOON).unwrap();
    gate.allow.send(Ok(())).unwrap();
    gate.allow.send(Ok(())).unwrap();
    queue.0.push(Level::INFO, b"next\n");
    assert!(queue.flush(SOON));
    assert_eq!(lost.counts(), counts(1, 0));
    assert_eq!(gate.text(), "lost: 1 error, 0 info\nnext\n");
}

#[test]
fn lines_that_cannot_be_written_are_lost_and_reported_with_the_next_ones() {
    let (queue, lost, gate) = stuck();
    gate.allow.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
    assert!(queue.flush(SOON));
    assert_eq!(lost.counts(), counts(0, 1));
    for _ in 0..2 {
        gate.allow.send(Ok(())).unwrap();
    }
    queue.0.push(Level::INFO, b"next\n");
    assert!(queue.flush(SOON));
    assert_eq!(gate.text(), "next\nlost: 0 error, 1 info\n");
}

/// Takes three bytes, and then fails once.
struct Cutting {
    written: Arc<Mutex<Vec<u8>>>,
    writes: usize,
}

impl Write for Cutting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        let taken = match self.writes {
            1 => 3,
            2 => return Err(io::ErrorKind::StorageFull.into()),
            _ => bytes.len(),
        };
        self.written.lock().unwrap().extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_line_whose_end_cannot_be_written_is_not_continued_by_the_next_one() {
    let written = Arc::<Mutex<Vec<u8>>>::default();
    let (queue, lost) = queue(160, Cutting { written: Arc::clone(&written), writes: 0 });
    queue.0.push(Level::INFO, b"first\n");
    assert!(queue.flush(SOON));
    queue.0.push(Level::INFO, b"next\n");
    assert!(queue.flush(SOON));
    assert_eq!(lost.counts(), counts(0, 1));
    let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    assert_eq!(text, "fir\nnext\nlost: 0 error, 1 info\n");
}

#[test]
fn an_interrupted_write_and_one_that_would_block_are_tried_again() {
    let (queue, lost, gate) = stuck();
    for result in [Err(io::ErrorKind::Interrupted.into()), Err(io::ErrorKind::WouldBlock.into()), Ok(())] {
        gate.allow.send(result).unwrap();
    }
    assert!(queue.flush(SOON));
    assert_eq!((gate.text().as_str(), lost.counts()), ("first\n", EventCounts::default()));
}

#[test]
fn events_are_lines_with_their_level() {
    let (queue, lost, gate) = stuck();
    for _ in 0..3 {
        gate.allow.send(Ok(())).unwrap();
    }
    assert!(queue.flush(SOON));
    tracing::subscriber::with_default(subscriber(Level::INFO, queue.clone()), || {
        tracing::info!(long = "x".repeat(100), "a");
        tracing::error!(long = "x".repeat(100), "b");
        tracing::debug!(long = "x".repeat(100), "c");
    });
    assert_eq!(lost.counts(), counts(1, 1));
    assert!(queue.flush(SOON));
}

#[test]
fn a_flush_waits_for_the_report_of_a_loss_too() {
    let (out, gate) = gated();
    let (queue, lost) = queue(160, out);
    queue.0.push(Level::ERROR, &[b'x'; 81]);
    gate.begun.recv_timeout(SOON).unwrap();
    assert!(!queue.flush(Duration::from_millis(1)));
    gate.allow.send(Ok(())).unwrap();
    assert!(queue.flush(SOON));
    assert_eq!((gate.text().as_str(), lost.counts()), ("lost: 1 error, 0 info\n", counts(1, 0)));
}

#[test]
fn a_thread_that_serves_requests_waits_in_vain_once_and_not_again_until_something_is_written() {
    let (queue, _, gate) = stuck();
    assert!(!queue.flush_unless_stuck(Duration::from_millis(1)));
    // At once: with a wait of this length the test would not end.
    assert!(!queue.flush_unless_stuck(Duration::from_secs(1_000_000)));
    gate.allow.send(Ok(())).unwrap();
    assert!(queue.flush(SOON));
    queue.0.push(Level::INFO, b"next\n");
    gate.allow.send(Ok(())).unwrap();
    assert!(queue.flush_unless_stuck(SOON));
    assert_eq!(gate.text(), "first\nnext\n");
}

#[test]
fn takes_no_more_memory_than_its_limit() {
    let (queue, _, _gate) = stuck();
    for _ in 0..1000 {
        queue.0.push(Level::ERROR, b"0123456789");
    }
    let state = queue.0.state();
    assert_eq!((state.filling.bytes.len(), state.filling.bytes.capacity()), (80, 80));
}
