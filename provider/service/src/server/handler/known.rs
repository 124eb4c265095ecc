//! The keys of a request whose results are known: they are answered at once, on the thread of the connection, and never wait for
//! those that need work.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::name::ImageRef;
use tokio::time::Instant;

use super::Handler;
use super::dispatch::Answer;
use super::dispatch::KeyResult;
use super::dispatch::Shared;
use super::dispatch::Unknown;
use crate::engine::Standing;
use crate::protocol::Operation;
use crate::protocol::Response;
use crate::server::keys::Completion;
use crate::server::keys::Finished;
use crate::telemetry::log::panic_text;
use crate::telemetry::metrics::VerdictStage;

/// Keys that are looked up before other tasks of the thread have their turn: some tenths of a millisecond.
const AT_A_TIME: usize = 32;

impl Handler {
    /// Adds what is known about `keys` to the response, as long as there is time, and returns the others.
    pub(super) async fn answer_known(&self, shared: &Shared, keys: Vec<String>, response: &mut Response) -> Unknown {
        let until: Instant = shared.deadline.instant().into();
        let mut unknown = Unknown { indices: Vec::new(), keys: Vec::new() };
        for (index, key) in keys.into_iter().enumerate() {
            if index % AT_A_TIME == AT_A_TIME - 1 {
                tokio::task::yield_now().await;
            }
            if Instant::now() >= until || !self.answer_if_known(shared, index, &key, response) {
                unknown.indices.push(index);
                unknown.keys.push(key);
            }
        }
        // They may wait for their permit.
        unknown.indices.shrink_to_fit();
        unknown.keys.shrink_to_fit();
        unknown
    }

    /// Returns whether the key has a result. A key without a reference has none.
    fn answer_if_known(&self, shared: &Shared, index: usize, key: &str, response: &mut Response) -> bool {
        let protocol = shared.route.protocol;
        // A tag is resolved by work, which others may share.
        let Operation::Verify(encode) = protocol.operation else { return false };
        if self.answer_again(shared, index, key, response) {
            return true;
        }
        let Ok(image) = (protocol.image_of)(key).parse::<ImageRef>() else { return false };
        let (began, image) = (Instant::now(), Arc::new(image));
        // A panic is the result of this key only, as in the tasks of those that need work.
        let known = catch_unwind(AssertUnwindSafe(|| {
            let request = shared.request(Arc::clone(&image));
            let result = self.verifier.known(&request)?;
            let encoded = self.rendered.encode(shared.route.endpoint, shared.context(), (key, &image), &result, encode);
            self.rendered.stand(shared.route.endpoint, key, &result, || self.verifier.standing(&request, &result));
            Some(KeyResult { encoded, answer: Answer::Verdict(result, encode) })
        }));
        let completion = match known {
            Ok(None) => return false,
            Ok(Some(result)) => Completion::Done(result),
            Err(panic) => Completion::Panicked(panic_text(&*panic).to_owned()),
        };
        let finished = Finished { completion, late: None, queued: Duration::ZERO, elapsed: began.elapsed() };
        self.finish(shared, (index, key, &image), finished, response);
        true
    }

    /// Returns whether the result of a former request about the key still stands.
    fn answer_again(&self, shared: &Shared, index: usize, key: &str, response: &mut Response) -> bool {
        let began = Instant::now();
        let stands = |standing: &Standing| self.verifier.stands(standing, shared.snapshot());
        // After a panic the key is looked up.
        let rendered = catch_unwind(AssertUnwindSafe(|| self.rendered.standing(shared.route.endpoint, key, stands)));
        let Ok(Some(rendered)) = rendered else { return false };
        response.add(index, key, rendered.item(shared.context().request_id));
        self.metrics.stage_ended(VerdictStage::Queue, Duration::ZERO);
        self.record_again(shared, key, &rendered, began.elapsed());
        true
    }
}
