//! The server's certificate files: loaded at the start, and again when they have changed.

use std::sync::Arc;

use super::status::ReloadStatus;
use crate::clock;
use crate::files;
use crate::files::Change;
use crate::server::tls::LoadedTls;
use crate::server::tls::Tls;
use crate::server::tls::TlsErrors;
use crate::server::tls::TlsFiles;
use crate::server::tls::TlsPem;
use crate::telemetry::metrics::Component;

/// Detects changes of the certificate files.
pub(super) struct CertificateFiles {
    files: TlsFiles,
    last_read: LastRead,
}

/// The content of the files when they were last read, or the error message.
type LastRead = Result<TlsPem, String>;

impl CertificateFiles {
    /// # Errors
    /// A file cannot be read, or their content is invalid.
    pub(super) fn load(files: TlsFiles) -> Result<(Self, LoadedTls), TlsErrors> {
        let pem = files.read()?;
        let loaded = files.load(&pem, clock::now())?;
        Ok((Self { files, last_read: Ok(pem) }, loaded))
    }

    /// Loads changed files. `None` if nothing has changed since the last read, or if the files are being written.
    pub(super) fn poll(&mut self) -> Option<Result<LoadedTls, TlsErrors>> {
        let is_known = |(_, read): &(_, LastRead)| *read == self.last_read;
        let read = || {
            let read = self.files.read();
            let content = last_read(&read);
            (read, content)
        };
        match files::poll(read, is_known, |(_, one), (_, other)| one == other) {
            Change::None | Change::Unsettled => None,
            Change::Some((read, content)) => {
                self.last_read = content;
                Some(read.and_then(|pem| self.files.load(&pem, clock::now())))
            }
        }
    }
}

fn last_read(read: &Result<TlsPem, TlsErrors>) -> LastRead {
    match read {
        Ok(pem) => Ok(pem.clone()),
        Err(error) => Err(error.to_string()),
    }
}

/// Reloads the certificate files ([`Component::Tls`]).
pub(super) struct Certificates {
    files: CertificateFiles,
    pub(super) tls: Arc<Tls>,
}

impl Certificates {
    pub(super) fn new(files: CertificateFiles, tls: Arc<Tls>) -> Self {
        Self { files, tls }
    }

    /// Uses changed files for new connections. If they have a mistake, the former ones stay in use.
    pub(super) fn reload(&mut self, status: &mut ReloadStatus) {
        match self.files.poll() {
            None => {}
            Some(Ok(loaded)) => {
                tracing::info!(until = %loaded.server_end(), "certificates in use for new connections");
                self.tls.swap(loaded);
                status.certificates_in_use(&self.tls.current());
            }
            Some(Err(error)) => status.refused(Component::Tls, &error.to_string()),
        }
    }

    /// Loads the files that a changed configuration names; `None` if it names the same as before.
    ///
    /// # Errors
    /// As [`CertificateFiles::load`].
    pub(super) fn prepare(&self, files: TlsFiles) -> Result<Option<(CertificateFiles, LoadedTls)>, TlsErrors> {
        (files != self.files.files).then(|| CertificateFiles::load(files)).transpose()
    }

    /// Uses the certificates that [`Self::prepare`] has loaded.
    pub(super) fn replace(&mut self, (files, loaded): (CertificateFiles, LoadedTls), status: &mut ReloadStatus) {
        self.files = files;
        self.tls.swap(loaded);
        status.certificates_in_use(&self.tls.current());
    }
}
