//! The provider's log, kept in memory.

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use countersign::telemetry::log;
use serde_json::Value;
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

/// Lines of JSON, as the provider writes them.
#[derive(Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<u8>>>);

impl Journal {
    /// Takes what the process logs from now on.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let journal = Self::default();
        tracing::subscriber::set_global_default(log::subscriber(Level::INFO, journal.clone()))?;
        Ok(journal)
    }

    /// The event of the first verdict about an image.
    pub(crate) fn verdict_about(&self, image: &str) -> Option<Value> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|event| event["image"] == image && event["verdict"].is_string())
    }
}

impl io::Write for Journal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Journal {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
