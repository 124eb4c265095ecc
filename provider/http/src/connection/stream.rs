//! A connection for HTTP.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use hyper::rt::Read;
use hyper::rt::ReadBufCursor;
use hyper::rt::Write;
use hyper_util::client::legacy::connect::Connected;
use hyper_util::client::legacy::connect::Connection;

use super::metered::Allowance;

/// Bytes in both directions.
pub(crate) trait Io: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> Io for T {}

pub(crate) type BoxIo = Box<dyn Io>;

/// A connection for the pool.
pub(crate) struct Stream {
    pub(crate) io: BoxIo,
    pub(crate) http2: bool,
    /// Whether the connection is to a forwarding proxy, so that requests contain the whole URL.
    pub(crate) forwards: bool,
    /// The address of the server. `None` through a proxy, whose address is not that of the server.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) allowance: Allowance,
}

/// The properties of a connection, added to each response.
#[derive(Clone, Debug)]
pub(super) struct ConnectionInfo {
    pub(super) peer: Option<SocketAddr>,
    pub(super) allowance: Allowance,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let info = ConnectionInfo { peer: self.peer, allowance: self.allowance.clone() };
        let connected = Connected::new().proxy(self.forwards).extra(info);
        if self.http2 { connected.negotiated_h2() } else { connected }
    }
}

impl Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}
