//! One request with its redirects and its body: within the host's gate, under a time limit, told to the observer.
//!
//! Redirects are followed here and not by the HTTP library, because each target is looked at: never from https to
//! http, never with `Authorization` once scheme, host or port have changed, never to an address that the guard refuses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_core::codec::excerpt::Excerpt;
use countersign_core::name::Digest;
use http::HeaderMap;
use http::HeaderValue;
use http::StatusCode;
use http::header;
use tokio::time::Instant;
use url::Url;

use crate::body;
use crate::body::Expect;
use crate::bounds;
use crate::error::Cause;
use crate::error::CredentialKind;
use crate::error::LinkRefusal;
use crate::error::Phase;
use crate::gate::Gates;
use crate::gate::Hop;
use crate::gate::Place;
use crate::observer::Observer;
use crate::observer::RequestResult;
use crate::observer::Stage;
use crate::origin::authority;
use crate::origin::place;
use crate::origin::resolve_link;
use crate::origin::same_origin;
use crate::process::Process;
use crate::proxy::Proxies;
use crate::quota::Quota;
use crate::retry::retry_after;
use crate::said;
use crate::settings::Entry;
use crate::settings::RegistrySettings;
use crate::settings::SettingsError;
use crate::settings::entry_at;
use crate::tls::Clients;
use crate::tls::Group;
use countersign_http::Content;
use countersign_http::Guard;
use countersign_http::Limiter;
use countersign_http::Parsing;
use countersign_http::Response;
use countersign_http::Share;
use countersign_http::limits;

/// Everything that requests share.
pub(crate) struct Wire {
    pub(crate) entries: Vec<Entry>,
    pub(crate) clients: Clients,
    pub(crate) proxies: Proxies,
    pub(crate) gates: Gates,
    /// See [`Process`].
    pub(crate) memory: Limiter,
    pub(crate) parsing: Parsing,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) request_timeout: Duration,
}

/// Which certificate authorities and which networks are for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) group: Group,
    pub(crate) guard: Guard,
    /// Position of the settings' entry on whose behalf the host is asked: its own, or that of the registry that leads
    /// there. None on behalf of a registry that is not in the settings.
    pub(crate) entry: Option<usize>,
}

/// A request to be sent.
pub(crate) struct Outgoing<'a> {
    /// For whose images, and where these are asked for.
    pub(crate) share: &'a Share,
    pub(crate) registry: &'a str,
    pub(crate) url: &'a Url,
    /// The host that named this one, if the settings did not.
    pub(crate) led_by: Option<&'a str>,
    pub(crate) peer: Peer,
    pub(crate) accept: &'a str,
    pub(crate) authorization: Option<&'a HeaderValue>,
    /// What `authorization`, or the form, is made of; for messages.
    pub(crate) credential: CredentialKind,
    pub(crate) payload: Payload,
    pub(crate) expect: Expect,
}

/// What a request carries, which also decides whether it may be redirected.
pub(crate) enum Payload {
    /// GET, redirects followed.
    Content,
    /// HEAD, redirects followed. The answer's body is empty.
    Head,
    /// GET of a token service, redirects refused: the credential and the trust are for the realm as it was checked.
    TokenQuery,
    /// POST of a form to a token service, redirects refused.
    TokenForm(String),
}

/// An answer that is no failure.
pub(crate) enum Reply {
    Answer(Answer),
    /// 401 of the host that was asked.
    Unauthorized {
        headers: HeaderMap,
        from: Option<SocketAddr>,
        said: said::Said,
    },
}

/// A 200 with its body.
pub(crate) struct Answer {
    /// Where it came from, after redirects.
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Content,
    pub(crate) digest: Option<Digest>,
}

impl Wire {
    /// # Errors
    /// The first mistake in the settings.
    pub(crate) fn new(settings: &RegistrySettings, process: &Process) -> Result<Self, SettingsError> {
        Ok(Self {
            entries: settings.check()?,
            clients: Clients::new(settings, process)?,
            proxies: Proxies { environment: settings.proxies.clone() },
            gates: Gates::new(settings, process),
            memory: process.memory.clone(),
            parsing: process.parsing.clone(),
            observer: Arc::clone(&process.observer),
            request_timeout: settings.request_timeout,
        })
    }

    /// Sends a request once. A 429, or a 503 with `Retry-After`, closes the gate of the host that sent it.
    pub(crate) async fn once(&self, stage: Stage, outgoing: &Outgoing<'_>, deadline: Instant) -> Result<Reply, Cause> {
        let host = authority(outgoing.url);
        let place = self.gates.enter(outgoing.share, self.hop_to(outgoing, outgoing.url, &host), deadline).await?;
        let started = Instant::now();
        let limit = deadline.min(started + self.request_timeout);
        let mut elsewhere = None;
        let sent = self.send(outgoing, place, limit, &mut elsewhere);
        let result = match tokio::time::timeout_at(limit, sent).await {
            Ok(result) => result,
            Err(_) => {
                let host = elsewhere.clone().unwrap_or_else(|| host.clone());
                Err(Cause::Timeout { host, phase: Phase::Answer })
            }
        };
        let result = result.map_err(|cause| match elsewhere {
            Some(target) => Cause::Redirected { registry: host, target, stage, cause: Box::new(cause) },
            None => cause,
        });
        self.observer.request(stage, observed(outgoing, &result), started.elapsed());
        result
    }

    /// Sends the request and follows redirects. `elsewhere` is the host of the last hop, unless that is the one that was
    /// asked at first: it counts whenever the request is given up.
    async fn send(
        &self,
        outgoing: &Outgoing<'_>,
        mut place: Place,
        limit: Instant,
        elsewhere: &mut Option<String>,
    ) -> Result<Reply, Cause> {
        let mut url = outgoing.url.clone();
        let mut peer = outgoing.peer;
        let mut led_by = outgoing.led_by.map(str::to_owned);
        let mut authorization = outgoing.authorization;
        let mut credential = match (authorization, &outgoing.payload) {
            (Some(_), _) | (None, Payload::TokenForm(_)) => outgoing.credential,
            (None, Payload::Content | Payload::Head | Payload::TokenQuery) => CredentialKind::Anonymous,
        };
        let mut redirects = 0;
        loop {
            let host = authority(&url);
            let sent = self.hop(outgoing, &url, &host, peer, authorization).await;
            let response = sent.map_err(|cause| led_inside(cause, peer.guard, led_by.as_deref()))?;
            // By a proxy, nobody knows.
            let from = response.from();
            let headers = response.headers().clone();
            let status = response.status();
            match status {
                StatusCode::OK if matches!(outgoing.payload, Payload::Head) => {
                    let body = Content::new(Bytes::new(), self.memory.try_acquire(outgoing.share, 0)?);
                    return Ok(Reply::Answer(Answer { url, headers, body, digest: None }));
                }
                StatusCode::OK => {
                    let (body, digest) =
                        body::read(response, &host, &outgoing.expect, outgoing.share, &self.memory).await?;
                    return Ok(Reply::Answer(Answer { url, headers, body, digest }));
                }
                StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT => {
                    let refused = |refusal| Cause::Redirect { host: host.clone(), refusal };
                    match outgoing.payload {
                        Payload::Content | Payload::Head => {}
                        Payload::TokenQuery | Payload::TokenForm(_) => return Err(refused(LinkRefusal::Token)),
                    }
                    redirects += 1;
                    if redirects > limits::REDIRECTS {
                        return Err(refused(LinkRefusal::TooMany));
                    }
                    let target = redirect_target(&url, &headers).map_err(refused)?;
                    body::read_said(response, 0).await;
                    *elsewhere = (!same_origin(outgoing.url, &target)).then(|| authority(&target));
                    if !same_origin(&url, &target) {
                        authorization = None;
                        credential = CredentialKind::Withheld;
                        peer = self.peer_after(outgoing, &url, &target, from);
                        led_by = Some(host);
                        let host = authority(&target);
                        let hop = self.hop_to(outgoing, &target, &host);
                        place = self.gates.follow(place, outgoing.share, hop, limit).await?;
                    }
                    url = target;
                }
                StatusCode::UNAUTHORIZED if same_origin(&url, outgoing.url) => {
                    let said = body::read_said(response, self.excerpt_characters(&url, outgoing)).await;
                    return Ok(Reply::Unauthorized { headers, from, said });
                }
                _ => return Err(self.refusal(outgoing, response, &url, credential).await),
            }
        }
    }

    fn hop_to<'a>(&self, outgoing: &Outgoing<'_>, url: &Url, host: &'a str) -> Hop<'a> {
        Hop { host, own: host == outgoing.registry, listed: self.listed(url).is_some() }
    }

    /// How a host is treated to which `url` redirects, with an answer from the address `from`. A host that is not in the
    /// settings leads to public addresses or nowhere: not even to what the settings name, which it could not reach by
    /// itself. The way back to where the request began stays open.
    fn peer_after(&self, outgoing: &Outgoing<'_>, url: &Url, target: &Url, from: Option<SocketAddr>) -> Peer {
        if same_origin(outgoing.url, target) {
            return outgoing.peer;
        }
        let listed = self.listed(target);
        let group = match listed {
            Some(peer) => peer.group,
            None if target.host() == outgoing.url.host() => outgoing.peer.group,
            None => Group::SYSTEM,
        };
        let led_by_listed = self.is_listed(url, outgoing);
        let guard = match listed {
            Some(_) | None if !led_by_listed => Guard::Public,
            Some(Peer { guard: Guard::Configured, .. }) => Guard::Configured,
            Some(_) | None => Guard::after(from),
        };
        let entry = match listed {
            Some(peer) if led_by_listed => peer.entry,
            Some(_) | None => outgoing.peer.entry,
        };
        Peer { group, guard, entry }
    }

    /// Whether the settings have the host of `url`, at which `outgoing` has arrived.
    fn is_listed(&self, url: &Url, outgoing: &Outgoing<'_>) -> bool {
        let by_its_registry = same_origin(url, outgoing.url) && outgoing.led_by.is_none();
        if by_its_registry { outgoing.peer.entry.is_some() } else { self.listed(url).is_some() }
    }

    /// How much of the error envelope of `url` is kept.
    fn excerpt_characters(&self, url: &Url, outgoing: &Outgoing<'_>) -> usize {
        if self.is_listed(url, outgoing) { bounds::LISTED_EXCERPT_CHARACTERS } else { Excerpt::CHARACTERS }
    }

    /// How the settings' entry for the URL's host treats it, if there is one.
    pub(crate) fn listed(&self, url: &Url) -> Option<Peer> {
        let (position, entry) = entry_at(&self.entries, &place(url)?)?;
        let guard = if entry.pattern.is_exact() { Guard::Configured } else { Guard::Outside };
        Some(Peer { group: self.clients.group_of(position), guard, entry: Some(position) })
    }

    async fn refusal(
        &self,
        outgoing: &Outgoing<'_>,
        response: Response,
        url: &Url,
        credential: CredentialKind,
    ) -> Cause {
        let host = authority(url);
        let status = response.status();
        let pause = retry_after(response.headers());
        let characters = self.excerpt_characters(url, outgoing);
        let quota = Quota::of(response.headers(), characters);
        let said = body::read_said(response, characters).await;
        match (status, pause) {
            (StatusCode::TOO_MANY_REQUESTS, pause) => {
                let wait = pause.unwrap_or(limits::RETRY_AFTER_DEFAULT);
                self.gates.close(self.hop_to(outgoing, url, &host), wait);
                return Cause::TooManyRequests { host, wait, quota, said };
            }
            (StatusCode::SERVICE_UNAVAILABLE, Some(wait)) => {
                self.gates.close(self.hop_to(outgoing, url, &host), wait);
                return Cause::Throttled { host, wait };
            }
            _ => {}
        }
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Cause::Denied { host, status: status.as_u16(), credential, said }
            }
            StatusCode::NOT_FOUND => Cause::NotFound { host, said },
            _ => Cause::Status { host, status: status.as_u16(), said },
        }
    }
}

/// What an answer named is refused for another reason than what the image's reference named.
fn led_inside(cause: Cause, guard: Guard, led_by: Option<&str>) -> Cause {
    match (cause, led_by) {
        (Cause::AddressRefused { host, address }, Some(from)) if guard == Guard::Public => {
            Cause::LeadsInside { from: from.to_owned(), host, address }
        }
        (cause, _) => cause,
    }
}

fn redirect_target(from: &Url, headers: &HeaderMap) -> Result<Url, LinkRefusal> {
    let location = headers.get(header::LOCATION).ok_or(LinkRefusal::Missing)?;
    let location = location.to_str().map_err(|_| LinkRefusal::Url)?;
    let target = resolve_link(from, location)?;
    match (from.scheme(), target.scheme()) {
        (_, "https") | ("http", "http") => Ok(target),
        (_, found) => Err(LinkRefusal::Scheme { found: found.into() }),
    }
}

fn observed(outgoing: &Outgoing<'_>, result: &Result<Reply, Cause>) -> RequestResult {
    match result {
        Ok(Reply::Answer(_)) => RequestResult::Ok,
        Ok(Reply::Unauthorized { .. }) if outgoing.authorization.is_some() => RequestResult::Denied,
        Ok(Reply::Unauthorized { .. }) => RequestResult::Challenged,
        Err(cause) => refused_as(cause.innermost()),
    }
}

fn refused_as(cause: &Cause) -> RequestResult {
    use crate::Trouble;
    if let Cause::Status { status: 500.., .. } = cause {
        return RequestResult::ServerError;
    }
    match cause.trouble() {
        // A misconfigured registry is not asked at all.
        Trouble::Misconfigured | Trouble::Refused | Trouble::RedirectRefused => RequestResult::Refused,
        Trouble::Unreachable => RequestResult::Unreachable,
        Trouble::Timeout => RequestResult::Timeout,
        Trouble::Denied => RequestResult::Denied,
        Trouble::Throttled => RequestResult::Throttled,
        Trouble::NotFound => RequestResult::NotFound,
        Trouble::Overloaded => RequestResult::Overloaded,
        Trouble::Failed
        | Trouble::AnswerInvalid
        | Trouble::ContentMismatch
        | Trouble::ReferrersUnsupported
        | Trouble::Unsupported => RequestResult::Invalid,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_never_leaves_https_or_the_web() {
        let check = |from: &str, location: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, location.parse().unwrap());
            redirect_target(&Url::parse(from).unwrap(), &headers).map(String::from)
        };
        assert_eq!(check("https://a/b", "/c#d"), Ok("https://a/c".to_owned()));
        assert_eq!(check("http://a/b", "https://c/d?e"), Ok("https://c/d?e".to_owned()));
        assert_eq!(check("https://a/b", "http://a/b"), Err(LinkRefusal::Scheme { found: "http".into() }));
        assert_eq!(check("https://a/b", "ftp://a/b"), Err(LinkRefusal::Scheme { found: "ftp".into() }));
        assert_eq!(check("http://a/b", "file:///etc/passwd"), Err(LinkRefusal::Url));
        assert_eq!(check("https://a/b", "https://u:p@a/b"), Err(LinkRefusal::Url));
        assert_eq!(check("https://a/b", &"x".repeat(limits::URL_BYTES + 1)), Err(LinkRefusal::Url));
        assert_eq!(redirect_target(&Url::parse("https://a/").unwrap(), &HeaderMap::new()), Err(LinkRefusal::Missing));
    }
}
