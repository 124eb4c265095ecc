//! Reads bodies under limits; counts and hashes them while they arrive.

use bytes::Bytes;
use bytes::BytesMut;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::Hasher;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use tokio::time::Instant;

use crate::connection::UnreadResponse;
use crate::content::Content;
use crate::error::FetchError;
use crate::error_mapping::broken;
use crate::header::excerpt;
use crate::limiter::Limiter;
use crate::limiter::Permit;
use crate::limits;
use crate::share::Share;

/// Limits on the body of a 200.
#[derive(Clone, Debug)]
pub struct BodyLimits {
    /// Maximum size, in bytes.
    pub limit: u64,
    /// The exact size, in bytes, if it is known.
    pub size: Option<u64>,
    /// The hash algorithm, if the digest is needed.
    pub hash: Option<DigestAlgorithm>,
}

impl BodyLimits {
    /// A body of at most `limit` bytes, without a digest.
    #[must_use]
    pub fn at_most(limit: usize) -> Self {
        Self { limit: u64::try_from(limit).unwrap_or(u64::MAX), size: None, hash: None }
    }
}

/// Reads the body of a 200, and its digest if one is needed. The body counts for `share` in the `budget` as it
/// arrives, so that announcing a large body uses no capacity. Never waits for capacity, as bodies that wait for each
/// other would deadlock.
pub(crate) async fn read(
    mut response: UnreadResponse,
    host: &str,
    limits: &BodyLimits,
    share: &Share,
    budget: &Limiter,
) -> Result<(Content, Option<Digest>), FetchError> {
    check_encoding(response.headers(), host)?;
    let too_large = || FetchError::TooLarge { host: host.to_owned(), limit: limits.limit };
    let wrong_size = |found, expected| FetchError::Size { host: host.to_owned(), found, expected };
    let announced = response.content_length();
    if let Some(announced) = announced {
        match limits.size {
            Some(expected) if announced != expected => return Err(wrong_size(announced, expected)),
            Some(_) | None if announced > limits.limit => return Err(too_large()),
            Some(_) | None => {}
        }
    }
    let max = usize::try_from(announced.unwrap_or(limits.limit)).unwrap_or(usize::MAX);
    let mut hasher = limits.hash.map(Hasher::new);
    let mut permit = budget.try_acquire(share, 0)?;
    let mut body = Vec::new();
    let mut found: u64 = 0;
    let mut window = Window::new();
    while let Some(chunk) = window.next(&mut response, host, found).await? {
        found = found.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if found > limits.limit {
            return Err(too_large());
        }
        reserve(&mut body, chunk.len(), max, &mut permit)?;
        if let Some(hasher) = hasher.as_mut() {
            hasher.update(&chunk);
        }
        body.extend_from_slice(&chunk);
    }
    if let Some(expected) = limits.size
        && found != expected
    {
        return Err(wrong_size(found, expected));
    }
    body.shrink_to_fit();
    // Shrinking never fails.
    permit.resize(body.capacity())?;
    Ok((Content::new(body.into(), permit), hasher.map(Hasher::finish)))
}

/// Grows the buffer for `more` bytes, and the permit with it. The capacity doubles, up to `max` bytes.
fn reserve(body: &mut Vec<u8>, more: usize, max: usize, permit: &mut Permit) -> Result<(), FetchError> {
    let needed = body.len().saturating_add(more);
    if needed > body.capacity() {
        let capacity = body.capacity().saturating_mul(2).min(max).max(needed);
        permit.resize(capacity)?;
        body.reserve_exact(capacity - body.len());
    }
    Ok(())
}

/// The progress of a body in the current [`limits::BODY_WINDOW`].
struct Window {
    until: Instant,
    received: u64,
}

impl Window {
    fn new() -> Self {
        Self { until: Instant::now() + limits::BODY_WINDOW, received: 0 }
    }

    /// The next bytes, unless they arrive too slowly. `before` bytes arrived until now.
    async fn next(
        &mut self,
        response: &mut UnreadResponse,
        host: &str,
        before: u64,
    ) -> Result<Option<Bytes>, FetchError> {
        let Ok(chunk) = tokio::time::timeout_at(self.until, response.chunk()).await else {
            return Err(FetchError::Stalled { host: host.to_owned(), received: before });
        };
        let chunk = chunk.map_err(|error| broken(&error, host))?;
        let length = chunk.as_ref().map_or(0, Bytes::len);
        self.received = self.received.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        if self.received >= limits::BODY_WINDOW_BYTES {
            *self = Self::new();
        }
        Ok(chunk)
    }
}

/// Reads the body of a response that is not 200, if it has at most [`limits::ERROR_BODY_BYTES`] and arrives in time, so that
/// the connection can be used again. Empty otherwise: the status is known.
pub(crate) async fn read_error(mut response: UnreadResponse) -> Bytes {
    let until = Instant::now() + limits::BODY_WINDOW;
    let mut body = BytesMut::new();
    while body.len() <= limits::ERROR_BODY_BYTES {
        match tokio::time::timeout_at(until, response.chunk()).await {
            Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
            Ok(Ok(None)) => return body.freeze(),
            Ok(Err(_)) | Err(_) => break,
        }
    }
    Bytes::new()
}

fn check_encoding(headers: &HeaderMap, host: &str) -> Result<(), FetchError> {
    match headers.get_all(CONTENT_ENCODING).iter().find(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        None => Ok(()),
        Some(value) => Err(FetchError::ContentEncoding { host: host.to_owned(), found: excerpt(value.as_bytes()) }),
    }
}
