//! The rule that must never break: every key of a request has an item, or `systemError` is not empty.
//!
//! A key that has neither is in no list that a policy sees, so that a policy which counts errors lets it pass. Hence an
//! [`Answer`] is made for a number of keys, and whichever has no item in the end is counted in `systemError`: because it is
//! undecided, because there was no room for its item, or because nothing became of it.
//!
//! Items are written as soon as their keys are decided, and what they were made of is dropped: verdicts are larger.

use std::collections::BTreeMap;

use countersign_core::codec::text::Text as Bounded;
use countersign_core::verdict::Code;
use serde::Serialize;

use super::responses::Held;
use super::responses::NoRoom;
use super::responses::ResponseBody;
use crate::json_model::cut;
use crate::protocol::gatekeeper;
use crate::protocol::gatekeeper::Content;
use crate::protocol::gatekeeper::Item;

/// Longest `systemError`, in bytes. It is printed in a denial, and the API server cuts nothing.
const SYSTEM_ERROR_BYTES: usize = 8 * 1024;

/// Longest single text within an answer, in bytes: some of it comes from registries and certificates.
const TEXT_BYTES: usize = 2 * 1024;

/// A text that is not empty and not long: an empty error means "no error" to Gatekeeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(String);

impl Text {
    /// Cuts what is too long and marks the cut.
    pub(super) fn new(text: &str) -> Self {
        if text.is_empty() {
            return Self("internal-error: no reason was given".to_owned());
        }
        Self(cut(text, TEXT_BYTES))
    }

    /// The same, with the request's name behind it, which is never cut off: it leads a person to the line in the log.
    pub(super) fn of_request(text: &str, request_id: &str) -> Self {
        let name = format!(" (request {request_id})");
        let Self(mut text) = Self::new(&cut(text, TEXT_BYTES.saturating_sub(name.len())));
        text.push_str(&name);
        Self(text)
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// What became of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome<V> {
    /// Decided, and said with a value. Gatekeeper remembers it.
    Value(V),
    /// Decided, and said with an error. Gatekeeper remembers it.
    Error(Text),
    /// Not decided: no item, so that Gatekeeper asks again.
    Undecided(Text),
}

/// What becomes of one key in the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Item {
        /// Behind a comma.
        json: Vec<u8>,
        is_error: bool,
    },
    /// For `systemError`.
    Undecided(Text),
}

impl End {
    /// Writes `key`'s item, if its outcome is one.
    pub(super) fn of<V: Serialize>(key: &str, outcome: Outcome<V>) -> Self {
        let (content, is_error) = match outcome {
            Outcome::Value(value) => (Content::Value(value), false),
            Outcome::Error(text) => (Content::Error(text.into_string()), true),
            Outcome::Undecided(text) => return Self::Undecided(text),
        };
        let mut json = vec![b','];
        match serde_json::to_writer(&mut json, &Item { key: key.to_owned(), content }) {
            Ok(()) => {
                json.shrink_to_fit();
                Self::Item { json, is_error }
            }
            // Nothing in these types can fail to be written; if it ever does, the answer is still one that denies.
            Err(_) => Self::Undecided(Text::new("internal-error: the item could not be written")),
        }
    }
}

/// What is answered to a request. See the module.
#[derive(Debug)]
pub(super) struct Answer {
    held: Held,
    /// By the place of the key in the request; empty without one.
    items: Vec<Vec<u8>>,
    has_item_error: bool,
    undecided: Undecided,
    no_room: Option<NoRoom>,
}

/// An answer that is complete.
#[derive(Debug)]
pub(super) struct Complete {
    pub(super) body: ResponseBody,
    pub(super) has_item_error: bool,
    pub(super) has_system_error: bool,
    /// Why some keys are undecided although they were decided, if there are any.
    pub(super) no_room: Option<NoRoom>,
}

impl Answer {
    /// The answer about so many keys, of none of which anything is known yet.
    pub(super) fn about(keys: usize, held: Held) -> Self {
        let items = vec![Vec::new(); keys];
        Self { held, items, has_item_error: false, undecided: Undecided::default(), no_room: None }
    }

    /// What became of the key at `place`. Without room for its item it is undecided.
    pub(super) fn end(&mut self, place: usize, key: &str, end: End) {
        match end {
            End::Item { json, is_error } => match self.held.grow(json.len()) {
                Ok(()) => {
                    if let Some(item) = self.items.get_mut(place) {
                        *item = json;
                        self.has_item_error |= is_error;
                    }
                }
                Err(no_room) => {
                    let (key, code) = (Bounded::of(key), Code::Overloaded);
                    let text = format!("{key}: {code}: {no_room}; what to do: {}", code.advice());
                    self.no_room.get_or_insert(no_room);
                    self.undecided.add(place, Text::new(&text));
                }
            },
            End::Undecided(text) => self.undecided.add(place, text),
        }
    }

    /// `idempotent` is true on the doors of mutation, whether or not the answer is good.
    pub(super) fn complete(mut self, idempotent: bool, request_id: &str) -> Complete {
        let asked = self.items.len();
        let mut items: Vec<Vec<u8>> = self.items.into_iter().filter(|item| !item.is_empty()).collect();
        let undecided = asked - items.len();
        let head = (undecided > 0)
            .then(|| format!("could not decide about {undecided} of {asked} images (request {request_id}): "));
        let system_error = head.as_ref().map(|head| self.undecided.text(head, undecided)).unwrap_or_default();
        let (before, mut after) = gatekeeper::around_items(idempotent, &system_error);
        if let Some(head) = &head
            && let Err(no_room) = self.held.grow(after.len())
        {
            // Short, so that it needs no room.
            let code = Code::Overloaded;
            let text = format!("{head}{code}: {no_room}; what to do: {}", code.advice());
            (_, after) = gatekeeper::around_items(idempotent, &text);
            self.no_room.get_or_insert(no_room);
        }
        if let Some(first) = items.first_mut() {
            first.remove(0);
        }
        let parts = [before].into_iter().chain(items).chain([after]);
        Complete {
            body: ResponseBody::holding(parts, self.held),
            has_item_error: self.has_item_error,
            has_system_error: head.is_some(),
            no_room: self.no_room,
        }
    }
}

/// The answer to a request whose keys are unknown or too many.
pub(super) fn refusal(why: &Text, request_id: &str, idempotent: bool) -> ResponseBody {
    let (mut bytes, after) = gatekeeper::around_items(idempotent, &format!("{} (request {request_id})", why.0));
    bytes.extend_from_slice(&after);
    ResponseBody::small(bytes)
}

/// Why keys are undecided, by their places: as many of the first ones as `systemError` has room for.
#[derive(Debug, Default)]
struct Undecided {
    texts: BTreeMap<usize, Text>,
    bytes: usize,
}

impl Undecided {
    fn add(&mut self, place: usize, text: Text) {
        self.bytes += text.0.len();
        if let Some(before) = self.texts.insert(place, text) {
            self.bytes -= before.0.len();
        }
        // What comes behind so many bytes is only counted.
        while let Some(last) =
            self.texts.last_entry().filter(|last| self.bytes - last.get().0.len() > SYSTEM_ERROR_BYTES)
        {
            self.bytes -= last.remove().0.len();
        }
    }

    /// `head` and what is known of `count` keys.
    fn text(&self, head: &str, count: usize) -> String {
        let mut text = head.to_owned();
        let mut shown = 0;
        for Text(one) in self.texts.values() {
            let separator = if shown == 0 { "" } else { " | " };
            // The first one always fits: its length is bounded by TEXT_BYTES.
            if text.len() + separator.len() + one.len() > SYSTEM_ERROR_BYTES {
                break;
            }
            text.push_str(separator);
            text.push_str(one);
            shown += 1;
        }
        match (shown, count - shown) {
            (_, 0) => {}
            (0, _) => text.push_str("internal-error: no reason was given"),
            (_, more) => text.push_str(&format!(" | and {more} more")),
        }
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use http_body_util::BodyExt as _;
    use prometheus::IntGauge;
    use serde_json::Value as Json;
    use serde_json::json;

    use super::super::responses::Responses;
    use super::*;

    const KIB: usize = 1024;

    fn responses(total: usize) -> Arc<Responses> {
        Responses::new(total, total, IntGauge::new("bytes", "Bytes.").unwrap())
    }

    fn outcome(kind: usize, long: usize) -> Outcome<u8> {
        match kind {
            0 => Outcome::Value(7),
            1 => Outcome::Error(Text::new(&"e".repeat(long))),
            _ => Outcome::Undecided(Text::new(&"u".repeat(long))),
        }
    }

    async fn written(body: ResponseBody) -> Json {
        serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap()
    }

    /// The answer about these outcomes, which end in the opposite order.
    async fn answered(outcomes: Vec<Outcome<u8>>, room: usize) -> Json {
        let mut answer = Answer::about(outcomes.len(), responses(room).begin());
        for (place, outcome) in outcomes.into_iter().enumerate().rev() {
            answer.end(place, &place.to_string(), End::of(&place.to_string(), outcome));
        }
        written(answer.complete(false, "1f").body).await["response"].take()
    }

    async fn system_error(outcomes: Vec<Outcome<u8>>) -> String {
        answered(outcomes, 1000 * KIB).await["systemError"].as_str().unwrap().to_owned()
    }

    /// All lists of up to four keys, each with each outcome, with empty and with long texts, with and without room.
    #[tokio::test]
    async fn every_key_has_an_item_or_there_is_a_system_error() {
        for count in 0..=4_u32 {
            for choice in 0..3_usize.pow(count) {
                for (long, room) in [(0, 100 * KIB), (1, 100 * KIB), (10_000, 100 * KIB), (10_000, 3 * KIB), (1, 0)] {
                    let kinds: Vec<usize> = (0..count).map(|place| choice / 3_usize.pow(place) % 3).collect();
                    let answer = answered(kinds.iter().map(|kind| outcome(*kind, long)).collect(), room).await;
                    assert_eq!(answer["idempotent"], false);
                    let items = answer["items"].as_array().unwrap();
                    let with_item: Vec<usize> =
                        items.iter().map(|item| item["key"].as_str().unwrap().parse().unwrap()).collect();
                    let decided = kinds.iter().enumerate().filter(|(_, kind)| **kind < 2);
                    let decided: Vec<usize> = decided.map(|(index, _)| index).collect();
                    if room == 100 * KIB {
                        assert_eq!(with_item, decided);
                    } else {
                        assert!(with_item.iter().all(|index| decided.contains(index)));
                    }
                    assert_eq!(answer["systemError"] == "", with_item.len() == kinds.len());
                    assert!(items.iter().all(|item| item["error"] != ""));
                }
            }
        }
    }

    #[tokio::test]
    async fn a_system_error_lists_every_undecided_key_in_the_order_of_the_request() {
        let undecided = |key: &str| Outcome::Undecided(Text::new(&format!("{key}: why")));
        assert_eq!(
            system_error(vec![undecided("a"), Outcome::Value(7), undecided("b")]).await,
            "could not decide about 2 of 3 images (request 1f): a: why | b: why"
        );
    }

    #[tokio::test]
    async fn a_key_of_which_nothing_became_is_undecided() {
        let answer = Answer::about(2, responses(100 * KIB).begin()).complete(true, "1f");
        assert!(answer.has_system_error && !answer.has_item_error);
        assert_eq!(
            written(answer.body).await["response"],
            json!({
                "idempotent": true,
                "items": [],
                "systemError": "could not decide about 2 of 2 images (request 1f): internal-error: no reason was given",
            })
        );
    }

    #[tokio::test]
    async fn a_long_system_error_ends_with_how_many_are_left_out() {
        let one = Outcome::<u8>::Undecided(Text::new(&"ü".repeat(500)));
        let text = system_error(vec![one; 20]).await;
        assert!(text.len() <= SYSTEM_ERROR_BYTES + " | and 20 more".len(), "{}", text.len());
        assert!(text.ends_with(" | and 12 more"), "{text}");
    }

    #[test]
    fn no_more_texts_are_kept_than_are_shown() {
        for places in [(0..1000).collect::<Vec<_>>(), (0..1000).rev().collect()] {
            let mut undecided = Undecided::default();
            for place in places {
                undecided.add(place, Text::new(&"u".repeat(1000)));
            }
            assert_eq!(undecided.bytes, 9000);
            assert_eq!(undecided.texts.keys().copied().collect::<Vec<_>>(), (0..9).collect::<Vec<_>>());
            assert!(undecided.text("", 1000).ends_with(" | and 992 more"));
        }
    }

    #[tokio::test]
    async fn a_key_without_room_is_undecided_and_says_why() {
        let all = responses(4 * KIB);
        let mut other = all.begin();
        other.grow(KIB).unwrap();
        let mut answer = Answer::about(2, all.begin());
        answer.end(0, "a", End::of("a", Outcome::Value("x".repeat(2 * KIB))));
        answer.end(1, "b", End::of("b", Outcome::Value("x")));
        let Complete { body, has_item_error, has_system_error, no_room } = answer.complete(false, "1f");
        assert!(has_system_error && !has_item_error);
        assert_eq!(no_room, Some(NoRoom::Full { found: 3351, limit: 4096 }));
        assert_eq!(
            written(body).await["response"],
            json!({
                "idempotent": false,
                "items": [{"key": "b", "value": "x"}],
                "systemError": "could not decide about 1 of 2 images (request 1f): a: overloaded: too many bytes of responses in memory: found 3351, expected at most 4096, half of it for one response; what to do: add replicas or raise the limits of concurrent work",
            })
        );
    }

    #[tokio::test]
    async fn without_any_room_the_answer_is_short_and_denies() {
        let long = Outcome::<u8>::Undecided(Text::new(&"u".repeat(2000)));
        let mut answer = Answer::about(1, responses(0).begin());
        answer.end(0, "a", End::of("a", long));
        let complete = answer.complete(true, "1f");
        assert_eq!(complete.no_room, Some(NoRoom::TooLarge { most: 0 }));
        assert_eq!(
            written(complete.body).await["response"],
            json!({
                "idempotent": true,
                "items": [],
                "systemError": "could not decide about 1 of 1 images (request 1f): overloaded: response is too large: found more than 0 bytes, expected at most 0; what to do: add replicas or raise the limits of concurrent work",
            })
        );
    }

    #[test]
    fn a_text_is_never_empty_and_never_long() {
        assert_eq!(Text::new("").0, "internal-error: no reason was given");
        assert!(Text::new(&"ü".repeat(100_000)).0.len() <= TEXT_BYTES);
        let long = Text::of_request(&"ü".repeat(100_000), "1f").0;
        assert!(long.len() <= TEXT_BYTES && long.ends_with(" (request 1f)"), "{}", long.len());
    }

    #[tokio::test]
    async fn a_refusal_has_no_items_and_says_why() {
        assert_eq!(
            refusal(&Text::new("no"), "1f", true).collect().await.unwrap().to_bytes(),
            r#"{"apiVersion":"externaldata.gatekeeper.sh/v1beta1","kind":"ProviderResponse","response":{"idempotent":true,"items":[],"systemError":"no (request 1f)"}}"#
        );
    }
}
