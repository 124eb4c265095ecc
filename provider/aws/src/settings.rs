//! The operator's settings.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_core::codec::text::Text;
use countersign_core::name::AwsRegion;
use countersign_core::name::Partition;
use countersign_core::name::RoleArn;
use countersign_http::Endpoint;
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::Roots;

/// See the section `aws` of the configuration, which documents each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsSettings {
    /// The region of the pod: the configured one, otherwise that of the environment.
    pub region: Option<AwsRegion>,
    /// The partitions whose services may be called.
    pub partitions: Vec<Partition>,
    /// Whether endpoints with FIPS 140 cryptography are used.
    pub fips: bool,
    /// Whether endpoints with IPv6 are used.
    pub dual_stack: bool,
    /// Whether the instance metadata service is asked for credentials.
    pub instance_metadata: bool,
    /// The profile of the shared configuration files; `None` if they are not read.
    pub profile: Option<String>,
    /// For one connection.
    pub connect_timeout: Duration,
    /// For one attempt of a call.
    pub attempt_timeout: Duration,
    /// The certificate authorities that are trusted for AWS.
    pub roots: Roots,
    /// The proxy.
    pub proxy: ProxyChoice,
    /// The proxies of the environment.
    pub proxies: ProxyEnvironment,
    /// AWS Signer.
    pub signer: SignerSettings,
    /// Endpoints of the environment.
    pub endpoints: ServiceEndpoints,
}

/// An endpoint of the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedEndpoint {
    /// The variable that has it, for messages.
    pub variable: String,
    /// Its value.
    pub endpoint: Endpoint,
}

impl NamedEndpoint {
    /// What has the endpoint, for messages.
    pub(crate) fn setting(&self) -> Text {
        Text::of(format_args!("the environment variable {}", self.variable))
    }
}

/// Endpoints of the environment in place of those of the region (`AWS_ENDPOINT_URL_STS` and so on, otherwise `AWS_ENDPOINT_URL`:
/// [service-specific endpoints](https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html)). Those of the
/// configuration take precedence. The sources of credentials in the SDK read that of STS themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceEndpoints {
    /// STS.
    pub sts: Option<NamedEndpoint>,
    /// The API of Amazon ECR.
    pub ecr: Option<NamedEndpoint>,
    /// The API of Amazon ECR Public.
    pub ecr_public: Option<NamedEndpoint>,
    /// AWS Signer.
    pub signer: Option<NamedEndpoint>,
}

impl AwsSettings {
    /// The endpoint of AWS Signer; `None` for that of the region.
    pub(crate) fn signer_endpoint(&self) -> Option<&Endpoint> {
        self.signer.endpoint.as_ref().or(self.endpoints.signer.as_ref().map(|named| &named.endpoint))
    }

    /// What has the endpoint of AWS Signer, for messages; `None` if it is that of the region.
    pub(crate) fn signer_setting(&self) -> Option<Text> {
        match &self.signer.endpoint {
            Some(_) => Some(Text::of("aws.signer.endpoint")),
            None => self.endpoints.signer.as_ref().map(NamedEndpoint::setting),
        }
    }
}

/// The settings of AWS Signer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignerSettings {
    /// The region whose service is called, for each partition that has one.
    pub regions: BTreeMap<Partition, AwsRegion>,
    /// The endpoint in place of that of the region.
    pub endpoint: Option<Endpoint>,
}

/// A role in another account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EcrRole {
    /// Its ARN.
    pub arn: RoleArn,
    /// The external identifier that its trust policy requires, if it does.
    pub external_id: Option<String>,
}

/// The API in place of that of the registry's region.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EcrApi {
    /// Its endpoint.
    pub endpoint: Endpoint,
    /// The region that requests to it are signed for; `None` for that of the registry.
    pub region: Option<AwsRegion>,
}
