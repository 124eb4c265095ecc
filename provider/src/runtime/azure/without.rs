//! A build without the clients of Azure. A configuration that needs them is a mistake.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::text::Text;
use countersign_core::policy::StoreRef;
use countersign_http::SharedLimits;
use countersign_http::TlsSetupError;
use tokio::time::Instant;

use crate::config::Config;
use crate::config::KeyVaultSource;
use crate::config::RegistryFiles;
use crate::policy_source::StoreContent;
use crate::policy_source::StoreFailure;
use crate::policy_source::StoreFailureCause;
use crate::runtime::call_reports::CallReports;
use crate::runtime::tokens::TriedToken;
use crate::runtime::tokens::issued_tokens::IssuedTokens;
use crate::server::health::StatusLine;

/// No variable is read.
pub(crate) fn environment_warnings(_: &Config, _: impl Fn(&str) -> Option<OsString>) -> Vec<Text> {
    Vec::new()
}

/// Nothing is read: a key that names such a file is a mistake.
pub(crate) fn client_secret_mistake(_: &Path) -> Option<Mismatch> {
    None
}

/// Nothing, with the interface of the clients.
#[derive(Clone)]
pub(in crate::runtime) struct AzureServices;

impl AzureServices {
    pub(in crate::runtime) fn none(_: &SharedLimits, _: &CallReports, _: &Arc<IssuedTokens>) -> Self {
        Self
    }

    #[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "the interface of the clients")]
    pub(in crate::runtime) fn successor(&self, _: &Config, _: &mut RegistryFiles) -> Result<Self, TlsSetupError> {
        Ok(Self)
    }

    #[allow(clippy::unused_self, reason = "the interface of the clients")]
    pub(in crate::runtime) fn vaults(&self) -> Vaults {
        Vaults
    }

    #[allow(clippy::unused_self, clippy::unused_async, reason = "the interface of the clients")]
    pub(in crate::runtime) async fn survey(&self, _: &Config) -> Option<Vec<TriedToken>> {
        None
    }

    #[allow(clippy::unused_self, reason = "the interface of the clients")]
    pub(in crate::runtime) fn request_tokens(&self) {}

    #[allow(clippy::unused_self, reason = "the interface of the clients")]
    pub(in crate::runtime) fn line(&self) -> impl Fn() -> Option<StatusLine> + Send + Sync + 'static {
        || None
    }
}

/// Reads no vault.
#[derive(Clone)]
pub(in crate::runtime) struct Vaults;

impl Vaults {
    #[allow(clippy::unused_self, clippy::unused_async, reason = "the interface of the clients")]
    pub(in crate::runtime) async fn fetch(
        self,
        _: StoreRef,
        _: KeyVaultSource,
        _: u32,
        _: Instant,
    ) -> Result<StoreContent, StoreFailure> {
        let cause = StoreFailureCause::Local { subject: Text::of("the build") };
        Err(StoreFailure::new(cause, "this build has no Azure clients (cargo feature azure)"))
    }
}
