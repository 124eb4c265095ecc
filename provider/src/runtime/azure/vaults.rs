//! Reads certificates of vaults for trust stores.

use std::time::Duration;

use countersign_azure::Azure;
use countersign_azure::Content;
use countersign_azure::FoundCertificate;
use countersign_azure::FoundVersion;
use countersign_azure::KeyVault;
use countersign_azure::KeyVaultError;
use countersign_azure::VaultFailure;
use countersign_azure::Versions;
use countersign_azure::limits::VERSIONS_BYTES;
use countersign_core::codec::text::Text;
use countersign_core::limits::STORE_FILE_BYTES;
use countersign_core::name::VaultCertificateVersion;
use countersign_core::policy::Store;
use countersign_core::policy::StoreRef;
use countersign_credentials::CredentialError;
use countersign_credentials::IssueFailure;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::Instant;

use super::identity::identity;
use crate::config::KeyVaultSource;
use crate::config::VaultEntry;
use crate::config::VaultVersions;
use crate::policy_source::FormerFiles;
use crate::policy_source::NoToken;
use crate::policy_source::StoreContent;
use crate::policy_source::StoreFailure;
use crate::policy_source::StoreFailureCause;
use crate::policy_source::Unanswered;
use crate::policy_source::anchors_of_chain;

/// Certificates that are read at the same time: half of the requests that one host may have. What is read of them before its turn is
/// within half of what a store may have in memory while it is received; the other half is the content so far, [`MOST_BYTES`].
const CONCURRENT: usize = STORE_FILE_BYTES / 2 / VERSIONS_BYTES;

/// Of all certificates of a store.
const MOST_BYTES: usize = STORE_FILE_BYTES / 2;

/// Time before the deadline of an attempt at which its calls end, so that their answers are used.
const MARGIN: Duration = Duration::from_millis(250);

/// Reads vaults with the clients of one configuration. Clones share them.
#[derive(Clone)]
pub(in crate::runtime) struct Vaults(
    /// An error is the reason why Azure is not called.
    pub(in crate::runtime) Result<Azure, Text>,
);

impl Vaults {
    /// The certificates of `store`, each version as a file with the name `CERTIFICATE/VERSION`: at most [`MOST_BYTES`] together.
    /// What the vault says that it does not have, or has disabled, is left out. Of what cannot be read until `deadline`, or is no
    /// certificate that the store can have, the former files stay; for a version that was never read, that of an older enabled one. After `failed` attempts in a row the first
    /// certificates are others than before.
    ///
    /// # Errors
    /// Azure is not called. Without secrets.
    pub(in crate::runtime) async fn fetch(
        self,
        store: StoreRef,
        source: KeyVaultSource,
        failed: u32,
        deadline: Instant,
    ) -> Result<StoreContent, StoreFailure> {
        let KeyVaultSource { vault, certificates, secret, refresh_interval: _, identity: who } = source;
        let azure = self.0.map_err(|why| {
            let cause = StoreFailureCause::Local { subject: Text::of("the section azure of the configuration") };
            StoreFailure::new(cause, format_args!("Azure is not called: {why}"))
        })?;
        let (vault, content) = (KeyVault::new(azure, vault, identity(who)), content(secret));
        // What was answered counts, although something else was not until the end.
        let deadline = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let read = |entry: VaultEntry| {
            let vault = &vault;
            async move {
                let keep = |content| if secret { anchors_of_chain(content) } else { content };
                let found = vault.certificate(&entry.name, &of_entry(&entry.versions), (content, keep), deadline).await;
                (entry, found)
            }
        };
        let certificates = rotated(certificates, failed);
        let mut all = stream::iter(certificates).map(read).buffered(CONCURRENT);
        let mut fetching = Fetching { store, content: StoreContent::default(), bytes: 0 };
        while let Some((entry, found)) = all.next().await {
            fetching.add(&entry, found);
        }
        Ok(fetching.content)
    }
}

/// `certificates` in another order after each failed attempt: those that were read first may have taken all of the time.
fn rotated(mut certificates: Vec<VaultEntry>, failed: u32) -> Vec<VaultEntry> {
    let behind = usize::try_from(failed).unwrap_or_default().wrapping_mul(CONCURRENT);
    if let Some(at) = behind.checked_rem(certificates.len()) {
        certificates.rotate_left(at);
    }
    certificates
}

/// The content of a store as far as it was read.
struct Fetching {
    store: StoreRef,
    content: StoreContent,
    /// Of all files.
    bytes: usize,
}

impl Fetching {
    fn add(&mut self, entry: &VaultEntry, found: FoundCertificate) {
        let VaultEntry { name, versions: _ } = entry;
        let file = |version: &VaultCertificateVersion| format!("{name}/{version}");
        match found {
            // An answer, and no failure: what is gone is not trusted any more.
            FoundCertificate::NotListed { error, disabled: _ } if error.is_absence() => self.absent(&error),
            FoundCertificate::NotListed { error, disabled } => {
                let ended = disabled.iter().map(file).collect();
                let stays = FormerFiles::Beginning { beginning: format!("{name}/"), ended };
                self.content.unanswered.push(Unanswered { why: failure(&error), stays });
            }
            FoundCertificate::Versions { versions, older } if versions.is_empty() && older.is_empty() => {
                self.content.nothing_enabled.push(entry.to_string());
            }
            FoundCertificate::Versions { versions, older } => {
                let mut failed: Vec<(String, StoreFailure)> = Vec::new();
                for FoundVersion { version, content } in versions {
                    let file = file(&version);
                    match content {
                        Ok(content) => failed.extend(self.read(&file, content).err().map(|why| (file, why))),
                        Err(error) if error.is_absence() => self.absent(&error),
                        Err(error) => failed.push((file, failure(&error))),
                    }
                }
                let Some((_, why)) = failed.first() else { return };
                let (why, count) = (why.clone(), failed.len());
                let names = failed.into_iter().map(|(file, _)| file).chain(older.iter().map(file)).collect();
                self.content.unanswered.push(Unanswered { why, stays: FormerFiles::First { count, names } });
            }
        }
    }

    fn absent(&mut self, error: &KeyVaultError) {
        self.content.missing.get_or_insert_with(|| failure(error));
    }

    /// Adds a file, if the store can have it: one that it cannot have would keep all of the former content in use.
    fn read(&mut self, file: &str, content: Vec<u8>) -> Result<(), StoreFailure> {
        let file = (file.to_owned(), content);
        let bytes = self.bytes + file.1.len();
        if bytes > MOST_BYTES {
            return Err(StoreFailure::new(
                StoreFailureCause::Content,
                format_args!(
                    "found more than {MOST_BYTES} bytes of certificates, expected at most as many; name fewer certificates or versions"
                ),
            ));
        }
        let StoreRef { kind, name } = self.store.clone();
        if let Err(errors) = Store::parse(kind, name, std::slice::from_ref(&file)) {
            let why = errors.first().map_or_else(Text::default, Text::of);
            return Err(StoreFailure::new(StoreFailureCause::Content, why));
        }
        self.bytes = bytes;
        self.content.files.push(file);
        Ok(())
    }
}

/// The failure of a call.
fn failure(error: &KeyVaultError) -> StoreFailure {
    let cause = match error.failure() {
        Ok(failure) => of_vault(failure),
        Err(error) => without_token(error),
    };
    StoreFailure::new(cause, error)
}

fn of_vault(failure: VaultFailure) -> StoreFailureCause {
    match failure {
        VaultFailure::Unreachable => StoreFailureCause::Unreachable,
        VaultFailure::Late => StoreFailureCause::Late,
        VaultFailure::Throttled => StoreFailureCause::Throttled,
        VaultFailure::Failed => StoreFailureCause::Failed,
        VaultFailure::Role => StoreFailureCause::Forbidden,
        VaultFailure::Network => StoreFailureCause::Network,
        VaultFailure::Token => StoreFailureCause::Token,
        VaultFailure::Absent => StoreFailureCause::Absent,
        VaultFailure::Refused => StoreFailureCause::Refused,
        VaultFailure::OtherAnswer => StoreFailureCause::OtherAnswer,
        VaultFailure::NotSent { subject } => StoreFailureCause::Local { subject },
    }
}

fn without_token(error: &CredentialError) -> StoreFailureCause {
    match error {
        CredentialError::Local { subject, why: _ } => StoreFailureCause::Local { subject: subject.clone() },
        CredentialError::Unusable(_) | CredentialError::Refused { .. } => StoreFailureCause::NoToken(NoToken::Refused),
        CredentialError::NotIssued { failure, why: _ } => StoreFailureCause::NoToken(match failure {
            IssueFailure::Unreachable | IssueFailure::Timeout(_) => NoToken::Unreachable,
            IssueFailure::Throttled | IssueFailure::Failed => NoToken::Failed,
            IssueFailure::Invalid => NoToken::OtherAnswer,
        }),
        CredentialError::Fetch(_) | CredentialError::Timeout => StoreFailureCause::NoToken(NoToken::Unreachable),
        CredentialError::Interrupted => StoreFailureCause::Internal,
    }
}

fn content(secret: bool) -> Content {
    if secret { Content::Chain } else { Content::Certificate }
}

fn of_entry(versions: &VaultVersions) -> Versions {
    match versions {
        VaultVersions::One(version) => Versions::One(version.clone()),
        VaultVersions::Newest(count) => Versions::Newest(*count),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_failed_attempt_is_followed_by_one_that_begins_with_other_certificates() {
        let entry = |name: String| VaultEntry { name: name.parse().unwrap(), versions: VaultVersions::Newest(1) };
        let begins = |count: usize| -> Vec<String> {
            let all: Vec<_> = (0..count).map(|number| entry(format!("c{number}"))).collect();
            (0..5).map(|failed| rotated(all.clone(), failed)[0].name.to_string()).collect()
        };
        assert_eq!(begins(16), ["c0", "c4", "c8", "c12", "c0"]);
        assert_eq!(begins(6), ["c0", "c4", "c2", "c0", "c4"]);
        assert_eq!(begins(1), ["c0"; 5]);
    }
}
