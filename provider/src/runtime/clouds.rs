//! The clients of the clouds that the configuration needs, with the tokens that they issue for registries. Clients are made only if
//! the configuration needs them. They are kept across reloads, with their tokens, while their settings are equal.

use std::sync::Arc;

use countersign_core::name::SigningProfileVersion;
use countersign_http::SharedLimits;

use super::aws::AwsServices;
use super::aws::AwsSurvey;
use super::azure::AzureServices;
use super::azure::Vaults;
use super::call_reports::CallReports;
use super::error::Cause;
use super::google::GoogleServices;
use super::tokens::TriedToken;
use super::tokens::issued_tokens::IssuedTokens;
use crate::clock::system_clock;
use crate::config::Config;
use crate::config::RegistryFiles;
use crate::evidence::SignerAccess;
use crate::server::health::StatusLine;

/// The clients of all clouds. Clones share everything.
#[derive(Clone)]
pub(super) struct CloudServices {
    /// The status of all tokens.
    issued: Arc<IssuedTokens>,
    aws: AwsServices,
    azure: AzureServices,
    google: GoogleServices,
}

impl CloudServices {
    /// No clients. Their requests will be limited beside those of `others`.
    pub(super) fn none(others: &SharedLimits, reports: &CallReports) -> Self {
        let issued = IssuedTokens::new(Arc::clone(&reports.metrics), system_clock());
        Self {
            aws: AwsServices::none(others, reports, &issued),
            azure: AzureServices::none(others, reports, &issued),
            google: GoogleServices::none(others, reports, &issued),
            issued,
        }
    }

    /// What `config` needs, with the clients and tokens of this value if their settings are equal. Completes the credentials of
    /// `files` that clouds issue.
    ///
    /// # Errors
    /// The TLS library refuses the configuration.
    pub(super) fn successor(&self, config: &Config, files: &mut RegistryFiles) -> Result<Self, Cause> {
        let aws = self.aws.successor(config, files).map_err(|source| Cause::Aws { source })?;
        let azure = self.azure.successor(config, files).map_err(|source| Cause::Azure { source })?;
        let google = self.google.successor(config, files).map_err(|source| Cause::Google { source })?;
        Ok(Self { issued: Arc::clone(&self.issued), aws, azure, google })
    }

    /// Requests in the background the tokens of registries that the configuration names, and the credentials for AWS Signer.
    /// Their status is shown from now on.
    pub(super) fn request_tokens(&self) {
        self.aws.request_tokens();
        self.azure.request_tokens();
        self.google.request_tokens();
    }

    /// Shows the tokens in use in the metrics, as they end without an event.
    pub(super) fn show_tokens(&self) {
        self.issued.show();
    }

    /// A line for the credentials of the pod, for each token in use, and for each that is not issued, whenever it is called.
    pub(super) fn token_lines(&self) -> impl Fn() -> Vec<StatusLine> + Send + Sync + 'static {
        let (pod, azure, google) = (self.aws.pod_line(), self.azure.line(), self.google.line());
        let issued = Arc::clone(&self.issued);
        move || pod().into_iter().chain(azure()).chain(google()).chain(issued.lines()).collect()
    }

    /// AWS Signer, if the configuration has it.
    pub(super) fn signer(&self, config: &Config) -> Option<SignerAccess> {
        self.aws.signer(config)
    }

    /// Tries the calls of AWS that `config` needs, about a signature by one of `profiles`; `None` if it needs none.
    pub(super) async fn survey_aws(&self, config: &Config, profiles: &[SigningProfileVersion]) -> Option<AwsSurvey> {
        self.aws.survey(config, profiles).await
    }

    /// What reads vaults of Azure.
    pub(super) fn vaults(&self) -> Vaults {
        self.azure.vaults()
    }

    /// Requests a token for each entry with `credentials.acr`; `None` if there is none.
    pub(super) async fn survey_azure(&self, config: &Config) -> Option<Vec<TriedToken>> {
        self.azure.survey(config).await
    }

    /// Requests a token for each entry with `credentials.google`; `None` if there is none.
    pub(super) async fn survey_google(&self, config: &Config) -> Option<Vec<TriedToken>> {
        self.google.survey(config).await
    }
}
