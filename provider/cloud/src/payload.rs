//! Requests.

use bytes::Bytes;
use countersign_http::Payload;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::header;
use url::form_urlencoded;

/// A POST of a form.
#[must_use]
pub fn form(fields: &[(&str, &str)]) -> Payload {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    Payload::Post { content_type: "application/x-www-form-urlencoded", body: Bytes::from(form.finish()) }
}

/// A GET with one more header, which instance metadata services require: a request that somebody else made the client send does not
/// have it.
#[must_use]
pub fn get_with(name: HeaderName, value: HeaderValue) -> Payload {
    let mut headers = HeaderMap::new();
    headers.insert(name, value);
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    Payload::Signed { method: Method::GET, headers, body: Bytes::new() }
}
