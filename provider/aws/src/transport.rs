//! Sends the requests of the SDK through `countersign-http`.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use aws_smithy_async::time::TimeSource as _;
use aws_smithy_runtime_api::client::http::HttpClient;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
use aws_smithy_runtime_api::client::http::HttpConnectorSettings;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use bytes::Bytes;
use countersign_core::codec::text::Text;
use countersign_credentials::CallRequest;
use countersign_credentials::CallResult;
use countersign_http::AddressPolicy;
use countersign_http::Body;
use countersign_http::BodyLimits;
use countersign_http::Class;
use countersign_http::Client;
use countersign_http::ClientBuilder;
use countersign_http::ClientSettings;
use countersign_http::FetchError;
use countersign_http::HeadTimeout;
use countersign_http::NoProxyScope;
use countersign_http::Payload;
use countersign_http::ProxyRoute;
use countersign_http::ProxyRule;
use countersign_http::ProxyRuleId;
use countersign_http::Redirects;
use countersign_http::Request;
use countersign_http::RetryAdvice;
use countersign_http::RootsId;
use countersign_http::Route;
use countersign_http::Share;
use countersign_http::SharedLimits;
use countersign_http::TlsSetupError;
use countersign_http::authority;
use http::HeaderMap;
use http::header;
use tokio::time::Instant;
use url::Url;

use crate::codes;
use crate::codes::ERROR_TYPE;
use crate::error::Operation;
use crate::error::SourceProblem;
use crate::invalid_answer::InvalidAnswer;
use crate::limits;
use crate::naming;
use crate::observer::AwsObserver;
use crate::query_refusal::QueryRefusal;
use crate::secrets_in_use;
use crate::settings::AwsSettings;
use crate::time::AwsClock;

/// The services of the node that issue credentials: ECS, EKS Pod Identity, and the instance metadata service. They have these
/// addresses, so requests to them go to no proxy.
const NODE_SERVICES: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Headers that the HTTP client sets itself.
const OF_CONNECTION: [header::HeaderName; 4] =
    [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION];

/// The HTTP client of all clients of the SDK. Clones share it.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Inner>);

/// The same client with the timeouts of one client of the SDK.
#[derive(Clone, Debug)]
struct Connector {
    transport: Transport,
    timeout: Duration,
}

struct Inner {
    client: Client,
    roots: RootsId,
    proxy: ProxyRuleId,
    timeout: Duration,
    clock: AwsClock,
    observer: Arc<dyn AwsObserver>,
    /// See [`Transport::clock_difference`].
    difference: Mutex<Option<i64>>,
}

impl Transport {
    /// # Errors
    /// The TLS library refuses the configuration.
    pub(crate) fn new(
        settings: &AwsSettings,
        limits: &SharedLimits,
        clock: &AwsClock,
        observer: &Arc<dyn AwsObserver>,
    ) -> Result<Self, TlsSetupError> {
        let client = ClientSettings {
            connect_timeout: settings.connect_timeout,
            requests: limits::REQUESTS,
            proxies: settings.proxies.clone(),
        };
        let mut client = ClientBuilder::new(client, limits)?;
        let roots = client.add_roots(&settings.roots)?;
        let proxy = ProxyRule {
            choice: settings.proxy.clone(),
            setting: "aws.proxy".to_owned(),
            exact: false,
            no_proxy: NoProxyScope::AllHosts,
        };
        let proxy = client.add_proxy_rule(proxy)?;
        let (client, timeout, clock) = (client.build(), settings.attempt_timeout, clock.clone());
        let (observer, difference) = (Arc::clone(observer), Mutex::new(None));
        Ok(Self(Arc::new(Inner { client, roots, proxy, timeout, clock, observer, difference })))
    }

    /// How many seconds the clock is ahead of the last response's `Date`; negative if it is behind.
    pub(crate) fn clock_difference(&self) -> Option<i64> {
        *self.0.difference.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compare_clock(&self, headers: &HeaderMap) {
        let date = headers.get(header::DATE).and_then(|value| value.to_str().ok());
        let Some(date) = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok()) else { return };
        let difference = DateTime::from(self.0.clock.now()).secs().saturating_sub(date.secs());
        *self.0.difference.lock().unwrap_or_else(PoisonError::into_inner) = Some(difference);
    }

    async fn send(&self, request: HttpRequest, timeout: Duration) -> Result<HttpResponse, ConnectorError> {
        let Inner { client, roots, proxy, .. } = &*self.0;
        let malformed = |error: String| ConnectorError::user(error.into());
        let request = request.try_into_http1x().map_err(|error| malformed(error.to_string()))?;
        let (mut head, body) = request.into_parts();
        let body = body.bytes().ok_or_else(|| malformed("the body of the request is a stream".to_owned()))?;
        let url = Url::parse(&head.uri.to_string()).map_err(|error| malformed(error.to_string()))?;
        OF_CONNECTION.iter().for_each(|name| drop(head.headers.remove(name)));
        let server = authority(&url);
        if url.scheme() != "https" && !is_local(&url) {
            return Err(ConnectorError::user(SourceProblem::PlainHttp(Text::at_most(256, &server)).into()));
        }
        naming::note(&url, body);
        secrets_in_use::note_request(&head.headers, body);
        let began = Instant::now();
        let method = head.method.clone();
        let requested = |answered: Option<(u16, usize)>, result| {
            let (status, bytes) = answered.unzip();
            let (method, bytes) = (method.as_str(), bytes.unwrap_or(0));
            let request = CallRequest { method, host: &server, status, bytes, result, elapsed: began.elapsed() };
            self.0.observer.request(naming::operation().unwrap_or(Operation::Credentials), &request);
        };
        let failed = |error: FetchError| {
            requested(None, Err(CallResult::of_fetch(&error)));
            connector_error(error)
        };
        let share = Share::new(&Arc::from(server.as_str()), Class::Listed);
        let request = Request {
            share: &share,
            step: naming::step(&url, body),
            home: &server,
            about: "",
            url: &url,
            referred_by: None,
            route: route(&url, *roots, *proxy),
            payload: Payload::Signed { method: head.method, headers: head.headers, body: Bytes::copy_from_slice(body) },
            accept: "*/*",
            authorization: None,
            redirects: Redirects::Refuse { what: "requests to AWS" },
            body: BodyLimits::at_most(limits::RESPONSE_BYTES),
            head_timeout: HeadTimeout::Request,
            on_head: None,
        };
        let deadline = began + timeout;
        let permit = client.acquire(&request, deadline).await.map_err(failed)?;
        let response = client.fetch(&request, permit, deadline).await.map_err(failed)?;
        // Services of the node have its clock.
        if !is_of_node(&url) {
            self.compare_clock(&response.headers);
        }
        let bytes = match response.body {
            Body::Content(content, _) => content.into_parts().0,
            Body::Error(bytes) => bytes.to_vec(),
        };
        // Another status than 429 does not pause the host by itself. Without it, all calls that wait for a permit would be sent.
        let error_type = response.headers.get(ERROR_TYPE).map(|value| value.to_str().unwrap_or_default());
        let refusal = QueryRefusal::of(response.status, &response.headers, &bytes);
        let is_throttled = refusal.as_ref().is_some_and(QueryRefusal::is_throttled)
            || codes::is_throttled(response.status.as_u16(), error_type, &bytes);
        if response.pause.is_none() && is_throttled {
            client.pause(&request, response.in_flight, limits::THROTTLED_PAUSE);
        }
        requested(Some((response.status.as_u16(), bytes.len())), result(response.status, is_throttled));
        naming::note_answer(response.status, refusal.clone());
        if let Some(error_type) = error_type.filter(|_| response.status.is_success()) {
            return Err(ConnectorError::user(InvalidAnswer::success_with_type(response.status, error_type).into()));
        }
        if let Some(throttled) = refusal.filter(QueryRefusal::is_throttled) {
            return Err(ConnectorError::user(throttled.into()));
        }
        let mut answer = http::Response::new(SdkBody::from(bytes));
        *answer.status_mut() = response.status;
        *answer.headers_mut() = response.headers;
        // Of the connection: the body is complete, or was dropped as it is too large for the text of an error. And the SDK would
        // correct the time of later requests by the date of any answer, also one that is wrong: the clock of the node is right.
        for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::DATE] {
            answer.headers_mut().remove(name);
        }
        HttpResponse::try_from(answer).map_err(|error| malformed(error.to_string()))
    }
}

/// How a request ended that has this answer. Whether a success is usable, the call reports.
fn result(status: http::StatusCode, is_throttled: bool) -> Result<(), CallResult> {
    match status.as_u16() {
        _ if is_throttled => Err(CallResult::Throttled),
        429 => Err(CallResult::Throttled),
        500.. => Err(CallResult::Failed),
        _ if status.is_success() => Ok(()),
        _ => Err(CallResult::Refused),
    }
}

/// The address in a URL, if it has one in place of a name.
fn address_in(url: &Url) -> Option<IpAddr> {
    match url.host() {
        Some(url::Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(url::Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(url::Host::Domain(_)) | None => None,
    }
}

fn is_of_node(url: &Url) -> bool {
    address_in(url).is_some_and(|address| NODE_SERVICES.contains(&address))
}

/// Whether the server is one of the services of the node, or on loopback: an endpoint that the operator wrote. Only requests to these may
/// be without TLS: they have tokens, and a profile of the SDK may name any endpoint.
fn is_local(url: &Url) -> bool {
    let is_loopback =
        url.host_str() == Some("localhost") || address_in(url).is_some_and(|address| address.is_loopback());
    is_loopback || is_of_node(url)
}

/// Services may have private addresses, as endpoints in a VPC do.
fn route(url: &Url, roots: RootsId, proxy: ProxyRuleId) -> Route {
    let is_local = is_local(url);
    Route {
        addresses: if is_local { AddressPolicy::Any } else { AddressPolicy::WithPrivate },
        roots,
        proxy: (!is_local).then_some(ProxyRoute { rule: proxy, own: false }),
        listed: true,
    }
}

/// The SDK sends a request again after the first two kinds.
fn connector_error(error: FetchError) -> ConnectorError {
    match error.retry_advice() {
        RetryAdvice::BackOff => ConnectorError::io(error.into()),
        RetryAdvice::Never if matches!(error, FetchError::Timeout { .. }) => ConnectorError::timeout(error.into()),
        RetryAdvice::Never | RetryAdvice::After(_) => ConnectorError::user(error.into()),
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { transport, timeout } = self.clone();
        HttpConnectorFuture::new(async move { transport.send(request, timeout).await })
    }
}

impl HttpClient for Transport {
    /// The sources of credentials on the node have shorter timeouts than the services.
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let timeout = settings.read_timeout().map_or(self.0.timeout, |timeout| timeout.min(self.0.timeout));
        SharedHttpConnector::new(Connector { transport: self.clone(), timeout })
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_the_services_of_the_node_are_local() {
        for (url, expected) in [
            ("http://127.0.0.1:1/", true),
            ("http://127.1/", true),
            ("http://[::1]/", true),
            ("http://LOCALHOST/", true),
            ("http://169.254.170.2/v2", true),
            ("http://169.254.170.23/v1", true),
            ("http://169.254.169.254/latest", true),
            ("http://[fd00:ec2::23]/v1", true),
            ("http://[fd00:ec2::254]/latest", true),
            ("http://[::ffff:127.0.0.1]/", false),
            ("http://localhost./", false),
            ("http://localhost.example/", false),
            ("http://sts.eu-central-1.amazonaws.com/", false),
            ("http://127.0.0.1@10.0.0.1/", false),
            ("http://0.0.0.0/", false),
            ("http://10.0.0.1/", false),
            ("http://169.254.169.253/", false),
            ("http://[fd00:ec2::253]/", false),
        ] {
            assert_eq!(is_local(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
