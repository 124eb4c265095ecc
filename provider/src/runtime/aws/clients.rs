//! The clients of AWS that the configuration needs.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use countersign_aws::Aws;
use countersign_aws::AwsClock;
use countersign_aws::AwsError;
use countersign_aws::AwsSettings;
use countersign_aws::EcrApi;
use countersign_aws::EcrRole;
use countersign_aws::EcrTokens;
use countersign_aws::NamedEndpoint;
use countersign_aws::ServiceEndpoints;
use countersign_aws::SignerSettings;
use countersign_aws::limits;
use countersign_core::codec::text::Text;
use countersign_core::evidence::SignerCause;
use countersign_core::evidence::SignerStatusRequest;
use countersign_core::name::AwsRegion;
use countersign_credentials::CallResult;
use countersign_credentials::Credential;
use countersign_credentials::ExpiringIdentities;
use countersign_credentials::IdentitySource;
use countersign_credentials::IssuedIdentities;
use countersign_http::SharedLimits;
use countersign_http::TlsSetupError;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::call_counter::CallCounter;
use super::environment;
use super::pod_credentials;
use super::pod_credentials::PodCredentials;
use crate::config::Config;
use crate::config::Credentials;
use crate::config::Ecr;
use crate::config::RegistryFiles;
use crate::evidence::SignerAccess;
use crate::evidence::SignerClient;
use crate::evidence::SignerFailure;
use crate::evidence::SignerService;
use crate::runtime::call_reports::CallReports;
use crate::runtime::proxy_environment;
use crate::runtime::tokens::early_tokens;
use crate::runtime::tokens::early_tokens::EarlyToken;
use crate::runtime::tokens::issued_tokens::IssuedTokens;
use crate::runtime::tokens::token_sources::TokenSources;
use crate::server::health::StatusLine;
use crate::telemetry::metrics::AWS;
use crate::telemetry::metrics::EvidenceResult;

/// The clients of AWS, if the configuration needs them. Clones share everything.
#[derive(Clone)]
pub(in crate::runtime) struct AwsServices {
    /// The limits that those of AWS are beside.
    others: SharedLimits,
    reports: CallReports,
    /// The status of all tokens.
    issued: Arc<IssuedTokens>,
    /// The status of the credentials in use.
    pod: Arc<PodCredentials>,
    /// Limits of requests to AWS, of all clients of the process that were ever made.
    limits: Option<SharedLimits>,
    /// None if nothing of AWS is needed.
    clients: Option<Clients>,
}

#[derive(Clone)]
struct Clients {
    /// An error is the reason why AWS is not called.
    aws: Result<Aws, Text>,
    /// One for each way to request tokens, whichever registries they are for.
    tokens: TokenSources<Ecr, EcrTokens>,
    /// The tokens that are requested at once.
    early: Vec<EarlyToken>,
    /// AWS Signer over these clients.
    signer: SignerClient,
    /// Whether AWS Signer is called, which needs the credentials of the pod.
    uses_signer: bool,
}

impl AwsServices {
    /// No clients. Their requests will be limited beside those of `others`.
    pub(in crate::runtime) fn none(others: &SharedLimits, reports: &CallReports, issued: &Arc<IssuedTokens>) -> Self {
        let (others, reports, issued) = (others.clone(), reports.clone(), Arc::clone(issued));
        Self { others, reports, issued, pod: Arc::default(), limits: None, clients: None }
    }

    /// The clients, or why AWS is not called; `None` if the configuration does not need it.
    pub(super) fn clients(&self) -> Option<&Result<Aws, Text>> {
        self.clients.as_ref().map(|clients| &clients.aws)
    }

    /// The source of tokens; `None` if no registry has it.
    pub(super) fn source(&self, ecr: &Ecr) -> Option<Result<Arc<dyn IdentitySource>, Text>> {
        let clients = self.clients.as_ref()?;
        match &clients.aws {
            Ok(_) => Some(Ok(clients.tokens.get(ecr)?)),
            Err(why) => Some(Err(why.clone())),
        }
    }

    /// The longest time of a call.
    pub(super) fn longest_call(&self) -> Duration {
        let aws = self.clients().and_then(|aws| aws.as_ref().ok());
        // A role needs a call of its own.
        aws.map_or(Duration::ZERO, |aws| 2 * aws.longest_call())
    }

    /// Requests in the background the tokens of registries that the configuration names, and the credentials for AWS Signer.
    /// Their status is shown from now on.
    pub(in crate::runtime) fn request_tokens(&self) {
        self.pod.show(self.clients().cloned());
        let Some(Clients { aws, early, uses_signer, .. }) = &self.clients else { return };
        if let (Ok(aws), true) = (aws, uses_signer) {
            pod_credentials::request(aws);
        }
        early_tokens::request(early);
    }

    /// The line for the credentials of the pod, whenever it is called.
    pub(in crate::runtime) fn pod_line(&self) -> impl Fn() -> Option<StatusLine> + Send + Sync + 'static {
        let pod = Arc::clone(&self.pod);
        move || pod.line()
    }

    /// What `config` needs, with the clients and tokens of this value if their settings are equal. Completes the credentials of
    /// `files` that AWS issues.
    ///
    /// # Errors
    /// The TLS library refuses the configuration.
    pub(in crate::runtime) fn successor(
        &self,
        config: &Config,
        files: &mut RegistryFiles,
    ) -> Result<Self, TlsSetupError> {
        if !config.needs_aws() {
            return Ok(Self { clients: None, ..self.clone() });
        }
        let limits = self
            .limits
            .clone()
            .unwrap_or_else(|| self.reports.limits_beside(&self.others, (limits::REQUESTS, limits::BODIES), &AWS));
        let settings = settings(config, files);
        let former = self.clients.as_ref().filter(|former| former.has(&settings));
        let aws = match (former, settings) {
            (Some(former), _) => former.aws.clone(),
            (None, Ok(settings)) => {
                let observer = Arc::new(CallCounter(self.reports.clone()));
                Ok(Aws::new(settings, &limits, AwsClock::new(SystemTime::now), observer)?)
            }
            (None, Err(why)) => Err(why),
        };
        let signer = former.map_or_else(|| signer_client(&aws), |former| former.signer.clone());
        let mut clients = Clients {
            aws,
            tokens: TokenSources::none(),
            early: Vec::new(),
            signer,
            uses_signer: config.aws.signer.enabled,
        };
        files.issue_ecr(|ecr| clients.credential(ecr, former, &self.issued));
        clients.early = clients.tokens.early(config, Credentials::ecr);
        Ok(Self { limits: Some(limits), clients: Some(clients), ..self.clone() })
    }

    /// AWS Signer, if the configuration has it.
    pub(in crate::runtime) fn signer(&self, config: &Config) -> Option<SignerAccess> {
        let signer = &config.aws.signer;
        let clients = self.clients.as_ref().filter(|_| signer.enabled)?;
        let (pod_region, timeout) = match &clients.aws {
            Ok(aws) => (aws.settings().region.clone(), aws.longest_call()),
            Err(_) => (None, config.aws.attempt_timeout),
        };
        Some(SignerAccess {
            client: clients.signer.clone(),
            regions: signer.regions.clone(),
            pod_region,
            partitions: config.aws.partitions.clone(),
            timeout,
            good_lifetime: signer.good_lifetime,
            revoked_lifetime: signer.revoked_lifetime,
        })
    }
}

/// The settings of the clients.
///
/// # Errors
/// The proxy, the region or an endpoint of the environment cannot be used: AWS is not called.
fn settings(config: &Config, files: &RegistryFiles) -> Result<AwsSettings, Text> {
    let aws = &config.aws;
    let proxy = files.aws_proxy().map_err(|why| Text::of(format_args!("aws.proxy: {why}")))?;
    Ok(AwsSettings {
        region: environment::pod_region(aws)?,
        partitions: aws.partitions.clone(),
        fips: aws.fips,
        dual_stack: aws.dual_stack,
        instance_metadata: aws.instance_metadata,
        profile: aws.profile.clone(),
        connect_timeout: aws.connect_timeout,
        attempt_timeout: aws.attempt_timeout,
        roots: files.aws_roots().clone(),
        proxy: proxy.clone(),
        proxies: proxy_environment::beside(&aws.proxy)?,
        signer: SignerSettings { regions: aws.signer.regions.clone(), endpoint: aws.signer.endpoint.clone() },
        endpoints: ServiceEndpoints {
            sts: environment_endpoint("STS")?,
            ecr: environment_endpoint("ECR")?,
            ecr_public: environment_endpoint("ECR_PUBLIC")?,
            signer: environment_endpoint("SIGNER")?,
        },
    })
}

fn environment_endpoint(service: &str) -> Result<Option<NamedEndpoint>, Text> {
    let named = |(variable, endpoint)| NamedEndpoint { variable, endpoint };
    Ok(environment::endpoint_of(service)?.map(named))
}

impl Clients {
    /// Whether the clients have these settings.
    fn has(&self, settings: &Result<AwsSettings, Text>) -> bool {
        match (&self.aws, settings) {
            (Ok(aws), Ok(settings)) => aws.settings() == settings,
            (Err(own), Err(why)) => own == why,
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        }
    }

    /// The credential of a registry, with the source of `former`, which has the same clients.
    fn credential(&mut self, ecr: &Ecr, former: Option<&Self>, issued: &Arc<IssuedTokens>) -> Credential {
        let aws = match &self.aws {
            Ok(aws) => aws,
            Err(why) => return Credential::Unusable(why.clone()),
        };
        let source = self.tokens.get_or_keep(ecr, former.map(|former| &former.tokens), || {
            ExpiringIdentities::observed(tokens(aws.clone(), ecr), issued.source(ecr.role_name()))
        });
        Credential::Issued(IssuedIdentities::new(ecr, source))
    }
}

fn tokens(aws: Aws, ecr: &Ecr) -> EcrTokens {
    let Ecr { role_arn, external_id, endpoint, region } = ecr.clone();
    let role = role_arn.map(|arn| EcrRole { arn, external_id });
    EcrTokens::new(aws, role, endpoint.map(|endpoint| EcrApi { endpoint, region }))
}

fn signer_client(aws: &Result<Aws, Text>) -> SignerClient {
    match aws {
        Ok(aws) => SignerClient::new(OverAws(aws.clone())),
        Err(why) => SignerClient::new(NotCalled(why.clone())),
    }
}

/// AWS Signer over the clients of AWS.
#[derive(Debug)]
struct OverAws(Aws);

impl SignerService for OverAws {
    fn ask(
        &self,
        request: SignerStatusRequest,
        region: AwsRegion,
        deadline: Instant,
    ) -> BoxFuture<'static, Result<Vec<String>, SignerFailure>> {
        let aws = self.0.clone();
        async move {
            let answer = aws.signer_status(&request, &region, deadline).await;
            answer.map(|answer| answer.revoked).map_err(|error| failure(&error))
        }
        .boxed()
    }

    fn address(&self, region: &AwsRegion) -> String {
        self.0.signer_address(region)
    }
}

fn failure(error: &AwsError) -> SignerFailure {
    let result = match error.result() {
        CallResult::Throttled => EvidenceResult::Throttled,
        CallResult::Credentials => EvidenceResult::Credentials,
        CallResult::Timeout => EvidenceResult::Timeout,
        CallResult::Unreachable => EvidenceResult::Unreachable,
        CallResult::Failed => EvidenceResult::ServerError,
        CallResult::Refused => EvidenceResult::Status,
        CallResult::Invalid => EvidenceResult::Invalid,
        CallResult::NotAllowed => EvidenceResult::Refused,
    };
    SignerFailure { text: Text::of(error), pause: error.pause(), result, cause: error.signer_cause() }
}

/// AWS Signer, if AWS cannot be called.
#[derive(Debug)]
struct NotCalled(Text);

impl SignerService for NotCalled {
    fn ask(
        &self,
        _: SignerStatusRequest,
        _: AwsRegion,
        _: Instant,
    ) -> BoxFuture<'static, Result<Vec<String>, SignerFailure>> {
        let (text, cause) = (self.0.clone(), SignerCause::Misconfigured);
        let failure = SignerFailure { text, pause: None, result: EvidenceResult::Refused, cause };
        async move { Err(failure) }.boxed()
    }

    fn address(&self, region: &AwsRegion) -> String {
        format!("AWS Signer in {region}")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
