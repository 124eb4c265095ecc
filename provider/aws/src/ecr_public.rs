//! The call of Amazon ECR Public
//! ([GetAuthorizationToken](https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_GetAuthorizationToken.html)), by the
//! runtime of the SDK. Its client of the whole API takes ten seconds to compile for this one operation without parameters.

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
use aws_types::region::SigningRegion;
use countersign_core::codec::json;
use countersign_core::codec::text::Text;
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

/// A token as an API of Amazon ECR returns it.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) token: Option<Secret>,
    pub(crate) expires: Option<DateTime>,
}

/// Calls the API at `endpoint`, otherwise at that of the region.
pub(crate) async fn issue(config: &SdkConfig, endpoint: Option<&Endpoint>) -> Result<Issued, AwsError> {
    let failed = |text: &str| AwsError::new(Operation::EcrPublicToken, Kind::Request(Text::of(text)));
    let region = config.region().ok_or_else(|| failed("found no region"))?;
    let url = endpoint.map_or_else(|| of_region(region.as_ref(), config), Endpoint::to_string);
    let credentials = config.credentials_provider().ok_or_else(|| failed("found no credentials"))?;
    let retries = config.retry_config().ok_or_else(|| failed("found no settings of retries"))?;
    let timeouts = config.timeout_config().ok_or_else(|| failed("found no timeouts"))?;
    let (http, time, sleep) = (config.http_client(), config.time_source(), config.sleep_impl());

    let mut signing = Layer::new("signing");
    signing.store_put(AuthSchemeOptionResolverParams::new(()));
    signing.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(region.clone())),
        name: Some(SigningName::from_static("ecr-public")),
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
        .service_name("ECR PUBLIC")
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
        .serializer(|()| request())
        .deserializer(answer)
        .build();
    call.invoke(()).await.map_err(|error| AwsError::of_call(Operation::EcrPublicToken, &error))
}

/// The [endpoints](https://docs.aws.amazon.com/general/latest/gr/ecr-public.html) of the API in the commercial partition.
fn of_region(region: &str, config: &SdkConfig) -> String {
    match (config.use_fips().unwrap_or(false), config.use_dual_stack().unwrap_or(false)) {
        (false, false) => format!("https://api.ecr-public.{region}.amazonaws.com"),
        (false, true) => format!("https://ecr-public.{region}.api.aws"),
        (true, false) => format!("https://api.ecr-public-fips.{region}.amazonaws.com"),
        (true, true) => format!("https://api.ecr-public-fips.{region}.api.aws"),
    }
}

/// The request of the [JSON protocol](https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html).
fn request() -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from("{}"));
    request.set_method("POST")?;
    request.headers_mut().insert("content-type", "application/x-amz-json-1.1");
    request.headers_mut().insert("x-amz-target", "SpencerFrontendService.GetAuthorizationToken");
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<Issued, OrchestratorError<ErrorMetadata>> {
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
    Ok(Issued {
        token: data["authorizationToken"].as_str().map(Secret::new),
        expires: data["expiresAt"].as_f64().map(DateTime::from_secs_f64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_endpoint_has_its_host() {
        let host = |fips, dual_stack| {
            of_region("us-east-1", &SdkConfig::builder().use_fips(fips).use_dual_stack(dual_stack).build())
        };
        assert_eq!(host(false, false), "https://api.ecr-public.us-east-1.amazonaws.com");
        assert_eq!(host(false, true), "https://ecr-public.us-east-1.api.aws");
        assert_eq!(host(true, false), "https://api.ecr-public-fips.us-east-1.amazonaws.com");
        assert_eq!(host(true, true), "https://api.ecr-public-fips.us-east-1.api.aws");
    }
}
