//! Detects servers that use TLS on connections of plain HTTP.

use std::error::Error;
use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use http::StatusCode;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

/// The content types of TLS records ([RFC 8446 §5.1](https://www.rfc-editor.org/rfc/rfc8446#section-5.1)). A server sends
/// an alert (21). No response of HTTP/1 begins with such a byte.
const TLS_RECORDS: std::ops::RangeInclusive<u8> = 20..=23;

/// Parts of the responses with status 400 of common servers (Go, nginx, Apache, Tomcat) to plain HTTP on a port for TLS.
const TLS_PORT: [&[u8]; 4] = [
    b"HTTP request to an HTTPS server",
    b"plain HTTP request was sent to HTTPS port",
    b"speaking plain HTTP to an SSL-enabled server port",
    b"combination of host and port requires TLS",
];

/// The server sent a TLS record.
#[derive(Debug, thiserror::Error)]
#[error("the server uses TLS")]
pub(crate) struct UsesTls;

impl UsesTls {
    /// Whether `error`, one of a chain, is that the server sent a TLS record.
    pub(crate) fn is(error: &(dyn Error + 'static)) -> bool {
        let error: Option<&io::Error> = error.downcast_ref();
        error.and_then(io::Error::get_ref).is_some_and(|inner| inner.is::<Self>())
    }
}

/// Whether a response to a request over plain HTTP is that of a port for TLS.
pub(crate) fn is_of_tls_port(status: StatusCode, body: &[u8]) -> bool {
    let contains = |part: &&[u8]| body.windows(part.len()).any(|window| window == *part);
    status == StatusCode::BAD_REQUEST && TLS_PORT.iter().any(contains)
}

/// A connection that fails if the first byte received is that of a TLS record.
#[derive(Debug)]
pub(crate) struct PlainHttp<T> {
    inner: T,
    has_received: bool,
}

impl<T> PlainHttp<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner, has_received: false }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for PlainHttp<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let Some(first) = buf.filled().get(before).filter(|_| !self.has_received) else { return Poll::Ready(Ok(())) };
        if TLS_RECORDS.contains(first) {
            // A failed read must not have consumed bytes.
            buf.set_filled(before);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, UsesTls)));
        }
        self.has_received = true;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for PlainHttp<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }
}
