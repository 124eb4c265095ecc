//! Endpoints that the operator writes.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use countersign_http::Endpoint;
use url::Url;

/// Sends requests to an endpoint as it is written. Without this the SDK would put `data-` before the host of an operation of
/// AWS Signer, also before the address of an endpoint in a VPC.
#[derive(Clone, Debug)]
pub(crate) struct UseEndpoint(pub(crate) Endpoint);

impl Intercept for UseEndpoint {
    fn name(&self) -> &'static str {
        "UseEndpoint"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let mut url = Url::parse(request.uri())?;
        let endpoint = self.0.url();
        // In this order: the port belongs to the new host.
        url.set_scheme(endpoint.scheme()).map_err(|()| "the scheme of the endpoint cannot be used")?;
        url.set_host(endpoint.host_str())?;
        url.set_port(endpoint.port()).map_err(|()| "the port of the endpoint cannot be used")?;
        request.set_uri(url.as_str())?;
        Ok(())
    }
}
