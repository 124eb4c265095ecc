//! Answers of AWS Signer in memory, bounded in bytes.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::codec::text::Text;
use countersign_core::evidence::RevokedEntities;
use countersign_core::evidence::SignerStatus;
use countersign_core::evidence::SignerStatusRequest;
use countersign_core::evidence::Sourced;
use countersign_core::time::UnixTime;
use countersign_http::LruTtlCache;
use tokio::time::Instant;

use super::Server;
use super::SignerAccess;
use crate::clock::Moment;
use crate::evidence::memory;
use crate::telemetry::metrics::KeptEvidence;

/// A request and the service that is asked: an answer of another service, of another region, or under former settings of the
/// clients is not an answer to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) server: Server,
    pub(super) request: SignerStatusRequest,
}

/// An answer. How long it is used is computed whenever it is used, as the settings may have changed. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    entities: Arc<RevokedEntities>,
    source: Text,
    received: Moment,
}

/// The answers. The least recently used ones are evicted.
pub(super) struct Answers(LruTtlCache<Question, Answer>);

impl Answer {
    /// An answer that is received at `now`.
    pub(super) fn new(entities: RevokedEntities, source: Text, now: UnixTime) -> Self {
        Self { entities: Arc::new(entities), source, received: Moment::new(now) }
    }

    /// The status, with the end of its use under these settings by the clock that shows `now`.
    pub(super) fn status(&self, access: &SignerAccess, now: UnixTime) -> Sourced<SignerStatus> {
        let until = self.end(access).checked_sub(self.received.set_back(now)).unwrap_or(UnixTime::EPOCH);
        Sourced::new(SignerStatus::new(Arc::clone(&self.entities), until), &self.source, self.received.shown())
    }

    /// The end of its use, if the clock is not set.
    fn end(&self, access: &SignerAccess) -> UnixTime {
        self.received.shown().saturating_add(self.lifetime(access))
    }

    fn lifetime(&self, access: &SignerAccess) -> Duration {
        if self.entities.entities().is_empty() { access.good_lifetime } else { access.revoked_lifetime }
    }

    /// Whether it can be used at `now` under these settings. The time that has passed counts too, as the clock may have been set.
    fn is_current(&self, access: &SignerAccess, now: UnixTime) -> bool {
        self.received.latest(now) < self.end(access)
    }
}

impl Answers {
    pub(super) fn new() -> Self {
        Self(LruTtlCache::new(memory::SIGNER_STATUSES))
    }

    /// The answer, if it can be used at `now` under these settings.
    pub(super) fn get(&self, question: &Question, access: &SignerAccess, now: UnixTime) -> Option<Answer> {
        // Answers have no end of their own: see `Answer`.
        let answer = self.0.get(question, Instant::now().into_std())?;
        if answer.is_current(access, now) {
            return Some(answer);
        }
        self.0.remove(question);
        None
    }

    pub(super) fn keep(&self, question: Question, answer: Answer) {
        let texts = question.request.bytes() + question.server.region.as_str().len() + answer.source.heap_bytes();
        let bytes = texts + answer.entities.bytes() + LruTtlCache::<Question, Answer>::ENTRY_OVERHEAD;
        self.0.put(question, answer, bytes, None);
    }

    /// What is kept.
    pub(super) fn summary(&self) -> KeptEvidence {
        let (entries, bytes) = self.0.size();
        KeptEvidence { entries, bytes, ..KeptEvidence::default() }
    }
}
