//! A build without the client of Google Cloud. A configuration that needs them is a mistake.

use std::sync::Arc;

use countersign_core::codec::text::Text;
use countersign_http::SharedLimits;
use countersign_http::TlsSetupError;

use crate::config::Config;
use crate::config::RegistryFiles;
use crate::runtime::call_reports::CallReports;
use crate::runtime::tokens::TriedToken;
use crate::runtime::tokens::issued_tokens::IssuedTokens;
use crate::server::health::StatusLine;

/// No variable is read.
pub(in crate::runtime) fn environment_warnings() -> Vec<Text> {
    Vec::new()
}

/// Nothing, with the interface of the clients.
#[derive(Clone)]
pub(in crate::runtime) struct GoogleServices;

impl GoogleServices {
    pub(in crate::runtime) fn none(_: &SharedLimits, _: &CallReports, _: &Arc<IssuedTokens>) -> Self {
        Self
    }

    #[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "the interface of the clients")]
    pub(in crate::runtime) fn successor(&self, _: &Config, _: &mut RegistryFiles) -> Result<Self, TlsSetupError> {
        Ok(Self)
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
