//! The reason why a server closes a TLS connection, if it sends one.
//!
//! With TLS 1.3 a server verifies the certificate of its client after the client's first request may have been sent ([RFC 8446,
//! section 4.4.3]). If it refuses the certificate, it sends an alert and closes the connection. The next write fails then, often
//! before the alert is read, and HTTP would report this failure, which says nothing.
//!
//! [RFC 8446, section 4.4.3]: https://www.rfc-editor.org/rfc/rfc8446#section-4.4.3

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

/// The most that is read behind a failed write. More than the records before an alert have.
const UNREAD_BYTES: usize = 1024;

/// A TLS connection. Until the server has sent content, the error of a write to a closed connection is the alert of the server, if it
/// has sent one.
#[derive(Debug)]
pub(crate) struct WithAlert<T> {
    inner: T,
    /// Whether the server has sent content.
    has_content: bool,
    /// The first failure of a write.
    failure: Option<io::Error>,
    /// Content that was received while an alert was expected.
    unread: Vec<u8>,
}

impl<T> WithAlert<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner, has_content: false, failure: None, unread: Vec::new() }
    }
}

/// Whether the server, or something between, has closed the connection.
fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted
    )
}

fn is_of_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

impl<T: AsyncRead + AsyncWrite + Unpin> WithAlert<T> {
    /// The result of `write`, with the reason of a failure.
    fn explained<R>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if self.failure.is_none() {
            match ready!(write(Pin::new(&mut self.inner), cx)) {
                Err(error) if is_closed(&error) && !self.has_content => self.failure = Some(error),
                other => return Poll::Ready(other),
            }
        }
        Poll::Ready(Err(ready!(self.poll_reason(cx))))
    }

    /// Reads to the end of the connection. This does not wait for long, as the connection is closed. What is read is kept.
    fn poll_reason(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        while self.unread.len() < UNREAD_BYTES {
            let mut bytes = [0; 64];
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer)) {
                Err(error) if is_of_tls(&error) => return Poll::Ready(error),
                Ok(()) if !buffer.filled().is_empty() => self.unread.extend_from_slice(buffer.filled()),
                Ok(()) | Err(_) => break,
            }
        }
        // The error itself for the first who asks; HTTP asks once.
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        Poll::Ready(self.failure.replace(closed()).unwrap_or_else(closed))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for WithAlert<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            let length = self.unread.len().min(buf.remaining());
            buf.put_slice(&self.unread[..length]);
            self.unread.drain(..length);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.has_content |= buf.filled().len() > before;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WithAlert<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.explained(cx, |inner, cx| inner.poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.explained(cx, |inner, cx| inner.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.explained(cx, |inner, cx| inner.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rustls::AlertDescription;
    use tokio::io::AsyncReadExt as _;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// What a read of a closed connection returns.
    enum Read {
        /// Nothing yet.
        Later,
        Content(&'static [u8]),
        Alert,
        Reset,
    }

    /// A connection that is closed. Each read takes the last of the list; then it is at its end.
    struct Closed(Vec<Read>);

    impl AsyncRead for Closed {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            match self.0.pop() {
                Some(Read::Later) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Some(Read::Content(bytes)) => {
                    buf.put_slice(bytes);
                    Poll::Ready(Ok(()))
                }
                Some(Read::Alert) => {
                    let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
                    Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, alert)))
                }
                Some(Read::Reset) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                None => Poll::Ready(Ok(())),
            }
        }
    }

    impl AsyncWrite for Closed {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_write_to_a_closed_connection_fails_with_the_alert_of_the_server() {
        for reads in [vec![Read::Alert], vec![Read::Alert, Read::Later, Read::Later]] {
            let error = WithAlert::new(Closed(reads)).write_all(b"x").await.unwrap_err();
            assert_eq!(error.to_string(), "received fatal alert: CertificateRequired");
        }
        let error = WithAlert::new(Closed(vec![Read::Alert])).flush().await.unwrap_err();
        assert_eq!(error.to_string(), "received fatal alert: CertificateRequired");
    }

    #[tokio::test]
    async fn without_an_alert_the_write_fails_as_before() {
        for reads in [vec![], vec![Read::Reset], vec![Read::Later]] {
            let mut connection = WithAlert::new(Closed(reads));
            for _ in 0..2 {
                assert_eq!(connection.write_all(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            }
        }
    }

    #[tokio::test]
    async fn content_before_the_end_is_read_and_has_no_alert_behind_it() {
        let mut connection = WithAlert::new(Closed(vec![Read::Content(b"after"), Read::Content(b"before ")]));
        assert_eq!(connection.write_all(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let mut text = String::new();
        connection.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "before after");

        let mut connection = WithAlert::new(Closed(vec![Read::Alert, Read::Content(b"content")]));
        connection.read_exact(&mut [0; 7]).await.unwrap();
        assert_eq!(connection.write_all(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn nothing_is_lost_of_content_that_is_longer_than_what_is_kept() {
        let mut connection = WithAlert::new(Closed((0..1000).map(|_| Read::Content(&[7; 10])).collect()));
        assert_eq!(connection.write_all(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(connection.unread.len(), UNREAD_BYTES.next_multiple_of(10));
        let mut content = Vec::new();
        connection.read_to_end(&mut content).await.unwrap();
        assert_eq!(content, vec![7; 10_000]);
    }
}
