//! Errors of AWS services, and how the three protocols write them.

use serde_json::json;

use crate::registry::Reply;

/// How a service writes its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// REST with JSON: the code is in the header `x-amzn-ErrorType`. AWS Signer.
    RestJson,
    /// `application/x-amz-json-1.1`: the code is `__type` of the body. Amazon ECR.
    Json11,
    /// Query: the code is in XML. STS.
    Query,
}

/// An error of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceError {
    /// The HTTP status.
    pub status: u16,
    /// `AccessDeniedException`, …
    pub code: String,
    /// The text.
    pub message: String,
    retry_after: Option<String>,
}

impl ServiceError {
    /// Any error.
    #[must_use]
    pub fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned(), retry_after: None }
    }

    /// Adds `Retry-After`: seconds or an HTTP date.
    #[must_use]
    pub fn retry_after(mut self, value: &str) -> Self {
        self.retry_after = Some(value.to_owned());
        self
    }

    /// Too many requests, as each protocol states it: 429 `TooManyRequestsException`, 400 `ThrottlingException`, 400 `Throttling`.
    #[must_use]
    pub fn throttled(protocol: Protocol) -> Self {
        match protocol {
            Protocol::RestJson => Self::new(429, "TooManyRequestsException", "Too many requests"),
            Protocol::Json11 => Self::new(400, "ThrottlingException", "Rate exceeded"),
            Protocol::Query => Self::new(400, "Throttling", "Rate exceeded"),
        }
    }

    /// The principal has no policy for this action: 403 (400 in [`Protocol::Json11`]).
    #[must_use]
    pub fn access_denied(protocol: Protocol, principal: &str, action: &str) -> Self {
        let message = format!(
            "User: {principal} is not authorized to perform: {action} because no identity-based policy allows the {action} action"
        );
        match protocol {
            Protocol::RestJson => Self::new(403, "AccessDeniedException", &message),
            Protocol::Json11 => Self::new(400, "AccessDeniedException", &message),
            Protocol::Query => Self::new(403, "AccessDenied", &message),
        }
    }

    /// A failure of the service: 500.
    #[must_use]
    pub fn internal(protocol: Protocol) -> Self {
        let code = match protocol {
            Protocol::RestJson => "InternalServiceErrorException",
            Protocol::Json11 => "ServerException",
            Protocol::Query => "InternalFailure",
        };
        Self::new(500, code, "Internal service error")
    }

    /// The answer.
    #[must_use]
    pub fn reply(&self, protocol: Protocol) -> Reply {
        let Self { status, code, message, retry_after } = self;
        let reply = Reply::status(*status).header("x-amzn-requestid", "00000000-0000-4000-8000-000000000000");
        let reply = retry_after.iter().fold(reply, |reply, value| reply.header("retry-after", value));
        match protocol {
            Protocol::RestJson => reply
                .header("content-type", "application/json")
                .header("x-amzn-errortype", code)
                .body(json!({ "message": message, "code": code }).to_string()),
            Protocol::Json11 => reply
                .header("content-type", "application/x-amz-json-1.1")
                .body(json!({ "__type": code, "message": message }).to_string()),
            Protocol::Query => {
                let fault = if *status < 500 { "Sender" } else { "Receiver" };
                reply.header("content-type", "text/xml").body(format!(
                    "<ErrorResponse xmlns=\"{STS_NAMESPACE}\">\n  <Error>\n    <Type>{fault}</Type>\n    \
                     <Code>{code}</Code>\n    <Message>{}</Message>\n  </Error>\n  \
                     <RequestId>00000000-0000-4000-8000-000000000000</RequestId>\n</ErrorResponse>\n",
                    xml_text(message)
                ))
            }
        }
    }
}

/// The XML namespace of STS.
pub(super) const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Escapes text for XML.
pub(super) fn xml_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(reply: &Reply) -> String {
        String::from_utf8_lossy(&reply.body).into_owned()
    }

    #[test]
    fn each_protocol_writes_the_code_in_its_own_form() {
        let error = ServiceError::new(400, "InvalidIdentityToken", "a <b> & \"c\"").retry_after("7");
        let json = error.reply(Protocol::RestJson);
        assert_eq!(body(&json), r#"{"code":"InvalidIdentityToken","message":"a <b> & \"c\""}"#);
        assert!(json.headers.contains(&("x-amzn-errortype".parse().unwrap(), "InvalidIdentityToken".parse().unwrap())));
        assert!(json.headers.contains(&("retry-after".parse().unwrap(), "7".parse().unwrap())));
        assert_eq!(
            body(&error.reply(Protocol::Json11)),
            r#"{"__type":"InvalidIdentityToken","message":"a <b> & \"c\""}"#
        );
        assert_eq!(
            body(&error.reply(Protocol::Query)),
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    <Type>Sender</Type>\n    \
             <Code>InvalidIdentityToken</Code>\n    <Message>a &lt;b&gt; &amp; &quot;c&quot;</Message>\n  </Error>\n  \
             <RequestId>00000000-0000-4000-8000-000000000000</RequestId>\n</ErrorResponse>\n"
        );
    }

    #[test]
    fn statuses_follow_the_service_models() {
        let statuses = |make: fn(Protocol) -> ServiceError| {
            [Protocol::RestJson, Protocol::Json11, Protocol::Query].map(|protocol| {
                let error = make(protocol);
                (error.status, error.code)
            })
        };
        let named = |pairs: [(u16, &str); 3]| pairs.map(|(status, code)| (status, code.to_owned()));
        assert_eq!(
            statuses(ServiceError::throttled),
            named([(429, "TooManyRequestsException"), (400, "ThrottlingException"), (400, "Throttling")])
        );
        assert_eq!(
            statuses(ServiceError::internal),
            named([(500, "InternalServiceErrorException"), (500, "ServerException"), (500, "InternalFailure")])
        );
        assert_eq!(
            statuses(|protocol| ServiceError::access_denied(protocol, "arn", "sts:AssumeRole")),
            named([(403, "AccessDeniedException"), (400, "AccessDeniedException"), (403, "AccessDenied")])
        );
    }
}
