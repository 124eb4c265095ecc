//! Where `--online` reads an image, and the mirrors that it could not use: without them, an outage of a mirror is not seen while the registry
//! responds.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use countersign_core::codec::text::Text;
use countersign_http::LimitObserver;
use countersign_http::LimitReached;
use countersign_http::Overload;
use countersign_http::Resource;
use countersign_registry::Exchange;
use countersign_registry::Observer;
use countersign_registry::RequestResult;
use countersign_registry::Stage;
use countersign_registry::TagCache;

use crate::engine::CountRequests;

/// Maximum number of failures of an image that are kept: an entry has at most eight mirrors.
const FAILURES: usize = 8;

/// Notes the locations of an image, and counts the requests.
pub(super) struct ReadLocations {
    counted: CountRequests,
    /// No lock is held across an await.
    seen: Mutex<SeenLocations>,
}

/// What was seen of the locations of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SeenLocations {
    /// The repository that the manifest was read from.
    pub(super) read: Option<Text>,
    /// The first failure of each mirror.
    pub(super) failures: Vec<MirrorFailure>,
}

/// Why a mirror could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MirrorFailure {
    pub(super) mirror: Text,
    pub(super) stage: Stage,
    pub(super) why: Text,
}

impl ReadLocations {
    pub(super) fn new(counted: CountRequests) -> Self {
        Self { counted, seen: Mutex::default() }
    }

    /// What was seen since the last call.
    pub(super) fn take(&self) -> SeenLocations {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, SeenLocations> {
        // No operation can panic while the state is inconsistent.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for ReadLocations {
    fn entries(&self, patterns: &[&str]) {
        self.counted.entries(patterns);
    }

    fn request(&self, entry: Option<&str>, stage: Stage, result: RequestResult, elapsed: Duration) {
        self.counted.request(entry, stage, result, elapsed);
    }

    fn exchanged(&self, exchange: &Exchange<'_>) {
        if (exchange.stage, exchange.result) != (Stage::Manifest, RequestResult::Ok) {
            return;
        }
        let path = exchange.path.strip_prefix("/v2/").and_then(|path| path.rsplit_once("/manifests/"));
        if let Some((repository, _)) = path {
            self.lock().read = Some(Text::of(format_args!("{}/{repository}", exchange.host)));
        }
    }

    fn not_sent(&self, entry: Option<&str>) {
        self.counted.not_sent(entry);
    }

    fn mirror_failed(&self, entry: &str, mirror: &Text, stage: Stage, why: &Text) {
        self.counted.mirror_failed(entry, mirror, stage, why);
        let failures = &mut self.lock().failures;
        if failures.len() < FAILURES && failures.iter().all(|failure| failure.mirror != *mirror) {
            failures.push(MirrorFailure { mirror: mirror.clone(), stage, why: why.clone() });
        }
    }

    fn tag(&self, found: TagCache) {
        self.counted.tag(found);
    }
}

impl LimitObserver for ReadLocations {
    fn in_use(&self, resource: Resource, change: i64) {
        self.counted.in_use(resource, change);
    }

    fn limit_reached(&self, reached: &LimitReached) {
        self.counted.limit_reached(reached);
    }

    fn limit_reduced(&self, resource: Resource, why: Overload) {
        self.counted.limit_reduced(resource, why);
    }
}
