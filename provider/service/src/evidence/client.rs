//! Sends one request for evidence, by the settings and within the limits.

use std::sync::Arc;
use std::time::Duration;

use countersign_http::AddressPolicy;
use countersign_http::Body;
use countersign_http::BodyLimits;
use countersign_http::Class;
use countersign_http::Client;
use countersign_http::ClientBuilder;
use countersign_http::ClientSettings;
use countersign_http::Content;
use countersign_http::FetchError;
use countersign_http::HeadTimeout;
use countersign_http::HostPause;
use countersign_http::NoProxyScope;
use countersign_http::Payload;
use countersign_http::ProxyChoice;
use countersign_http::ProxyRoute;
use countersign_http::ProxyRule;
use countersign_http::ProxyRuleId;
use countersign_http::Redirects;
use countersign_http::Request;
use countersign_http::Retry;
use countersign_http::RetryAdvice;
use countersign_http::RootsId;
use countersign_http::Route;
use countersign_http::Share;
use countersign_http::SharedLimits;
use countersign_http::TlsSetupError;
use tokio::time::Instant;
use url::Url;

use super::address::Address;
use super::request_error::REDIRECTED;
use super::request_error::RequestError;
use super::settings::FetchSettings;
use super::target::Outgoing;
use crate::telemetry::metrics::EVIDENCE;

/// The pause after which a body is received again that found no memory.
const MEMORY_PAUSE: Duration = Duration::from_millis(200);

/// The HTTP client with its routes.
pub(super) struct EvidenceClient {
    client: Client,
    /// Of hosts that the settings name.
    named: ProxyRuleId,
    /// Of all other hosts.
    others: ProxyRuleId,
    roots: RootsId,
    settings: Arc<FetchSettings>,
}

impl EvidenceClient {
    /// # Errors
    /// The TLS library refuses the configuration.
    pub(super) fn new(settings: Arc<FetchSettings>, limits: &SharedLimits) -> Result<Self, TlsSetupError> {
        let client = ClientSettings {
            connect_timeout: settings.connect_timeout,
            requests: settings.requests,
            proxies: settings.proxies.clone(),
        };
        let mut client = ClientBuilder::new(client, limits)?;
        // Without a usable proxy no request is sent: see `send`.
        let choice = settings.proxy.clone().unwrap_or(ProxyChoice::Direct);
        // The setting is for all hosts, so NO_PROXY applies to all of them.
        let rule = |exact| ProxyRule {
            choice: choice.clone(),
            setting: "evidence.proxy".to_owned(),
            exact,
            no_proxy: NoProxyScope::AllHosts,
        };
        let (named, others) = (client.add_proxy_rule(rule(true))?, client.add_proxy_rule(rule(false))?);
        let roots = client.add_roots(&settings.roots)?;
        Ok(Self { client: client.build(), named, others, roots, settings })
    }

    pub(super) fn close_idle_connections(&self) {
        self.client.close_idle_connections();
    }

    /// The body of a 200. No redirects, no credentials. A connection that ended early is tried again, as it may have been
    /// an idle one; and a response for which there was no memory until there is.
    pub(super) async fn send(
        &self,
        address: &Address,
        outgoing: &Outgoing,
        deadline: Instant,
    ) -> Result<Content, RequestError> {
        if let Err(why) = &self.settings.proxy {
            return Err(RequestError::Proxy(why.clone()));
        }
        let mut retry = Retry::new();
        loop {
            let error = match self.attempt(address, outgoing, deadline).await {
                Err(RequestError::Fetch(error)) => error,
                result => return result,
            };
            let may_retry = if is_of_bytes(&error) {
                wait(MEMORY_PAUSE, deadline).await
            } else if let FetchError::Broken { .. } = error {
                retry.wait(RetryAdvice::BackOff, deadline).await
            } else {
                false
            };
            if !may_retry {
                return Err(RequestError::Fetch(error));
            }
        }
    }

    async fn attempt(
        &self,
        address: &Address,
        outgoing: &Outgoing,
        deadline: Instant,
    ) -> Result<Content, RequestError> {
        let share = share(address);
        let url: &Url = outgoing.url.as_ref().unwrap_or(address.url());
        let request = Request {
            share: &share,
            step: outgoing.step,
            home: address.host(),
            about: "",
            url,
            referred_by: None,
            route: self.route(address),
            payload: match &outgoing.post {
                None => Payload::Get,
                Some(body) => Payload::Post { content_type: outgoing.content_type, body: body.clone() },
            },
            accept: outgoing.accept,
            authorization: None,
            redirects: Redirects::Refuse { what: REDIRECTED },
            body: BodyLimits::at_most(outgoing.max_bytes),
            head_timeout: HeadTimeout::After(self.settings.response_timeout),
            on_head: None,
        };
        let permit = self.client.acquire(&request, deadline).await.map_err(RequestError::Fetch)?;
        let response = match self.client.fetch(&request, permit, deadline).await {
            Ok(response) => response,
            Err(error) => {
                let setting = outgoing.max_bytes_setting;
                return Err(if let FetchError::TooLarge { host, limit } = error {
                    RequestError::TooLarge { host, limit, setting }
                } else {
                    RequestError::Fetch(error)
                });
            }
        };
        match (response.body, response.pause) {
            (Body::Content(content, _), _) => Ok(content),
            (Body::Error(_), Some(wait)) => {
                Err(RequestError::Fetch(FetchError::Throttled(HostPause { host: address.host().to_string(), wait })))
            }
            (Body::Error(_), None) => Err(RequestError::Status { status: response.status.as_u16() }),
        }
    }

    fn route(&self, address: &Address) -> Route {
        let is_named = address.is_at(&self.settings.reachable_hosts);
        let (addresses, rule) =
            if is_named { (AddressPolicy::Any, self.named) } else { (self.settings.networks, self.others) };
        Route { addresses, roots: self.roots, proxy: Some(ProxyRoute { rule, own: is_named }), listed: true }
    }
}

/// Whether there was no memory for the body. It was dropped, so that bodies do not wait for each other.
fn is_of_bytes(error: &FetchError) -> bool {
    matches!(error, FetchError::Limit(reached) if reached.resource == EVIDENCE.bytes)
}

/// Waits, unless that takes until `deadline`. Returns whether it has waited.
async fn wait(time: Duration, deadline: Instant) -> bool {
    let waits = Instant::now() + time < deadline;
    if waits {
        tokio::time::sleep(time).await;
    }
    waits
}

/// Each host has a share of its own: trusted authorities name hosts, not users.
pub(super) fn share(address: &Address) -> Share {
    Share::new(address.host(), Class::Listed)
}
