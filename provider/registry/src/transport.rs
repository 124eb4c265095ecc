//! Sends one request about an image, by the settings and within the limits, and reports it to the observer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::text::Text;
use countersign_core::name::EcrHost;
use countersign_core::name::Host;
use countersign_credentials::CredentialError;
use countersign_http as fetch;
use countersign_http::Client;
use countersign_http::ClientBuilder;
use countersign_http::ClientSettings;
use countersign_http::FetchError;
use countersign_http::HostPause;
use countersign_http::RedirectPolicy;
use countersign_http::Redirects;
use countersign_http::Route;
use countersign_http::SharedLimits;
use countersign_http::authority;
use countersign_http::same_origin;
use http::HeaderValue;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tokio::time::Instant;
use url::Url;

use crate::entry_limits::EntryLimits;
use crate::error::AuthoritiesOf;
use crate::error::Cause;
use crate::error::CredentialKind;
use crate::error_body::RegistryErrorBody;
use crate::kept_connections::KeptConnections;
use crate::limits;
use crate::observer::Exchange;
use crate::observer::Observer;
use crate::observer::Stage;
use crate::quota::Quota;
use crate::request::ApiResponse;
use crate::request::Payload;
use crate::request::Reply;
use crate::request::Request;
use crate::request::is_within;
use crate::request_result::observed;
use crate::routes::HostRoute;
use crate::routes::Routes;
use crate::settings::RegistrySettings;
use crate::settings::SettingsError;

/// The state that all requests share.
pub(crate) struct Transport {
    pub(crate) routes: Routes,
    pub(crate) limits: SharedLimits,
    request_timeout: Duration,
    /// By position of the entry.
    entry_limits: Vec<EntryLimits>,
    client: Client,
    kept: KeptConnections,
    observer: Arc<dyn Observer>,
}

impl Transport {
    /// The use of the limits of entries continues that of `former`.
    ///
    /// # Errors
    /// The first mistake in the settings.
    pub(crate) fn new(
        settings: &RegistrySettings,
        limits: &SharedLimits,
        observer: &Arc<dyn Observer>,
        former: Option<&Self>,
    ) -> Result<Self, SettingsError> {
        let checked = settings.check()?;
        let client = ClientSettings {
            connect_timeout: settings.connect_timeout,
            requests: settings.request_limits(),
            proxies: settings.proxies.clone(),
        };
        let mut client = ClientBuilder::new(client, limits)?;
        let routes = Routes::new(&settings.registries, checked, &mut client)?;
        let former = former.map_or(&[][..], |former| &former.entry_limits);
        let entry_limits = routes.entries().iter().map(|entry| EntryLimits::of(entry, former)).collect();
        Ok(Self {
            routes,
            entry_limits,
            limits: limits.clone(),
            request_timeout: settings.request_timeout,
            client: client.build(),
            kept: KeptConnections::new(settings.keep_connections),
            observer: Arc::clone(observer),
        })
    }

    /// The number of certificate authorities of the system.
    pub(crate) fn system_roots(&self) -> usize {
        self.client.system_roots()
    }

    /// Reports the entries to the observer.
    pub(crate) fn show_entries(&self) {
        let names: Vec<&str> = self.routes.entries().iter().map(|entry| &*entry.name).collect();
        self.observer.entries(&names);
    }

    /// Closes idle connections, which are no longer kept open.
    pub(crate) fn close_idle_connections(&self) {
        self.kept.clear();
        self.client.close_idle_connections();
    }

    /// Whether connections may be kept open.
    pub(crate) fn keeps_connections(&self) -> bool {
        self.kept.is_used()
    }

    /// Sends small requests over the connections that would soon be closed.
    pub(crate) async fn keep_connections(&self) {
        // No request is sent to a disabled registry, as in `send`.
        let may_send =
            |route| self.limits_of(route).is_none_or(EntryLimits::has_room) && self.disabled(route).is_none();
        self.kept.keep(&self.client, &*self.observer, may_send).await;
    }

    /// The timeout of one request over `route`.
    pub(crate) fn request_timeout(&self, route: HostRoute) -> Duration {
        self.limits_of(route).and_then(EntryLimits::request_timeout).unwrap_or(self.request_timeout)
    }

    fn limits_of(&self, route: HostRoute) -> Option<&EntryLimits> {
        self.entry_limits.get(route.entry?)
    }

    /// Sends a request once.
    pub(crate) async fn send(&self, stage: Stage, request: &Request<'_>, deadline: Instant) -> Result<Reply, Cause> {
        let redirects = RegistryRedirects { transport: self, request };
        let fetched = fetched(stage, request, &redirects);
        let _of_entry = match self.limits_of(request.route) {
            Some(limits) => limits.acquire(&*self.observer, deadline).await?,
            None => None,
        };
        let entry = self.routes.entry(request.route.entry).map(|entry| &*entry.name);
        let permit = match self.client.acquire(&fetched, deadline).await {
            Ok(permit) => permit,
            Err(error) => {
                if error.was_not_sent() {
                    self.observer.not_sent(entry);
                }
                return Err(Cause::Fetch(error));
            }
        };
        let started = Instant::now();
        let mut answered = Answered::default();
        let result = match self.disabled(request.route) {
            // No request is sent to a disabled registry on behalf of another one either.
            Some(error) => Err(Cause::of_credential(authority(request.url), error)),
            None => {
                let sent = self.limits_of(request.route).map(|limits| limits.send(&authority(request.url)));
                let response = self
                    .client
                    .fetch(&fetched, permit, deadline.min(started + self.request_timeout(request.route)))
                    .await;
                if response.as_ref().is_err_and(FetchError::was_not_sent) {
                    self.observer.not_sent(entry);
                }
                if let (Some(sent), Ok(_)) = (&sent, &response) {
                    sent.responded();
                    self.kept.used(path_of(stage), request.url, request.route, request.share);
                }
                answered = Answered::of(request, &response);
                self.reply(stage, request, response)
            }
        };
        let (found, elapsed) = (observed(request, &result), started.elapsed());
        self.observer.request(entry, stage, found, elapsed);
        let Answered { status, bytes, redirected_to } = answered;
        self.observer.exchanged(&Exchange {
            entry,
            stage,
            method: request.payload.method(),
            host: &authority(request.url),
            path: request.url.path(),
            credential: request.scheme_of_credential(),
            redirected_to: redirected_to.as_deref(),
            status,
            bytes,
            result: found,
            elapsed,
        });
        result
    }

    /// The error if the entry of `route` is disabled.
    fn disabled(&self, route: HostRoute) -> Option<CredentialError> {
        self.routes.entry(route.entry).and_then(|entry| entry.identities.check().err())
    }

    fn reply(
        &self,
        stage: Stage,
        request: &Request<'_>,
        response: Result<fetch::Response, FetchError>,
    ) -> Result<Reply, Cause> {
        let redirected = |target: String, cause| {
            let registry = authority(request.url);
            // The port counts only for an entry, and that of the target is in its name.
            let url = Url::parse(&format!("https://{target}")).ok();
            let authorities = url
                .map_or(AuthoritiesOf::Host, |url| self.routes.authorities_for(&registry, request.route.entry, &url));
            Cause::Redirected { registry, target, authorities, stage, cause: Box::new(cause) }
        };
        match response {
            Ok(response) => {
                let target = (!same_origin(request.url, &response.url)).then(|| authority(&response.url));
                let reply = self.read(stage, request, response);
                reply.map_err(|cause| match target {
                    Some(target) => redirected(target, cause),
                    None => cause,
                })
            }
            Err(FetchError::Redirected { target, cause }) => Err(redirected(target, Cause::Fetch(*cause))),
            Err(error) => Err(Cause::Fetch(error)),
        }
    }

    /// Classifies a response.
    fn read(&self, stage: Stage, request: &Request<'_>, response: fetch::Response) -> Result<Reply, Cause> {
        let fetch::Response { url, status, headers, peer, body, credential_withheld, pause, in_flight: _ } = response;
        let host = authority(&url);
        let body = match body {
            fetch::Body::Content(body, digest) => {
                return Ok(Reply::Success(Box::new(ApiResponse { url, headers, body, digest })));
            }
            fetch::Body::Error(body) => body,
        };
        let characters = self.excerpt_characters(&url, request);
        let secrets = request.secrets();
        let of_permission = self.permission_characters(&url, request);
        let error = RegistryErrorBody::parse(&body, characters, of_permission, &secrets);
        let error = error.with_content_type(headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes));
        let credential = if credential_withheld { CredentialKind::Withheld } else { request.sent_credential() };
        match (status, pause) {
            (StatusCode::UNAUTHORIZED, _) if same_origin(&url, request.url) => {
                Ok(Reply::Unauthorized { headers, peer, error })
            }
            (StatusCode::TOO_MANY_REQUESTS, Some(wait)) => {
                let quota = Quota::of(&headers, characters, &secrets);
                Err(Cause::TooManyRequests { host, wait, quota, error })
            }
            (_, Some(wait)) => Err(Cause::Fetch(FetchError::Throttled(HostPause { host, wait }))),
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, None) => {
                Err(Cause::denied(host, status.as_u16(), credential, error).for_stage(stage))
            }
            // So do Amazon's registries refuse tokens.
            (StatusCode::BAD_REQUEST, None)
                if request.carries_credential()
                    && !credential_withheld
                    && refuses_credential(request, &host, &error) =>
            {
                Err(Cause::denied(host, status.as_u16(), credential, error).for_stage(stage))
            }
            (StatusCode::NOT_FOUND, None) => Err(not_found(stage, request, host, error)),
            (_, None) => Err(Cause::Status { host, status: status.as_u16(), error }),
        }
    }

    /// Whether the settings have the host of `url`, the current URL of `request`.
    fn is_listed(&self, url: &Url, request: &Request<'_>) -> bool {
        let own = same_origin(url, request.url) && request.referred_by.is_none();
        if own { request.route.entry.is_some() } else { self.routes.listed(url).is_some() }
    }

    /// The number of characters kept of an error envelope from `url`.
    fn excerpt_characters(&self, url: &Url, request: &Request<'_>) -> usize {
        if self.is_listed(url, request) { limits::LISTED_EXCERPT_CHARACTERS } else { Excerpt::CHARACTERS }
    }

    /// The same of the refusal of a permission.
    fn permission_characters(&self, url: &Url, request: &Request<'_>) -> usize {
        let is_amazon = authority(url).parse::<Host>().is_ok_and(|host| EcrHost::of(&host).is_some());
        if is_amazon && self.is_listed(url, request) {
            limits::PERMISSION_EXCERPT_CHARACTERS
        } else {
            self.excerpt_characters(url, request)
        }
    }
}

/// The path of requests that keep the connection of a request for `stage` open.
fn path_of(stage: Stage) -> &'static str {
    match stage {
        Stage::Token => "/",
        Stage::Manifest | Stage::Referrers | Stage::ReferrerManifest | Stage::Blob => "/v2/",
    }
}

/// What is known of the last response, for traces.
#[derive(Default)]
struct Answered {
    status: Option<u16>,
    bytes: usize,
    redirected_to: Option<String>,
}

impl Answered {
    fn of(request: &Request<'_>, response: &Result<fetch::Response, FetchError>) -> Self {
        match response {
            Ok(response) => Self {
                status: Some(response.status.as_u16()),
                bytes: match &response.body {
                    fetch::Body::Content(content, _) => content.len(),
                    fetch::Body::Error(body) => body.len(),
                },
                redirected_to: (!same_origin(request.url, &response.url)).then(|| authority(&response.url)),
            },
            Err(FetchError::Redirected { target, .. }) => {
                Self { redirected_to: Some(target.clone()), ..Self::default() }
            }
            Err(_) => Self::default(),
        }
    }
}

/// Whether a 400 refuses the credential. A response to HEAD has no error body, so it counts if the host is one of Amazon's.
fn refuses_credential(request: &Request<'_>, host: &str, error: &RegistryErrorBody) -> bool {
    match request.payload {
        Payload::Head => host.parse().is_ok_and(|host| EcrHost::of(&host).is_some()),
        Payload::Content | Payload::TokenQuery | Payload::TokenForm(_) => error.denied(),
    }
}

/// The cause of a 404, by the kind of server that sent it.
fn not_found(stage: Stage, request: &Request<'_>, host: String, error: RegistryErrorBody) -> Cause {
    match stage {
        Stage::Token => Cause::TokenNotFound { host, error },
        Stage::Manifest | Stage::Referrers | Stage::ReferrerManifest | Stage::Blob => {
            Cause::NotFound { host, requested: request.requested(), error }
        }
    }
}

/// The redirect policy of one request, by the settings.
struct RegistryRedirects<'a> {
    transport: &'a Transport,
    request: &'a Request<'a>,
}

impl RedirectPolicy for RegistryRedirects<'_> {
    fn route(&self, from: &Url, target: &Url, peer: Option<SocketAddr>) -> Result<Route, Text> {
        let Self { transport, request } = self;
        let by_listed = transport.is_listed(from, request);
        let route = transport.routes.after_redirect((request.url, request.route), target, by_listed, peer);
        match transport.disabled(route) {
            Some(error) => Err(Text::of(error)),
            None => {
                if by_listed {
                    transport.kept.used("/", target, route, request.share);
                }
                Ok(route.route)
            }
        }
    }

    fn keeps_credential(&self, target: &Url) -> bool {
        self.request.within.is_none_or(|within| is_within(target, within))
    }

    fn without_credential(&self, route: Route) -> Route {
        let own = self.request.route;
        if route == own.route { self.transport.routes.without_certificate(own) } else { route }
    }
}

/// Converts the request for the HTTP client.
fn fetched<'a>(stage: Stage, request: &'a Request<'a>, redirects: &'a RegistryRedirects<'a>) -> fetch::Request<'a> {
    const TOKENS: Redirects<'_> = Redirects::Refuse { what: "requests for tokens" };
    let (payload, redirects) = match &request.payload {
        Payload::Content => (fetch::Payload::Get, Redirects::Follow(redirects)),
        Payload::Head => (fetch::Payload::Head, Redirects::Follow(redirects)),
        Payload::TokenQuery => (fetch::Payload::Get, TOKENS),
        Payload::TokenForm(form) => {
            let (content_type, body) = ("application/x-www-form-urlencoded", Bytes::from(form.clone()));
            (fetch::Payload::Post { content_type, body }, TOKENS)
        }
    };
    fetch::Request {
        share: request.share,
        step: stage.step(),
        home: request.registry,
        about: request.about,
        url: request.url,
        referred_by: request.referred_by,
        route: request.route.route,
        payload,
        accept: request.accept,
        authorization: request.authorization,
        redirects,
        body: request.body.clone(),
        head_timeout: fetch::HeadTimeout::OfCallers,
        on_head: request.on_head,
    }
}
