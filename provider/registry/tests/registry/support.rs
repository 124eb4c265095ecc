//! Shared by all cases: settings for an in-process registry, a recording observer, short constructors.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use countersign_core::codec::text::Text;
use countersign_core::name::ImageRef;
use countersign_core::oci::Descriptor;
use countersign_credentials::Credential;
use countersign_credentials::Secret;
use countersign_http::LimitObserver;
use countersign_http::LimitReached;
use countersign_http::Overload;
use countersign_http::Resource;
use countersign_http::RootCertificates;
use countersign_http::Roots;
use countersign_http::Scheme;
use countersign_registry::Cause;
use countersign_registry::Observer;
use countersign_registry::Pinned;
use countersign_registry::Registries;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistrySettings;
use countersign_registry::RequestResult;
use countersign_registry::Stage;
use countersign_registry::TagCache;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Registry;
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) const SIGNATURE: &str = "application/vnd.cncf.notary.signature";
pub(crate) const USER: &str = "alice";
pub(crate) const PASSWORD: &str = "correct horse";

/// Records every observed request, and the use of the limits.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    requests: Mutex<Vec<(Stage, RequestResult)>>,
    entries: Mutex<Vec<String>>,
    by_entry: Mutex<Vec<(Option<String>, Stage)>>,
    not_sent: Mutex<Vec<Option<String>>>,
    mirrors: Mutex<Vec<(String, String, Stage, String)>>,
    in_use: watch::Sender<BTreeMap<Resource, i64>>,
    changes: Mutex<BTreeMap<Resource, usize>>,
}

impl Seen {
    pub(crate) fn all(&self) -> Vec<(Stage, RequestResult)> {
        self.requests.lock().unwrap().clone()
    }

    /// The entries that were reported last.
    pub(crate) fn entries(&self) -> Vec<String> {
        self.entries.lock().unwrap().clone()
    }

    /// The entry and the stage of every request.
    pub(crate) fn by_entry(&self) -> Vec<(Option<String>, Stage)> {
        self.by_entry.lock().unwrap().clone()
    }

    /// The entry of every request that was not sent.
    pub(crate) fn not_sent(&self) -> Vec<Option<String>> {
        self.not_sent.lock().unwrap().clone()
    }

    /// The failures of mirrors: entry, mirror, stage and reason.
    pub(crate) fn mirrors(&self) -> Vec<(String, String, Stage, String)> {
        self.mirrors.lock().unwrap().clone()
    }

    /// The amount of a limit in use.
    pub(crate) fn in_use(&self, resource: Resource) -> i64 {
        self.in_use.borrow().get(&resource).copied().unwrap_or_default()
    }

    /// The number of changes of the use of a limit since the last call.
    pub(crate) fn changes(&self, resource: Resource) -> usize {
        self.changes.lock().unwrap().remove(&resource).unwrap_or_default()
    }

    /// Returns as soon as the use of a limit is as expected by the caller.
    pub(crate) async fn until(&self, resource: Resource, expected: impl Fn(i64) -> bool) {
        let in_use = |all: &BTreeMap<Resource, i64>| expected(all.get(&resource).copied().unwrap_or_default());
        self.in_use.subscribe().wait_for(in_use).await.unwrap();
    }
}

impl Observer for Seen {
    fn entries(&self, patterns: &[&str]) {
        *self.entries.lock().unwrap() = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
    }

    fn request(&self, entry: Option<&str>, stage: Stage, result: RequestResult, _: Duration) {
        self.by_entry.lock().unwrap().push((entry.map(str::to_owned), stage));
        self.requests.lock().unwrap().push((stage, result));
    }

    fn not_sent(&self, entry: Option<&str>) {
        self.not_sent.lock().unwrap().push(entry.map(str::to_owned));
    }

    fn mirror_failed(&self, entry: &str, mirror: &Text, stage: Stage, why: &Text) {
        self.mirrors.lock().unwrap().push((entry.to_owned(), mirror.to_string(), stage, why.to_string()));
    }

    fn tag(&self, _: TagCache) {}
}

impl LimitObserver for Seen {
    fn in_use(&self, resource: Resource, change: i64) {
        *self.changes.lock().unwrap().entry(resource).or_default() += 1;
        self.in_use.send_modify(|in_use| *in_use.entry(resource).or_default() += change);
    }

    fn limit_reached(&self, _: &LimitReached) {}

    fn limit_reduced(&self, _: Resource, _: Overload) {}
}

/// An entry for this registry over plain HTTP.
pub(crate) fn entry(registry: &Registry, credential: Credential) -> RegistryEntry {
    RegistryEntry { scheme: Scheme::Http, ..RegistryEntry::new(registry.host().parse().unwrap(), credential) }
}

/// An entry for this registry over TLS with the authority `ca`.
pub(crate) fn secure(registry: &Registry, ca: &Authority, credential: Credential) -> RegistryEntry {
    let roots = Roots::Only(RootCertificates::parse("ca.pem", ca.pem().as_bytes()).unwrap());
    RegistryEntry { roots, ..RegistryEntry::new(registry.host().parse().unwrap(), credential) }
}

/// A registry over TLS with `app:v1`, and its authority.
pub(crate) async fn start_secure() -> (Registry, Authority) {
    let ca = Authority::root(CertSpec::root());
    let registry = Registry::start_tls(&ca.issue(CertSpec::tls_server(&["127.0.0.1", "localhost"]))).await;
    registry.push_image("app", "v1");
    (registry, ca)
}

/// Settings with these entries, without a tag cache.
pub(crate) fn settings(registries: Vec<RegistryEntry>) -> RegistrySettings {
    RegistrySettings { registries, tag_lifetime: Duration::ZERO, ..RegistrySettings::default() }
}

pub(crate) fn build(settings: RegistrySettings) -> (Registries, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    (Registries::new(settings, Arc::clone(&seen) as Arc<dyn Observer>).unwrap(), seen)
}

pub(crate) fn anonymous(registry: &Registry) -> Registries {
    build(settings(vec![entry(registry, Credential::Anonymous)])).0
}

pub(crate) fn with(registry: &Registry, credential: Credential) -> Registries {
    build(settings(vec![entry(registry, credential)])).0
}

pub(crate) fn alice() -> Credential {
    Credential::basic(USER, Secret::new(PASSWORD)).unwrap()
}

/// A deadline that a working registry never meets.
pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// A deadline for a response that never comes.
pub(crate) fn shortly() -> Instant {
    Instant::now() + Duration::from_millis(150)
}

/// `<registry>/app:v1`
pub(crate) fn app(registry: &Registry) -> ImageRef {
    format!("{}/app:v1", registry.host()).parse().unwrap()
}

/// Pins an image that was pushed as `app:v1`.
pub(crate) async fn pinned(registries: &Registries, registry: &Registry) -> Pinned {
    registries.pin(&app(registry), soon()).await.unwrap()
}

/// The error of pinning `app:v1`.
pub(crate) async fn pin_error(registries: &Registries, registry: &Registry) -> Cause {
    registries.pin(&app(registry), soon()).await.unwrap_err().cause
}

/// Converts a descriptor of the testkit.
pub(crate) fn descriptor(theirs: &countersign_testkit::Descriptor) -> Descriptor {
    Descriptor {
        media_type: theirs.media_type.parse().unwrap(),
        digest: theirs.digest.parse().unwrap(),
        size: theirs.size,
        artifact_type: theirs.artifact_type.clone(),
        annotations: theirs.annotations.clone(),
    }
}

/// Asserts that `app:v1` can be pinned.
pub(crate) async fn can_be_pinned(registries: &Registries, registry: &Registry) {
    let result = registries.pin(&app(registry), soon()).await;
    assert!(result.is_ok(), "{result:?}");
}
