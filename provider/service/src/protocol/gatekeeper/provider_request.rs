//! The request of Gatekeeper.

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::json;
use countersign_core::codec::json::JsonError;
use countersign_core::limits::JsonLimits;
use serde::Serialize;

use super::API_VERSION;
use super::request_seed::Read;
use super::request_seed::RequestSeed;

/// The version before [`API_VERSION`]: the same fields.
const API_VERSION_BEFORE: &str = "externaldata.gatekeeper.sh/v1alpha1";

/// The kind of a request.
const REQUEST_KIND: &str = "ProviderRequest";

/// Maximum number of elements of `keys`, repeated ones included: a request may have one image for each container, and
/// each distinct key counts once towards the configured limit, which is at most 10,000.
const KEYS: usize = 65_536;

/// Limits of a body. Gatekeeper sends five values beside the keys. The rest allows members of later versions, which
/// are ignored: an object under review would fit.
const REQUEST_JSON: JsonLimits = JsonLimits { depth: 64, values: 1_000_000, elements: KEYS, members: 10_000 };

/// The request of Gatekeeper: keys only, without the object or the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderRequest {
    pub api_version: String,
    pub kind: String,
    pub request: Request,
}

/// See [`ProviderRequest::request`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    /// In the order of the policy. In a parsed request each key occurs once, at its first position.
    pub keys: Vec<String>,
}

/// The body is not a request of a supported version.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// With the message of the parser.
    #[error("request body is not a ProviderRequest: {0}")]
    Json(#[source] JsonError),
    #[error("apiVersion: found {found}, expected {API_VERSION:?}")]
    ApiVersion { found: Excerpt },
    #[error("kind: found {found}, expected {REQUEST_KIND:?}")]
    Kind { found: Excerpt },
    #[error(
        "request has too many distinct keys: found more than {max}, expected at most {max}; send fewer images in one request, or raise server.maxKeys"
    )]
    TooManyKeys { max: usize },
}

impl ProviderRequest {
    /// Reads a request body with at most `max_keys` distinct keys; the others are not stored. Unknown members are
    /// accepted, and so is a body without `apiVersion` and `kind`. Repeated members are refused at every level.
    ///
    /// # Errors
    /// Not JSON, not of this shape, of another version or kind, or too many keys.
    pub fn from_json(body: &[u8], max_keys: usize) -> Result<Self, RequestError> {
        let Read { api_version, kind, keys } =
            json::from_slice_seed(body, &REQUEST_JSON, RequestSeed { max_keys }).map_err(RequestError::Json)?;
        if !["", API_VERSION, API_VERSION_BEFORE].contains(&api_version.as_str()) {
            return Err(RequestError::ApiVersion { found: Excerpt::of(&api_version) });
        }
        if !["", REQUEST_KIND].contains(&kind.as_str()) {
            return Err(RequestError::Kind { found: Excerpt::of(&kind) });
        }
        let keys = keys.ok_or(RequestError::TooManyKeys { max: max_keys })?;
        Ok(Self { api_version, kind, request: Request { keys } })
    }

    /// A request for `keys`, as Gatekeeper writes it.
    #[must_use]
    pub fn new(keys: Vec<String>) -> Self {
        Self { api_version: API_VERSION.to_owned(), kind: REQUEST_KIND.to_owned(), request: Request { keys } }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(body: &serde_json::Value) -> Vec<String> {
        ProviderRequest::from_json(body.to_string().as_bytes(), 9).unwrap().request.keys
    }

    fn refusal(body: &str) -> String {
        ProviderRequest::from_json(body.as_bytes(), 2).unwrap_err().to_string()
    }

    #[test]
    fn reads_what_gatekeeper_sends_and_writes_the_same() {
        let sent = r#"{"apiVersion":"externaldata.gatekeeper.sh/v1beta1","kind":"ProviderRequest","request":{"keys":["a","b",""]}}"#;
        let request = ProviderRequest::from_json(sent.as_bytes(), 9).unwrap();
        assert_eq!(request, ProviderRequest::new(["a", "b", ""].map(str::to_owned).to_vec()));
        assert_eq!(serde_json::to_string(&request).unwrap(), sent);
    }

    #[test]
    fn accepts_unknown_members_the_former_version_and_no_version() {
        let body = json!({"apiVersion": API_VERSION_BEFORE, "kind": REQUEST_KIND, "new": 1, "request": {"keys": ["a"], "new": {}}});
        assert_eq!(keys(&body), ["a"]);
        assert_eq!(keys(&json!({"request": {"keys": ["a"]}})), ["a"]);
    }

    #[test]
    fn keeps_each_key_once_at_its_first_position_and_counts_distinct_keys() {
        let body = |keys: &str| format!(r#"{{"request":{{"keys":[{keys}]}}}}"#);
        let read = |keys: &str, max| ProviderRequest::from_json(body(keys).as_bytes(), max);
        assert_eq!(read(r#""b","a","b","","A","\u0061","""#, 4).unwrap().request.keys, ["b", "a", "", "A"]);
        assert_eq!(
            read(r#""b","a","b","","A""#, 3).unwrap_err().to_string(),
            "request has too many distinct keys: found more than 3, expected at most 3; send fewer images in one \
             request, or raise server.maxKeys"
        );
        let repeated = vec![r#""a""#; KEYS].join(",");
        assert_eq!(read(&repeated, 1).unwrap().request.keys, ["a"]);
        let error = read(&format!("{repeated},\"a\""), 1).unwrap_err().to_string();
        assert!(error.contains("more than 65536 elements in one array"), "{error}");
    }

    #[test]
    fn reads_the_null_that_go_writes_for_an_empty_list() {
        assert_eq!(keys(&json!({"request": {"keys": null}})), Vec::<String>::new());
    }

    #[test]
    fn keeps_control_characters_and_other_scripts() {
        let body = r#"{"request":{"keys":["a\r\n\u0000\u001b","ü\ud83d\ude00"]}}"#;
        assert_eq!(ProviderRequest::from_json(body.as_bytes(), 9).unwrap().request.keys, ["a\r\n\0\u{1b}", "ü😀"]);
    }

    #[test]
    fn names_another_version_and_kind() {
        assert_eq!(
            refusal(r#"{"apiVersion":"externaldata.gatekeeper.sh/v2","request":{"keys":[]}}"#),
            r#"apiVersion: found "externaldata.gatekeeper.sh/v2", expected "externaldata.gatekeeper.sh/v1beta1""#
        );
        assert_eq!(
            refusal(r#"{"kind":"AdmissionReview","request":{"keys":[]}}"#),
            r#"kind: found "AdmissionReview", expected "ProviderRequest""#
        );
    }

    #[test]
    fn refuses_invalid_requests() {
        for (body, expected) in [
            ("", "EOF while parsing"),
            ("{}", "missing field `request`"),
            (r#"{"request":{}}"#, "missing field `keys`"),
            (r#"{"request":{"keys":[1]}}"#, "invalid type: integer"),
            (r#"{"request":{"keys":"a"}}"#, "invalid type: string"),
            (r#"{"request":{"keys":[],"keys":[]}}"#, "member \"keys\" is present twice"),
            (r#"{"request":{"keys":[]},"request":{"keys":["a"]}}"#, "member \"request\" is present twice"),
            (r#"{"request":{"keys":[]},"\u006bind":"","kind":""}"#, "member \"kind\" is present twice"),
            (r#"{"request":{"keys":[]},"x":{"y":1,"y":1}}"#, "member \"y\" is present twice"),
            (r#"["externaldata.gatekeeper.sh/v1beta1","ProviderRequest",{"keys":["a"]}]"#, "invalid type: array"),
            (r#"{"request":[["a"]]}"#, "invalid type: array"),
            (r#"{"request":{"keys":{"a":1}}}"#, "invalid type: object"),
            (r#"{"apiVersion":null,"request":{"keys":[]}}"#, "invalid type: null"),
            (r#"{"request":{"keys":["\ud800"]}}"#, "hex escape"),
            (r#"{"request":{"keys":[]}} x"#, "trailing characters"),
        ] {
            let text = refusal(body);
            assert!(
                text.starts_with("request body is not a ProviderRequest: ") && text.contains(expected),
                "{body}: {text}"
            );
        }
    }
}
