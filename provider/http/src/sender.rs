//! Sends one request over one connection: directly under an address policy, or through a proxy.

use bytes::Bytes;
use http::HeaderValue;
use http::StatusCode;
use http::Uri;
use http::header;
use http_body_util::Full;
use hyper_util::client::legacy::connect::capture_connection;
use url::Url;

use crate::address::AddressPolicy;
use crate::address::AddressRefused;
use crate::answer::Reception;
use crate::connection::UnreadResponse;
use crate::connection::on_behalf_of;
use crate::error::FetchError;
use crate::error_mapping::proxy_failed;
use crate::error_mapping::unreachable;
use crate::error_mapping::unreachable_by;
use crate::origin::authority;
use crate::pools::ConnectionPools;
use crate::pools::Over;
use crate::pools::ProxyRuleId;
use crate::proxy::Forwarder;
use crate::proxy::ProxyEnvironment;
use crate::proxy::ProxyFailure;
use crate::proxy::ProxyRefused;
use crate::proxy::ProxyRule;
use crate::proxy::SelectedProxy;
use crate::proxy::select;
use crate::request::Payload;
use crate::request::ProxyRoute;
use crate::request::Request;
use crate::request::Route;

/// Sends requests over pooled connections, directly or through proxies.
pub(crate) struct Sender {
    pub(crate) pools: ConnectionPools,
    pub(crate) environment: ProxyEnvironment,
    /// Indexed by [`ProxyRuleId`].
    pub(crate) proxy_rules: Vec<ProxyRule>,
}

/// The current URL and route of a request: its own, or those of a redirect target.
pub(crate) struct Position<'a> {
    pub(crate) url: Url,
    pub(crate) route: Route,
    pub(crate) referred_by: Option<String>,
    pub(crate) authorization: Option<&'a HeaderValue>,
}

impl<'a> Position<'a> {
    /// That of `request` before redirects.
    pub(crate) fn first(request: &Request<'a>) -> Self {
        Self {
            url: request.url.clone(),
            route: request.route,
            referred_by: request.referred_by.map(str::to_owned),
            authorization: request.authorization,
        }
    }
}

/// How a request is sent to its host.
enum Via<'a> {
    Direct,
    Proxy { proxy: SelectedProxy<'a>, rule: ProxyRuleId },
}

impl Sender {
    /// Sends `request` to `position`, and returns the head of the response. `reception` has what is missing until then.
    ///
    /// # Errors
    /// The request must not be sent, or there is no response.
    pub(crate) async fn send(
        &self,
        request: &Request<'_>,
        position: &Position<'_>,
        reception: &Reception,
        over: Over,
    ) -> Result<UnreadResponse, FetchError> {
        let (url, route) = (&position.url, position.route);
        let host = authority(url);
        let mut message = message(request, position, &host)?;
        reception.over(capture_connection(&mut message));
        match self.via(&host, url, route)? {
            Via::Proxy { proxy, rule } => {
                let forwarder = self.pools.forwarder(&proxy, rule, route.roots, over);
                reception.by_proxy(&proxy.server.authority());
                let sent = send_through_proxy(&forwarder, &proxy, message, &host, reception);
                on_behalf_of(request.share, reception, sent).await
            }
            Via::Direct => {
                let refused = |AddressRefused { address }| FetchError::AddressRefused { host: host.clone(), address };
                route
                    .addresses
                    .check_literal(url)
                    .map_err(refused)
                    .map_err(|error| with_referring_host(error, position))?;
                let client = self.pools.direct(route.roots, route.addresses, over);
                let sent = on_behalf_of(request.share, reception, client.send(message)).await;
                sent.map_err(|error| with_referring_host(unreachable(&error, &host, reception.missing()), position))
            }
        }
    }

    /// Decides whether a request to `url` is sent directly or through a proxy.
    fn via(&self, host: &str, url: &Url, route: Route) -> Result<Via<'_>, FetchError> {
        let Some(ProxyRoute { rule: id, own }) = route.proxy else { return Ok(Via::Direct) };
        // An unknown rule may require a proxy, so the request is not sent directly.
        let rule = self.proxy_rules.get(id.0).ok_or_else(|| FetchError::Unreachable {
            host: host.to_owned(),
            detail: "internal error: unknown proxy rule".to_owned(),
        })?;
        match select(&self.environment, rule, own, url) {
            Ok(Some(proxy)) => Ok(Via::Proxy { proxy, rule: id }),
            Ok(None) => Ok(Via::Direct),
            Err(ProxyRefused { internal, proxy, no_proxy_applies }) => Err(FetchError::NotByProxy {
                host: host.to_owned(),
                internal,
                proxy: proxy.server.authority(),
                setting: proxy.source.to_string(),
                no_proxy_applies,
            }),
        }
    }
}

/// Adds the host that referred to the refused address.
fn with_referring_host(error: FetchError, position: &Position<'_>) -> FetchError {
    match (error, &position.referred_by) {
        (FetchError::AddressRefused { host, address }, Some(from))
            if position.route.addresses == AddressPolicy::PublicOnly =>
        {
            FetchError::ReferredInside { from: from.clone(), host, address }
        }
        (error, _) => error,
    }
}

/// Sends `message` through `proxy`; returns an error if the proxy itself refused it.
async fn send_through_proxy(
    forwarder: &Forwarder,
    proxy: &SelectedProxy<'_>,
    message: http::Request<Full<Bytes>>,
    host: &str,
    reception: &Reception,
) -> Result<UnreadResponse, FetchError> {
    let plain = message.uri().scheme_str() == Some("http");
    let sent = forwarder.send(message).await;
    let response = sent.map_err(|error| unreachable_by(&error, host, proxy, reception.missing()))?;
    // In plain HTTP, a response may be that of the proxy itself. Only a 407 or `Proxy-Authenticate` identifies it.
    let has_proxy_challenge = response.headers().contains_key(header::PROXY_AUTHENTICATE);
    if plain && (has_proxy_challenge || response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED) {
        let failure = ProxyFailure::from_status(response.status(), true, proxy.server.has_login());
        return Err(proxy_failed(host.to_owned(), proxy, failure));
    }
    Ok(response)
}

/// The HTTP request for `request`, to be sent directly or through a proxy.
fn message(
    request: &Request<'_>,
    position: &Position<'_>,
    host: &str,
) -> Result<http::Request<Full<Bytes>>, FetchError> {
    let (content_type, signed, body) = match &request.payload {
        Payload::Get | Payload::Head => (None, None, Bytes::new()),
        Payload::Post { content_type, body } => (Some(*content_type), None, body.clone()),
        Payload::Signed { method: _, headers, body } => (None, Some(headers), body.clone()),
    };
    let unusable = || FetchError::Unreachable { host: host.to_owned(), detail: "its URL cannot be sent".to_owned() };
    let uri: Uri = position.url.as_str().parse().map_err(|_| unusable())?;
    let mut message = http::Request::new(Full::new(body));
    *message.method_mut() = request.payload.method();
    *message.uri_mut() = uri;
    let headers = message.headers_mut();
    // Media types are visible ASCII.
    headers.insert(header::ACCEPT, HeaderValue::from_str(request.accept).unwrap_or(HeaderValue::from_static("*/*")));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(value) = position.authorization {
        headers.insert(header::AUTHORIZATION, value.clone());
    }
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if let Some(signed) = signed {
        headers.extend(signed.clone());
    }
    Ok(message)
}
