//! A response whose body is not read yet.

use std::net::SocketAddr;

use bytes::Bytes;
use http::HeaderMap;
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use hyper::body::Incoming;

use super::stream::ConnectionInfo;

/// See the documentation of the module.
pub(crate) struct UnreadResponse {
    inner: http::Response<Incoming>,
    /// Present in every response of the connectors of this crate.
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

    /// The address of the server; `None` through a proxy.
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
    /// The connection was interrupted, or the data is not HTTP.
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
