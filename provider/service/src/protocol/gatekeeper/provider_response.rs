//! The response to Gatekeeper.

use serde::Serialize;

use super::API_VERSION;
use crate::protocol::Frame;

/// The kind of a response.
const RESPONSE_KIND: &str = "ProviderResponse";

/// The response. `V` is the value of an item: any JSON for a policy, a text for a mutation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderResponse<V> {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub response: Response<V>,
}

/// See [`ProviderResponse::response`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response<V> {
    /// Mutation requires it.
    pub idempotent: bool,
    pub items: Vec<Item<V>>,
    /// Empty means none. Never cached by Gatekeeper, unlike the items beside it.
    pub system_error: String,
}

/// The item of one key. Gatekeeper caches it for minutes, errors too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item<V> {
    /// As requested, byte for byte.
    pub key: String,
    #[serde(flatten)]
    pub content: Content<V>,
}

/// `value` or `error`: with neither, Gatekeeper hands a null to the policy; with both, it drops the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Content<V> {
    Value(V),
    /// Not empty: an empty one counts as a value of null.
    Error(String),
}

impl<V> ProviderResponse<V> {
    /// The envelope around `response`.
    #[must_use]
    pub fn new(response: Response<V>) -> Self {
        Self { api_version: API_VERSION, kind: RESPONSE_KIND, response }
    }
}

/// The bytes before and after the comma-separated items of a response, so that each [`Item`] can be encoded
/// separately. Mutation rejects every response that is not `idempotent`.
pub(super) fn around_items(idempotent: bool, system_error: &str) -> Frame {
    let before = format!(
        r#"{{"apiVersion":"{API_VERSION}","kind":"{RESPONSE_KIND}","response":{{"idempotent":{idempotent},"items":["#
    );
    // A text can always be serialized; if that fails, the response still denies.
    let text = serde_json::to_string(system_error)
        .unwrap_or_else(|_| r#""internal-error: the response could not be written""#.to_owned());
    Frame { before: before.into_bytes(), after: format!(r#"],"systemError":{text}}}}}"#).into_bytes() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn items_encoded_one_by_one_form_the_same_response() {
        let item = |key: &str, content| Item { key: key.to_owned(), content };
        for (idempotent, system_error) in [(false, ""), (true, "\"items\":[]\n")] {
            let items = [item("a", Content::Value(7)), item("b\"", Content::Error("no".to_owned()))];
            let written: Vec<String> = items.iter().map(|item| serde_json::to_string(item).unwrap()).collect();
            let Frame { before: mut bytes, after } = around_items(idempotent, system_error);
            bytes.extend(written.join(",").into_bytes());
            bytes.extend(after);
            let response = Response { idempotent, items: items.to_vec(), system_error: system_error.to_owned() };
            assert_eq!(bytes, serde_json::to_vec(&ProviderResponse::new(response)).unwrap());
        }
    }

    #[test]
    fn an_item_has_a_value_or_an_error_and_the_unchanged_key() {
        let item = |content| Item { key: "a\n\"ü".to_owned(), content };
        let response = ProviderResponse::new(Response {
            idempotent: true,
            items: vec![item(Content::Value("v")), item(Content::Error("e".to_owned()))],
            system_error: String::new(),
        });
        assert_eq!(
            serde_json::to_string(&response).unwrap(),
            r#"{"apiVersion":"externaldata.gatekeeper.sh/v1beta1","kind":"ProviderResponse","response":{"idempotent":true,"items":[{"key":"a\n\"ü","value":"v"},{"key":"a\n\"ü","error":"e"}],"systemError":""}}"#
        );
    }
}
