//! A build without the clients of AWS. A configuration that needs them is a mistake.

use std::sync::Arc;

use countersign_core::codec::text::Text;
use countersign_core::name::SigningProfileVersion;
use countersign_http::SharedLimits;
use countersign_http::TlsSetupError;

use super::survey::AwsSurvey;
use crate::config::Config;
use crate::config::RegistryFiles;
use crate::evidence::SignerAccess;
use crate::runtime::call_reports::CallReports;
use crate::runtime::tokens::issued_tokens::IssuedTokens;
use crate::server::health::StatusLine;

/// No variables are read.
#[allow(clippy::unnecessary_wraps, reason = "the interface of the clients")]
pub(in crate::runtime) fn check_pod_variables() -> Result<(), Text> {
    Ok(())
}

/// As [`check_pod_variables`].
pub(in crate::runtime) fn pod_variable_warnings() -> Vec<Text> {
    Vec::new()
}

/// As [`check_pod_variables`].
pub(in crate::runtime) fn pod_token_file() -> Option<&'static str> {
    None
}

/// As [`check_pod_variables`].
pub(in crate::runtime) fn uses_web_identity() -> bool {
    false
}

/// Nothing, with the interface of the clients.
#[derive(Clone)]
pub(in crate::runtime) struct AwsServices;

impl AwsServices {
    pub(in crate::runtime) fn none(_: &SharedLimits, _: &CallReports, _: &Arc<IssuedTokens>) -> Self {
        Self
    }

    #[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "the interface of the clients")]
    pub(in crate::runtime) fn successor(&self, _: &Config, _: &mut RegistryFiles) -> Result<Self, TlsSetupError> {
        Ok(Self)
    }

    #[allow(clippy::unused_self, clippy::unused_async, reason = "the interface of the clients")]
    pub(in crate::runtime) async fn survey(&self, _: &Config, _: &[SigningProfileVersion]) -> Option<AwsSurvey> {
        None
    }

    #[allow(clippy::unused_self, reason = "the interface of the clients")]
    pub(in crate::runtime) fn request_tokens(&self) {}

    #[allow(clippy::unused_self, reason = "the interface of the clients")]
    pub(in crate::runtime) fn pod_line(&self) -> impl Fn() -> Option<StatusLine> + Send + Sync + 'static {
        || None
    }

    #[allow(clippy::unused_self, reason = "the interface of the clients")]
    pub(in crate::runtime) fn signer(&self, _: &Config) -> Option<SignerAccess> {
        None
    }
}
