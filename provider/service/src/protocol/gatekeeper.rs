//! Gatekeeper's external data protocol, version `externaldata.gatekeeper.sh/v1beta1`.
//!
//! Field names and their meaning are those of the
//! [constraint framework](https://github.com/open-policy-agent/frameworks/tree/master/constraint/pkg/externaldata).

mod mutate;
mod provider_request;
mod provider_response;
mod request_seed;
mod verify;

use countersign_core::name::ReferenceError;
use serde::Serialize;

pub use self::provider_request::ProviderRequest;
pub use self::provider_request::Request;
pub use self::provider_request::RequestError;
pub use self::provider_response::Content;
pub use self::provider_response::Item;
pub use self::provider_response::ProviderResponse;
pub use self::provider_response::Response;
use self::provider_response::around_items;
use super::BodyEncoding;
use super::EncodedKey;
use super::Message;
use super::Operation;
use super::Protocol;
use super::ResponseContext;
use super::message;

/// The version that every response carries, and that Gatekeeper 3.11 and later send.
pub const API_VERSION: &str = "externaldata.gatekeeper.sh/v1beta1";

/// `POST /v1/verify`.
pub(crate) const VERIFY: Protocol = Protocol {
    decode,
    image_of: whole_key,
    operation: Operation::Verify(verify::encode),
    encode_not_a_reference,
    encoding: BodyEncoding { frame: |_, system_error| around_items(false, system_error), join },
};

/// `POST /v1/mutate`.
pub(crate) const MUTATE: Protocol = Protocol {
    decode,
    image_of: whole_key,
    operation: Operation::Resolve(mutate::encode),
    encode_not_a_reference,
    encoding: BodyEncoding { frame: |_, system_error| around_items(true, system_error), join },
};

/// The usual size of an item in bytes, so that it is written without moving it.
const ITEM_BYTES: usize = 2048;

/// The outcome for one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyOutcome<V> {
    /// Decided. Gatekeeper caches it.
    Value(V),
    /// Decided; the item is an error. Gatekeeper caches it.
    Error(Message),
    /// Not decided: no item, so that Gatekeeper repeats the request.
    Undecided(Message),
}

/// Writes `key`'s item, if its outcome is one, with a leading comma.
pub(super) fn encode_item<V: Serialize>(key: &str, outcome: KeyOutcome<V>) -> EncodedKey {
    let (content, is_error) = match outcome {
        KeyOutcome::Value(value) => (Content::Value(value), false),
        KeyOutcome::Error(message) => (Content::Error(message.into_string()), true),
        KeyOutcome::Undecided(message) => return EncodedKey::Undecided(message),
    };
    let mut json = Vec::with_capacity(ITEM_BYTES);
    json.push(b',');
    match serde_json::to_writer(&mut json, &Item { key: key.to_owned(), content }) {
        Ok(()) => {
            json.shrink_to_fit();
            EncodedKey::Item(super::Item { bytes: json, is_error })
        }
        // These types can always be serialized; if that fails, the response still denies.
        Err(_) => EncodedKey::Undecided(Message::new("internal-error: the item could not be written")),
    }
}

/// The items, without the leading comma of the first one.
fn join(items: Vec<super::Item>) -> Vec<Vec<u8>> {
    let mut parts: Vec<_> = items.into_iter().map(|item| item.bytes).collect();
    if let Some(first) = parts.first_mut() {
        first.remove(0);
    }
    parts
}

/// The distinct keys of a request.
fn decode(body: &[u8], max_keys: usize) -> Result<Vec<String>, super::RequestError> {
    Ok(ProviderRequest::from_json(body, max_keys)?.request.keys)
}

fn whole_key(key: &str) -> &str {
    key
}

/// An item error, on every endpoint but Ratify's for verification.
pub(super) fn encode_not_a_reference(context: ResponseContext<'_>, key: &str, why: &ReferenceError) -> EncodedKey {
    let message = Message::of_request(&message::not_a_reference(why), context.request_id);
    encode_item(key, KeyOutcome::<()>::Error(message))
}
