//! Refusals of STS, which answers in XML.

use countersign_core::codec::text::Text;
use http::HeaderMap;
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::limits::TEXT_BYTES;
use crate::refusal::Refusal;
use crate::secrets_in_use::hidden;
use crate::xml;

/// A refusal in an answer of the
/// [Query protocol](https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization). The errors of the
/// SDK do not have the code and the status of each.
///
/// If it is because of the number of calls, it is the error of the request, which is not repeated then: the sources of
/// credentials in the SDK have no setting for [`NoRetryIfThrottled`](crate::retry::NoRetryIfThrottled).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found status {status} {code}: {message}")]
pub(crate) struct QueryRefusal {
    pub(crate) status: u16,
    pub(crate) code: Text,
    pub(crate) message: Text,
}

impl QueryRefusal {
    /// The refusal in an answer; `None` if it is another answer.
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let is_xml = headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/xml"));
        if status.is_success() || !is_xml {
            return None;
        }
        let body = String::from_utf8_lossy(body);
        let error = xml::child(xml::root(&body, "ErrorResponse")?, "Error")?;
        let element = |name: &str| Some(Text::at_most(TEXT_BYTES, hidden(&xml::text(xml::child(error, name)?))));
        let (code, message) = (element("Code")?, element("Message").unwrap_or_default());
        Some(Self { status: status.as_u16(), code, message })
    }

    /// Whether it is because of the number of calls.
    pub(crate) fn is_throttled(&self) -> bool {
        Refusal::of(self.status, self.code.as_str()) == Refusal::Throttled
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(status: u16, content_type: &str, body: &str) -> Option<(String, bool)> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]);
        let status = StatusCode::from_u16(status).unwrap();
        let refusal = QueryRefusal::of(status, &headers, body.as_bytes());
        refusal.map(|found| (found.to_string(), found.is_throttled()))
    }

    #[test]
    fn a_refusal_has_status_code_and_message() {
        let error = |code: &str| {
            format!("<ErrorResponse><Error><Code>{code}</Code><Message>Text</Message></Error></ErrorResponse>")
        };
        let found = |text: &str, is_throttled| Some((text.to_owned(), is_throttled));
        let throttled = found("found status 400 Throttling: Text", true);
        assert_eq!(of(400, "text/xml", &error("Throttling")), throttled);
        assert_eq!(of(400, "text/xml; charset=utf-8", &error("Throttling")), throttled);
        assert_eq!(of(429, "text/xml", &error("X")), found("found status 429 X: Text", true));
        assert_eq!(
            of(503, "text/xml", &error("RequestLimitExceeded")),
            found("found status 503 RequestLimitExceeded: Text", true)
        );
        assert_eq!(of(403, "text/xml", &error("AccessDenied")), found("found status 403 AccessDenied: Text", false));
        assert_eq!(
            of(500, "text/xml", "<ErrorResponse><Error><Code>InternalFailure</Code></Error></ErrorResponse>"),
            found("found status 500 InternalFailure: ", false)
        );
        assert_eq!(of(200, "text/xml", &error("Throttling")), None);
        assert_eq!(of(400, "application/json", &error("Throttling")), None);
        assert_eq!(of(429, "text/xml", "<Code>Throttling"), None);
    }

    #[test]
    fn a_code_in_another_place_is_none() {
        let throttling = "<Code>Throttling</Code>";
        for body in [
            throttling.to_owned(),
            format!("<html><Error>{throttling}</Error></html>"),
            format!("<ErrorResponse>{throttling}</ErrorResponse>"),
            format!("<ErrorResponse><Error><Detail>{throttling}</Detail></Error></ErrorResponse>"),
        ] {
            assert_eq!(of(400, "text/xml", &body), None, "{body}");
        }
        let denied = format!(
            "<ErrorResponse><Error><Detail>{throttling}</Detail><Code>AccessDenied</Code></Error>{throttling}</ErrorResponse>"
        );
        let expected = ("found status 400 AccessDenied: ".to_owned(), false);
        assert_eq!(of(400, "text/xml", &denied), Some(expected));
    }

    #[test]
    fn references_in_the_message_are_characters_and_hidden_ones_are_escaped() {
        let message = "a &quot;b&quot; &apos;c&apos; &lt;d&gt; &amp;amp;&#xA;e&#13;&#x1b;&#x202E;&nbsp;";
        let body =
            format!("<ErrorResponse><Error><Code>A&amp;B</Code><Message>{message}</Message></Error></ErrorResponse>");
        let expected = r#"found status 400 A&B: a "b" 'c' <d> &amp;\ne\r\u{1b}\u{202e}&nbsp;"#;
        assert_eq!(of(400, "text/xml", &body), Some((expected.to_owned(), false)));
        let long = "&#65;".repeat(10_000);
        let body = format!("<ErrorResponse><Error><Code>X</Code><Message>{long}</Message></Error></ErrorResponse>");
        let expected = format!("found status 400 X: {}… (cut)", "A".repeat(TEXT_BYTES - "… (cut)".len()));
        assert_eq!(of(400, "text/xml", &body), Some((expected, false)));
    }
}
