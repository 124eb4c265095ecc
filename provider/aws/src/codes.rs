//! Codes of refusals, read from the places where the protocols put them.

use countersign_core::codec::json;
use countersign_core::limits::JsonLimits;
use serde_json::Value;

/// Codes of throttling beside the status 429 ([common errors](https://docs.aws.amazon.com/signer/latest/api/CommonErrors.html)).
pub(crate) const THROTTLED: [&str; 6] = [
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
];

/// The header with the code of a refusal.
pub(crate) const ERROR_TYPE: &str = "x-amzn-errortype";

/// The members of a refusal with its code.
const MEMBERS: [&str; 2] = ["__type", "code"];

/// A refusal, or a token: an object in an object.
pub(crate) const LIMITS: JsonLimits = JsonLimits { depth: 8, values: 64, elements: 64, members: 64 };

/// The code of a refusal by the JSON protocols, which have it in the header `x-amzn-errortype` or in a member of the body
/// ([error serialization](https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization)). A code in
/// another place, such as the text of the error, is none.
pub(crate) fn code<'a>(error_type: Option<&'a str>, body: &'a Value) -> Option<&'a str> {
    let of_body = || MEMBERS.iter().find_map(|name| body[name].as_str());
    error_type.or_else(of_body).map(without_place)
}

/// The code in the type of an error, which may have a namespace before it and an address after it.
fn without_place(kind: &str) -> &str {
    let kind = kind.split_once(':').map_or(kind, |(kind, _)| kind);
    kind.rsplit_once('#').map_or(kind, |(_, code)| code)
}

/// Whether a service refuses a call because of the number of calls, by the status, the header `x-amzn-errortype` and the body of
/// its answer in JSON.
pub(crate) fn is_throttled(status: u16, error_type: Option<&str>, body: &[u8]) -> bool {
    let has_code = || {
        let body = json::from_slice::<Value>(body, &LIMITS).unwrap_or_default();
        code(error_type, &body).is_some_and(|code| THROTTLED.contains(&code))
    };
    status == 429 || (status >= 400 && has_code())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_code_of_an_error_has_no_namespace_and_no_address() {
        for kind in ["X", "aws.protocols#X", "X:http://internal.amazon.com/", "aws.protocols#X:http://internal#y"] {
            assert_eq!(code(Some(kind), &json!({"__type": "other"})), Some("X"), "{kind}");
            assert_eq!(code(None, &json!({"__type": kind, "code": "other"})), Some("X"), "{kind}");
            assert_eq!(code(None, &json!({"code": kind, "message": "other"})), Some("X"), "{kind}");
        }
        for body in [json!({}), json!({"message": "X"}), json!({"__type": 7}), json!([]), json!(null)] {
            assert_eq!(code(None, &body), None, "{body}");
        }
    }

    #[test]
    fn only_a_code_in_its_place_is_throttling() {
        let in_code = r#"{"__type":"com.amazon.coral#ThrottlingException","message":"x"}"#;
        for (status, error_type, body) in [
            (429, None, ""),
            (400, Some("ThrottlingException"), "{}"),
            (400, Some("Throttling:http://internal.amazon.com/"), ""),
            (400, None, in_code),
            (400, None, r#"{"code":"RequestLimitExceeded"}"#),
            (503, None, in_code),
        ] {
            assert!(is_throttled(status, error_type, body.as_bytes()), "{status} {error_type:?} {body}");
        }
        for (status, error_type, body) in [
            (200, Some("ThrottlingException"), in_code),
            (400, Some("ValidationException"), in_code),
            (400, None, r#"{"__type":"ValidationException","message":"ThrottlingException"}"#),
            (400, None, r#"{"message":"Throttling","profile":"Throttling"}"#),
            (400, None, r#"{"error":{"code":"Throttling"}}"#),
            (400, None, r#"{"__type":"Throttling","__type":"Throttling"}"#),
            (400, Some("NoThrottlingException"), "Throttling"),
            (400, None, "<Code>Throttling</Code>"),
            (400, None, "ThrottlingException"),
            (503, None, "Throttling"),
        ] {
            assert!(!is_throttled(status, error_type, body.as_bytes()), "{status} {error_type:?} {body}");
        }
    }
}
