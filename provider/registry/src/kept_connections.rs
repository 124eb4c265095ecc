//! Keeps a connection open to each registry of the settings that was used lately, and to its token service and blob store, so that the first
//! image after a pause waits for no handshake: servers, and proxies between, close connections that are idle for a minute.
//!
//! A small request is sent for it, HEAD without credentials. Its response counts for nothing: not for what is known about the host, nor as a
//! pause that it requests.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use countersign_http as fetch;
use countersign_http::BodyLimits;
use countersign_http::Client;
use countersign_http::HeadTimeout;
use countersign_http::Redirects;
use countersign_http::Share;
use countersign_http::authority;
use countersign_http::same_origin;
use tokio::time::Instant;
use url::Url;

use crate::limits;
use crate::observer::Observer;
use crate::routes::HostRoute;

/// The hosts to which connections are kept open.
pub(crate) struct KeptConnections {
    /// How long after the last request.
    time: Duration,
    /// At most [`limits::KEPT_OPEN`]. The lock is never held across an await.
    hosts: Mutex<Vec<Kept>>,
}

/// A host, and how it is reached: connections are shared only by requests with the same route.
#[derive(Clone)]
struct Kept {
    url: Url,
    route: HostRoute,
    share: Share,
    /// The last request about an image.
    used: Instant,
    /// The last request of any kind.
    touched: Instant,
}

impl KeptConnections {
    /// Connections are kept open for `time` after the last request; zero for none.
    pub(crate) fn new(time: Duration) -> Self {
        Self { time, hosts: Mutex::default() }
    }

    /// The host of `url` has responded to a request over `route` on behalf of `share`. `path` is that of the requests that are sent to keep
    /// the connection open.
    pub(crate) fn used(&self, path: &str, url: &Url, route: HostRoute, share: &Share) {
        if self.time.is_zero() || route.entry.is_none() {
            return;
        }
        let now = Instant::now();
        let mut hosts = self.hosts();
        let known = hosts.iter_mut().find(|kept| kept.route == route && same_origin(&kept.url, url));
        if let Some(known) = known {
            (known.used, known.touched) = (now, now);
            return;
        }
        if hosts.len() >= limits::KEPT_OPEN
            && let Some(oldest) = (0..hosts.len()).min_by_key(|position| hosts.get(*position).map(|kept| kept.used))
        {
            hosts.swap_remove(oldest);
        }
        let mut url = url.clone();
        url.set_query(None);
        url.set_path(path);
        hosts.push(Kept { url, route, share: share.clone(), used: now, touched: now });
    }

    /// Forgets all hosts.
    pub(crate) fn clear(&self) {
        self.hosts().clear();
    }

    /// Sends a request to each host whose connection would soon be closed, if `may_send` is true for its route.
    pub(crate) async fn keep(&self, client: &Client, observer: &dyn Observer, may_send: impl Fn(HostRoute) -> bool) {
        let kept = futures_util::future::join_all(self.due(may_send).into_iter().map(|kept| async move {
            observer.kept_open();
            (keep(client, &kept).await, kept)
        }));
        for (open, kept) in kept.await {
            let mut hosts = self.hosts();
            let Some(position) = hosts.iter().position(|other| other.route == kept.route && other.url == kept.url)
            else {
                continue;
            };
            match hosts.get_mut(position) {
                Some(known) if open => known.touched = Instant::now().max(known.touched),
                // It is asked again after the next request about an image.
                Some(known) if known.used == kept.used => drop(hosts.swap_remove(position)),
                Some(_) | None => {}
            }
        }
    }

    fn due(&self, may_send: impl Fn(HostRoute) -> bool) -> Vec<Kept> {
        let mut hosts = self.hosts();
        hosts.retain(|kept| kept.used.elapsed() < self.time);
        let due = |kept: &&Kept| kept.touched.elapsed() >= limits::TOUCHED_AFTER && may_send(kept.route);
        hosts.iter().filter(due).cloned().collect()
    }

    /// Whether any connection may be kept open.
    pub(crate) fn is_used(&self) -> bool {
        !self.time.is_zero()
    }

    fn hosts(&self) -> MutexGuard<'_, Vec<Kept>> {
        // No operation can panic while the list is inconsistent.
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the host has responded, so that the connection is open.
async fn keep(client: &Client, Kept { url, route, share, .. }: &Kept) -> bool {
    let request = fetch::Request {
        share,
        step: "a connection that is kept open",
        home: &authority(url),
        about: "",
        url,
        referred_by: None,
        route: route.route,
        payload: fetch::Payload::Head,
        accept: "*/*",
        authorization: None,
        redirects: Redirects::Refuse { what: "requests that keep connections open" },
        body: BodyLimits { limit: 0, size: None, hash: None },
        head_timeout: HeadTimeout::Request,
        on_head: None,
    };
    client.touch(&request, Instant::now() + limits::TOUCH_TIMEOUT).await
}
