//! Servers of revocation information and timestamps for tests: OCSP, CRL and RFC 3161 over HTTP on a free port of
//! 127.0.0.1, with a journal of requests and the faults of [`When`].
//!
//! The test supplies the bytes, right or wrong on purpose: see [`crate::pki`] for issuers. Nothing is verified here.

mod journal;

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;

pub use journal::Exchange;
pub use journal::Protocol;

use crate::pki::Chain;
use crate::registry::Handler;
use crate::registry::RecordedRequest;
use crate::registry::Registry;
use crate::registry::Reply;
use crate::registry::Route;
use crate::registry::When;

/// Media types of the protocols (RFC 6960 appendix A, RFC 5280 section 4.2.1.13, RFC 3161 section 3.4).
pub mod media_type {
    /// An OCSP request.
    pub const OCSP_REQUEST: &str = "application/ocsp-request";
    /// An OCSP response.
    pub const OCSP_RESPONSE: &str = "application/ocsp-response";
    /// A CRL.
    pub const CRL: &str = "application/pkix-crl";
    /// A request for a timestamp.
    pub const TIMESTAMP_QUERY: &str = "application/timestamp-query";
    /// A response with a timestamp.
    pub const TIMESTAMP_REPLY: &str = "application/timestamp-reply";
}

/// `OCSPResponse` with the status `malformedRequest` and nothing else.
const MALFORMED_REQUEST: [u8; 5] = [0x30, 0x03, 0x0a, 0x01, 0x01];

/// A running server. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Responder {
    server: Registry,
}

impl Responder {
    /// Starts a server over plain HTTP, as revocation information is usually served.
    pub async fn start() -> Self {
        Self { server: Registry::start().await }
    }

    /// Starts a server over HTTPS with this certificate (see [`CertSpec::tls_server`](crate::pki::CertSpec::tls_server)).
    pub async fn start_tls(identity: &Chain) -> Self {
        Self { server: Registry::start_tls(identity).await }
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn host(&self) -> String {
        self.server.host()
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The URL of `path`, which begins with a slash: the address for a certificate.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }

    /// Answers OCSP requests at `path`, by GET and by POST. `answer` gets the DER of the request.
    pub fn ocsp(&self, path: &str, answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) {
        let prefix = path.to_owned();
        self.server.serve_by(
            path,
            Handler::new(move |request| {
                let response = match ocsp_request(&prefix, request) {
                    Some(der) => answer(&der),
                    None => MALFORMED_REQUEST.to_vec(),
                };
                Reply::status(200).header("content-type", media_type::OCSP_RESPONSE).body(response)
            }),
        );
    }

    /// Serves a CRL, or any other bytes, at `path` and below it; at any path if it is empty.
    pub fn crl(&self, path: &str, bytes: impl Into<Bytes>) {
        self.file(path, media_type::CRL, bytes);
    }

    /// As [`Self::crl`], with another content type.
    pub fn file(&self, path: &str, content_type: &str, bytes: impl Into<Bytes>) {
        let (content_type, bytes) = (content_type.to_owned(), bytes.into());
        let reply =
            move |_: &RecordedRequest| Reply::status(200).header("content-type", &content_type).body(bytes.clone());
        self.server.serve_by(path, Handler::new(reply));
    }

    /// Answers requests for timestamps at `path`. `answer` gets the DER of the request.
    pub fn timestamps(&self, path: &str, answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) {
        self.server.serve_by(
            path,
            Handler::new(move |request| {
                let is_query = request.method == Method::POST
                    && request.header("content-type") == Some(media_type::TIMESTAMP_QUERY);
                if is_query {
                    let response = answer(&request.body);
                    Reply::status(200).header("content-type", media_type::TIMESTAMP_REPLY).body(response)
                } else {
                    Reply::status(400)
                }
            }),
        );
    }

    /// Sets a fault for requests to `path` and below it: latency, statuses, redirects, wrong content, slow bodies.
    pub fn when(&self, path: &str) -> When {
        self.server.when(Route::Other).path_contains(path)
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.server.clear_faults();
    }

    /// Every request since the start, or since [`Self::clear_journal`], in order of arrival.
    #[must_use]
    pub fn journal(&self) -> Vec<Exchange> {
        self.server.requests().iter().map(Exchange::of).collect()
    }

    /// The number of requests to `path` and below it.
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        self.journal().iter().filter(|exchange| exchange.is_below(path)).count()
    }

    /// Clears the journal.
    pub fn clear_journal(&self) {
        self.server.clear_requests();
    }

    /// Waits until the journal has `count` requests.
    pub async fn wait_for(&self, count: usize) {
        self.server.wait_for(Route::Other, count).await;
    }

    /// The largest number of requests that were in progress at the same time.
    #[must_use]
    pub fn max_concurrent(&self) -> usize {
        self.server.max_concurrent()
    }
}

/// The DER of an OCSP request to `prefix`: the body of a POST, or the last part of the path of a GET (RFC 6960 A.1).
fn ocsp_request(prefix: &str, request: &RecordedRequest) -> Option<Vec<u8>> {
    match request.method {
        Method::POST => Some(request.body.to_vec()),
        Method::GET => {
            let encoded = request.path.strip_prefix(prefix)?.strip_prefix('/')?;
            STANDARD.decode(percent_decoded(encoded)?).ok()
        }
        _ => None,
    }
}

/// The bytes of a part of a path.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            decoded.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_parts_of_paths() {
        assert_eq!(percent_decoded("MEIw%2Fa%2B%3D"), Some(b"MEIw/a+=".to_vec()));
        assert_eq!(percent_decoded("a%2"), None);
        assert_eq!(percent_decoded("a%zz"), None);
    }
}
