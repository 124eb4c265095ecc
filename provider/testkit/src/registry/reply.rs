//! Responses that a test defines.

use bytes::Bytes;
use http::HeaderName;
use http::HeaderValue;
use http::StatusCode;
use serde_json::json;

/// A complete response, sent in place of the correct one.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Reply {
    /// A status with an empty body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("a status from 100 to 999");
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// A status with an OCI error envelope: `NAME_UNKNOWN`, `MANIFEST_UNKNOWN`, `TOOMANYREQUESTS`, `DENIED`, …
    #[must_use]
    pub fn error(status: u16, code: &str) -> Self {
        let envelope = json!({ "errors": [{ "code": code, "message": "as the test wanted" }] });
        Self::status(status).header("content-type", "application/json").body(envelope.to_string())
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((header_name(name), header_value(value)));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

pub(super) fn header_name(name: &str) -> HeaderName {
    name.parse().expect("a header name")
}

pub(super) fn header_value(value: &str) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).expect("a header value")
}
