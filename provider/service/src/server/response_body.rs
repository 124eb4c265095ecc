//! The body of a response: its bytes in parts, and a permit that lives until they are written.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http::HeaderValue;
use http::Response;
use http::header;
use hyper::body::Body;
use hyper::body::Frame;
use hyper::body::SizeHint;

use crate::protocol::ResponsePermit;

/// The bytes of a response, in parts. Each is given back when it is written.
#[derive(Debug, Default)]
pub(super) struct ResponseBody {
    parts: VecDeque<Bytes>,
    left: u64,
}

/// A part, and a value that lives as long.
struct Part<B, T> {
    bytes: B,
    _with: T,
}

impl<B: AsRef<[u8]>, T> AsRef<[u8]> for Part<B, T> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

impl ResponseBody {
    /// `parts`, which `permit` is for. It is given back when the last of them is dropped.
    pub(super) fn holding(parts: impl IntoIterator<Item = Vec<u8>>, permit: ResponsePermit) -> Self {
        let permit = Arc::new(permit);
        let with = |bytes| Bytes::from_owner(Part { bytes, _with: Arc::clone(&permit) });
        Self::of(parts.into_iter().map(with))
    }

    /// An encoded response of a protocol.
    pub(super) fn encoded(parts: Vec<Vec<u8>>, permit: Option<ResponsePermit>) -> Self {
        match permit {
            Some(permit) => Self::holding(parts, permit),
            None => Self::of(parts.into_iter().map(Bytes::from)),
        }
    }

    /// A response of some hundred bytes, which needs no permit.
    pub(super) fn small(bytes: Vec<u8>) -> Self {
        Self::of([bytes.into()])
    }

    fn of(parts: impl IntoIterator<Item = Bytes>) -> Self {
        let parts: VecDeque<Bytes> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let left = parts.iter().map(length).sum();
        Self { parts, left }
    }

    /// `guard` lives until the last byte is written, or the response is given up.
    pub(super) fn until_written(mut self, guard: impl Send + 'static) -> Self {
        if let Some(bytes) = self.parts.pop_back() {
            self.parts.push_back(Bytes::from_owner(Part { bytes, _with: guard }));
        }
        self
    }
}

/// The response to HEAD in place of `response`, which is that to another method: with its status, its headers and the length
/// of its body, and without the body, [RFC 9110 §9.3.2](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.2). The HTTP/1.1
/// library drops such a body, that of HTTP/2 sends it, which ends the stream with an error of the client.
pub(super) fn without_body(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    let length = std::mem::take(response.body_mut()).left;
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn length(part: &Bytes) -> u64 {
    u64::try_from(part.len()).unwrap_or(u64::MAX)
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.parts.pop_front();
        self.left = self.left.saturating_sub(part.as_ref().map_or(0, length));
        Poll::Ready(part.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http_body_util::BodyExt as _;
    use prometheus::IntGauge;

    use super::*;
    use crate::protocol::ResponseBudget;

    fn responses(total: usize, max: usize) -> Arc<ResponseBudget> {
        ResponseBudget::new(total, max, IntGauge::new("bytes", "Bytes.").unwrap())
    }

    #[tokio::test]
    async fn releases_the_budget_with_the_last_part() {
        let all = responses(4000, 2000);
        let mut permit = all.begin();
        permit.grow(3).unwrap();
        permit.grow(2).unwrap();
        let guard = Arc::new(());
        let body = ResponseBody::holding([b"abc".to_vec(), Vec::new(), b"de".to_vec()], permit);
        let mut body = body.until_written(Arc::clone(&guard));
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(5), false));
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((first, body.size_hint().exact()), (Bytes::from_static(b"abc"), Some(2)));
        let last = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(last, Bytes::from_static(b"de"));
        assert!(body.is_end_stream() && body.frame().await.is_none());
        drop(body);
        assert_eq!((all.used_bytes(), Arc::strong_count(&guard)), (5 + 2 * 128, 2));
        drop(last);
        assert_eq!((all.used_bytes(), Arc::strong_count(&guard)), (0, 1));
    }

    #[test]
    fn releases_everything_when_a_body_is_dropped() {
        let all = responses(4000, 2000);
        let mut permit = all.begin();
        permit.grow(3).unwrap();
        let guard = Arc::new(());
        drop(ResponseBody::holding([b"abc".to_vec()], permit).until_written(Arc::clone(&guard)));
        assert_eq!((all.used_bytes(), Arc::strong_count(&guard)), (0, 1));
    }
}
