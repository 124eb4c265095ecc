//! What happens behind each door: keys to references, work for each of them, ends to outcomes.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::name::Digest;
use countersign_core::name::ImageRef;
use countersign_core::name::ReferenceError;
use countersign_core::name::Selector;
use countersign_core::time::UnixTime;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use serde::Serialize;

use super::Handler;
use super::Said;
use super::said;
use crate::engine::Deadline;
use crate::engine::ImageResult;
use crate::engine::Verify;
use crate::server::answer::Answer;
use crate::server::answer::Outcome as KeyOutcome;
use crate::server::answer::Text;
use crate::server::keys;
use crate::server::keys::End;
use crate::server::keys::Finished;
use crate::server::keys::Job;
use crate::server::keys::Stage;
use crate::server::render;
use crate::server::render::Context;
use crate::server::request_id::RequestId;
use crate::telemetry::log;
use crate::telemetry::metrics::Door;
use crate::telemetry::metrics::Outcome;

/// How a door of verification reads a key and says what became of it.
struct Words<V> {
    image_of: fn(&str) -> &str,
    outcome: fn(Context<'_>, &ImageRef, &ImageResult) -> KeyOutcome<V>,
    not_an_image: fn(Context<'_>, &str, &ReferenceError) -> KeyOutcome<V>,
}

/// What is said about an image, and what the log is told.
struct Decided<V> {
    outcome: KeyOutcome<V>,
    result: ImageResult,
}

/// A key and what it names.
type Read = (String, Result<Arc<ImageRef>, ReferenceError>);

impl Handler {
    /// Through one of the doors.
    pub(super) async fn through(&self, door: Door, keys: Vec<String>, deadline: Deadline, id: &RequestId) -> Said {
        match door {
            Door::Verify | Door::None => {
                let words = Words {
                    image_of: |key| key,
                    outcome: render::native::outcome,
                    not_an_image: |context, _, why| not_a_reference(context, why),
                };
                self.verify(door, &words, keys, deadline, id).await
            }
            Door::RatifyVerify => {
                let words = Words {
                    image_of: render::ratify::image_of,
                    outcome: render::ratify::outcome,
                    not_an_image: render::ratify::not_an_image,
                };
                self.verify(door, &words, keys, deadline, id).await
            }
            Door::Mutate => self.mutate(door, |key| key, keys, deadline, id).await,
            Door::RatifyMutate => self.mutate(door, render::ratify::image_of, keys, deadline, id).await,
        }
    }

    async fn verify<V: Serialize + Send + 'static>(
        &self,
        door: Door,
        words: &Words<V>,
        keys: Vec<String>,
        deadline: Deadline,
        id: &RequestId,
    ) -> Said {
        let timestamp: Arc<str> = now().into();
        let signatures = render::signatures_listed(keys.len());
        let context = Context { request_id: id.as_str(), timestamp: &timestamp, signatures };
        let read = read(keys, words.image_of);
        // Said within the key's own work: a verdict about an image with many signatures is large, and there may be many.
        let say = words.outcome;
        let (id_of_all, time_of_all) = (id.clone(), Arc::clone(&timestamp));
        let work = move |verify: Arc<dyn Verify>, image: Arc<ImageRef>| {
            let (id, timestamp) = (id_of_all.clone(), Arc::clone(&time_of_all));
            async move {
                let result = verify.verify(Arc::clone(&image), deadline).await;
                let context = Context { request_id: id.as_str(), timestamp: &timestamp, signatures };
                Decided { outcome: say(context, &image, &result), result }
            }
        };
        let finished = self.each(&read, deadline, work).await;
        let mut late = false;
        let mut finished = finished.into_iter();
        let mut outcomes = Vec::with_capacity(read.len());
        for (key, image) in read {
            let outcome = match image {
                Ok(image) => {
                    // There is an end for each image; without one the key would be undecided all the same.
                    let finished = finished.next().unwrap_or_else(never_ended);
                    late |= matches!(finished.end, End::Late(_));
                    let elapsed = finished.elapsed;
                    let decided = self.ended(door, id, finished).unwrap_or_else(|reason| {
                        let result = undecided(reason);
                        Decided { outcome: say(context, &image, &result), result }
                    });
                    self.tell(door, id, &key, &decided.result, elapsed);
                    decided.outcome
                }
                Err(why) => {
                    let result = undecided(Reason::new(Code::InvalidReference, &why));
                    self.tell(door, id, &key, &result, Duration::ZERO);
                    (words.not_an_image)(context, &key, &why)
                }
            };
            outcomes.push((key, outcome));
        }
        let answer = Answer::about(outcomes, id.as_str());
        let outcome = outcome_of(&answer, late);
        said(answer, outcome, false)
    }

    async fn mutate(
        &self,
        door: Door,
        image_of: fn(&str) -> &str,
        keys: Vec<String>,
        deadline: Deadline,
        id: &RequestId,
    ) -> Said {
        let timestamp = now();
        let signatures = render::signatures_listed(keys.len());
        let context = Context { request_id: id.as_str(), timestamp: &timestamp, signatures };
        let read = read(keys, image_of);
        let finished = self.each(&read, deadline, move |verify, image| resolve(verify, image, deadline)).await;
        let mut late = false;
        let mut finished = finished.into_iter();
        let mut outcomes = Vec::with_capacity(read.len());
        for (key, image) in read {
            let outcome = match image {
                Ok(image) => {
                    let finished = finished.next().unwrap_or_else(never_ended);
                    late |= matches!(finished.end, End::Late(_));
                    let elapsed = finished.elapsed;
                    let resolved = self.ended(door, id, finished).unwrap_or_else(Err);
                    self.metrics.resolution(resolved.as_ref().err().map(|reason| reason.code));
                    if let Err(reason) = &resolved {
                        self.tell_unresolved(door, id, &key, reason, elapsed);
                    }
                    render::mutate::outcome(context, &image, &resolved)
                }
                Err(why) => {
                    let reason = Reason::new(Code::InvalidReference, &why);
                    self.metrics.resolution(Some(reason.code));
                    self.tell_unresolved(door, id, &key, &reason, Duration::ZERO);
                    not_a_reference(context, &why)
                }
            };
            outcomes.push((key, outcome));
        }
        let answer = Answer::about(outcomes, id.as_str());
        let outcome = outcome_of(&answer, late);
        said(answer, outcome, true)
    }

    /// Does `work` for every key that is an image.
    async fn each<T, F>(
        &self,
        read: &[Read],
        deadline: Deadline,
        work: impl Fn(Arc<dyn Verify>, Arc<ImageRef>) -> F + Clone + Send + 'static,
    ) -> Vec<Finished<T>>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let images = read.iter().filter_map(|(_, image)| image.as_ref().ok());
        let of_request = Arc::clone(&self.verify).of_request();
        let jobs = images.map(|image| {
            let host = image.repository().host().clone();
            let (verify, image, work) = (Arc::clone(&of_request), Arc::clone(image), work.clone());
            Job { host, work: move || work(verify, image) }
        });
        let at_once = self.settings.max_concurrent_keys_per_request;
        let finished = keys::each(jobs.collect(), at_once, deadline.instant().into()).await;
        for one in &finished {
            self.metrics.stage("queue", one.queued);
        }
        finished
    }

    /// What the work gave, or why it gave nothing.
    fn ended<T>(&self, door: Door, id: &RequestId, finished: Finished<T>) -> Result<T, Reason> {
        let time = self.time_for(door);
        match finished.end {
            End::Done(value) => Ok(value),
            End::Panicked(text) => {
                self.metrics.panic();
                tracing::error!(request_id = id.as_str(), door = door.text(), what = text, "panic");
                Err(Reason::new(Code::InternalError, "the work on this image ended in a panic: want a verdict"))
            }
            End::Late(Stage::Queued { of_host, at_once }) => {
                let detail = format!(
                    "verification did not begin within {time:?}: found {of_host} images of this registry in the request, of which {at_once} are verified at a time"
                );
                Err(Reason::new(Code::Overloaded, detail))
            }
            End::Late(Stage::Working) => {
                let worked = finished.elapsed.saturating_sub(finished.queued).as_millis();
                let queued = finished.queued.as_millis();
                let detail = format!(
                    "not finished after {worked}ms of work and {queued}ms of waiting for a place: want an end within {time:?}"
                );
                Err(Reason::new(Code::DeadlineExceeded, detail))
            }
        }
    }

    /// Counts and logs a verdict.
    fn tell(&self, door: Door, id: &RequestId, key: &str, result: &ImageResult, elapsed: Duration) {
        let ImageResult { digest, verdict, cached } = result;
        self.metrics.verdict(verdict.code());
        if let ImageVerdict::Verified(verified) = &**verdict {
            for (check, reason) in verified.signature.warnings() {
                self.metrics.warning(check, reason.code);
            }
        }
        log::verdict(&log::Verdict {
            door: door.text(),
            request_id: id.as_str(),
            image: key,
            digest: digest.as_ref().map(Digest::as_str),
            end: log::End::Decided(verdict),
            cached: *cached,
            elapsed,
        });
    }

    fn tell_unresolved(&self, door: Door, id: &RequestId, key: &str, reason: &Reason, elapsed: Duration) {
        log::verdict(&log::Verdict {
            door: door.text(),
            request_id: id.as_str(),
            image: key,
            digest: None,
            end: log::End::Unresolved(reason),
            cached: false,
            elapsed,
        });
    }
}

/// A digest stands for itself: nobody is asked.
async fn resolve(verify: Arc<dyn Verify>, image: Arc<ImageRef>, deadline: Deadline) -> Result<Digest, Reason> {
    match image.selector() {
        Selector::Digest(digest) => Ok(digest.clone()),
        Selector::Tag(_) => verify.resolve(image, deadline).await,
    }
}

fn not_a_reference<V>(context: Context<'_>, why: &ReferenceError) -> KeyOutcome<V> {
    KeyOutcome::Error(Text::of_request(&render::not_a_reference(why), context.request_id))
}

fn read(keys: Vec<String>, image_of: fn(&str) -> &str) -> Vec<Read> {
    let read = |key: String| {
        let image = image_of(&key).parse::<ImageRef>().map(Arc::new);
        (key, image)
    };
    keys.into_iter().map(read).collect()
}

fn undecided(reason: Reason) -> ImageResult {
    ImageResult { digest: None, verdict: ImageVerdict::from_reason(None, reason).into(), cached: false }
}

fn never_ended<T>() -> Finished<T> {
    Finished { end: End::Late(Stage::Working), queued: Duration::ZERO, elapsed: Duration::ZERO }
}

fn outcome_of<V>(answer: &Answer<V>, late: bool) -> Outcome {
    match (late, answer.has_system_error(), answer.has_item_error()) {
        (true, _, _) => Outcome::TimedOut,
        (false, true, _) => Outcome::SystemError,
        (false, false, true) => Outcome::ItemError,
        (false, false, false) => Outcome::Ok,
    }
}

fn now() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    UnixTime::from_seconds(seconds).map(|time| time.to_string()).unwrap_or_else(|_| "1970-01-01T00:00:00Z".to_owned())
}
