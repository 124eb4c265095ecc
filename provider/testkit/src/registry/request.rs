//! Received requests, and their paths.

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::header::HOST;
use http::request::Parts;
use serde_json::Value;
use serde_json::json;

use super::client_auth::Presented;

/// The kind of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// `/v2/`
    Ping,
    /// `/v2/NAME/manifests/REFERENCE`, fallback tags included.
    Manifest,
    /// `/v2/NAME/referrers/DIGEST`
    Referrers,
    /// `/v2/NAME/blobs/DIGEST`
    Blob,
    /// `/token`
    Token,
    /// Everything else.
    Other,
}

/// A parsed path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestPath {
    pub(crate) route: Route,
    /// Empty where the route has none.
    pub(crate) repository: String,
    /// Tag or digest; empty where the route has none.
    pub(crate) reference: String,
}

impl RequestPath {
    pub(crate) fn parse(path: &str) -> Self {
        let bare = |route| Self { route, repository: String::new(), reference: String::new() };
        let Some(rest) = path.strip_prefix("/v2/") else {
            return bare(match path {
                "/v2" => Route::Ping,
                "/token" => Route::Token,
                _ => Route::Other,
            });
        };
        if rest.is_empty() {
            return bare(Route::Ping);
        }
        let kinds = [("/manifests/", Route::Manifest), ("/referrers/", Route::Referrers), ("/blobs/", Route::Blob)];
        for (separator, route) in kinds {
            if let Some((repository, reference)) = rest.rsplit_once(separator)
                && !reference.contains('/')
            {
                // Clients may encode the slashes of a name, and the colon of a digest.
                return Self { route, repository: decode_path(repository), reference: decode_path(reference) };
            }
        }
        bare(Route::Other)
    }
}

/// A received request. `Debug` prints method, path and query, never headers.
#[derive(Clone)]
pub struct RecordedRequest {
    /// The kind of its path.
    pub route: Route,
    /// The method.
    pub method: Method,
    /// The path, not decoded.
    pub path: String,
    /// The query, not decoded, without the question mark.
    pub query: Option<String>,
    /// All headers, credentials included. HTTP/2 sends the host as a part of the URL; it is here as `host` too.
    pub headers: HeaderMap,
    /// The body of a POST; empty for other methods.
    pub body: Bytes,
    /// The certificate of the client in DER, if the client has presented one.
    pub client_certificate: Option<Arc<[u8]>>,
    answer: Arc<OnceLock<(u16, Bytes)>>,
}

impl RecordedRequest {
    pub(crate) fn new(route: Route, request: &Parts, body: Bytes) -> Self {
        let mut headers = request.headers.clone();
        if let (false, Some(authority)) = (headers.contains_key(HOST), request.uri.authority()) {
            headers.insert(HOST, HeaderValue::from_str(authority.as_str()).expect("an authority is ASCII"));
        }
        Self {
            route,
            method: request.method.clone(),
            path: request.uri.path().to_owned(),
            query: request.uri.query().map(str::to_owned),
            headers,
            body,
            client_certificate: request.extensions.get::<Presented>().and_then(|presented| presented.0.clone()),
            answer: Arc::default(),
        }
    }

    /// The status of the answer; `None` as long as there is none, or if there will be none.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.answer.get().map(|(status, _)| *status)
    }

    /// The body of the answer, if it is complete; empty otherwise.
    #[must_use]
    pub fn answer_body(&self) -> Bytes {
        self.answer.get().map(|(_, body)| body.clone()).unwrap_or_default()
    }

    /// Repository, and tag or digest, of the path; empty where it has none.
    pub(crate) fn repository_and_reference(&self) -> (String, String) {
        let path = RequestPath::parse(&self.path);
        (path.repository, path.reference)
    }

    pub(crate) fn set_answer(&self, status: u16, body: Bytes) {
        // A request has one answer, so this does not fail.
        let _ = self.answer.set((status, body));
    }

    /// The request to this service as it was received, with its secrets: one object, with all headers and the body.
    pub(crate) fn to_json(&self, service: &str) -> Value {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())));
        let target = match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        };
        json!({
            "service": service,
            "host": self.header("host"),
            "method": self.method.as_str(),
            "target": target,
            "headers": headers.collect::<Vec<_>>(),
            "body": String::from_utf8_lossy(&self.body),
        })
    }

    /// The first header of this name, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header in ASCII"))
    }

    /// The Authorization header.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.header("authorization")
    }

    /// Whether the request has this secret: in its path, its parameters, a header or its body; as it is, in base64, or within a text in
    /// base64, as that of Basic authentication.
    #[must_use]
    pub fn shows(&self, secret: &str) -> bool {
        let body = String::from_utf8_lossy(&self.body);
        let mut texts = vec![self.path.clone(), self.query.clone().unwrap_or_default(), body.clone().into_owned()];
        texts.extend(self.headers.values().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()));
        texts.extend(form_pairs(self.query.as_deref().unwrap_or_default()).into_iter().map(|(_, value)| value));
        texts.extend(form_pairs(&body).into_iter().map(|(_, value)| value));
        let words = texts.iter().flat_map(|text| text.split([' ', '&', '=', '"', ',']));
        let decoded: Vec<String> = words
            .filter_map(|word| STANDARD_NO_PAD.decode(word).or_else(|_| URL_SAFE_NO_PAD.decode(word)).ok())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect();
        let forms = [secret.to_owned(), STANDARD_NO_PAD.encode(secret), URL_SAFE_NO_PAD.encode(secret)];
        texts.iter().chain(&decoded).any(|text| forms.iter().any(|form| text.contains(form.as_str())))
    }

    /// All values of a query parameter, decoded.
    #[must_use]
    pub fn query_values(&self, name: &str) -> Vec<String> {
        query_values(self.query.as_deref(), name)
    }
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        self.query.iter().try_for_each(|query| write!(f, "?{query}"))
    }
}

pub(crate) fn query_values(query: Option<&str>, name: &str) -> Vec<String> {
    let pairs = form_pairs(query.unwrap_or_default()).into_iter();
    pairs.filter(|(key, _)| key == name).map(|(_, value)| value).collect()
}

/// The decoded names and values of a query or a form, in order.
pub(crate) fn form_pairs(text: &str) -> Vec<(String, String)> {
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (decode(key), decode(value))).collect()
}

/// Form decoding as Go's servers do it: a plus is a space.
fn decode(text: &str) -> String {
    decode_path(&text.replace('+', " "))
}

fn decode_path(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits: Vec<u8> = bytes.by_ref().take(2).collect();
                let digits = std::str::from_utf8(&digits).unwrap_or_default();
                out.push(u8::from_str_radix(digits, 16).unwrap_or(b'?'));
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_a_path_at_its_last_keyword() {
        let path = RequestPath::parse("/v2/team/manifests/app/manifests/v1");
        assert_eq!((path.route, &*path.repository, &*path.reference), (Route::Manifest, "team/manifests/app", "v1"));
        let encoded = RequestPath::parse("/v2/team%2Fapp/referrers/sha256%3A00");
        assert_eq!((&*encoded.repository, &*encoded.reference), ("team/app", "sha256:00"));
        assert_eq!(RequestPath::parse("/v2/").route, Route::Ping);
        assert_eq!(RequestPath::parse("/v2/app/blobs/sha256:00").route, Route::Blob);
        assert_eq!(RequestPath::parse("/v2/app/tags/list").route, Route::Other);
        assert_eq!(RequestPath::parse("/token").route, Route::Token);
    }

    #[test]
    fn decodes_query_values_that_repeat() {
        let query = Some("scope=repository%3Aa%3Apull&scope=b+c&other=1");
        assert_eq!(query_values(query, "scope"), ["repository:a:pull", "b c"]);
    }
}
