//! An answer whose body is still to come.

use std::net::SocketAddr;

use bytes::Bytes;
use http::HeaderMap;
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use hyper::body::Incoming;

use super::stream::Came;

/// See the module.
pub struct Response {
    inner: http::Response<Incoming>,
    /// Where it came from; there with every answer of our connectors.
    came: Option<Came>,
}

impl Response {
    pub fn new(mut inner: http::Response<Incoming>) -> Self {
        let came: Option<Came> = inner.extensions_mut().remove();
        if let Some(came) = &came {
            came.allowance.answered();
        }
        Self { inner, came }
    }

    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// The address that answered; none by a proxy.
    pub fn from(&self) -> Option<SocketAddr> {
        self.came.as_ref().and_then(|came| came.from)
    }

    /// How many bytes the body has, if that is known.
    pub fn content_length(&self) -> Option<u64> {
        self.inner.body().size_hint().exact()
    }

    /// The next bytes of the body, none at its end. What comes after it (trailers) is left out.
    ///
    /// # Errors
    /// The connection broke, or what came is not HTTP.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, hyper::Error> {
        while let Some(frame) = self.inner.body_mut().frame().await {
            if let Ok(data) = frame?.into_data() {
                if let Some(came) = &self.came {
                    came.allowance.received(data.len());
                }
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}
