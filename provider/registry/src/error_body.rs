//! The error message of a registry: the error envelope of the
//! [distribution specification](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes).

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::json;
use countersign_credentials::Secret;
use countersign_credentials::without_secrets;
use oci_client::errors::OciEnvelope;
use oci_client::errors::OciErrorCode;

use crate::limits;

/// A part of the text about a permission that is missing
/// ([access denied](https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html)), which has no part of a request.
const PERMISSION: &str = " is not authorized to perform: ";

/// The error envelope of a response as printable, truncated text. Empty if there was none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryErrorBody {
    text: Option<Excerpt>,
    name_unknown: bool,
    denied: bool,
    is_page: bool,
}

impl RegistryErrorBody {
    /// Parses an envelope and keeps at most `characters`, of the refusal of a permission at most `of_permission`, up to where it repeats one
    /// of `secrets`. Any other body gives one without text, as only the status affects decisions.
    pub(crate) fn parse(body: &[u8], characters: usize, of_permission: usize, secrets: &[Secret]) -> Self {
        let Ok(envelope) = json::from_slice::<OciEnvelope>(body, &limits::ERROR_JSON) else {
            // Token services have other errors, which are JSON too.
            let first = body.trim_ascii_start().first();
            return Self { is_page: first.is_some_and(|first| !b"{[".contains(first)), ..Self::default() };
        };
        let has = |code: OciErrorCode| envelope.errors.iter().any(|error| error.code == code);
        let name_unknown = has(OciErrorCode::NameUnknown);
        let denied = has(OciErrorCode::Denied) || has(OciErrorCode::Unauthorized);
        let text = envelope.errors.first().map(|error| {
            let code = serde_json::to_value(&error.code).ok();
            let code = code.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
            let text = format!("{code}: {}", error.message);
            let characters = if error.message.contains(PERMISSION) { of_permission } else { characters };
            Excerpt::at_most(characters, &without_secrets(&text, secrets.iter().map(Secret::expose)))
        });
        Self { text, name_unknown, denied, is_page: false }
    }

    /// The same of a response with this header `content-type`: one to HEAD has no body that would show that it is a page.
    #[must_use]
    pub fn with_content_type(self, content_type: Option<&[u8]>) -> Self {
        const PAGE: &[u8] = b"text/html";
        let is_declared = content_type
            .and_then(|content_type| content_type.get(..PAGE.len()))
            .is_some_and(|begin| begin.eq_ignore_ascii_case(PAGE));
        Self { is_page: self.is_page || is_declared && !self.is_envelope(), ..self }
    }

    /// Whether the response is a page, or another text that is no JSON: not of a registry, but of a firewall or proxy.
    #[must_use]
    pub fn is_page(&self) -> bool {
        self.is_page
    }

    /// Code and message of the first error, untrusted.
    #[must_use]
    pub fn excerpt(&self) -> Option<&Excerpt> {
        self.text.as_ref()
    }

    /// Whether there was an envelope with an error, which shows that the response is from a registry and not from a
    /// proxy.
    #[must_use]
    pub fn is_envelope(&self) -> bool {
        self.text.is_some()
    }

    /// Whether any of the errors is `DENIED` or `UNAUTHORIZED`.
    #[must_use]
    pub fn denied(&self) -> bool {
        self.denied
    }

    /// Whether any of the errors is `NAME_UNKNOWN`: the repository itself does not exist.
    #[must_use]
    pub fn name_unknown(&self) -> bool {
        self.name_unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_first_error_and_detects_name_unknown_in_any() {
        let body = RegistryErrorBody::parse(
            br#"{"errors":[{"code":"ODD","message":"a\nb"},{"code":"NAME_UNKNOWN","message":"x","detail":{}}]}"#,
            80,
            80,
            &[],
        );
        assert_eq!(body.excerpt(), Some(&Excerpt::of("ODD: a\nb")));
        assert!(body.name_unknown());
    }

    #[test]
    fn detects_a_denial_in_any_error() {
        let denied = |code: &str| {
            let body =
                format!(r#"{{"errors":[{{"code":"UNKNOWN","message":"x"}},{{"code":"{code}","message":"x"}}]}}"#);
            RegistryErrorBody::parse(body.as_bytes(), 80, 80, &[]).denied()
        };
        assert_eq!(["DENIED", "UNAUTHORIZED", "TOOMANYREQUESTS", "denied"].map(denied), [true, true, false, false]);
    }

    #[test]
    fn two_readers_see_one_error_body_or_none() {
        use countersign_testkit::variants;
        let good =
            serde_json::json!({"errors": [{"code": "NAME_UNKNOWN", "message": "x", "detail": {"a": [{"b": "c"}]}}]});
        let parse = |body: &[u8]| RegistryErrorBody::parse(body, 160, 160, &[]);
        assert!(parse(good.to_string().as_bytes()).name_unknown());
        for variant in variants::repeated_members(&good) {
            assert_eq!(parse(&variant.bytes), RegistryErrorBody::default(), "{}", variant.name);
        }
        // Details may have any type.
        for body in [r#"[[["NAME_UNKNOWN","x",null]]]"#, r#"{"errors":[["NAME_UNKNOWN","x",null]]}"#] {
            assert_eq!(parse(body.as_bytes()), RegistryErrorBody::default(), "{body}");
        }
        let code = |code: &str| parse(format!(r#"{{"errors":[{{"code":{code},"message":"x"}}]}}"#).as_bytes());
        assert!(code(r#""NAME_UNKNOWN""#).name_unknown());
        for other in [r#"["NAME_UNKNOWN"]"#, r#"{"NAME_UNKNOWN":null,"x":0}"#, "7"] {
            assert_eq!(code(other), RegistryErrorBody::default(), "{other}");
        }
    }

    #[test]
    fn other_bodies_are_empty() {
        for body in [b"".as_slice(), b" \n", b"{}", b"{\"errors\":{}}", b"\n[]", b"{\"error\":\"access_denied\"}"] {
            assert_eq!(RegistryErrorBody::parse(body, 80, 80, &[]), RegistryErrorBody::default());
        }
    }

    #[test]
    fn a_page_is_known_by_its_text_or_by_its_type() {
        let of = |body: &[u8], content_type: Option<&str>| {
            let error = RegistryErrorBody::parse(body, 80, 80, &[]);
            error.with_content_type(content_type.map(str::as_bytes)).is_page()
        };
        let error = br#"{"errors":[{"code":"DENIED","message":"x"}]}"#;
        for (body, content_type, expected) in [
            (b"\n<html>".as_slice(), None, true),
            (b"error code: 1020", Some("text/plain"), true),
            // Of a request with HEAD.
            (b"", Some("text/html"), true),
            (b"", Some("Text/HTML; charset=utf-8"), true),
            (b"", Some("application/json"), false),
            (b"", Some("text"), false),
            (b"", None, false),
            (b"{}", Some("application/json"), false),
            (error, Some("text/html"), false),
            (error, Some("application/json"), false),
        ] {
            assert_eq!(of(body, content_type), expected, "{} {content_type:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn the_text_ends_before_a_secret_of_the_request_in_its_message_or_its_code() {
        let of = |code: &str, message: &str| {
            let body = serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string();
            let secrets = [Secret::new("QVdTOmh1bnRlcjI="), Secret::new("hunter2")];
            let body = RegistryErrorBody::parse(body.as_bytes(), 160, 160, &secrets);
            assert_eq!(body.denied(), code == "DENIED");
            body.excerpt().map(|text| text.escaped().to_owned()).unwrap_or_default()
        };
        let cut = "(cut: the text repeats a secret of the request)";
        assert_eq!(
            of("DENIED", "Authorization: Basic QVdTOmh1bnRlcjI="),
            format!("DENIED: Authorization: Basic {cut}")
        );
        assert_eq!(of("DENIED", "QVdTOmh1bnRl"), format!("DENIED: {cut}"));
        assert_eq!(of("DENIED", "password hunter2"), format!("DENIED: password {cut}"));
        assert_eq!(of("hunter2", "x"), cut);
        assert_eq!(of("DENIED", "access to the repository"), "DENIED: access to the repository");
    }

    #[test]
    fn only_the_refusal_of_a_permission_is_kept_longer() {
        let kept = |message: &str| {
            let message = format!("{message}{}", "x".repeat(1000));
            let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"{message}"}}]}}"#);
            let body = RegistryErrorBody::parse(body.as_bytes(), 160, 512, &[]);
            body.excerpt().map(|text| text.escaped().chars().count())
        };
        assert_eq!(kept("User: a is not authorized to perform: ecr:BatchGetImage on resource: b "), Some(512));
        assert_eq!(kept("User: a may not: "), Some(160));
    }

    #[test]
    fn a_long_message_is_cut() {
        let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"{}"}}]}}"#, "x".repeat(5000));
        let characters = |max| {
            RegistryErrorBody::parse(body.as_bytes(), max, 512, &[])
                .excerpt()
                .map(|text| text.escaped().chars().count())
        };
        assert_eq!(characters(160), Some(160));
        assert_eq!(characters(80), Some(80));
    }
}
