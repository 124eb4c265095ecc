//! One request over one connection: directly under a guard, or by a proxy.

use bytes::Bytes;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::StatusCode;
use http::Uri;
use http::header;
use http_body_util::Full;
use url::Url;

use crate::credential::Credential;
use crate::error::Cause;
use crate::error::ProxyFailure;
use crate::failure::proxy_failed;
use crate::failure::unreachable;
use crate::failure::unreachable_by;
use crate::proxy::Asker;
use crate::proxy::Forwarder;
use crate::proxy::NotByProxy;
use crate::proxy::Proxy;
use crate::proxy::Route;
use crate::settings::Entry;
use crate::wire::Outgoing;
use crate::wire::Payload;
use crate::wire::Peer;
use crate::wire::Wire;
use countersign_http::AddressRefused;
use countersign_http::Response;
use countersign_http::on_behalf_of;

impl Wire {
    /// Sends the request to `url`, directly or by a proxy, and gives the head of the answer.
    ///
    /// # Errors
    /// It may not be sent there, or there is no answer.
    pub(crate) async fn hop(
        &self,
        outgoing: &Outgoing<'_>,
        url: &Url,
        host: &str,
        peer: Peer,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, Cause> {
        let asker = peer.entry.and_then(|position| Some((position, self.entries.get(position)?)));
        // A registry that is disabled is not asked on behalf of another one either.
        if let Some((_, Entry { credential: Credential::Unusable(why), .. })) = asker {
            return Err(Cause::Misconfigured { host: host.to_owned(), why: why.clone() });
        }
        let own = asker.is_some() && self.listed(url).and_then(|listed| listed.entry) == peer.entry;
        let asks_for = asker.map(|(_, entry)| Asker { choice: &entry.proxy, pattern: &entry.pattern, own });
        let route = self.proxies.route(asks_for, url).map_err(|NotByProxy { inside, proxy }| Cause::NotByProxy {
            host: host.to_owned(),
            inside,
            proxy: proxy.server.authority(),
            setting: proxy.source.to_string(),
        })?;
        let request = request(outgoing, url, host, authorization)?;
        match (route, asker) {
            (Route::By(proxy), Some((position, _))) => {
                let forwarder = self.clients.forwarder(&proxy, position, peer.group);
                on_behalf_of(outgoing.share, by_proxy(&forwarder, &proxy, request, host)).await
            }
            (Route::By(_) | Route::Direct, _) => {
                peer.guard
                    .check_literal(url)
                    .map_err(|AddressRefused { address }| Cause::AddressRefused { host: host.to_owned(), address })?;
                let client = self.clients.direct(peer.group, peer.guard);
                on_behalf_of(outgoing.share, client.send(request)).await.map_err(|error| unreachable(&error, host))
            }
        }
    }
}

async fn by_proxy(
    forwarder: &Forwarder,
    proxy: &Proxy<'_>,
    request: Request<Full<Bytes>>,
    host: &str,
) -> Result<Response, Cause> {
    let plain = request.uri().scheme_str() == Some("http");
    let response = forwarder.send(request).await.map_err(|error| unreachable_by(&error, host, proxy))?;
    // In plain HTTP the proxy's own answers stand where the registry's do. Only one of them can be told.
    let asks = response.headers().contains_key(header::PROXY_AUTHENTICATE);
    if plain && (asks || response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED) {
        let failure = ProxyFailure::answered(response.status(), true, proxy.server.has_login());
        return Err(proxy_failed(host.to_owned(), proxy, failure));
    }
    Ok(response)
}

/// What is sent, whichever way it goes.
fn request(
    outgoing: &Outgoing<'_>,
    url: &Url,
    host: &str,
    authorization: Option<&HeaderValue>,
) -> Result<Request<Full<Bytes>>, Cause> {
    let (method, body) = match &outgoing.payload {
        Payload::Content | Payload::TokenQuery => (Method::GET, None),
        Payload::Head => (Method::HEAD, None),
        Payload::TokenForm(form) => (Method::POST, Some(form.clone())),
    };
    let unusable = || Cause::Unreachable { host: host.to_owned(), detail: "its URL cannot be sent".to_owned() };
    let uri: Uri = url.as_str().parse().map_err(|_| unusable())?;
    let form = body.is_some();
    let mut request = Request::new(Full::new(Bytes::from(body.unwrap_or_default())));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    // Media types are visible ASCII.
    headers.insert(header::ACCEPT, HeaderValue::from_str(outgoing.accept).unwrap_or(HeaderValue::from_static("*/*")));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(value) = authorization {
        headers.insert(header::AUTHORIZATION, value.clone());
    }
    if form {
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form_type);
    }
    Ok(request)
}
