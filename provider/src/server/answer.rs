//! The rule that must never break: every key of a request has an item, or `systemError` is not empty.
//!
//! A key that has neither is in no list that a policy sees, so that a policy which counts errors lets it pass. Hence an
//! [`Answer`] is made from the list of keys, not from the list of results, and each key brings an [`Outcome`] that is an
//! item or a text for `systemError`. There is no other way to make one.

use crate::view::cut;
use crate::wire::Content;
use crate::wire::Item;
use crate::wire::ProviderResponse;
use crate::wire::Response;

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

/// What is answered to a request. See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer<V>(Response<V>);

impl<V> Answer<V> {
    /// The answer about `keys`, each with what became of it, in this order.
    pub(super) fn about(keys: Vec<(String, Outcome<V>)>, request_id: &str) -> Self {
        let asked = keys.len();
        let mut items = Vec::with_capacity(asked);
        let mut undecided = Vec::new();
        for (key, outcome) in keys {
            match outcome {
                Outcome::Value(value) => items.push(Item { key, content: Content::Value(value) }),
                Outcome::Error(text) => items.push(Item { key, content: Content::Error(text.into_string()) }),
                Outcome::Undecided(text) => undecided.push(text),
            }
        }
        let system_error = system_error(&undecided, asked, request_id);
        Self(Response { idempotent: false, items, system_error })
    }

    /// The answer to a request whose keys are unknown or too many.
    pub(super) fn refused(why: &Text, request_id: &str) -> Self {
        let system_error = format!("{} (request {request_id})", why.0);
        Self(Response { idempotent: false, items: Vec::new(), system_error })
    }

    pub(super) fn has_system_error(&self) -> bool {
        !self.0.system_error.is_empty()
    }

    pub(super) fn has_item_error(&self) -> bool {
        self.0.items.iter().any(|item| matches!(item.content, Content::Error(_)))
    }

    /// `idempotent` is true on the doors of mutation, whether or not the answer is good.
    pub(super) fn into_wire(self, idempotent: bool) -> ProviderResponse<V> {
        ProviderResponse::new(Response { idempotent, ..self.0 })
    }
}

/// Empty only if nothing is undecided.
fn system_error(undecided: &[Text], asked: usize, request_id: &str) -> String {
    if undecided.is_empty() {
        return String::new();
    }
    let mut text = format!("could not decide about {} of {asked} images (request {request_id}): ", undecided.len());
    for (index, Text(one)) in undecided.iter().enumerate() {
        let separator = if index == 0 { "" } else { " | " };
        // The first one always fits: its length is bounded by TEXT_BYTES.
        if text.len() + separator.len() + one.len() > SYSTEM_ERROR_BYTES {
            text.push_str(&format!(" | and {} more", undecided.len() - index));
            break;
        }
        text.push_str(separator);
        text.push_str(one);
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn outcome(kind: usize, long: usize) -> Outcome<u8> {
        match kind {
            0 => Outcome::Value(7),
            1 => Outcome::Error(Text::new(&"e".repeat(long))),
            _ => Outcome::Undecided(Text::new(&"u".repeat(long))),
        }
    }

    /// All lists of up to four keys, each with each outcome, with empty and with long texts.
    #[test]
    fn every_key_has_an_item_or_there_is_a_system_error() {
        for count in 0..=4_u32 {
            for choice in 0..3_usize.pow(count) {
                for long in [0, 1, 10_000] {
                    let kinds: Vec<usize> = (0..count).map(|place| choice / 3_usize.pow(place) % 3).collect();
                    let keys = kinds.iter().enumerate();
                    let keys = keys.map(|(index, kind)| (index.to_string(), outcome(*kind, long))).collect();
                    let Response { idempotent, items, system_error } = Answer::about(keys, "r").0;
                    assert!(!idempotent);
                    let with_item: Vec<String> = items.iter().map(|item| item.key.clone()).collect();
                    let decided = kinds.iter().enumerate().filter(|(_, kind)| **kind < 2);
                    assert_eq!(with_item, decided.map(|(index, _)| index.to_string()).collect::<Vec<_>>());
                    assert_eq!(system_error.is_empty(), with_item.len() == kinds.len());
                    assert!(items.iter().all(|item| item.content != Content::Error(String::new())));
                }
            }
        }
    }

    #[test]
    fn a_system_error_lists_every_undecided_key() {
        let keys = ["a", "b"].map(|key| (key.to_owned(), Outcome::<u8>::Undecided(Text::new(&format!("{key}: why")))));
        let answer = Answer::about(keys.to_vec(), "1f");
        assert_eq!(answer.0.system_error, "could not decide about 2 of 2 images (request 1f): a: why | b: why");
    }

    #[test]
    fn a_long_system_error_ends_with_how_many_are_left_out() {
        let one = Outcome::<u8>::Undecided(Text::new(&"ü".repeat(500)));
        let keys = (0..20).map(|index| (index.to_string(), one.clone())).collect();
        let text = Answer::about(keys, "1f").0.system_error;
        assert!(text.len() <= SYSTEM_ERROR_BYTES + " | and 20 more".len(), "{}", text.len());
        assert!(text.ends_with(" | and 12 more"), "{text}");
    }

    #[test]
    fn a_text_is_never_empty_and_never_long() {
        assert_eq!(Text::new("").0, "internal-error: no reason was given");
        assert!(Text::new(&"ü".repeat(100_000)).0.len() <= TEXT_BYTES);
        let long = Text::of_request(&"ü".repeat(100_000), "1f").0;
        assert!(long.len() <= TEXT_BYTES && long.ends_with(" (request 1f)"), "{}", long.len());
    }

    #[test]
    fn a_refusal_has_no_items_and_says_why() {
        let wire = Answer::<u8>::refused(&Text::new("no"), "1f").into_wire(true);
        assert_eq!(
            serde_json::to_string(&wire.response).unwrap(),
            r#"{"idempotent":true,"items":[],"systemError":"no (request 1f)"}"#
        );
    }
}
