//! The client of Google Cloud that the configuration needs.

use std::sync::Arc;

use countersign_core::codec::text::Text;
use countersign_credentials::Credential;
use countersign_credentials::ExpiringIdentities;
use countersign_credentials::IdentitySource;
use countersign_credentials::IssuedIdentities;
use countersign_google::Google;
use countersign_google::GoogleSettings;
use countersign_google::GoogleTokens;
use countersign_google::limits;
use countersign_http::SharedLimits;
use countersign_http::TlsSetupError;

use super::call_counter::CallCounter;
use super::environment;
use crate::config::Config;
use crate::config::Credentials;
use crate::config::GoogleAccount;
use crate::config::RegistryFiles;
use crate::runtime::call_reports::CallReports;
use crate::runtime::tokens::TriedToken;
use crate::runtime::tokens::early_tokens;
use crate::runtime::tokens::early_tokens::EarlyToken;
use crate::runtime::tokens::issued_tokens::IssuedTokens;
use crate::runtime::tokens::not_called::NotCalled;
use crate::runtime::tokens::tried_token::try_token;
use crate::server::health::StatusLine;
use crate::telemetry::metrics::GOOGLE;

/// The client of Google Cloud, if the configuration needs it. Clones share everything.
#[derive(Clone)]
pub(in crate::runtime) struct GoogleServices {
    /// The limits that those of Google Cloud are beside.
    others: SharedLimits,
    reports: CallReports,
    /// The status of all tokens.
    issued: Arc<IssuedTokens>,
    /// Why Google Cloud is not called, by the client in use.
    not_called: NotCalled,
    /// Limits of requests to Google Cloud, of all clients of the process that were ever made.
    limits: Option<SharedLimits>,
    /// None if nothing of Google Cloud is needed. An error is the reason why it is not called.
    client: Option<Result<Client, Text>>,
}

#[derive(Clone)]
struct Client {
    google: Google,
    /// One token for all registries.
    tokens: Arc<ExpiringIdentities<GoogleTokens>>,
    /// The tokens that are requested at once.
    early: Vec<EarlyToken>,
}

impl GoogleServices {
    /// No client. Its requests will be limited beside those of `others`.
    pub(in crate::runtime) fn none(others: &SharedLimits, reports: &CallReports, issued: &Arc<IssuedTokens>) -> Self {
        Self {
            others: others.clone(),
            reports: reports.clone(),
            issued: Arc::clone(issued),
            not_called: NotCalled::new("Google Cloud"),
            limits: None,
            client: None,
        }
    }

    /// Requests the token in the background. Its status is shown from now on.
    pub(in crate::runtime) fn request_tokens(&self) {
        self.not_called.set(self.client.as_ref().and_then(|client| client.as_ref().err().cloned()));
        if let Some(Ok(client)) = &self.client {
            early_tokens::request(&client.early);
        }
    }

    /// The line that says why Google Cloud is not called, if it is not and is needed.
    pub(in crate::runtime) fn line(&self) -> impl Fn() -> Option<StatusLine> + Send + Sync + 'static {
        self.not_called.line()
    }

    /// What `config` needs, with the client and the token of this value if its settings are equal. Completes the credentials of
    /// `files` that Google Cloud issues.
    ///
    /// # Errors
    /// The TLS library refuses the configuration.
    pub(in crate::runtime) fn successor(
        &self,
        config: &Config,
        files: &mut RegistryFiles,
    ) -> Result<Self, TlsSetupError> {
        if !config.needs_google() {
            return Ok(Self { client: None, ..self.clone() });
        }
        let limits = self
            .limits
            .clone()
            .unwrap_or_else(|| self.reports.limits_beside(&self.others, (limits::REQUESTS, limits::BODIES), &GOOGLE));
        let client = match settings(config) {
            Ok(settings) => Ok(self.client(config, settings, &limits)?),
            Err(why) => Err(why),
        };
        files.issue_google(|account| match &client {
            Ok(client) => Credential::Issued(IssuedIdentities::new(account, client.source())),
            Err(why) => Credential::Unusable(why.clone()),
        });
        Ok(Self { limits: Some(limits), client: Some(client), ..self.clone() })
    }

    /// The client with these settings: the former one, if it has them.
    fn client(
        &self,
        config: &Config,
        settings: GoogleSettings,
        limits: &SharedLimits,
    ) -> Result<Client, TlsSetupError> {
        let former = self.client.as_ref().and_then(|client| client.as_ref().ok());
        let (google, tokens) = match former.filter(|former| *former.google.settings() == settings) {
            Some(former) => (former.google.clone(), Arc::clone(&former.tokens)),
            None => {
                let google = Google::new(settings, limits, Arc::new(CallCounter(self.reports.clone())))?;
                let observer = self.issued.source(GoogleAccount.name());
                let tokens = ExpiringIdentities::observed(GoogleTokens::new(google.clone()), observer);
                (google, Arc::new(tokens))
            }
        };
        let mut client = Client { google, tokens, early: Vec::new() };
        // One token serves for all registries.
        client.early = early_tokens::registries(config, Credentials::google)
            .take(1)
            .map(|(repository, _)| EarlyToken { repository, source: client.source() })
            .collect();
        Ok(client)
    }

    /// Requests a token for each entry with `credentials.google`; `None` if there is none.
    pub(in crate::runtime) async fn survey(&self, config: &Config) -> Option<Vec<TriedToken>> {
        let client = self.client.as_ref()?;
        let (source, patience) = match client {
            Ok(client) => (Ok(client.source()), client.google.longest_call()),
            Err(why) => (Err(why.clone()), config.google.attempt_timeout),
        };
        let mut tried = Vec::new();
        for registry in &config.registries {
            let Some(account) = registry.credentials.google() else { continue };
            tried.extend(try_token(registry, account.name(), Some(source.clone()), patience).await);
        }
        Some(tried)
    }
}

impl Client {
    fn source(&self) -> Arc<dyn IdentitySource> {
        Arc::clone(&self.tokens) as Arc<dyn IdentitySource>
    }
}

/// The settings of the client.
///
/// # Errors
/// A variable of the environment cannot be used: Google Cloud is not called.
fn settings(config: &Config) -> Result<GoogleSettings, Text> {
    Ok(GoogleSettings {
        metadata_server: environment::metadata_server()?,
        connect_timeout: config.google.connect_timeout,
        attempt_timeout: config.google.attempt_timeout,
    })
}
