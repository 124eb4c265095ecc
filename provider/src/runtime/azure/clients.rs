//! The clients of Azure that the configuration needs.

use std::sync::Arc;

use countersign_azure::AcrTokens;
use countersign_azure::Azure;
use countersign_azure::AzureSettings;
use countersign_azure::limits;
use countersign_core::codec::text::Text;
use countersign_credentials::Credential;
use countersign_credentials::ExpiringIdentities;
use countersign_credentials::IssuedIdentities;
use countersign_http::SharedLimits;
use countersign_http::TlsSetupError;

use super::call_counter::CallCounter;
use super::environment;
use super::environment::Environment;
use super::identity::identity;
use super::vaults::Vaults;
use crate::clock::system_clock;
use crate::config::Config;
use crate::config::Credentials;
use crate::config::EntraIdentity;
use crate::config::RegistryFiles;
use crate::runtime::call_reports::CallReports;
use crate::runtime::proxy_environment;
use crate::runtime::tokens::TriedToken;
use crate::runtime::tokens::early_tokens;
use crate::runtime::tokens::early_tokens::EarlyToken;
use crate::runtime::tokens::issued_tokens::IssuedTokens;
use crate::runtime::tokens::not_called::NotCalled;
use crate::runtime::tokens::token_sources::TokenSources;
use crate::runtime::tokens::tried_token::try_token;
use crate::server::health::StatusLine;
use crate::telemetry::metrics::AZURE;

/// The clients of Azure, if the configuration needs them. Clones share everything.
#[derive(Clone)]
pub(in crate::runtime) struct AzureServices {
    /// The limits that those of Azure are beside.
    others: SharedLimits,
    reports: CallReports,
    /// The status of all tokens.
    issued: Arc<IssuedTokens>,
    /// Why Azure is not called, of the clients in use.
    not_called: NotCalled,
    /// Limits of requests to Azure, of all clients of the process that were ever made.
    limits: Option<SharedLimits>,
    /// None if nothing of Azure is needed.
    clients: Option<Clients>,
}

#[derive(Clone)]
struct Clients {
    /// An error is the reason why Azure is not called.
    azure: Result<Azure, Text>,
    /// One for each identity, whichever registries they are for.
    tokens: TokenSources<EntraIdentity, AcrTokens>,
    /// The tokens that are requested at once.
    early: Vec<EarlyToken>,
}

impl AzureServices {
    /// No clients. Their requests will be limited beside those of `others`.
    pub(in crate::runtime) fn none(others: &SharedLimits, reports: &CallReports, issued: &Arc<IssuedTokens>) -> Self {
        Self {
            others: others.clone(),
            reports: reports.clone(),
            issued: Arc::clone(issued),
            not_called: NotCalled::new("Azure"),
            limits: None,
            clients: None,
        }
    }

    /// Requests in the background the tokens of registries that the configuration names. Their status is shown from now on.
    pub(in crate::runtime) fn request_tokens(&self) {
        let why = self.clients.as_ref().and_then(|clients| clients.azure.as_ref().err().cloned());
        self.not_called.set(why);
        if let Some(clients) = &self.clients {
            early_tokens::request(&clients.early);
        }
    }

    /// The line that says why Azure is not called, if it is not and is needed.
    pub(in crate::runtime) fn line(&self) -> impl Fn() -> Option<StatusLine> + Send + Sync + 'static {
        self.not_called.line()
    }

    /// What `config` needs, with the clients and tokens of this value if their settings are equal. Completes the credentials of
    /// `files` that Azure issues.
    ///
    /// # Errors
    /// The TLS library refuses the configuration.
    pub(in crate::runtime) fn successor(
        &self,
        config: &Config,
        files: &mut RegistryFiles,
    ) -> Result<Self, TlsSetupError> {
        if !config.needs_azure() {
            return Ok(Self { clients: None, ..self.clone() });
        }
        let limits = self
            .limits
            .clone()
            .unwrap_or_else(|| self.reports.limits_beside(&self.others, (limits::REQUESTS, limits::BODIES), &AZURE));
        let settings = settings(config, files);
        let former = self.clients.as_ref().filter(|former| former.has(&settings));
        let azure = match (former, settings) {
            (Some(former), _) => former.azure.clone(),
            (None, Ok(settings)) => {
                let observer = Arc::new(CallCounter(self.reports.clone()));
                Ok(Azure::new(settings, &limits, system_clock(), observer, self.issued.auxiliary())?)
            }
            (None, Err(why)) => Err(why),
        };
        let mut clients = Clients { azure, tokens: TokenSources::none(), early: Vec::new() };
        files.issue_acr(|acr| clients.credential(acr, former, &self.issued));
        clients.early = clients.tokens.early(config, Credentials::acr);
        Ok(Self { limits: Some(limits), clients: Some(clients), ..self.clone() })
    }

    /// What reads vaults.
    pub(in crate::runtime) fn vaults(&self) -> Vaults {
        let none = || Err(Text::of("the configuration in use does not need it"));
        Vaults(self.clients.as_ref().map_or_else(none, |clients| clients.azure.clone()))
    }

    /// Requests a token for each entry with `credentials.acr`; `None` if there is none.
    pub(in crate::runtime) async fn survey(&self, config: &Config) -> Option<Vec<TriedToken>> {
        let Clients { azure, tokens, early: _ } = self.clients.as_ref()?;
        if !config.registries.iter().any(|registry| registry.credentials.acr().is_some()) {
            return None;
        }
        let mut tried = Vec::new();
        for registry in &config.registries {
            let Some(acr) = registry.credentials.acr() else { continue };
            let (source, patience) = match azure {
                // A token of Entra, the exchange, and both once more.
                Ok(azure) => (tokens.get(acr).map(Ok), 4 * azure.longest_call()),
                Err(why) => (Some(Err(why.clone())), config.azure.attempt_timeout),
            };
            tried.extend(try_token(registry, acr.name(), source, patience).await);
        }
        Some(tried)
    }
}

/// The settings of the clients.
///
/// # Errors
/// The proxy or a variable of the environment cannot be used: Azure is not called.
fn settings(config: &Config, files: &RegistryFiles) -> Result<AzureSettings, Text> {
    let azure = &config.azure;
    let proxy = files.azure_proxy().map_err(|why| Text::of(format_args!("azure.proxy: {why}")))?;
    let Environment { workload, metadata_endpoint } =
        environment::read().map_err(|mistakes| mistakes.into_iter().next().unwrap_or_default())?;
    Ok(AzureSettings {
        authority: azure.authority_host.clone(),
        metadata_endpoint,
        workload,
        connect_timeout: azure.connect_timeout,
        attempt_timeout: azure.attempt_timeout,
        roots: files.azure_roots().clone(),
        proxy: proxy.clone(),
        proxies: proxy_environment::beside(&azure.proxy)?,
    })
}

impl Clients {
    /// Whether the clients have these settings.
    fn has(&self, settings: &Result<AzureSettings, Text>) -> bool {
        match (&self.azure, settings) {
            (Ok(azure), Ok(settings)) => azure.settings() == settings,
            (Err(own), Err(why)) => own == why,
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        }
    }

    /// The credential of a registry, with the source of `former`, which has the same clients.
    fn credential(&mut self, acr: &EntraIdentity, former: Option<&Self>, issued: &Arc<IssuedTokens>) -> Credential {
        let azure = match &self.azure {
            Ok(azure) => azure,
            Err(why) => return Credential::Unusable(why.clone()),
        };
        let source = self.tokens.get_or_keep(acr, former.map(|former| &former.tokens), || {
            let identity = identity(acr.clone());
            let status = issued.source(identity.in_full().to_string());
            ExpiringIdentities::observed(AcrTokens::new(azure.clone(), identity), status)
        });
        Credential::Issued(IssuedIdentities::new(format_args!("acr as {acr}"), source))
    }
}
