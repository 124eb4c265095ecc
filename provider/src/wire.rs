//! Gatekeeper's external data protocol, version `externaldata.gatekeeper.sh/v1beta1`: what is sent, and nothing of ours.
//!
//! Field names and their meaning are those of the
//! [constraint framework](https://github.com/open-policy-agent/frameworks/tree/master/constraint/pkg/externaldata).
//! What an answer means, and which answers may be given, is decided in [`crate::server`].

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::text::Text;
use serde::Deserialize;
use serde::Serialize;

/// The version that every answer carries, and that Gatekeeper 3.11 and later send.
pub const API_VERSION: &str = "externaldata.gatekeeper.sh/v1beta1";

/// The version before it: the same fields.
const API_VERSION_BEFORE: &str = "externaldata.gatekeeper.sh/v1alpha1";

/// The kind of a request.
pub const REQUEST_KIND: &str = "ProviderRequest";

/// The kind of an answer.
pub const RESPONSE_KIND: &str = "ProviderResponse";

/// What Gatekeeper asks: some keys, and nothing about who asks or why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderRequest {
    #[serde(default)]
    pub api_version: String,
    #[serde(default)]
    pub kind: String,
    pub request: Request,
}

/// See [`ProviderRequest::request`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// In the order of the policy, duplicates included. Go writes an empty list as null.
    #[serde(deserialize_with = "null_is_empty")]
    pub keys: Vec<String>,
}

/// A body that is not a request of a version spoken here.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// With the parser's words.
    #[error("request body is not a ProviderRequest: {0}")]
    Json(Text),
    #[error("request has apiVersion {found:?}: want {API_VERSION:?}")]
    ApiVersion { found: Excerpt },
    #[error("request has kind {found:?}: want {REQUEST_KIND:?}")]
    Kind { found: Excerpt },
}

impl ProviderRequest {
    /// Reads a request body. Unknown members are accepted, and so is a body without `apiVersion` and `kind`.
    ///
    /// # Errors
    /// Not JSON, not of this shape, or of another version or kind.
    pub fn from_json(body: &[u8]) -> Result<Self, RequestError> {
        let request: Self = serde_json::from_slice(body).map_err(|error| RequestError::Json(Text::of(error)))?;
        if !["", API_VERSION, API_VERSION_BEFORE].contains(&request.api_version.as_str()) {
            return Err(RequestError::ApiVersion { found: request.api_version.as_str().into() });
        }
        if !["", REQUEST_KIND].contains(&request.kind.as_str()) {
            return Err(RequestError::Kind { found: request.kind.as_str().into() });
        }
        Ok(request)
    }

    /// A request for `keys`, as Gatekeeper writes it.
    #[must_use]
    pub fn new(keys: Vec<String>) -> Self {
        Self { api_version: API_VERSION.to_owned(), kind: REQUEST_KIND.to_owned(), request: Request { keys } }
    }
}

/// What is answered. `V` is the value of an item: any JSON for a policy, a text for a mutation.
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
    /// Mutation takes no answer without it.
    pub idempotent: bool,
    pub items: Vec<Item<V>>,
    /// Empty means none. Never cached by Gatekeeper, unlike the items beside it.
    pub system_error: String,
}

/// The answer to one key. Cached by Gatekeeper for minutes, errors too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item<V> {
    /// As requested, byte for byte.
    pub key: String,
    #[serde(flatten)]
    pub content: Content<V>,
}

/// `value` or `error`: with neither, Gatekeeper hands a null to the policy; with both, it forgets the value.
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

fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(body: &serde_json::Value) -> Vec<String> {
        ProviderRequest::from_json(body.to_string().as_bytes()).unwrap().request.keys
    }

    fn refusal(body: &str) -> String {
        ProviderRequest::from_json(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn reads_what_gatekeeper_sends_and_writes_the_same() {
        let sent = r#"{"apiVersion":"externaldata.gatekeeper.sh/v1beta1","kind":"ProviderRequest","request":{"keys":["a","b","a",""]}}"#;
        let request = ProviderRequest::from_json(sent.as_bytes()).unwrap();
        assert_eq!(request, ProviderRequest::new(["a", "b", "a", ""].map(str::to_owned).to_vec()));
        assert_eq!(serde_json::to_string(&request).unwrap(), sent);
    }

    #[test]
    fn accepts_unknown_members_the_version_before_and_no_version() {
        let body = json!({"apiVersion": API_VERSION_BEFORE, "kind": REQUEST_KIND, "new": 1, "request": {"keys": ["a"], "new": {}}});
        assert_eq!(keys(&body), ["a"]);
        assert_eq!(keys(&json!({"request": {"keys": ["a"]}})), ["a"]);
    }

    #[test]
    fn reads_the_null_that_go_writes_for_an_empty_list() {
        assert_eq!(keys(&json!({"request": {"keys": null}})), Vec::<String>::new());
    }

    #[test]
    fn keeps_control_characters_and_other_scripts() {
        let body = r#"{"request":{"keys":["a\r\n\u0000\u001b","ü\ud83d\ude00"]}}"#;
        assert_eq!(ProviderRequest::from_json(body.as_bytes()).unwrap().request.keys, ["a\r\n\0\u{1b}", "ü😀"]);
    }

    #[test]
    fn names_another_version_and_kind() {
        assert_eq!(
            refusal(r#"{"apiVersion":"externaldata.gatekeeper.sh/v2","request":{"keys":[]}}"#),
            r#"request has apiVersion "externaldata.gatekeeper.sh/v2": want "externaldata.gatekeeper.sh/v1beta1""#
        );
        assert_eq!(
            refusal(r#"{"kind":"AdmissionReview","request":{"keys":[]}}"#),
            r#"request has kind "AdmissionReview": want "ProviderRequest""#
        );
    }

    #[test]
    fn refuses_what_is_no_request() {
        for (body, says) in [
            ("", "EOF while parsing"),
            ("{}", "missing field `request`"),
            (r#"{"request":{}}"#, "missing field `keys`"),
            (r#"{"request":{"keys":[1]}}"#, "invalid type: integer"),
            (r#"{"request":{"keys":"a"}}"#, "invalid type: string"),
            (r#"{"request":{"keys":[],"keys":[]}}"#, "duplicate field"),
            (r#"{"request":{"keys":["\ud800"]}}"#, "hex escape"),
            (r#"{"request":{"keys":[]}} x"#, "trailing characters"),
        ] {
            let text = refusal(body);
            assert!(
                text.starts_with("request body is not a ProviderRequest: ") && text.contains(says),
                "{body}: {text}"
            );
        }
    }

    #[test]
    fn an_item_has_a_value_or_an_error_and_the_key_as_it_came() {
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
