//! Captures the log of the provider in memory.

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use countersign::telemetry::log;
use serde_json::Value;
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

/// The log as lines of JSON.
#[derive(Clone, Default)]
pub(crate) struct CapturedLog(Arc<Mutex<Vec<u8>>>);

impl CapturedLog {
    /// Captures what the process logs from now on.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let captured = Self::default();
        tracing::subscriber::set_global_default(log::subscriber(Level::INFO, captured.clone()))?;
        Ok(captured)
    }

    /// The log event of the first verdict about an image.
    pub(crate) fn verdict_about(&self, image: &str) -> Option<Value> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|event| event["image"] == image && event["verdict"].is_string())
    }
}

impl io::Write for CapturedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for CapturedLog {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
