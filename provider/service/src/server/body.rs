//! Reads a request body within limits on size and time.

use bytes::Buf as _;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::time::Instant;

/// Bytes of an oversized body that are read and discarded: a client that is still writing may otherwise lose the
/// response with the connection.
const DISCARDED_BYTES: usize = 16 * 1024 * 1024;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("request body is too large: expected at most {max} bytes; send fewer images in one request")]
    TooLarge { max: usize },
    #[error("request body did not arrive in time")]
    Late,
    #[error("request body ended early")]
    Broken,
}

/// At most `max` bytes, before `until`.
pub(super) async fn read<B>(body: B, max: usize, until: Instant) -> Result<Vec<u8>, BodyError>
where
    B: Body<Data = Bytes>,
{
    tokio::time::timeout_at(until, within(body, max)).await.unwrap_or(Err(BodyError::Late))
}

async fn within<B>(body: B, max: usize) -> Result<Vec<u8>, BodyError>
where
    B: Body<Data = Bytes>,
{
    let mut body = std::pin::pin!(body);
    let too_much = max.saturating_add(DISCARDED_BYTES);
    if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > too_much) {
        return Err(BodyError::TooLarge { max });
    }
    let mut bytes = Vec::new();
    let mut found = 0_usize;
    while let Some(frame) = body.frame().await {
        // Frames that are not data are trailers.
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        found = found.saturating_add(data.remaining());
        if found > too_much {
            break;
        }
        if found > max {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&data);
        }
    }
    if found > max { Err(BodyError::TooLarge { max }) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use futures_util::StreamExt as _;
    use futures_util::stream;
    use http_body_util::Full;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }

    #[tokio::test(start_paused = true)]
    async fn accepts_a_body_of_exactly_the_limit() {
        assert_eq!(read(Full::new(Bytes::from_static(b"abc")), 3, soon()).await, Ok(b"abc".to_vec()));
        assert_eq!(read(Full::new(Bytes::from_static(b"abcd")), 3, soon()).await, Err(BodyError::TooLarge { max: 3 }));
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_body_is_not_read_to_its_end() {
        let chunk = Bytes::from(vec![0; 1024 * 1024]);
        let endless = stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(chunk.clone())));
        assert_eq!(read(StreamBody::new(endless), 3, soon()).await, Err(BodyError::TooLarge { max: 3 }));
    }

    /// Says how long it is and never comes.
    struct Announced(u64);

    impl Body for Announced {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            std::task::Poll::Pending
        }

        fn size_hint(&self) -> hyper::body::SizeHint {
            hyper::body::SizeHint::with_exact(self.0)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn refuses_an_oversized_content_length_at_once() {
        assert_eq!(read(Announced(1 << 40), 3, soon()).await, Err(BodyError::TooLarge { max: 3 }));
        assert_eq!(read(Announced(4), 3, soon()).await, Err(BodyError::Late));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_late() {
        let drip = stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"a")))
        });
        assert_eq!(read(StreamBody::new(Box::pin(drip)), 100, soon()).await, Err(BodyError::Late));
    }

    #[tokio::test(start_paused = true)]
    async fn refuses_an_incomplete_body() {
        let broken = stream::iter([Ok(Frame::data(Bytes::from_static(b"{}"))), Err("reset")]);
        assert_eq!(read(StreamBody::new(broken), 100, soon()).await, Err(BodyError::Broken));
    }
}
