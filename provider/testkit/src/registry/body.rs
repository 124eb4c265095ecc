//! Response bodies: complete, truncated, stalled, endless, slow.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use hyper::body::Frame;
use hyper::body::SizeHint;
use tokio::sync::Notify;
use tokio::time::Sleep;

/// A response body.
#[derive(Debug)]
pub(crate) enum Payload {
    Whole(Option<Bytes>),
    /// Announces `announced` bytes, sends fewer, and ends with an error.
    Truncated {
        rest: Option<Bytes>,
        announced: u64,
        /// Whether the sent bytes have been flushed.
        flushed: bool,
    },
    /// Announces `announced` bytes, sends fewer, and then waits forever, or until the connection is dropped.
    Stalled {
        rest: Option<Bytes>,
        announced: u64,
        /// Notified when all bytes have been sent.
        end: Option<Arc<Notify>>,
    },
    /// Repeats the same bytes as long as the client reads.
    Endless(Bytes),
    /// Sends one byte per interval.
    Drip {
        bytes: Bytes,
        every: Duration,
        pause: Option<Pin<Box<Sleep>>>,
    },
}

impl Payload {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes))
    }

    /// The bytes of a complete body; empty for the other variants.
    pub(crate) fn bytes(&self) -> Bytes {
        match self {
            Self::Whole(bytes) => bytes.clone().unwrap_or_default(),
            Self::Truncated { .. } | Self::Stalled { .. } | Self::Endless(_) | Self::Drip { .. } => Bytes::new(),
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Whole(bytes) => {
                Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Truncated { rest, flushed, .. } => match rest.take() {
                Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                None if !*flushed => {
                    *flushed = true;
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                None => Poll::Ready(Some(Err(io::Error::other("a fault truncates the body here")))),
            },
            Self::Stalled { rest, end, .. } => match rest.take() {
                Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                None => {
                    if let Some(end) = end {
                        end.notify_one();
                    }
                    Poll::Pending
                }
            },
            Self::Endless(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes.clone())))),
            Self::Drip { bytes, every, pause } => {
                if bytes.is_empty() {
                    return Poll::Ready(None);
                }
                let sleep = pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(*every)));
                std::task::ready!(sleep.as_mut().poll(context));
                *pause = None;
                Poll::Ready(Some(Ok(Frame::data(bytes.split_to(1)))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        let length = |bytes: &Bytes| u64::try_from(bytes.len()).expect("fits");
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, length)),
            Self::Truncated { announced, .. } | Self::Stalled { announced, .. } => SizeHint::with_exact(*announced),
            Self::Endless(_) => SizeHint::new(),
            Self::Drip { bytes, .. } => SizeHint::with_exact(length(bytes)),
        }
    }
}
