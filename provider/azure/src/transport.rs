//! Sends requests through `countersign-http`.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
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
use countersign_http::NoProxyScope;
use countersign_http::Payload;
use countersign_http::ProxyRoute;
use countersign_http::ProxyRule;
use countersign_http::ProxyRuleId;
use countersign_http::Redirects;
use countersign_http::Request;
use countersign_http::RootsId;
use countersign_http::Route;
use countersign_http::Share;
use countersign_http::SharedLimits;
use countersign_http::TlsSetupError;
use countersign_http::authority;
use http::HeaderMap;
use http::HeaderValue;
use tokio::time::Instant;
use url::Url;

use crate::error::Operation;
use crate::limits;
use crate::settings::AzureSettings;

/// The address of the instance metadata service. Requests to it go to no proxy.
pub(crate) const INSTANCE_METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// The HTTP client of all calls.
pub(crate) struct Transport {
    client: Client,
    roots: RootsId,
    proxy: ProxyRuleId,
    timeout: Duration,
}

/// A complete answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Transport {
    /// # Errors
    /// The TLS library refuses the configuration.
    pub(crate) fn new(settings: &AzureSettings, limits: &SharedLimits) -> Result<Self, TlsSetupError> {
        let client = ClientSettings {
            connect_timeout: settings.connect_timeout,
            requests: limits::REQUESTS,
            proxies: settings.proxies.clone(),
        };
        let mut client = ClientBuilder::new(client, limits)?;
        let roots = client.add_roots(&settings.roots)?;
        let proxy = ProxyRule {
            choice: settings.proxy.clone(),
            setting: "azure.proxy".to_owned(),
            exact: false,
            no_proxy: NoProxyScope::AllHosts,
        };
        let proxy = client.add_proxy_rule(proxy)?;
        Ok(Self { client: client.build(), roots, proxy, timeout: settings.attempt_timeout })
    }

    /// Sends a request once. Redirects are refused: they would lead a secret to another host.
    ///
    /// # Errors
    /// There is no complete answer by `deadline`, or in the time of one attempt.
    pub(crate) async fn send(
        &self,
        operation: Operation,
        url: &Url,
        payload: Payload,
        authorization: Option<&HeaderValue>,
        deadline: Instant,
    ) -> Result<Answer, FetchError> {
        let server = authority(url);
        let share = Share::new(&Arc::from(server.as_str()), Class::Listed);
        let request = Request {
            share: &share,
            step: operation.step(),
            home: &server,
            url,
            referred_by: None,
            route: self.route(url),
            payload,
            accept: "application/json",
            authorization,
            redirects: Redirects::Refuse { what: "requests to Azure" },
            body: BodyLimits::at_most(limits::RESPONSE_BYTES),
            head_timeout: None,
        };
        let deadline = deadline.min(Instant::now() + self.timeout);
        let permit = self.client.acquire(&request, deadline).await?;
        let response = self.client.fetch(&request, permit, deadline).await?;
        let body = match response.body {
            Body::Content(content, _) => content.into_parts().0,
            Body::Error(bytes) => bytes.to_vec(),
        };
        Ok(Answer { status: response.status.as_u16(), headers: response.headers, body })
    }

    /// Services may have private addresses, as private endpoints do. An endpoint on loopback is one that the operator wrote.
    fn route(&self, url: &Url) -> Route {
        let address = match url.host() {
            Some(url::Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(url::Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(url::Host::Domain(_)) | None => None,
        };
        let is_local = url.host_str() == Some("localhost")
            || address.is_some_and(|address| address.is_loopback() || address == INSTANCE_METADATA);
        Route {
            addresses: if is_local { AddressPolicy::Any } else { AddressPolicy::WithPrivate },
            roots: self.roots,
            proxy: (!is_local).then_some(ProxyRoute { rule: self.proxy, own: false }),
            listed: true,
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}
