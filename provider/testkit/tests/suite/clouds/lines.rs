//! A process of doubles in a thread: its lines of JSON.

use std::io::BufReader;
use std::io::PipeReader;
use std::io::PipeWriter;
use std::io::Write;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use serde_json::Value;

/// Sends each line that is written.
pub(crate) struct Lines(SyncSender<Value>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // A test that has ended reads no more lines.
        let _ = self.0.send(serde_json::from_slice(bytes).expect("one whole line at once"));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A running process.
pub(crate) struct Process {
    commands: PipeWriter,
    lines: Receiver<Value>,
    running: JoinHandle<Result<(), String>>,
}

impl Process {
    pub(crate) fn start(run: impl FnOnce(BufReader<PipeReader>, Lines) -> Result<(), String> + Send + 'static) -> Self {
        let (reader, commands) = std::io::pipe().unwrap();
        let (sender, lines) = sync_channel(100);
        let running = std::thread::spawn(move || run(BufReader::new(reader), Lines(sender)));
        Self { commands, lines, running }
    }

    /// The next line.
    pub(crate) fn line(&self) -> Value {
        self.lines.recv().unwrap()
    }

    /// Sends a command. Returns the next line.
    pub(crate) fn send(&mut self, command: &Value) -> Value {
        writeln!(self.commands, "{command}").unwrap();
        self.line()
    }

    /// Ends its input. Returns how it has ended.
    pub(crate) fn end(self) -> Result<(), String> {
        drop(self.commands);
        self.running.join().unwrap()
    }
}
