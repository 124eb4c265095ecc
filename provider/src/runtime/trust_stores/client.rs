//! Fetches stores over HTTPS.

use std::fmt::Display;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::codec::text::Text;
use countersign_core::limits::STORE_FILE_BYTES;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::policy::StoreRef;
use countersign_credentials::BoxFuture;
use countersign_credentials::CallResult;
use countersign_files::ShownPath;
use countersign_files::read_in_time;
use countersign_http::AddressPolicy;
use countersign_http::Body;
use countersign_http::BodyLimits;
use countersign_http::Class;
use countersign_http::ClientBuilder;
use countersign_http::ClientSettings;
use countersign_http::FetchError;
use countersign_http::FetchErrorKind;
use countersign_http::FetchRemedy;
use countersign_http::HeadTimeout;
use countersign_http::LimitObserver;
use countersign_http::NoProxyScope;
use countersign_http::Payload;
use countersign_http::Permit;
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::ProxyRoute;
use countersign_http::ProxyRule;
use countersign_http::Redirects;
use countersign_http::Request;
use countersign_http::RequestLimits;
use countersign_http::Resource;
use countersign_http::Resources;
use countersign_http::RootCertificates;
use countersign_http::Roots;
use countersign_http::Route;
use countersign_http::Share;
use countersign_http::ShareLimits;
use countersign_http::SharedLimits;
use countersign_http::TlsRemedy;
use countersign_http::Unit;
use countersign_http::authority;
use tokio::time::Instant;
use url::Url;

use super::FetchStore;
use super::TrustStores;
use super::receiving::RECEIVED;
use super::receiving::Receiving;
use crate::config::AUTHORITIES_BYTES;
use crate::config::Config;
use crate::config::RegistryFiles;
use crate::config::StoreSource;
use crate::config::UrlSource;
use crate::policy_source::StoreContent;
use crate::policy_source::StoreFailure;
use crate::policy_source::StoreFailureCause;
use crate::runtime::azure::Vaults;
use crate::runtime::proxy_environment;
use crate::telemetry::RequestTrace;
use crate::telemetry::TracedRequest;

/// Concurrent requests.
pub(super) const REQUESTS: RequestLimits = RequestLimits { per_host: 4, total: 4 };

/// Bytes of responses that are being received: as many of the largest as stores are received.
pub(super) const BODIES: ShareLimits = ShareLimits {
    total: RECEIVED * STORE_FILE_BYTES,
    host: RECEIVED * STORE_FILE_BYTES,
    pattern: STORE_FILE_BYTES,
    unlisted_host: STORE_FILE_BYTES,
    unlisted: STORE_FILE_BYTES,
};

/// Not in the metrics: these requests are few.
const RESOURCES: Resources = Resources {
    requests: Resource::new("store-requests", "too many requests for trust stores in progress", Unit::Item, 64),
    responders: Resource::new("store-answers", "too many requests for trust stores in progress", Unit::Item, 64),
    bytes: Resource::new("store-bytes", "too many bytes of trust stores being received", Unit::Byte, 8),
};

/// Time before the deadline of an attempt at which it has its own error, which says more than that the attempt was late.
const MARGIN: Duration = Duration::from_millis(250);

/// What to correct if no proxy can be chosen.
const PROXY: &str = "evidence.proxy or the proxy variables of the environment";

/// What to correct if the authorities cannot be used.
const AUTHORITIES: &str = "ca of the store's url, or the certificate authorities of the system";

/// The limits on requests for stores, beside those of `others`.
pub(super) fn limits(others: &SharedLimits, observer: Arc<dyn LimitObserver>) -> SharedLimits {
    others.beside(REQUESTS, BODIES, &RESOURCES, &observer)
}

/// Fetches stores with the settings of one configuration.
#[derive(Clone)]
pub(super) struct StoreClient {
    /// An error is the reason why no request is sent.
    proxy: Result<ProxyChoice, Text>,
    proxies: ProxyEnvironment,
    connect_timeout: Duration,
    limits: SharedLimits,
    vaults: Vaults,
    trace: Option<Arc<dyn RequestTrace>>,
    receiving: Receiving,
}

impl StoreClient {
    /// Within the limits of `stores`.
    pub(super) fn new(
        config: &Config,
        files: &RegistryFiles,
        vaults: Vaults,
        TrustStores { limits, trace, receiving, tasks: _ }: &TrustStores,
    ) -> Self {
        let (proxies, proxy) = match proxy_environment::beside(&config.evidence.proxy) {
            Ok(proxies) => (proxies, files.evidence_proxy().cloned().map_err(Clone::clone)),
            Err(why) => (ProxyEnvironment::default(), Err(why)),
        };
        Self {
            proxy,
            proxies,
            connect_timeout: config.evidence.connect_timeout,
            limits: limits.clone(),
            vaults,
            trace: trace.clone(),
            receiving: receiving.clone(),
        }
    }

    /// The file at the URL, if it has the pinned digest.
    async fn pinned(self, source: UrlSource, deadline: Instant) -> Result<StoreContent, StoreFailure> {
        let UrlSource { location, sha256, ca } = source;
        // Before the permit, as the file system may not respond.
        let roots = roots(ca, deadline).await?;
        let _permit = self.received(&authority(location.url()), deadline).await?;
        let began = Instant::now();
        let found = self.get(location.url(), &roots, deadline).await;
        let found = found.and_then(|bytes| with_digest(bytes, &sha256));
        self.show(location.url(), &found, began.elapsed());
        let bytes = found.map_err(|failed| failed.failure)?;
        let name = location.url().path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
        let name = if name.is_empty() { "certificates" } else { name };
        Ok(StoreContent { files: vec![(name.to_owned(), bytes)], ..StoreContent::default() })
    }

    /// A permit to receive a store of `server`.
    async fn received(&self, server: &str, deadline: Instant) -> Result<Permit, StoreFailure> {
        let permit = self.receiving.acquire(server, deadline.checked_sub(MARGIN).unwrap_or(deadline)).await;
        permit.map_err(|reached| StoreFailure::new(StoreFailureCause::Busy, reached))
    }

    /// Shows a request that has ended.
    fn show(&self, url: &Url, found: &Result<Vec<u8>, Failed>, elapsed: Duration) {
        let Some(trace) = &self.trace else { return };
        let (answered, result) = match found {
            Ok(bytes) => (Some((200, bytes.len())), "ok"),
            Err(Failed { answered, result, failure: _ }) => (*answered, result.as_str()),
        };
        trace.requested(&TracedRequest {
            stage: "trust-store",
            method: "GET",
            host: &authority(url),
            // Whoever knows some URLs may read the file.
            path: None,
            status: answered.map(|(status, _)| status),
            bytes: answered.map_or(0, |(_, bytes)| bytes),
            result,
            elapsed,
        });
    }

    /// The body of a 200. Redirects are not followed.
    async fn get(&self, url: &Url, roots: &Roots, deadline: Instant) -> Result<Vec<u8>, Failed> {
        let choice = self.proxy.clone().map_err(|why| Failed::not_sent(PROXY, why))?;
        let settings =
            ClientSettings { connect_timeout: self.connect_timeout, requests: REQUESTS, proxies: self.proxies.clone() };
        let mut client =
            ClientBuilder::new(settings, &self.limits).map_err(|why| Failed::not_sent(AUTHORITIES, why))?;
        let roots = client.add_roots(roots).map_err(|why| Failed::not_sent(AUTHORITIES, why))?;
        let rule =
            ProxyRule { choice, setting: "evidence.proxy".to_owned(), exact: false, no_proxy: NoProxyScope::AllHosts };
        let rule = client.add_proxy_rule(rule).map_err(|why| Failed::not_sent(PROXY, why))?;
        let client = client.build();
        let server = authority(url);
        let share = Share::new(&Arc::from(server.as_str()), Class::Listed);
        let is_local = is_loopback(url);
        let request = Request {
            share: &share,
            step: "the content of the trust store",
            home: &server,
            about: "",
            url,
            referred_by: None,
            route: Route {
                addresses: if is_local { AddressPolicy::Any } else { AddressPolicy::WithPrivate },
                roots,
                proxy: (!is_local).then_some(ProxyRoute { rule, own: false }),
                listed: true,
            },
            payload: Payload::Get,
            accept: "*/*",
            authorization: None,
            redirects: Redirects::Refuse { what: "requests for trust stores" },
            body: BodyLimits::at_most(STORE_FILE_BYTES),
            head_timeout: HeadTimeout::Request,
            on_head: None,
        };
        let permit = client.acquire(&request, deadline).await.map_err(Failed::unanswered)?;
        let response = client.fetch(&request, permit, deadline).await.map_err(Failed::unanswered)?;
        let status = response.status.as_u16();
        match response.body {
            Body::Content(content, _) => Ok(content.into_parts().0),
            Body::Error(_) => Err(Failed::refused(&server, status)),
        }
    }
}

/// A request without usable content.
struct Failed {
    failure: StoreFailure,
    /// The status of the answer, and the size of its body as far as it was read.
    answered: Option<(u16, usize)>,
    result: CallResult,
}

impl Failed {
    /// The settings do not allow a request, by what `subject` names.
    fn not_sent(subject: &str, why: impl Display) -> Self {
        let cause = StoreFailureCause::Local { subject: Text::of(subject) };
        Self { failure: StoreFailure::new(cause, why), answered: None, result: CallResult::NotAllowed }
    }

    /// The server has no content.
    fn refused(server: &str, status: u16) -> Self {
        let (cause, remedy) = match status {
            401 | 403 => (StoreFailureCause::Forbidden, "check that anyone can read the file at the URL"),
            404 | 410 => (StoreFailureCause::Absent, "put the file there, or correct the URL"),
            429 => (StoreFailureCause::Throttled, "the server limits the number of requests"),
            500.. => (StoreFailureCause::Failed, "the server has a failure of its own"),
            _ => (StoreFailureCause::Refused, "check the URL, and that anyone can read the file there"),
        };
        let why = format_args!("found status {status} of {server}, expected 200; {remedy}");
        Self {
            failure: StoreFailure::new(cause, why),
            answered: Some((status, 0)),
            result: if status >= 500 { CallResult::Failed } else { CallResult::Refused },
        }
    }

    fn unanswered(error: FetchError) -> Self {
        let result = CallResult::of_fetch(&error);
        let why = match error.remedy() {
            Some(FetchRemedy::Tls(TlsRemedy::RootsFile(expected))) => {
                let is_of_proxy = matches!(error, FetchError::Proxy { .. });
                let setting = if is_of_proxy { "ca of evidence.proxy" } else { "ca of the store's url" };
                Text::of(format_args!("{error}; set {setting} to a file with {}", expected.as_str()))
            }
            Some(
                FetchRemedy::NameHost
                | FetchRemedy::NameEither { .. }
                | FetchRemedy::WithoutProxy { .. }
                | FetchRemedy::Https
                | FetchRemedy::Tls(TlsRemedy::CertificateInRoots | TlsRemedy::PlainHttp | TlsRemedy::ClientCertificate),
            )
            | None => Text::of(&error),
        };
        Self { failure: StoreFailure::new(cause_of(&error), why), answered: None, result }
    }
}

/// The cause of a request without a usable answer.
fn cause_of(error: &FetchError) -> StoreFailureCause {
    match error.kind() {
        FetchErrorKind::NotAllowed | FetchErrorKind::Disabled => StoreFailureCause::Local {
            subject: Text::of("the location of the store in trust.stores, or evidence.proxy"),
        },
        FetchErrorKind::Unreachable => StoreFailureCause::Unreachable,
        FetchErrorKind::Timeout => StoreFailureCause::Late,
        FetchErrorKind::Throttled => StoreFailureCause::Throttled,
        FetchErrorKind::ResponseInvalid | FetchErrorKind::RedirectRefused => StoreFailureCause::OtherAnswer,
        FetchErrorKind::ContentMismatch => StoreFailureCause::Content,
        FetchErrorKind::Overloaded => StoreFailureCause::Busy,
    }
}

/// The content, if it has the pinned digest.
fn with_digest(bytes: Vec<u8>, expected: &Digest) -> Result<Vec<u8>, Failed> {
    let (length, found) = (bytes.len(), Digest::of(DigestAlgorithm::Sha256, &bytes));
    if found == *expected {
        return Ok(bytes);
    }
    let why = Text::of(format_args!(
        "found {length} bytes with the digest {found}, expected {expected}; if the file was replaced on purpose, check it and write its \
         digest into the configuration"
    ));
    let failure = StoreFailure::new(StoreFailureCause::Content, why);
    Err(Failed { failure, answered: Some((200, length)), result: CallResult::Invalid })
}

impl FetchStore for StoreClient {
    fn fetch(
        &self,
        store: &StoreRef,
        source: &StoreSource,
        failed: u32,
        deadline: Instant,
    ) -> BoxFuture<'static, Result<StoreContent, StoreFailure>> {
        let (client, store, source) = (self.clone(), store.clone(), source.clone());
        Box::pin(async move {
            match source {
                StoreSource::Url(source) => client.pinned(source, deadline).await,
                StoreSource::KeyVault(source) => {
                    let _permit = client.received(&source.vault.to_string(), deadline).await?;
                    client.vaults.fetch(store, source, failed, deadline).await
                }
            }
        })
    }
}

/// The authorities in the file `ca`, or those of the system.
///
/// # Errors
/// The file cannot be read by `deadline`, or has no certificate authorities.
async fn roots(ca: Option<PathBuf>, deadline: Instant) -> Result<Roots, StoreFailure> {
    let Some(path) = ca else { return Ok(Roots::System) };
    let shown = ShownPath::of(&path);
    let unusable = |why: &dyn Display| {
        let subject = Text::of(format_args!("the file {shown} of ca of the store's url"));
        StoreFailure::new(StoreFailureCause::Local { subject }, format_args!("{shown}: {why}"))
    };
    let bytes = read_in_time(path.clone(), AUTHORITIES_BYTES, deadline.checked_sub(MARGIN).unwrap_or(deadline)).await;
    let bytes = bytes.map_err(|error| unusable(&error))?;
    RootCertificates::parse(&shown.to_string(), &bytes).map(Roots::Only).map_err(|error| unusable(&error))
}

/// Whether the operator wrote an address of this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
