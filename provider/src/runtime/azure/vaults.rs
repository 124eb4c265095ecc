//! Reads certificates of vaults for trust stores.

use countersign_azure::Azure;
use countersign_azure::Content;
use countersign_azure::FoundVersion;
use countersign_azure::KeyVault;
use countersign_azure::KeyVaultError;
use countersign_azure::Versions;
use countersign_core::codec::text::Text;
use countersign_core::limits::STORE_FILE_BYTES;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::Instant;

use super::identity::identity;
use crate::config::KeyVaultSource;
use crate::config::VaultEntry;
use crate::config::VaultVersions;
use crate::policy_source::StoreContent;
use crate::policy_source::anchors_of_chain;

/// Certificates that are read at the same time: half of the requests that one host may have.
const CONCURRENT: usize = 4;

/// Reads vaults with the clients of one configuration. Clones share them.
#[derive(Clone)]
pub(in crate::runtime) struct Vaults(
    /// An error is the reason why Azure is not called.
    pub(in crate::runtime) Result<Azure, Text>,
);

impl Vaults {
    /// The certificates of a store, each version as a file with the name `CERTIFICATE/VERSION`: at most [`STORE_FILE_BYTES`] together.
    /// What the vault says that it does not have is left out.
    ///
    /// # Errors
    /// Azure is not called, or a certificate cannot be read until `deadline`. Without secrets.
    pub(in crate::runtime) async fn fetch(
        self,
        source: KeyVaultSource,
        deadline: Instant,
    ) -> Result<StoreContent, Text> {
        let KeyVaultSource { vault, certificates, secret, refresh_interval: _, identity: who } = source;
        let azure = self.0.map_err(|why| Text::of(format_args!("Azure is not called: {why}")))?;
        let (vault, content) = (KeyVault::new(azure, vault, identity(who)), content(secret));
        let read = |VaultEntry { name, versions }: VaultEntry| {
            let vault = &vault;
            async move {
                let found = vault.certificates(&name, &of_entry(versions), content, deadline).await;
                (name, found)
            }
        };
        let mut all = stream::iter(certificates).map(read).buffered(CONCURRENT);
        let (mut fetched, mut bytes) = (StoreContent::default(), 0);
        while let Some((name, found)) = all.next().await {
            let found: Vec<FoundVersion> = match found {
                Ok(found) => found,
                // An answer, and no failure: what is gone is not trusted any more.
                Err(error) if error.is_absence() => {
                    fetched.missing.get_or_insert_with(|| Text::of(&error));
                    continue;
                }
                Err(error) => return Err(why(&error)),
            };
            for FoundVersion { version, content } in found {
                bytes += content.len();
                if bytes > STORE_FILE_BYTES {
                    return Err(Text::of(format_args!(
                        "found more than {STORE_FILE_BYTES} bytes of certificates, expected at most as many; name fewer certificates \
                         or versions"
                    )));
                }
                let file = if secret { anchors_of_chain(content) } else { content };
                fetched.files.push((format!("{name}/{version}"), file));
            }
        }
        Ok(fetched)
    }
}

fn why(error: &KeyVaultError) -> Text {
    Text::of(error)
}

fn content(secret: bool) -> Content {
    if secret { Content::Chain } else { Content::Certificate }
}

fn of_entry(versions: VaultVersions) -> Versions {
    match versions {
        VaultVersions::One(version) => Versions::One(version),
        VaultVersions::Newest(count) => Versions::Newest(count),
    }
}
