//! Calls that are not repeated.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::ClassifyRetry;
use aws_smithy_runtime_api::client::retries::classifiers::RetryAction;
use aws_smithy_runtime_api::client::retries::classifiers::RetryClassifierPriority;
use countersign_core::codec::text::Text;
use http::HeaderMap;
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::codes::THROTTLED;
use crate::limits::TEXT_BYTES;

/// Does not repeat a call that the service refused because of the number of calls: the pause that it needs is longer than the
/// caller waits, and the next image makes the next call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoRetryIfThrottled;

impl ClassifyRetry for NoRetryIfThrottled {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(response) = context.response() else { return RetryAction::NoActionIndicated };
        let status = response.status().as_u16();
        let code = response.headers().get("x-amzn-errortype").unwrap_or_default();
        let body = String::from_utf8_lossy(response.body().bytes().unwrap_or_default());
        let is_throttled = THROTTLED.iter().any(|name| code.contains(name) || body.contains(name));
        if status == 429 || (status == 400 && is_throttled) {
            RetryAction::RetryForbidden
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "NoRetryIfThrottled"
    }

    /// The last one decides.
    fn priority(&self) -> RetryClassifierPriority {
        let last = RetryClassifierPriority::transient_error_classifier();
        RetryClassifierPriority::run_after(RetryClassifierPriority::run_after(RetryClassifierPriority::run_after(last)))
    }
}

/// An answer of STS that refuses a call because of the number of calls. The sources of credentials in the SDK have no
/// setting for [`NoRetryIfThrottled`], so the transport makes an error of the answer, which they do not repeat.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found status {status} {code}: {message}")]
pub(crate) struct ThrottledByQuery {
    pub(crate) status: u16,
    pub(crate) code: Text,
    pub(crate) message: Text,
}

impl ThrottledByQuery {
    /// The refusal in an answer of the
    /// [Query protocol](https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization), which is
    /// XML; `None` if it is another answer.
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let is_xml = headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/xml"));
        if status.is_success() || !is_xml {
            return None;
        }
        let body = String::from_utf8_lossy(body);
        let element = |name: &str| {
            let (_, rest) = body.split_once(&format!("<{name}>"))?;
            Some(Text::at_most(TEXT_BYTES, rest.split_once(&format!("</{name}>"))?.0.trim()))
        };
        let code = element("Code")?;
        let is_throttled = status == StatusCode::TOO_MANY_REQUESTS || THROTTLED.contains(&code.as_str());
        is_throttled.then(|| Self { status: status.as_u16(), code, message: element("Message").unwrap_or_default() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(status: u16, content_type: &str, body: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]);
        let status = StatusCode::from_u16(status).unwrap();
        ThrottledByQuery::of(status, &headers, body.as_bytes()).map(|found| found.to_string())
    }

    #[test]
    fn only_a_refusal_for_the_number_of_calls_is_one() {
        let error = |code: &str| {
            format!("<ErrorResponse><Error><Code>{code}</Code><Message>Rate exceeded</Message></Error></ErrorResponse>")
        };
        let throttled = Some("found status 400 Throttling: Rate exceeded".to_owned());
        assert_eq!(of(400, "text/xml", &error("Throttling")), throttled);
        assert_eq!(of(400, "text/xml; charset=utf-8", &error("Throttling")), throttled);
        assert_eq!(of(429, "text/xml", &error("X")).unwrap(), "found status 429 X: Rate exceeded");
        assert_eq!(
            of(503, "text/xml", &error("RequestLimitExceeded")).unwrap(),
            "found status 503 RequestLimitExceeded: Rate exceeded"
        );
        assert_eq!(of(403, "text/xml", &error("AccessDenied")), None);
        assert_eq!(of(200, "text/xml", &error("Throttling")), None);
        assert_eq!(of(400, "application/json", &error("Throttling")), None);
        assert_eq!(of(429, "text/xml", "<Code>Throttling"), None);
    }
}
