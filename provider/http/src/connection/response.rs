//! A response whose body is still to be read.

use std::net::SocketAddr;

use bytes::Bytes;
use http::HeaderMap;
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use hyper::body::Incoming;

use super::stream::ConnectionInfo;

/// See the module.
pub(crate) struct UnreadResponse {
    inner: http::Response<Incoming>,
    /// There with every response of our connectors.
    connection: Option<ConnectionInfo>,
}

impl UnreadResponse {
    pub(crate) fn new(mut inner: http::Response<Incoming>) -> Self {
        let connection: Option<ConnectionInfo> = inner.extensions_mut().remove();
        if let Some(connection) = &connection {
            connection.allowance.response_received();
        }
        Self { inner, connection }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.inner.status()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// The address of the server; none through a proxy.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.connection.as_ref().and_then(|connection| connection.peer)
    }

    /// The size of the body in bytes, if it is known.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.inner.body().size_hint().exact()
    }

    /// The next bytes of the body, none at its end. Trailers are ignored.
    ///
    /// # Errors
    /// The connection broke, or what came is not HTTP.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, hyper::Error> {
        while let Some(frame) = self.inner.body_mut().frame().await {
            if let Ok(data) = frame?.into_data() {
                if let Some(connection) = &self.connection {
                    connection.allowance.received(data.len());
                }
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}
