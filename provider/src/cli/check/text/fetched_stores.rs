//! The trust stores that are fetched.

use countersign_files::ShownPath;

use super::Page;
use crate::cli::check::fetched_stores::FetchedStoreEntry;
use crate::config::StoreSource;
use crate::config::written_duration;
use crate::policy_source::FetchStatus;

impl Page {
    pub(super) fn fetched_store(&mut self, FetchedStoreEntry { store, source, status }: &FetchedStoreEntry) {
        self.0.push('\n');
        self.line("trust store", store);
        match source {
            StoreSource::Url(url) => {
                self.line("  source", &url.location);
                self.line("    digest", &url.sha256);
            }
            StoreSource::KeyVault(source) => {
                self.line("  source", &source.vault);
                source.certificates.iter().for_each(|certificate| self.line("    reads", certificate));
                self.line("    content", if source.secret { "the chain, of the secret" } else { "the certificate" });
                self.line("    identity", source.identity.name());
                source.identity.tenant().iter().for_each(|tenant| self.line("    tenant", tenant));
                source.identity.secret_file().iter().for_each(|file| self.line("    secret", ShownPath::of(file)));
                self.line("    refresh", format_args!("every {}", written_duration(source.refresh_interval)));
            }
        }
        let Some(FetchStatus { fetched, files, failure, nothing_enabled: _, next }) = status else { return };
        match fetched {
            Some(at) => self.line("  fetched", at),
            None => self.line("  fetched", "nothing"),
        }
        files.iter().for_each(|file| self.line("    file", file));
        failure.iter().for_each(|failure| self.line("    problem", &failure.why));
        next.iter().for_each(|next| self.line("    next", format_args!("{next}, in a running service")));
    }
}
