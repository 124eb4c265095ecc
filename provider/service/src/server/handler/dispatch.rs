//! From the keys of a request to its response: one path for every endpoint.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use countersign_core::name::Digest;
use countersign_core::name::ImageRef;
use countersign_core::name::ReferenceError;
use countersign_core::name::Selector;
use countersign_core::time::UnixTime;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use tokio::sync::OwnedSemaphorePermit;

use super::Handler;
use super::Reply;
use super::RequestLimitReached;
use super::rendered::Encode;
use super::rendered::Rendered;
use crate::clock;
use crate::engine::Conditions;
use crate::engine::CredentialSelection;
use crate::engine::Deadline;
use crate::engine::ImageResult;
use crate::engine::PolicySelection;
use crate::engine::PolicySnapshot;
use crate::engine::VerificationRequest;
use crate::engine::Verifier;
use crate::engine::late;
use crate::protocol::BudgetExceeded;
use crate::protocol::EncodedKey;
use crate::protocol::Operation;
use crate::protocol::Response;
use crate::protocol::ResponseContext;
use crate::protocol::signatures_listed;
use crate::server::keys;
use crate::server::keys::Completion;
use crate::server::keys::Finished;
use crate::server::keys::LateWork;
use crate::server::keys::Progress;
use crate::server::request_id::RequestId;
use crate::server::routes::Route;
use crate::telemetry::log;
use crate::telemetry::metrics::Outcome;
use crate::telemetry::metrics::VerdictStage;

/// A key and its image reference.
type Key = (Arc<str>, Result<Arc<ImageRef>, ReferenceError>);

/// A key with its encoded part of the response, and the result for log and metrics.
pub(super) struct KeyResult {
    pub(super) encoded: EncodedKey,
    pub(super) answer: Answer,
}

/// The result of the engine for one image, and its encoder.
pub(super) enum Answer {
    Verdict(ImageResult, Encode),
    Resolved(Result<Digest, Reason>, fn(ResponseContext<'_>, &str, &ImageRef, &Result<Digest, Reason>) -> EncodedKey),
}

impl Answer {
    async fn from_engine(operation: Operation, engine: &dyn Verifier, request: VerificationRequest) -> Self {
        match operation {
            Operation::Verify(encode) => Self::Verdict(engine.verify(request).await, encode),
            Operation::Resolve(encode) => {
                let resolved = match request.image.selector() {
                    // A digest needs no request.
                    Selector::Digest(digest) => {
                        let digest = digest.clone();
                        engine.expect(request);
                        Ok(digest)
                    }
                    Selector::Tag(_) => engine.resolve(request).await,
                };
                Self::Resolved(resolved, encode)
            }
        }
    }

    /// Replaces the result of the engine.
    fn failed(operation: Operation, reason: Reason) -> Self {
        match operation {
            Operation::Verify(encode) => {
                let verdict = ImageVerdict::from_reason(None, reason).into();
                Self::Verdict(ImageResult { digest: None, verdict, cached: false }, encode)
            }
            Operation::Resolve(encode) => Self::Resolved(Err(reason), encode),
        }
    }

    pub(super) fn encode(self, context: ResponseContext<'_>, key: &str, image: &ImageRef) -> KeyResult {
        let encoded = match &self {
            Self::Verdict(result, encode) => encode(context, key, image, result),
            Self::Resolved(resolved, encode) => encode(context, key, image, resolved),
        };
        KeyResult { encoded, answer: self }
    }
}

/// What an event in the log is about, beside the decision.
struct Logged<'a> {
    image: &'a str,
    digest: Option<&'a Digest>,
    cached: bool,
    prepared: Option<&'a log::PreparedVerdict>,
}

/// The keys about which nothing is known, with their indices in the request.
pub(super) struct Unknown {
    pub(super) indices: Vec<usize>,
    pub(super) keys: Vec<String>,
}

/// The context shared by all keys of a request.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) route: &'static Route,
    pub(super) deadline: Deadline,
    /// The policy does not change during a request.
    snapshot: PolicySnapshot,
    request_id: RequestId,
    timestamp: UnixTime,
    max_signatures: usize,
    keep_tag: bool,
}

impl Shared {
    pub(super) fn context(&self) -> ResponseContext<'_> {
        let Self { route: _, deadline: _, snapshot: _, request_id, timestamp, max_signatures, keep_tag } = self;
        let (timestamp, max_signatures, keep_tag) = (*timestamp, *max_signatures, *keep_tag);
        ResponseContext { request_id: request_id.as_str(), timestamp, max_signatures, keep_tag }
    }

    /// The policy of the request.
    pub(super) fn snapshot(&self) -> &PolicySnapshot {
        &self.snapshot
    }

    /// What the engine is asked about an image.
    pub(super) fn request(&self, image: Arc<ImageRef>) -> VerificationRequest {
        VerificationRequest {
            image,
            // A namespace in a key has no effect.
            namespace: None,
            policy: PolicySelection::ByRepository,
            credentials: CredentialSelection::Configured,
            conditions: Conditions {},
            deadline: self.deadline,
            snapshot: self.snapshot.clone(),
        }
    }

    /// Encodes the result at once: verdicts about images with many signatures are large.
    async fn work(self, engine: Arc<dyn Verifier>, key: Arc<str>, image: Arc<ImageRef>) -> KeyResult {
        let operation = self.route.protocol.operation;
        let answer = Answer::from_engine(operation, &*engine, self.request(Arc::clone(&image))).await;
        answer.encode(self.context(), &key, &image)
    }
}

impl Handler {
    /// Decides every key within `deadline`, and encodes the response. `reading` is held until the keys that need work have their permit,
    /// or wait for it with one of their own; what is known never waits for it.
    ///
    /// # Errors
    /// Nothing is known about any of the keys, and there was no permit to work on them.
    pub(super) async fn dispatch(
        &self,
        route: &'static Route,
        keys: Vec<String>,
        deadline: Deadline,
        id: &RequestId,
        reading: OwnedSemaphorePermit,
    ) -> Result<Reply, RequestLimitReached> {
        let max_signatures = signatures_listed(keys.len());
        let shared = Shared {
            route,
            deadline,
            snapshot: self.verifier.snapshot(),
            request_id: id.clone(),
            timestamp: clock::now(),
            max_signatures,
            keep_tag: self.settings.keep_tag,
        };
        let count = keys.len();
        let mut response = Response::about(count, route.protocol.encoding, self.responses.begin());
        let Unknown { indices, keys } = self.answer_known(&shared, keys, &mut response).await;
        if keys.is_empty() {
            return Ok(self.encode(route, response, false, id));
        }
        let at_once = self.settings.max_concurrent_keys_per_request;
        let late = match self.requests.to_work(&keys, at_once, deadline.instant().into(), reading).await {
            Ok(_working) => {
                let keys = indices.into_iter().zip(parse(keys, route.protocol.image_of)).collect::<Vec<_>>();
                self.refuse_no_references(&shared, &keys, &mut response);
                self.work_on_images(&shared, &keys, &mut response).await
            }
            Err(reached) if keys.len() == count => return Err(reached),
            Err(reached) => {
                let keys = indices.into_iter().zip(parse(keys, route.protocol.image_of)).collect::<Vec<_>>();
                self.refuse_no_references(&shared, &keys, &mut response);
                self.refuse_to_work(&shared, &keys, reached, &mut response);
                reached.is_late()
            }
        };
        Ok(self.encode(route, response, late, id))
    }

    fn refuse_no_references(&self, shared: &Shared, keys: &[(usize, Key)], response: &mut Response) {
        let protocol = shared.route.protocol;
        for (index, (key, image)) in keys {
            if let Err(why) = image {
                let answer = Answer::failed(protocol.operation, Reason::new(Code::InvalidReference, why));
                self.record(shared, key, &answer, Duration::ZERO);
                response.add(*index, key, (protocol.encode_not_a_reference)(shared.context(), key, why));
            }
        }
    }

    /// Every key that is an image reference is undecided.
    fn refuse_to_work(
        &self,
        shared: &Shared,
        keys: &[(usize, Key)],
        reached: RequestLimitReached,
        response: &mut Response,
    ) {
        let elapsed = self.time_for(shared.route).saturating_sub(shared.deadline.remaining());
        for (index, (key, image)) in keys {
            let Ok(image) = image else { continue };
            let reason = Reason::new(Code::Overloaded, reached.cause());
            let result = Answer::failed(shared.route.protocol.operation, reason).encode(shared.context(), key, image);
            self.record(shared, key, &result.answer, elapsed);
            response.add(*index, key, result.encoded);
        }
    }

    /// Processes every key that is an image reference. Returns whether any of them was late.
    async fn work_on_images(&self, shared: &Shared, keys: &[(usize, Key)], response: &mut Response) -> bool {
        let image =
            |(index, (key, image)): &(usize, Key)| Some((*index, Arc::clone(key), Arc::clone(image.as_ref().ok()?)));
        let images: Vec<_> = keys.iter().filter_map(image).collect();
        let hosts = images.iter().map(|(_, _, image)| image.repository().host());
        let work = |index: usize| {
            // Indices are those of `hosts`.
            let (_, key, image) = images[index].clone();
            let (shared, engine) = (shared.clone(), Arc::clone(&self.verifier));
            move || shared.work(engine, key, image)
        };
        let mut any_late = false;
        let finished = |index: usize, finished: Finished<KeyResult>| {
            let Some((index, key, image)) = images.get(index) else { return };
            any_late |= matches!(finished.completion, Completion::Late(_));
            self.finish(shared, (*index, key, image), finished, response);
        };
        let at_once = self.settings.max_concurrent_keys_per_request;
        keys::each(hosts, at_once, shared.deadline.instant().into(), work, finished).await;
        any_late
    }

    /// Counts, logs and adds to the response how the work on a key has ended.
    pub(super) fn finish(
        &self,
        shared: &Shared,
        (index, key, image): (usize, &str, &ImageRef),
        finished: Finished<KeyResult>,
        response: &mut Response,
    ) {
        self.metrics.stage_ended(VerdictStage::Queue, finished.queued);
        let elapsed = finished.elapsed;
        let result = self.result_of(shared, finished).unwrap_or_else(|reason| {
            let answer = Answer::failed(shared.route.protocol.operation, reason);
            answer.encode(shared.context(), key, image)
        });
        self.record(shared, key, &result.answer, elapsed);
        response.add(index, key, result.encoded);
    }

    /// The result of the work on a key, or the reason why there is none.
    fn result_of(&self, shared: &Shared, finished: Finished<KeyResult>) -> Result<KeyResult, Reason> {
        let time = self.time_for(shared.route);
        match finished.completion {
            Completion::Done(result) => Ok(result),
            Completion::Panicked(text) => {
                self.metrics.panic();
                let (request_id, endpoint) = (shared.request_id.as_str(), shared.route.endpoint.as_str());
                // `door` is the former name of `endpoint`, written for one release.
                tracing::error!(request_id, endpoint, door = endpoint, what = text, "panic");
                Err(Reason::new(Code::InternalError, "internal error: the verification task panicked"))
            }
            Completion::Late(Progress::Queued { of_host, at_once }) => {
                let detail = format!(
                    "verification did not start within {time:?}: found {of_host} images of this registry in the \
                     request, of which {at_once} are verified at a time"
                );
                Err(Reason::new(Code::Overloaded, detail))
            }
            // The work itself did not come to say so.
            Completion::Late(Progress::Working) if finished.late.as_ref().is_some_and(LateWork::names_a_cause) => {
                let LateWork { stage, awaited } = finished.late.unwrap_or_default();
                Err(late(stage.unwrap_or("the image was verified"), &awaited))
            }
            Completion::Late(Progress::Working) => {
                let worked = finished.elapsed.saturating_sub(finished.queued).as_millis();
                let queued = finished.queued.as_millis();
                let detail = format!(
                    "verification did not finish within {time:?}: found {worked}ms of work and {queued}ms of \
                     waiting for a permit"
                );
                Err(Reason::new(Code::DeadlineExceeded, detail))
            }
        }
    }

    fn encode(&self, route: &Route, response: Response, late: bool, id: &RequestId) -> Reply {
        let response = response.encode(id.as_str());
        if let Some(exceeded) = response.exceeded {
            self.metrics.response_without_room(matches!(exceeded, BudgetExceeded::TooLarge { .. }));
            let endpoint = route.endpoint.as_str();
            // `door` is the former name of `endpoint`, written for one release.
            tracing::warn!(request_id = id.as_str(), endpoint, door = endpoint, why = %exceeded, "no memory left for the response");
        }
        let outcome = match (late, response.has_undecided, response.has_item_error) {
            (true, _, _) => Outcome::TimedOut,
            (false, true, _) => Outcome::SystemError,
            (false, false, true) => Outcome::ItemError,
            (false, false, false) => Outcome::Ok,
        };
        Reply { outcome, response }
    }

    /// Counts and logs the result for a key. Resolved digests are not logged.
    fn record(&self, shared: &Shared, key: &str, answer: &Answer, elapsed: Duration) {
        match answer {
            Answer::Verdict(ImageResult { digest, verdict, cached }, _) => {
                self.count_verdict(verdict);
                let about = Logged { image: key, digest: digest.as_ref(), cached: *cached, prepared: None };
                self.log_verdict(shared, &about, log::Decision::Decided(verdict), elapsed);
            }
            Answer::Resolved(Ok(_), _) => self.metrics.resolution(None),
            Answer::Resolved(Err(reason), _) => {
                self.metrics.resolution(Some(reason.code));
                let about = Logged { image: key, digest: None, cached: false, prepared: None };
                self.log_verdict(shared, &about, log::Decision::Unresolved(reason), elapsed);
            }
        }
    }

    /// As [`Self::record`], for a result from memory that was rendered before.
    pub(super) fn record_again(&self, shared: &Shared, key: &str, rendered: &Rendered, elapsed: Duration) {
        self.count_verdict(&rendered.verdict);
        let digest = rendered.digest.as_ref();
        let about = Logged { image: key, digest, cached: true, prepared: rendered.event() };
        self.log_verdict(shared, &about, log::Decision::Decided(&rendered.verdict), elapsed);
    }

    fn count_verdict(&self, verdict: &ImageVerdict) {
        self.metrics.verdict(verdict.code(), verdict.statement());
        if let ImageVerdict::Verified(verified) = verdict {
            for (check, reason) in verified.warnings() {
                self.metrics.warning(check, reason.code, &verified.statement);
            }
        }
    }

    fn log_verdict(&self, shared: &Shared, about: &Logged<'_>, decision: log::Decision<'_>, elapsed: Duration) {
        let Logged { image, digest, cached, prepared } = *about;
        let (endpoint, request_id) = (shared.route.endpoint.as_str(), shared.request_id.as_str());
        let digest = digest.map(Digest::as_str);
        let event = log::VerdictEvent { endpoint, request_id, image, digest, decision, cached, repeated: 0, elapsed };
        let every = self.settings.cached_verdicts_every;
        let Some(repeated) = self.repeated.admit(&event, every, Instant::now()) else { return };
        match prepared {
            Some(prepared) => prepared.write(request_id, repeated, elapsed),
            None => log::verdict(&log::VerdictEvent { repeated, ..event }),
        }
    }
}

fn parse(keys: Vec<String>, image_of: fn(&str) -> &str) -> Vec<Key> {
    let parse = |key: String| {
        let image = image_of(&key).parse::<ImageRef>().map(Arc::new);
        (key.into(), image)
    };
    keys.into_iter().map(parse).collect()
}
