//! Limits received bytes that are not content: interim responses (1xx), pings, empty frames, records of one byte.
//! HTTP libraries read them without limit, which would use up the CPU time of the process.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use super::open::OpenConnection;
use crate::limits;

/// The bytes that a connection may still receive. Clones share the allowance.
#[derive(Clone, Debug)]
pub(crate) struct Allowance(Arc<AtomicU64>);

impl Allowance {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(limits::CONNECTION_BYTES)))
    }

    /// Adds the bytes for the head of a response, and for a body that is not read.
    pub(crate) fn response_received(&self) {
        self.earn(limits::RESPONSE_BYTES);
    }

    /// Adds the bytes of received content.
    pub(crate) fn received(&self, content: usize) {
        self.earn(u64::try_from(content).unwrap_or(u64::MAX));
    }

    fn earn(&self, bytes: u64) {
        // Never exceeds the initial value, so that earlier content does not allow a later flood.
        let earned = |left: u64| Some(left.saturating_add(bytes).min(limits::CONNECTION_BYTES));
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, earned);
    }

    fn spend(&self, bytes: usize) -> io::Result<()> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let spent = |left: u64| left.checked_sub(bytes);
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spent) {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::new(SPENT, Spent)),
        }
    }
}

/// The error of a connection that has spent its allowance.
#[derive(Debug, thiserror::Error)]
#[error("too many bytes beside the content")]
struct Spent;

/// HTTP/2 keeps only the kind and the text of a connection error. No network error has this kind.
const SPENT: io::ErrorKind = io::ErrorKind::QuotaExceeded;

/// A connection received too many bytes that are not content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Excess {
    /// Whether other requests may have used it (HTTP/2).
    pub(crate) shared: bool,
}

impl Excess {
    /// The excess, if `error`, one of a chain, is one.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            // The library itself limits empty frames and repeatedly reset streams.
            let counted = error.is_library() && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM);
            let spent = error.get_io().is_some_and(|error| error.kind() == SPENT);
            return (counted || spent).then_some(Self { shared: true });
        }
        let error: &io::Error = error.downcast_ref()?;
        let unchanged = error.get_ref().is_some_and(|inner| inner.is::<Spent>());
        (error.kind() == SPENT).then_some(Self { shared: !unchanged })
    }
}

/// A connection that fails when its allowance is used up. Below TLS, so that all received bytes are counted.
#[derive(Debug)]
pub(crate) struct Metered<T> {
    inner: T,
    allowance: Allowance,
    _open: OpenConnection,
}

impl<T> Metered<T> {
    pub(crate) fn new(inner: T, open: OpenConnection) -> Self {
        Self { inner, allowance: Allowance::new(), _open: open }
    }

    pub(crate) fn allowance(&self) -> &Allowance {
        &self.allowance
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Metered<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let read = buf.filled().len().saturating_sub(before);
        let spent = self.allowance.spend(read);
        if spent.is_err() {
            // A failed read must not have consumed bytes.
            buf.set_filled(before);
        }
        Poll::Ready(spent)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Metered<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::super::open::OpenConnections;
    use super::*;

    const MOST: usize = 1024 * 1024;

    fn of(bytes: &[u8]) -> Metered<&[u8]> {
        Metered::new(bytes, OpenConnections::new(1).open())
    }

    #[tokio::test]
    async fn a_connection_ends_when_its_allowance_is_spent() {
        assert_eq!(limits::CONNECTION_BYTES, u64::try_from(MOST).unwrap());
        let bytes = vec![0; MOST + 1];
        let mut exactly = of(&bytes[..MOST]);
        assert_eq!(exactly.read_to_end(&mut Vec::new()).await.unwrap(), MOST);
        let error = of(&bytes).read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(Excess::of(&error), Some(Excess { shared: false }));
        assert_eq!(Excess::of(&io::Error::from(io::ErrorKind::ConnectionReset)), None);
    }

    #[tokio::test]
    async fn responses_and_their_content_restore_the_allowance() {
        let bytes = vec![0; 4 * MOST];
        let mut metered = of(&bytes);
        let mut buffer = vec![0; MOST];
        metered.read_exact(&mut buffer).await.unwrap();
        metered.allowance().received(1000);
        metered.allowance().response_received();
        let head = usize::try_from(limits::RESPONSE_BYTES).unwrap();
        metered.read_exact(&mut buffer[..1000 + head]).await.unwrap();
        assert!(Excess::of(&metered.read_exact(&mut buffer[..1]).await.unwrap_err()).is_some());
        // The allowance never exceeds its initial value, whatever was received before.
        metered.allowance().received(100 * MOST);
        metered.read_exact(&mut buffer).await.unwrap();
        assert!(Excess::of(&metered.read_exact(&mut buffer[..1]).await.unwrap_err()).is_some());
    }
}
