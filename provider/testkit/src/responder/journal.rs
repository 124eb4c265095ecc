//! The journal of a responder.

use std::fmt;

use bytes::Bytes;
use http::Method;

use crate::registry::RecordedRequest;
use crate::responder::media_type;

/// The protocol of a request, by its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// An OCSP request by POST.
    OcspPost,
    /// A request for a timestamp.
    Timestamp,
    /// A GET: a CRL, or an OCSP request in the path.
    Get,
    /// Another method or type.
    Other,
}

/// A received request.
#[derive(Clone)]
pub struct Exchange {
    /// Its protocol.
    pub protocol: Protocol,
    /// Its method.
    pub method: Method,
    /// Its path, not decoded.
    pub path: String,
    /// The body of a POST.
    pub body: Bytes,
    /// Its `Accept`.
    pub accept: Option<String>,
    /// Whether it has a credential or a cookie, which no such request may have.
    pub has_credential: bool,
}

impl Exchange {
    pub(super) fn of(request: &RecordedRequest) -> Self {
        let protocol = match (&request.method, request.header("content-type")) {
            (&Method::GET, _) => Protocol::Get,
            (&Method::POST, Some(media_type::OCSP_REQUEST)) => Protocol::OcspPost,
            (&Method::POST, Some(media_type::TIMESTAMP_QUERY)) => Protocol::Timestamp,
            _ => Protocol::Other,
        };
        Self {
            protocol,
            method: request.method.clone(),
            path: request.path.clone(),
            body: request.body.clone(),
            accept: request.header("accept").map(str::to_owned),
            has_credential: request.header("authorization").or(request.header("cookie")).is_some(),
        }
    }

    pub(super) fn is_below(&self, path: &str) -> bool {
        self.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}
