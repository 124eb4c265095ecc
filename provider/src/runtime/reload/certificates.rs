//! The certificate files, looked at again and again.

use crate::engine::system_clock;
use crate::runtime::Chain;
use crate::server::tls::LoadedTls;
use crate::server::tls::TlsError;
use crate::server::tls::TlsFiles;
use crate::server::tls::TlsPem;

/// The certificate files, and what they were at the last look.
pub(in crate::runtime) struct TlsSource {
    files: TlsFiles,
    /// An unreadable file by its message.
    seen: Result<TlsPem, String>,
}

impl TlsSource {
    pub(in crate::runtime) fn load(files: TlsFiles) -> Result<(Self, LoadedTls), TlsError> {
        let pem = files.read()?;
        let loaded = files.load(&pem, system_clock()())?;
        Ok((Self { files, seen: Ok(pem) }, loaded))
    }

    pub(super) fn files(&self) -> &TlsFiles {
        &self.files
    }

    /// `None` if nothing has changed since the last look, or if the files are changing just now.
    pub(super) fn poll(&mut self) -> Option<Result<LoadedTls, TlsError>> {
        let read = self.files.read();
        let seen = seen(&read);
        // Two looks that agree: a certificate and the key of the next one do not go together.
        if seen == self.seen || self::seen(&self.files.read()) != seen {
            return None;
        }
        self.seen = seen;
        Some(read.and_then(|pem| self.files.load(&pem, system_clock()())))
    }
}

fn seen(read: &Result<TlsPem, TlsError>) -> Result<TlsPem, String> {
    match read {
        Ok(pem) => Ok(pem.clone()),
        Err(error) => Err(Chain(error).to_string()),
    }
}
