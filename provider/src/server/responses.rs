//! Responses that are held in memory until they are written: how many bytes all of them may have, and one of them.
//!
//! A client that does not read its response keeps it in memory. Bytes are counted when they are made, and given back when
//! the last of them is written to the connection, or when the connection ends. Beside the fixed limits, a response takes at
//! most as much as it leaves free, so that a few large ones always leave room for the usual small one.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use hyper::body::Body;
use hyper::body::Frame;
use hyper::body::SizeHint;
use prometheus::IntGauge;

/// What a part of a response takes beside its bytes: its owner, its place in the list, and what an allocator adds.
const AROUND: usize = 128;

/// A limit on the bytes of responses. Shared by all that are made under it.
#[derive(Debug)]
pub(super) struct Responses {
    /// For all of them.
    total: usize,
    /// For one.
    most: usize,
    used: Mutex<usize>,
    gauge: IntGauge,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// The response would be larger than one may be.
    TooLarge { most: usize },
    /// All responses together, with what this one needs.
    Full { found: usize, limit: usize },
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { most } => {
                write!(f, "response is too large: found more than {most} bytes, expected at most {most}")
            }
            Self::Full { found, limit } => write!(
                f,
                "too many bytes of responses in memory: found {found}, expected at most {limit}, half of it for one response"
            ),
        }
    }
}

impl Responses {
    /// At most `total` bytes for all, `most` of them for one. `gauge` shows what is used.
    pub(super) fn new(total: usize, most: usize, gauge: IntGauge) -> Arc<Self> {
        Arc::new(Self { total, most, used: Mutex::new(0), gauge })
    }

    /// A response that holds nothing yet.
    pub(super) fn begin(self: &Arc<Self>) -> Held {
        Held { responses: Arc::clone(self), bytes: 0 }
    }

    /// What all of them hold.
    #[cfg(test)]
    pub(super) fn used_bytes(&self) -> usize {
        *self.used()
    }

    fn used(&self) -> MutexGuard<'_, usize> {
        // A number is always whole.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one response holds, given back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    responses: Arc<Responses>,
    bytes: usize,
}

impl Held {
    /// Holds so many bytes more, in one part.
    ///
    /// # Errors
    /// There is no room; it holds what it held.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let Responses { total, most, gauge, .. } = &*self.responses;
        let more = bytes.saturating_add(AROUND);
        let own = self.bytes.saturating_add(more);
        if own > *most {
            return Err(NoRoom::TooLarge { most: *most });
        }
        let mut used = self.responses.used();
        let all = used.saturating_add(more);
        // At most as much as is left for the others.
        if all > *total || own > *total - all {
            return Err(NoRoom::Full { found: all, limit: *total });
        }
        *used = all;
        self.bytes = own;
        gauge.add(signed(more));
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        *self.responses.used() -= self.bytes;
        self.responses.gauge.sub(signed(self.bytes));
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The bytes of a response, in parts. Each is given back when it is written.
#[derive(Debug, Default)]
pub(super) struct ResponseBody {
    parts: VecDeque<Bytes>,
    left: u64,
}

/// A part together with what is to live as long.
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
    /// `parts`, which `held` has room for. It is given back when the last of them is dropped.
    pub(super) fn holding(parts: impl IntoIterator<Item = Vec<u8>>, held: Held) -> Self {
        let held = Arc::new(held);
        let with = |bytes| Bytes::from_owner(Part { bytes, _with: Arc::clone(&held) });
        Self::of(parts.into_iter().map(with))
    }

    /// A response of some hundred bytes, which needs no room.
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

    use super::*;

    fn responses(total: usize, most: usize) -> Arc<Responses> {
        Responses::new(total, most, IntGauge::new("bytes", "Bytes.").unwrap())
    }

    #[test]
    fn a_response_takes_at_most_what_one_may_have_and_what_it_leaves_free() {
        let all = responses(4000, 1500);
        let mut first = all.begin();
        assert_eq!(first.grow(1500), Err(NoRoom::TooLarge { most: 1500 }));
        assert_eq!(first.grow(1500 - AROUND), Ok(()));
        assert_eq!(first.grow(0), Err(NoRoom::TooLarge { most: 1500 }));
        let mut second = all.begin();
        // Half of the 2500 that are left.
        assert_eq!(second.grow(1251 - AROUND), Err(NoRoom::Full { found: 2751, limit: 4000 }));
        assert_eq!(second.grow(1250 - AROUND), Ok(()));
        let mut third = all.begin();
        assert_eq!(third.grow(625 - AROUND), Ok(()));
        assert_eq!(all.gauge.get(), 3375);
        drop(first);
        drop(second);
        assert_eq!((all.gauge.get(), all.used_bytes()), (625, 625));
        drop(third);
        assert_eq!((all.gauge.get(), all.used_bytes()), (0, 0));
    }

    #[tokio::test]
    async fn room_is_given_back_with_the_last_part_and_not_with_the_body() {
        let all = responses(4000, 2000);
        let mut held = all.begin();
        held.grow(3).unwrap();
        held.grow(2).unwrap();
        let guard = Arc::new(());
        let body = ResponseBody::holding([b"abc".to_vec(), Vec::new(), b"de".to_vec()], held);
        let mut body = body.until_written(Arc::clone(&guard));
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(5), false));
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((first, body.size_hint().exact()), (Bytes::from_static(b"abc"), Some(2)));
        let last = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(last, Bytes::from_static(b"de"));
        assert!(body.is_end_stream() && body.frame().await.is_none());
        drop(body);
        assert_eq!((all.gauge.get(), Arc::strong_count(&guard)), (5 + 2 * 128, 2));
        drop(last);
        assert_eq!((all.gauge.get(), Arc::strong_count(&guard)), (0, 1));
    }

    #[test]
    fn a_body_that_is_given_up_gives_everything_back() {
        let all = responses(4000, 2000);
        let mut held = all.begin();
        held.grow(3).unwrap();
        let guard = Arc::new(());
        drop(ResponseBody::holding([b"abc".to_vec()], held).until_written(Arc::clone(&guard)));
        assert_eq!((all.gauge.get(), Arc::strong_count(&guard)), (0, 1));
    }

    #[test]
    fn messages_have_both_numbers() {
        assert_eq!(
            NoRoom::TooLarge { most: 1500 }.to_string(),
            "response is too large: found more than 1500 bytes, expected at most 1500"
        );
        assert_eq!(
            NoRoom::Full { found: 2751, limit: 4000 }.to_string(),
            "too many bytes of responses in memory: found 2751, expected at most 4000, half of it for one response"
        );
    }
}
