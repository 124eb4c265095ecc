//! Sends requests through `countersign-http`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

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
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::ProxyRoute;
use countersign_http::ProxyRule;
use countersign_http::ProxyRuleId;
use countersign_http::Redirects;
use countersign_http::Request;
use countersign_http::RequestLimits;
use countersign_http::Roots;
use countersign_http::RootsId;
use countersign_http::Route;
use countersign_http::Share;
use countersign_http::SharedLimits;
use countersign_http::TlsSetupError;
use countersign_http::authority;
use http::HeaderMap;
use tokio::time::Instant;

use crate::call::Call;
use crate::destination::Destination;
use crate::limits;

/// The operator's settings of the requests to one cloud.
#[derive(Clone, Debug)]
pub struct TransportSettings {
    /// The name of its requests in messages, in the plural: "requests to Azure".
    pub requests_name: &'static str,
    /// Concurrent requests.
    pub requests: RequestLimits,
    /// For one connection.
    pub connect_timeout: Duration,
    /// For one attempt of a call with its answer.
    pub attempt_timeout: Duration,
    /// The certificate authorities that are trusted for its services.
    pub roots: Roots,
    /// The proxy to its services.
    pub proxy: ProxyChoice,
    /// The key of the configuration that has the proxy, for messages.
    pub proxy_setting: &'static str,
    /// The proxies of the environment.
    pub proxies: ProxyEnvironment,
}

/// The HTTP client of all calls of one cloud.
pub struct Transport {
    client: Client,
    roots: RootsId,
    proxy: ProxyRuleId,
    requests_name: &'static str,
    attempt_timeout: Duration,
}

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most [`limits::RESPONSE_BYTES`].
    pub body: Vec<u8>,
}

impl Transport {
    /// # Errors
    /// The TLS library refuses the configuration.
    pub fn new(settings: TransportSettings, limits: &SharedLimits) -> Result<Self, TlsSetupError> {
        let client = ClientSettings {
            connect_timeout: settings.connect_timeout,
            requests: settings.requests,
            proxies: settings.proxies,
        };
        let mut client = ClientBuilder::new(client, limits)?;
        let roots = client.add_roots(&settings.roots)?;
        let proxy = ProxyRule {
            choice: settings.proxy,
            setting: settings.proxy_setting.to_owned(),
            exact: false,
            no_proxy: NoProxyScope::AllHosts,
        };
        let proxy = client.add_proxy_rule(proxy)?;
        let TransportSettings { requests_name, attempt_timeout, .. } = settings;
        Ok(Self { client: client.build(), roots, proxy, requests_name, attempt_timeout })
    }

    /// Sends the request of a call once, for `step`. Redirects are refused.
    ///
    /// # Errors
    /// There is no complete answer by `deadline`, or in the time of one attempt.
    pub(crate) async fn send<O>(
        &self,
        step: &'static str,
        call: &Call<'_, O>,
        deadline: Instant,
    ) -> Result<Answer, FetchError> {
        let server = authority(call.url);
        let share = Share::new(&Arc::from(server.as_str()), Class::Listed);
        let request = Request {
            share: &share,
            step,
            home: &server,
            about: "",
            url: call.url,
            referred_by: None,
            route: self.route(call.destination),
            payload: call.payload.clone(),
            accept: "application/json",
            authorization: call.authorization,
            redirects: Redirects::Refuse { what: self.requests_name },
            body: BodyLimits::at_most(limits::RESPONSE_BYTES),
            head_timeout: HeadTimeout::Request,
            on_head: None,
        };
        let deadline = deadline.min(Instant::now() + self.attempt_timeout);
        let permit = self.client.acquire(&request, deadline).await?;
        let response = self.client.fetch(&request, permit, deadline).await?;
        let body = match response.body {
            Body::Content(content, _) => content.into_parts().0,
            Body::Error(bytes) => bytes.to_vec(),
        };
        Ok(Answer { status: response.status.as_u16(), headers: response.headers, body })
    }

    fn route(&self, destination: Destination) -> Route {
        let (addresses, proxy) = match destination {
            Destination::Node => (AddressPolicy::Any, None),
            Destination::Service => (AddressPolicy::WithPrivate, Some(ProxyRoute { rule: self.proxy, own: false })),
        };
        Route { addresses, roots: self.roots, proxy, listed: true }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}
