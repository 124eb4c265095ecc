//! The protocols of the endpoints: from the bytes of a request to its keys, and from verdicts to the bytes of a response.
//! Knows no HTTP server: paths, methods, status codes and connections belong to [`crate::server`].
//!
//! A further protocol is a module here with a [`Protocol`], and a row in the server's table of routes.
//!
//! | verdict | `/v1/verify` | Ratify's endpoint |
//! |---|---|---|
//! | verified, skipped | value | value, `isSuccess: true` |
//! | rejected | value | value, `isSuccess: false` |
//! | inconclusive | no item, but `systemError` | the same |
//! | the key is not an image reference | item error | value, `isSuccess: false` |
//!
//! Inconclusive has no item because Gatekeeper caches items, errors too, for minutes: a short outage of a registry
//! would last that long. A rejection is a value and not an error because it has more content than one text.
//!
//! Verdicts do not derive `Serialize`: responses have types of their own, so that a rename in core does not change the
//! contract.

#[cfg(test)]
mod fixtures;
pub mod gatekeeper;
mod message;
pub(crate) mod ratify;
mod response;
mod response_budget;

use std::error::Error;

use countersign_core::name::Digest;
use countersign_core::name::ImageRef;
use countersign_core::name::ReferenceError;
use countersign_core::time::UnixTime;
use countersign_core::verdict::Reason;

pub(crate) use self::message::Message;
pub(crate) use self::response::EncodedKey;
pub(crate) use self::response::EncodedResponse;
pub(crate) use self::response::Item;
pub(crate) use self::response::Response;
pub(crate) use self::response_budget::BudgetExceeded;
pub(crate) use self::response_budget::ResponseBudget;
pub(crate) use self::response_budget::ResponsePermit;
use crate::engine::ImageResult;

/// The error of a body that is not a request of the protocol: its message. Each protocol has errors of its own.
pub(crate) type RequestError = Box<dyn Error + Send + Sync>;

/// The protocol of one endpoint. Each is a constant of its module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Protocol {
    /// Reads the body of a request with at most so many distinct keys.
    pub(crate) decode: fn(body: &[u8], max_keys: usize) -> Result<Vec<String>, RequestError>,
    /// The part of a key that should be an image reference.
    pub(crate) image_of: fn(key: &str) -> &str,
    /// The operation of the engine, and how its result is encoded.
    pub(crate) operation: Operation,
    /// Writes the item of a key that is not an image reference.
    pub(crate) encode_not_a_reference: fn(ResponseContext<'_>, key: &str, &ReferenceError) -> EncodedKey,
    /// How the body of a response is made of its items.
    pub(crate) encoding: BodyEncoding,
}

/// The operation of the engine for each image of a request, and how the item of a key is encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    /// Whether the image may run.
    Verify(fn(ResponseContext<'_>, key: &str, &ImageRef, &ImageResult) -> EncodedKey),
    /// The digest of the image's tag.
    Resolve(fn(ResponseContext<'_>, key: &str, &ImageRef, &Result<Digest, Reason>) -> EncodedKey),
}

/// How the body of a response is made of its items. The body is the first bytes of `frame`, the items, the last bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyEncoding {
    /// The bytes before and after the items. `items` are those of all decided keys, in the order of the request.
    /// `undecided` is the text about undecided keys, and empty only if there are none.
    pub(crate) frame: fn(items: &[Item], undecided: &str) -> Frame,
    /// The parts between the bytes of `frame`: adds or removes separators, or leaves out items that `frame` has included.
    pub(crate) join: fn(items: Vec<Item>) -> Vec<Vec<u8>>,
}

/// The bytes around the items of a response.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
}

/// The context of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseContext<'a> {
    pub(crate) request_id: &'a str,
    /// When the request came.
    pub(crate) timestamp: UnixTime,
    /// Maximum number of failed signatures that each item lists: see [`signatures_listed`].
    pub(crate) max_signatures: usize,
    /// Whether mutation keeps the tag before the digest.
    pub(crate) keep_tag: bool,
}

/// Maximum number of failed signatures listed in an item. Gatekeeper keeps items in memory without a limit, and
/// everyone who can push to a repository can add signatures.
const ITEM_SIGNATURES: usize = 20;

/// Maximum number of failed signatures that a response lists, but for one of each item: with a thousand keys of an
/// image with a hundred signatures a response would have 20 MB.
const RESPONSE_SIGNATURES: usize = 400;

/// How many failed signatures each of `keys` items may list, so that all of them together list [`RESPONSE_SIGNATURES`], or
/// one each.
pub(crate) fn signatures_listed(keys: usize) -> usize {
    (RESPONSE_SIGNATURES / keys.max(1)).clamp(1, ITEM_SIGNATURES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_fewer_signatures_for_each_of_more_keys() {
        assert_eq!([0, 1, 20, 21, 100, 400, 1000].map(signatures_listed), [20, 20, 20, 19, 4, 1, 1]);
    }
}
