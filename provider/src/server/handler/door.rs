//! What happens behind each door: keys to references, work for each of them, ends to outcomes.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::name::Digest;
use countersign_core::name::ImageRef;
use countersign_core::name::ReferenceError;
use countersign_core::name::Selector;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use serde::Serialize;

use super::Handler;
use super::Said;
use crate::clock;
use crate::engine::Deadline;
use crate::engine::ImageResult;
use crate::engine::Verify;
use crate::server::answer::Answer;
use crate::server::answer::Complete;
use crate::server::answer::End as KeyEnd;
use crate::server::answer::Outcome as KeyOutcome;
use crate::server::answer::Text;
use crate::server::keys;
use crate::server::keys::End;
use crate::server::keys::Finished;
use crate::server::keys::Stage;
use crate::server::render;
use crate::server::render::Context;
use crate::server::request_id::RequestId;
use crate::server::responses::NoRoom;
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
struct Decided {
    end: KeyEnd,
    result: ImageResult,
}

/// A key and what it names.
type Read = (Arc<str>, Result<Arc<ImageRef>, ReferenceError>);

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
        let timestamp: Arc<str> = clock::now().to_string().into();
        let signatures = render::signatures_listed(keys.len());
        let context = Context { request_id: id.as_str(), timestamp: &timestamp, signatures };
        let read = read(keys, words.image_of);
        let mut answer = Answer::about(read.len(), self.responses.begin());
        for (place, (key, image)) in read.iter().enumerate() {
            if let Err(why) = image {
                let result = undecided(Reason::new(Code::InvalidReference, why));
                self.tell(door, id, key, &result, Duration::ZERO);
                answer.end(place, key, KeyEnd::of(key, (words.not_an_image)(context, key, why)));
            }
        }
        // Written within the key's own work: a verdict about an image with many signatures is large, and there may be many.
        let say = words.outcome;
        let (id_of_all, time_of_all) = (id.clone(), Arc::clone(&timestamp));
        let work = move |verify: Arc<dyn Verify>, key: Arc<str>, image: Arc<ImageRef>| {
            let (id, timestamp) = (id_of_all.clone(), Arc::clone(&time_of_all));
            async move {
                let result = verify.verify(Arc::clone(&image), deadline).await;
                let context = Context { request_id: id.as_str(), timestamp: &timestamp, signatures };
                Decided { end: KeyEnd::of(&key, say(context, &image, &result)), result }
            }
        };
        let mut late = false;
        let finished = |place: usize, key: &str, image: &ImageRef, finished: Finished<Decided>| {
            late |= matches!(finished.end, End::Late(_));
            let elapsed = finished.elapsed;
            let decided = self.ended(door, id, finished).unwrap_or_else(|reason| {
                let result = undecided(reason);
                Decided { end: KeyEnd::of(key, say(context, image, &result)), result }
            });
            self.tell(door, id, key, &decided.result, elapsed);
            answer.end(place, key, decided.end);
        };
        self.each(&read, deadline, work, finished).await;
        self.said(door, answer, late, id)
    }

    async fn mutate(
        &self,
        door: Door,
        image_of: fn(&str) -> &str,
        keys: Vec<String>,
        deadline: Deadline,
        id: &RequestId,
    ) -> Said {
        let timestamp = clock::now().to_string();
        let signatures = render::signatures_listed(keys.len());
        let context = Context { request_id: id.as_str(), timestamp: &timestamp, signatures };
        let read = read(keys, image_of);
        let mut answer = Answer::about(read.len(), self.responses.begin());
        for (place, (key, image)) in read.iter().enumerate() {
            if let Err(why) = image {
                let reason = Reason::new(Code::InvalidReference, why);
                self.metrics.resolution(Some(reason.code));
                self.tell_unresolved(door, id, key, &reason, Duration::ZERO);
                answer.end(place, key, KeyEnd::of::<()>(key, not_a_reference(context, why)));
            }
        }
        let mut late = false;
        let work = move |verify, _, image| resolve(verify, image, deadline);
        let finished = |place: usize, key: &str, image: &ImageRef, finished: Finished<_>| {
            late |= matches!(finished.end, End::Late(_));
            let elapsed = finished.elapsed;
            let resolved = self.ended(door, id, finished).unwrap_or_else(Err);
            self.metrics.resolution(resolved.as_ref().err().map(|reason| reason.code));
            if let Err(reason) = &resolved {
                self.tell_unresolved(door, id, key, reason, elapsed);
            }
            answer.end(place, key, KeyEnd::of(key, render::mutate::outcome(context, image, &resolved)));
        };
        self.each(&read, deadline, work, finished).await;
        self.said(door, answer, late, id)
    }

    /// The answer, in which every key has its end.
    fn said(&self, door: Door, answer: Answer, late: bool, id: &RequestId) -> Said {
        let Complete { body, has_item_error, has_system_error, no_room } =
            answer.complete(super::is_mutation(door), id.as_str());
        if let Some(no_room) = no_room {
            self.metrics.response_without_room(matches!(no_room, NoRoom::TooLarge { .. }));
            tracing::warn!(request_id = id.as_str(), door = door.text(), why = %no_room, "response without room");
        }
        let outcome = match (late, has_system_error, has_item_error) {
            (true, _, _) => Outcome::TimedOut,
            (false, true, _) => Outcome::SystemError,
            (false, false, true) => Outcome::ItemError,
            (false, false, false) => Outcome::Ok,
        };
        Said { outcome, body }
    }

    /// Does `work` for every key that is an image, and tells `finished` the place, the key and the end of each.
    async fn each<T, F>(
        &self,
        read: &[Read],
        deadline: Deadline,
        work: impl Fn(Arc<dyn Verify>, Arc<str>, Arc<ImageRef>) -> F + Clone + Send + 'static,
        mut finished: impl FnMut(usize, &str, &ImageRef, Finished<T>),
    ) where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let image =
            |(place, (key, image)): (usize, &'_ Read)| Some((place, Arc::clone(key), Arc::clone(image.as_ref().ok()?)));
        let images: Vec<_> = read.iter().enumerate().filter_map(image).collect();
        let of_request = Arc::clone(&self.verify).of_request();
        let hosts = images.iter().map(|(_, _, image)| image.repository().host());
        let job = |index: usize| {
            // Indices are those of `hosts`.
            let (_, key, image) = images[index].clone();
            let (verify, work) = (Arc::clone(&of_request), work.clone());
            move || work(verify, key, image)
        };
        let at_once = self.settings.max_concurrent_keys_per_request;
        keys::each(hosts, at_once, deadline.instant().into(), job, |index, one| {
            self.metrics.stage("queue", one.queued);
            if let Some((place, key, image)) = images.get(index) {
                finished(*place, key, image, one);
            }
        })
        .await;
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
        (key.into(), image)
    };
    keys.into_iter().map(read).collect()
}

fn undecided(reason: Reason) -> ImageResult {
    ImageResult { digest: None, verdict: ImageVerdict::from_reason(None, reason).into(), cached: false }
}
