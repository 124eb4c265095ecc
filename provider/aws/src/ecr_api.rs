//! The call of Amazon ECR and of Amazon ECR Public
//! ([GetAuthorizationToken](https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html), [of ECR
//! Public](https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_GetAuthorizationToken.html)), by the runtime of the
//! SDK. Its clients of the whole APIs take more than thirty seconds to compile for this one operation without parameters.

use aws_config::SdkConfig;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4;
use aws_runtime::auth::sigv4::SigV4AuthScheme;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation as Call;
use aws_smithy_runtime::client::retries::classifiers::HttpStatusCodeClassifier;
use aws_smithy_runtime::client::retries::classifiers::TransientErrorClassifier;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::SharedAuthScheme;
use aws_smithy_runtime_api::client::auth::SharedAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_types::SigningName;
use aws_types::region::Region;
use aws_types::region::SigningRegion;
use countersign_core::codec::json;
use countersign_core::codec::text::Text;
use countersign_core::name::AwsRegion;
use countersign_credentials::Secret;
use countersign_http::Endpoint;
use serde_json::Value;

use crate::codes;
use crate::codes::ERROR_TYPE;
use crate::codes::LIMITS;
use crate::error::AwsError;
use crate::error::Kind;
use crate::error::Operation;
use crate::retry::NoRetryIfThrottled;

/// An API that issues tokens. Both speak the [JSON protocol](https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EcrService {
    /// Of the private registries of a region.
    Private,
    /// Of Amazon ECR Public.
    Public,
}

impl EcrService {
    /// The call that issues a token.
    pub(crate) fn operation(self) -> Operation {
        match self {
            Self::Private => Operation::EcrToken,
            Self::Public => Operation::EcrPublicToken,
        }
    }

    /// The name that requests are signed for.
    fn signing_name(self) -> &'static str {
        match self {
            Self::Private => "ecr",
            Self::Public => "ecr-public",
        }
    }

    /// The name in the user agent.
    fn name(self) -> &'static str {
        match self {
            Self::Private => "ECR",
            Self::Public => "ECR PUBLIC",
        }
    }

    fn target(self) -> &'static str {
        match self {
            Self::Private => "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
            Self::Public => "SpencerFrontendService.GetAuthorizationToken",
        }
    }

    /// The endpoint in a region, the same as that of the SDK's clients ([of Amazon
    /// ECR](https://docs.aws.amazon.com/general/latest/gr/ecr.html), [of Amazon ECR
    /// Public](https://docs.aws.amazon.com/general/latest/gr/ecr-public.html)).
    ///
    /// # Errors
    /// The partition has no names of dual-stack endpoints.
    fn endpoint(self, region: &AwsRegion, fips: bool, dual_stack: bool) -> Result<String, String> {
        let partition = region.partition();
        let fips = if fips { "-fips" } else { "" };
        let name = self.signing_name();
        if !dual_stack {
            return Ok(format!("https://api.{name}{fips}.{region}.{}", partition.api_suffix()));
        }
        let suffix = partition.dual_stack_api_suffix().ok_or_else(|| {
            format!(
                "found aws.dualStack with the partition {partition}, expected a partition with dual-stack endpoints"
            )
        })?;
        // With FIPS, those of ECR Public have one label more.
        let api = match self {
            Self::Public if !fips.is_empty() => "api.",
            Self::Public | Self::Private => "",
        };
        Ok(format!("https://{api}{name}{fips}.{region}.{suffix}"))
    }
}

/// A token as an API of Amazon ECR returns it.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) token: Option<Secret>,
    pub(crate) expires: Option<DateTime>,
}

/// Calls the API at `endpoint`, otherwise at that of the region.
pub(crate) async fn issue(
    service: EcrService,
    config: &SdkConfig,
    region: &AwsRegion,
    endpoint: Option<&Endpoint>,
) -> Result<Issued, AwsError> {
    let failed = |text: &str| AwsError::new(service.operation(), Kind::Request(Text::of(text)));
    let url = match endpoint {
        Some(endpoint) => endpoint.to_string(),
        None => {
            let (fips, dual_stack) = (config.use_fips().unwrap_or(false), config.use_dual_stack().unwrap_or(false));
            service.endpoint(region, fips, dual_stack).map_err(|why| failed(&why))?
        }
    };
    let credentials = config.credentials_provider().ok_or_else(|| failed("found no credentials"))?;
    let retries = config.retry_config().ok_or_else(|| failed("found no settings of retries"))?;
    let timeouts = config.timeout_config().ok_or_else(|| failed("found no timeouts"))?;
    let (http, time, sleep) = (config.http_client(), config.time_source(), config.sleep_impl());

    let mut signing = Layer::new("signing");
    signing.store_put(AuthSchemeOptionResolverParams::new(()));
    signing.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(Region::new(region.to_string()))),
        name: Some(SigningName::from_static(service.signing_name())),
        ..SigV4OperationSigningConfig::default()
    });
    let mut components = RuntimeComponentsBuilder::new("signing");
    let schemes = StaticAuthSchemeOptionResolver::new(vec![sigv4::SCHEME_ID]);
    components.set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)));
    components.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
    components.set_identity_resolver(sigv4::SCHEME_ID, SharedIdentityResolver::new(credentials));
    // The credentials are kept already.
    components.set_identity_cache(Some(IdentityCache::no_cache()));
    components.set_http_client(http);
    components.set_time_source(time);
    components.set_sleep_impl(sleep);
    let plugin = StaticRuntimePlugin::new().with_config(signing.freeze()).with_runtime_components(components);

    let call = Call::builder()
        .service_name(service.name())
        .operation_name("GetAuthorizationToken")
        .behavior_version(crate::clients::behaviour())
        .endpoint_url(&url)
        .standard_retry(retries)
        .timeout_config(timeouts.clone())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
        .retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
        .retry_classifier(NoRetryIfThrottled)
        .runtime_plugin(plugin)
        .serializer(move |()| request(service))
        .deserializer(move |response| answer(service, response))
        .build();
    call.invoke(()).await.map_err(|error| AwsError::of_call(service.operation(), &error))
}

fn request(service: EcrService) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from("{}"));
    request.set_method("POST")?;
    request.headers_mut().insert("content-type", "application/x-amz-json-1.1");
    request.headers_mut().insert("x-amz-target", service.target());
    Ok(request)
}

fn answer(service: EcrService, response: &HttpResponse) -> Result<Issued, OrchestratorError<ErrorMetadata>> {
    let body = json::from_slice::<Value>(response.body().bytes().unwrap_or_default(), &LIMITS);
    if !response.status().is_success() {
        let body = body.unwrap_or_default();
        let text = |names: &[&str]| names.iter().find_map(|name| body[name].as_str());
        let mut error = ErrorMetadata::builder();
        if let Some(code) = codes::code(response.headers().get(ERROR_TYPE), &body) {
            error = error.code(code);
        }
        if let Some(message) = text(&["message", "Message"]) {
            error = error.message(message);
        }
        return Err(OrchestratorError::operation(error.build()));
    }
    let body = body.map_err(OrchestratorError::other)?;
    let data = &body["authorizationData"];
    let data = match service {
        // A list of one.
        EcrService::Private => &data[0],
        EcrService::Public => data,
    };
    Ok(Issued {
        token: data["authorizationToken"].as_str().map(Secret::new),
        expires: data["expiresAt"].as_f64().map(DateTime::from_secs_f64),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_endpoint_has_its_host() {
        let of = |service: EcrService, region: &str, fips, dual_stack| {
            service.endpoint(&region.parse().unwrap(), fips, dual_stack)
        };
        // Of the client of the SDK, version 1.138.
        for (region, fips, dual_stack, host) in [
            ("us-east-1", true, true, "ecr-fips.us-east-1.api.aws"),
            ("us-east-1", true, false, "api.ecr-fips.us-east-1.amazonaws.com"),
            ("us-east-1", false, true, "ecr.us-east-1.api.aws"),
            ("us-east-1", false, false, "api.ecr.us-east-1.amazonaws.com"),
            ("cn-northwest-1", true, true, "ecr-fips.cn-northwest-1.api.amazonwebservices.com.cn"),
            ("cn-northwest-1", true, false, "api.ecr-fips.cn-northwest-1.amazonaws.com.cn"),
            ("cn-northwest-1", false, true, "ecr.cn-northwest-1.api.amazonwebservices.com.cn"),
            ("cn-northwest-1", false, false, "api.ecr.cn-northwest-1.amazonaws.com.cn"),
            ("eusc-de-east-1", true, false, "api.ecr-fips.eusc-de-east-1.amazonaws.eu"),
            ("eusc-de-east-1", false, false, "api.ecr.eusc-de-east-1.amazonaws.eu"),
            ("us-iso-east-1", true, false, "api.ecr-fips.us-iso-east-1.c2s.ic.gov"),
            ("us-iso-east-1", false, false, "api.ecr.us-iso-east-1.c2s.ic.gov"),
            ("us-isob-east-1", false, false, "api.ecr.us-isob-east-1.sc2s.sgov.gov"),
            ("eu-isoe-west-1", false, false, "api.ecr.eu-isoe-west-1.cloud.adc-e.uk"),
            ("us-isof-south-1", false, false, "api.ecr.us-isof-south-1.csp.hci.ic.gov"),
            ("us-gov-west-1", true, true, "ecr-fips.us-gov-west-1.api.aws"),
            ("us-gov-west-1", true, false, "api.ecr-fips.us-gov-west-1.amazonaws.com"),
            ("us-gov-west-1", false, true, "ecr.us-gov-west-1.api.aws"),
            ("us-gov-west-1", false, false, "api.ecr.us-gov-west-1.amazonaws.com"),
        ] {
            assert_eq!(of(EcrService::Private, region, fips, dual_stack), Ok(format!("https://{host}")));
        }
        for (fips, dual_stack, host) in [
            (false, false, "api.ecr-public.us-east-1.amazonaws.com"),
            (false, true, "ecr-public.us-east-1.api.aws"),
            (true, false, "api.ecr-public-fips.us-east-1.amazonaws.com"),
            (true, true, "api.ecr-public-fips.us-east-1.api.aws"),
        ] {
            assert_eq!(of(EcrService::Public, "us-east-1", fips, dual_stack), Ok(format!("https://{host}")));
        }
        assert_eq!(
            of(EcrService::Private, "eusc-de-east-1", false, true),
            Err("found aws.dualStack with the partition aws-eusc, expected a partition with dual-stack endpoints"
                .to_owned())
        );
    }
}
