//! What HTTP is spoken on.

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
pub trait Io: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> Io for T {}

pub type BoxIo = Box<dyn Io>;

/// A connection, as the pool takes it.
pub struct Stream {
    pub io: BoxIo,
    pub http2: bool,
    /// A proxy itself answers, so that requests name the whole URL.
    pub forwards: bool,
    /// The address of who answers. None by a proxy: the address is the proxy's own, and nobody is to take it for the
    /// registry's.
    pub from: Option<SocketAddr>,
    pub allowance: Allowance,
}

/// What each answer knows of its connection.
#[derive(Clone, Debug)]
pub(super) struct Came {
    pub(super) from: Option<SocketAddr>,
    pub(super) allowance: Allowance,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let came = Came { from: self.from, allowance: self.allowance.clone() };
        let connected = Connected::new().proxy(self.forwards).extra(came);
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
