//! The book of requests.

use std::fmt;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use http::HeaderMap;
use http::Method;
use http::Uri;
use tokio::sync::watch;

/// What a path is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// `/v2/`
    Ping,
    /// `/v2/NAME/manifests/REFERENCE`, fallback tags included.
    Manifest,
    /// `/v2/NAME/referrers/DIGEST`
    Referrers,
    /// `/v2/NAME/blobs/DIGEST`
    Blob,
    /// `/token`
    Token,
    /// Everything else.
    Other,
}

/// A path taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) route: Route,
    /// Empty where the route has none.
    pub(crate) repository: String,
    /// Tag or digest; empty where the route has none.
    pub(crate) reference: String,
}

impl Place {
    pub(crate) fn of(path: &str) -> Self {
        let bare = |route| Self { route, repository: String::new(), reference: String::new() };
        let Some(rest) = path.strip_prefix("/v2/") else {
            return bare(match path {
                "/v2" => Route::Ping,
                "/token" => Route::Token,
                _ => Route::Other,
            });
        };
        if rest.is_empty() {
            return bare(Route::Ping);
        }
        let kinds = [("/manifests/", Route::Manifest), ("/referrers/", Route::Referrers), ("/blobs/", Route::Blob)];
        for (separator, route) in kinds {
            if let Some((repository, reference)) = rest.rsplit_once(separator)
                && !reference.contains('/')
            {
                return Self { route, repository: repository.to_owned(), reference: reference.to_owned() };
            }
        }
        bare(Route::Other)
    }
}

/// One request as it came. Prints its method and address, never its headers.
#[derive(Clone)]
pub struct Recorded {
    /// What the path is about.
    pub route: Route,
    /// As it came.
    pub method: Method,
    /// As it stood, not decoded.
    pub path: String,
    /// As it stood, without the question mark.
    pub query: Option<String>,
    /// All of them, credentials included.
    pub headers: HeaderMap,
}

impl Recorded {
    /// A header as text, if it is there once or more (the first).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header in ASCII"))
    }

    /// The credentials that came along.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.header("authorization")
    }

    /// All values of a query parameter, decoded.
    #[must_use]
    pub fn query_values(&self, name: &str) -> Vec<String> {
        query_values(self.query.as_deref(), name)
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        self.query.iter().try_for_each(|query| write!(f, "?{query}"))
    }
}

pub(crate) fn query_values(query: Option<&str>, name: &str) -> Vec<String> {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| decode(key) == name).map(|(_, value)| decode(value)).collect()
}

/// Form decoding as Go's servers do it: a plus is a space.
fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits: Vec<u8> = bytes.by_ref().take(2).collect();
                let digits = std::str::from_utf8(&digits).unwrap_or_default();
                out.push(u8::from_str_radix(digits, 16).unwrap_or(b'?'));
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Everything that was asked, and how crowded it was.
#[derive(Debug)]
pub(crate) struct Log {
    requests: Mutex<Vec<Recorded>>,
    /// Told whenever the list grows or is cleared.
    changed: watch::Sender<()>,
    in_flight: AtomicUsize,
    most_at_once: AtomicUsize,
    connections: AtomicUsize,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            requests: Mutex::default(),
            changed: watch::Sender::new(()),
            in_flight: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.requests.lock().expect("nobody panics while writing the log")
    }

    /// Writes a request down; it counts as being answered until the guard is dropped.
    pub(crate) fn enter(&self, route: Route, method: &Method, uri: &Uri, headers: &HeaderMap) -> InFlight<'_> {
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        self.lock().push(Recorded {
            route,
            method: method.clone(),
            path: uri.path().to_owned(),
            query: uri.query().map(str::to_owned),
            headers: headers.clone(),
        });
        self.changed.send_replace(());
        InFlight(self)
    }

    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn all(&self) -> Vec<Recorded> {
        self.lock().clone()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
        self.changed.send_replace(());
    }

    pub(crate) async fn wait_for(&self, route: Route, count: usize) {
        let mut changed = self.changed.subscribe();
        while self.lock().iter().filter(|request| request.route == route).count() < count {
            changed.changed().await.expect("the log lives as long as its borrower");
        }
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

pub(crate) struct InFlight<'a>(&'a Log);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_apart_at_its_last_keyword() {
        let place = Place::of("/v2/team/manifests/app/manifests/v1");
        assert_eq!((place.route, &*place.repository, &*place.reference), (Route::Manifest, "team/manifests/app", "v1"));
        assert_eq!(Place::of("/v2/").route, Route::Ping);
        assert_eq!(Place::of("/v2/app/blobs/sha256:00").route, Route::Blob);
        assert_eq!(Place::of("/v2/app/tags/list").route, Route::Other);
        assert_eq!(Place::of("/token").route, Route::Token);
    }

    #[test]
    fn query_values_are_decoded_and_repeatable() {
        let query = Some("scope=repository%3Aa%3Apull&scope=b+c&other=1");
        assert_eq!(query_values(query, "scope"), ["repository:a:pull", "b c"]);
    }
}
