//! Sends one request with its redirects, and reads its response under limits.
//!
//! Redirects are followed here and not by the HTTP library, because each target is checked: never from https to http, never
//! with `Authorization` once scheme, host or port have changed, never to an address that its policy refuses.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use countersign_core::codec::text::Text;
use http::HeaderMap;
use http::StatusCode;
use http::header;
use tokio::time::Instant;
use url::Url;

use crate::answer::Missing;
use crate::answer::Reception;
use crate::body;
use crate::concurrency::InFlight;
use crate::connection::UnreadResponse;
use crate::connection::is_of_tls_port;
use crate::content::Content;
use crate::error::FetchError;
use crate::error::Phase;
use crate::error::RedirectRefusal;
use crate::hop::Hop;
use crate::host_limiter::HostLimiter;
use crate::host_limiter::RequestLimits;
use crate::host_limiter::RequestPermit;
use crate::limiter::Limiter;
use crate::limits;
use crate::origin::BadLink;
use crate::origin::authority;
use crate::origin::resolve_link;
use crate::origin::same_origin;
use crate::pools::Over;
use crate::progress;
use crate::request::Body;
use crate::request::HeadTimeout;
use crate::request::Payload;
use crate::request::RedirectPolicy;
use crate::request::Redirects;
use crate::request::Request;
use crate::request::Response;
use crate::request::Route;
use crate::retry::retry_after;
use crate::sender::Position;
use crate::sender::Sender;
use crate::shared_limits::SharedLimits;

/// Connections, and the limits on requests. Made by a [`ClientBuilder`](crate::ClientBuilder).
pub struct Client {
    sender: Sender,
    hosts: HostLimiter,
    body_budget: Limiter,
    system_roots: usize,
}

impl Client {
    pub(crate) fn new(sender: Sender, requests: RequestLimits, limits: &SharedLimits, system_roots: usize) -> Self {
        let (hosts, body_budget) = (limits.host_limiter(requests), limits.body_budget().clone());
        Self { sender, hosts, body_budget, system_roots }
    }

    /// The number of certificate authorities of the system.
    #[must_use]
    pub fn system_roots(&self) -> usize {
        self.system_roots
    }

    /// Closes all idle connections.
    pub fn close_idle_connections(&self) {
        self.sender.pools.close_all_idle();
    }

    /// Waits until `request` may be sent.
    ///
    /// # Errors
    /// Immediately if the host requested a pause that ends after `deadline`, or fails for some time; at `deadline` if a limit was reached
    /// until then.
    pub async fn acquire(&self, request: &Request<'_>, deadline: Instant) -> Result<RequestPermit, FetchError> {
        let host = authority(request.url);
        self.hosts.acquire(request.share, hop(request, &host, request.route), deadline).await
    }

    /// Pauses further requests to the host of `request`, or for the rest of an earlier pause if that is longer, and then sends fewer at the
    /// same time: for an answer that refuses the number of requests with another status than 429. `in_flight` is that of the response.
    pub fn pause(&self, request: &Request<'_>, in_flight: InFlight, pause: Duration) {
        let host = authority(request.url);
        self.hosts.refused_before(request.share, in_flight, hop(request, &host, request.route), pause);
    }

    /// Sends `request` once, follows redirects, and reads the response until `deadline`. A 429, or a 503 with `Retry-After`,
    /// pauses further requests to the host that sent it, and fewer are sent to it at the same time afterwards.
    ///
    /// # Errors
    /// There is no complete response. Other statuses than 200 are responses.
    pub async fn fetch(
        &self,
        request: &Request<'_>,
        mut permit: RequestPermit,
        deadline: Instant,
    ) -> Result<Response, FetchError> {
        let (mut redirected_to, reception, began) = (None, Reception::new(), Instant::now());
        let followed = self.follow(request, &mut permit, deadline, &mut redirected_to, &reception);
        let result = match tokio::time::timeout_at(deadline, followed).await {
            Ok(result) => result,
            Err(_) => {
                let host = redirected_to.clone().unwrap_or_else(|| authority(request.url));
                if reception.missing() != Missing::Body {
                    reception.abandon_connection();
                    if redirected_to.is_none() {
                        let hop = hop(request, &host, request.route);
                        self.had_no_response(hop, &permit, reception.missing(), began.elapsed());
                    }
                }
                Err(FetchError::Timeout { host, phase: Phase::Request, missing: reception.missing() })
            }
        };
        result.map_err(|cause| match redirected_to {
            Some(target) => FetchError::Redirected { target, cause: Box::new(cause) },
            None => cause,
        })
    }

    /// Sends `request` once over a connection of the pool, only so that this stays open: neither its response nor its failure counts for
    /// anything. Not to a host that requested a pause or fails. Whether there was a response until `deadline`.
    pub async fn touch(&self, request: &Request<'_>, deadline: Instant) -> bool {
        let host = authority(request.url);
        let hop = hop(request, &host, request.route);
        if !self.hosts.is_usual(hop) {
            return false;
        }
        let Ok(_permit) = self.hosts.acquire(request.share, hop, deadline).await else { return false };
        let reception = Reception::new();
        let position = Position::first(request);
        let sent = self.sender.send(request, &position, &reception, Over::Any);
        match tokio::time::timeout_at(deadline, sent).await {
            Ok(Ok(response)) => {
                body::read_error(response).await;
                true
            }
            Ok(Err(_)) | Err(_) => {
                reception.abandon_connection();
                false
            }
        }
    }

    /// Sends the request and follows redirects. `redirected_to` is the host of the current hop, unless it is that of the
    /// request: it is needed whenever the request is cancelled, as are `reception`, what has come, and `permit`, that of the current hop.
    async fn follow(
        &self,
        request: &Request<'_>,
        permit: &mut RequestPermit,
        deadline: Instant,
        redirected_to: &mut Option<String>,
        reception: &Reception,
    ) -> Result<Response, FetchError> {
        let mut position = Position::first(request);
        let mut withheld = false;
        let mut redirects = 0;
        loop {
            let waiting = progress::waiting_for_answer(&authority(&position.url), request.step, reception);
            let response = self.head(request, permit, &position, reception).await?;
            reception.responded();
            if !is_redirect(response.status()) {
                if let Some(on_head) = request.on_head {
                    on_head(response.status());
                }
                return self.read(request, permit, response, position, withheld).await;
            }
            let host = authority(&position.url);
            let refused = |refusal| FetchError::Redirect { host: host.clone(), refusal };
            let policy = match request.redirects {
                Redirects::Refuse { what } => return Err(refused(RedirectRefusal::NotAllowed { what })),
                Redirects::Follow(policy) => policy,
            };
            redirects += 1;
            if redirects > limits::REDIRECTS {
                return Err(refused(RedirectRefusal::TooMany));
            }
            let target = redirect_target(&position.url, response.headers()).map_err(refused)?;
            let peer = response.peer();
            body::read_error(response).await;
            drop(waiting);
            reception.restart();
            *redirected_to = (!same_origin(request.url, &target)).then(|| authority(&target));
            if !same_origin(&position.url, &target) {
                withheld = true;
                let next = redirect(request, policy, &position, target, peer)?;
                let target_host = authority(&next.url);
                let hop = hop(request, &target_host, next.route);
                self.hosts.follow(permit, request.share, hop, deadline).await?;
                position = next;
            } else {
                if !policy.keeps_credential(&target) {
                    withheld |= position.authorization.is_some();
                    position.authorization = None;
                    position.route = policy.without_credential(position.route);
                }
                position.url = target;
            }
        }
    }

    /// Sends the request to `position`, and waits for the head of the response.
    async fn head(
        &self,
        request: &Request<'_>,
        permit: &RequestPermit,
        position: &Position<'_>,
        reception: &Reception,
    ) -> Result<UnreadResponse, FetchError> {
        let host = authority(&position.url);
        let hop = hop(request, &host, position.route);
        let began = Instant::now();
        let time = self.head_time(request.head_timeout, hop);
        let result = self.head_within(time, request, position, reception, Over::Any).await;
        self.note(hop, permit, &result, began);
        match result {
            Err(FetchError::Timeout { phase: Phase::Head, .. }) if self.is_tried_again(request.head_timeout, hop) => {
                reception.restart();
                let began = Instant::now();
                let time = self.head_time(request.head_timeout, hop);
                let result = self.head_within(time, request, position, reception, Over::New).await;
                self.note(hop, permit, &result, began);
                if let (Err(FetchError::Timeout { phase: Phase::Head, .. }), Some(health)) =
                    (&result, self.hosts.health())
                {
                    health.was_slow(hop, began.elapsed());
                }
                result
            }
            result => result,
        }
    }

    async fn head_within(
        &self,
        time: Option<Duration>,
        request: &Request<'_>,
        position: &Position<'_>,
        reception: &Reception,
        over: Over,
    ) -> Result<UnreadResponse, FetchError> {
        let sent = self.sender.send(request, position, reception, over);
        let Some(time) = time else { return sent.await };
        match tokio::time::timeout(time, sent).await {
            Ok(result) => result,
            Err(_) => {
                reception.abandon_connection();
                late(&authority(&position.url), reception)
            }
        }
    }

    /// How long the head of the response may take; `None` for the time of the whole request.
    fn head_time(&self, timeout: HeadTimeout, hop: Hop<'_>) -> Option<Duration> {
        match timeout {
            HeadTimeout::Request => None,
            HeadTimeout::After(time) => Some(time),
            HeadTimeout::OfCallers => self.hosts.health()?.head_time(hop, progress::expected()?),
        }
    }

    /// Whether a request without the head of a response in time is sent once more: not to a host that is known to fail by now.
    fn is_tried_again(&self, timeout: HeadTimeout, hop: Hop<'_>) -> bool {
        match timeout {
            HeadTimeout::Request | HeadTimeout::After(_) => false,
            HeadTimeout::OfCallers => self.hosts.health().is_some_and(|health| !health.is_failing(hop)),
        }
    }

    /// Notes that there was no response within `time`, all that there was for the request.
    fn had_no_response(&self, hop: Hop<'_>, permit: &RequestPermit, missing: Missing, time: Duration) {
        let Some(health) = self.hosts.health() else { return };
        // The time of its caller was nearly over when it was sent.
        if health.may_take(hop, time) {
            return;
        }
        if health.has_answered(hop) {
            permit.was_late();
        }
        let (host, phase) = (hop.host.to_owned(), Phase::Request);
        health.failed(hop, Text::of(FetchError::Timeout { host, phase, missing }), limits::PROBE_SLOW);
    }

    /// Notes what the result of a request that was sent at `began` says about its host.
    fn note(&self, hop: Hop<'_>, permit: &RequestPermit, result: &Result<UnreadResponse, FetchError>, began: Instant) {
        let failed = |why| {
            if let Some(health) = self.hosts.health() {
                health.failed(hop, why, began.elapsed());
            }
        };
        match result {
            // The host requests a pause instead.
            Ok(response) if requested_pause(response.status(), response.headers()).is_some() => {}
            Ok(response) if is_outage(response.status()) => {
                failed(Text::of(format_args!("it responded with status {}", response.status().as_u16())));
            }
            Ok(_) => {
                permit.had_response();
                if let Some(health) = self.hosts.health() {
                    health.succeeded(hop, began.elapsed());
                }
            }
            Err(error @ FetchError::Timeout { phase: Phase::Head | Phase::Request, .. }) => {
                if self.hosts.health().is_some_and(|health| health.has_answered(hop)) {
                    permit.was_late();
                }
                failed(Text::of(error));
            }
            Err(error @ (FetchError::Timeout { phase: Phase::Connect, .. } | FetchError::Unreachable { .. })) => {
                failed(Text::of(error));
            }
            // They say nothing about other requests to the host, or are failures of a proxy.
            Err(_) => {}
        }
    }

    /// Reads the response to its end.
    async fn read(
        &self,
        request: &Request<'_>,
        permit: &RequestPermit,
        response: UnreadResponse,
        position: Position<'_>,
        credential_withheld: bool,
    ) -> Result<Response, FetchError> {
        let Position { url, route, .. } = position;
        let host = authority(&url);
        let (status, headers, peer) = (response.status(), response.headers().clone(), response.peer());
        let mut pause = None;
        let body = match (status, &request.payload) {
            (StatusCode::OK, Payload::Head) => {
                Body::Content(Content::new(Bytes::new(), self.body_budget.try_acquire(request.share, 0)?), None)
            }
            (StatusCode::OK, Payload::Get | Payload::Post { .. } | Payload::Signed { .. }) => {
                let (content, digest) =
                    body::read(response, &host, &request.body, request.share, &self.body_budget).await?;
                Body::Content(content, digest)
            }
            _ => {
                let error = body::read_error(response).await;
                // Without a peer, the response may be that of a proxy.
                if url.scheme() == "http" && peer.is_some() && is_of_tls_port(status, &error) {
                    return Err(FetchError::TlsPort { host });
                }
                pause = requested_pause(status, &headers);
                if let Some(pause) = pause {
                    self.hosts.refused(permit, hop(request, &host, route), pause);
                }
                Body::Error(error)
            }
        };
        let in_flight = permit.in_flight();
        Ok(Response { url, status, headers, peer, body, credential_withheld, pause, in_flight })
    }
}

/// The position at `target`, which has another origin than `position`. A redirect back to the first origin is
/// allowed.
fn redirect<'a>(
    request: &Request<'a>,
    policy: &dyn RedirectPolicy,
    position: &Position<'_>,
    target: Url,
    peer: Option<SocketAddr>,
) -> Result<Position<'a>, FetchError> {
    let route = if same_origin(request.url, &target) {
        policy.without_credential(request.route)
    } else {
        let disabled = |why| FetchError::HostDisabled { host: authority(&target), why };
        policy.route(&position.url, &target, peer).map_err(disabled)?
    };
    Ok(Position { url: target, route, referred_by: Some(authority(&position.url)), authorization: None })
}

fn hop<'a>(request: &'a Request<'_>, host: &'a str, route: Route) -> Hop<'a> {
    Hop { home: request.home, about: request.about, host, own: host == request.home, listed: route.listed }
}

/// The error of a request without the head of a response in time.
fn late(host: &str, reception: &Reception) -> Result<UnreadResponse, FetchError> {
    Err(FetchError::Timeout { host: host.to_owned(), phase: Phase::Head, missing: reception.missing() })
}

/// Whether the status says that the host, or what is behind it, fails for now.
fn is_outage(status: StatusCode) -> bool {
    [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT].contains(&status)
}

fn is_redirect(status: StatusCode) -> bool {
    [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ]
    .contains(&status)
}

fn redirect_target(from: &Url, headers: &HeaderMap) -> Result<Url, RedirectRefusal> {
    let location = headers.get(header::LOCATION).ok_or(RedirectRefusal::Missing)?;
    let location = location.to_str().map_err(|_| BadLink)?;
    let target = resolve_link(from, location)?;
    match (from.scheme(), target.scheme()) {
        (_, "https") | ("http", "http") => Ok(target),
        (_, found) => Err(RedirectRefusal::Scheme { found: found.into() }),
    }
}

/// The pause that a response requests.
fn requested_pause(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Some(retry_after(headers).unwrap_or(limits::RETRY_AFTER_DEFAULT)),
        StatusCode::SERVICE_UNAVAILABLE => retry_after(headers),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn refuses_redirects_from_https_to_other_schemes() {
        let check = |from: &str, location: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, location.parse().unwrap());
            redirect_target(&Url::parse(from).unwrap(), &headers).map(String::from)
        };
        let scheme = |found: &str| Err(RedirectRefusal::Scheme { found: found.into() });
        assert_eq!(check("https://a/b", "/c#d"), Ok("https://a/c".to_owned()));
        assert_eq!(check("http://a/b", "https://c/d?e"), Ok("https://c/d?e".to_owned()));
        assert_eq!(check("https://a/b", "http://a/b"), scheme("http"));
        assert_eq!(check("https://a/b", "ftp://a/b"), scheme("ftp"));
        assert_eq!(check("http://a/b", "file:///etc/passwd"), Err(RedirectRefusal::Url(BadLink)));
        assert_eq!(check("https://a/b", "https://u:p@a/b"), Err(RedirectRefusal::Url(BadLink)));
        assert_eq!(check("https://a/b", &"x".repeat(limits::URL_BYTES + 1)), Err(RedirectRefusal::Url(BadLink)));
        let missing = redirect_target(&Url::parse("https://a/").unwrap(), &HeaderMap::new());
        assert_eq!(missing, Err(RedirectRefusal::Missing));
    }
}
