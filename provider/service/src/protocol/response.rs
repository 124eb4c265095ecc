//! Guarantees that every key of a request has an item, or that the response reports it as undecided.
//!
//! A policy that counts errors would admit a key without either. So a [`Response`] is created for a number of keys,
//! and every key without an item at the end counts as undecided: because it is inconclusive, because its item exceeds
//! the budget, or because its work gave no result.
//!
//! Items are encoded as soon as their keys are decided, and their verdicts, which are larger, are dropped.

use std::collections::BTreeMap;

use countersign_core::codec::text::Text as Bounded;
use countersign_core::verdict::Code;

use super::BodyEncoding;
use super::Frame;
use super::Message;
use super::response_budget::BudgetExceeded;
use super::response_budget::ResponsePermit;

/// Maximum size of a text about undecided keys, in bytes. It is printed in a denial, and the API server cuts nothing.
const SYSTEM_ERROR_BYTES: usize = 8 * 1024;

/// The outcome of one key in the response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EncodedKey {
    Item(Item),
    /// Why there is no item.
    Undecided(Message),
}

/// The item of a decided key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// As [`BodyEncoding::join`] of the protocol expects them.
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_error: bool,
}

/// A response under construction. See the module.
#[derive(Debug)]
pub(crate) struct Response {
    encoding: BodyEncoding,
    permit: ResponsePermit,
    /// By the index of the key in the request.
    items: Vec<Option<Item>>,
    undecided: Undecided,
    exceeded: Option<BudgetExceeded>,
}

/// The bytes of a response, and what is in it.
#[derive(Debug)]
pub(crate) struct EncodedResponse {
    pub(crate) parts: Vec<Vec<u8>>,
    /// For the bytes of `parts`. None where these are few.
    pub(crate) permit: Option<ResponsePermit>,
    pub(crate) has_item_error: bool,
    pub(crate) has_undecided: bool,
    /// The limit because of which decided keys are reported as undecided, if there are any.
    pub(crate) exceeded: Option<BudgetExceeded>,
}

impl EncodedResponse {
    /// The response to a request whose keys are unknown, too many, or not processed for another reason: no items, and
    /// the reason.
    pub(crate) fn refusal(encoding: BodyEncoding, why: &Message, request_id: &str) -> Self {
        let Frame { before, after } = (encoding.frame)(&[], &format!("{} (request {request_id})", why.as_str()));
        let parts = vec![before, after];
        Self { parts, permit: None, has_item_error: false, has_undecided: true, exceeded: None }
    }
}

impl Response {
    /// A response to so many keys, all of them still undecided.
    pub(crate) fn about(keys: usize, encoding: BodyEncoding, permit: ResponsePermit) -> Self {
        let items = vec![None; keys];
        Self { encoding, permit, items, undecided: Undecided::default(), exceeded: None }
    }

    /// Adds the outcome of the key at `index`. If its item exceeds the budget, the key is undecided.
    pub(crate) fn add(&mut self, index: usize, key: &str, encoded: EncodedKey) {
        match encoded {
            EncodedKey::Item(item) => match self.permit.grow(item.bytes.len()) {
                Ok(()) => {
                    if let Some(place) = self.items.get_mut(index) {
                        *place = Some(item);
                    }
                }
                Err(exceeded) => {
                    let (key, code) = (Bounded::of(key), Code::Overloaded);
                    let text = format!("{key}: {code}: {exceeded}; what to do: {}", code.advice());
                    self.exceeded.get_or_insert(exceeded);
                    self.undecided.add(index, Message::new(&text));
                }
            },
            EncodedKey::Undecided(message) => self.undecided.add(index, message),
        }
    }

    /// Encodes the response.
    pub(crate) fn encode(self, request_id: &str) -> EncodedResponse {
        let Self { encoding: BodyEncoding { frame, join }, mut permit, items, undecided, mut exceeded } = self;
        let keys = items.len();
        let items: Vec<Item> = items.into_iter().flatten().collect();
        let has_item_error = items.iter().any(|item| item.is_error);
        let without_item = keys - items.len();
        let head = (without_item > 0)
            .then(|| format!("could not decide about {without_item} of {keys} images (request {request_id}): "));
        let text = head.as_ref().map(|head| undecided.text(head, without_item)).unwrap_or_default();
        let mut around = frame(&items, &text);
        if let Some(head) = &head
            && let Err(error) = permit.grow(around.after.len())
        {
            // Short, so that it needs no permit.
            let code = Code::Overloaded;
            around = frame(&items, &format!("{head}{code}: {error}; what to do: {}", code.advice()));
            exceeded.get_or_insert(error);
        }
        EncodedResponse {
            parts: [around.before].into_iter().chain(join(items)).chain([around.after]).collect(),
            permit: Some(permit),
            has_item_error,
            has_undecided: head.is_some(),
            exceeded,
        }
    }
}

/// Why keys are undecided, by their indices: as many of the first ones as the text has room for.
#[derive(Debug, Default)]
struct Undecided {
    texts: BTreeMap<usize, Message>,
    bytes: usize,
}

impl Undecided {
    fn add(&mut self, index: usize, message: Message) {
        self.bytes += message.as_str().len();
        if let Some(before) = self.texts.insert(index, message) {
            self.bytes -= before.as_str().len();
        }
        // Keys beyond this number of bytes are only counted.
        while let Some(last) =
            self.texts.last_entry().filter(|last| self.bytes - last.get().as_str().len() > SYSTEM_ERROR_BYTES)
        {
            self.bytes -= last.remove().as_str().len();
        }
    }

    /// `head` and what is known of `count` keys.
    fn text(&self, head: &str, count: usize) -> String {
        let mut text = head.to_owned();
        let mut shown = 0;
        for one in self.texts.values().map(Message::as_str) {
            let separator = if shown == 0 { "" } else { " | " };
            // The first one always fits: its length is bounded.
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
mod tests;
