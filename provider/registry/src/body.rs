//! Bodies under a limit, hashed and counted while they stream in.

use std::borrow::Cow;

use bytes::Bytes;
use bytes::BytesMut;
use countersign_core::codec::excerpt::Excerpt;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::Hasher;
use countersign_core::name::MediaType;
use http::HeaderMap;
use http::HeaderValue;
use http::header::CONTENT_ENCODING;
use http::header::CONTENT_TYPE;
use tokio::time::Instant;

use crate::error::Cause;
use crate::failure::broken;
use crate::said::Said;
use countersign_http::Content;
use countersign_http::Limiter;
use countersign_http::Permit;
use countersign_http::Response;
use countersign_http::Share;
use countersign_http::limits;

/// What a body may be.
#[derive(Clone, Debug)]
pub(crate) struct Expect {
    /// Most bytes read.
    pub(crate) limit: u64,
    /// Exactly as many bytes, if known.
    pub(crate) size: Option<u64>,
    /// What to hash it with.
    pub(crate) hash: Option<DigestAlgorithm>,
}

impl Expect {
    pub(crate) fn at_most(limit: usize) -> Self {
        Self { limit: u64::try_from(limit).unwrap_or(u64::MAX), size: None, hash: None }
    }
}

/// The body of a 200, and its digest if one was asked for. It counts for `share` as it arrives, so that announcing a large
/// one costs nobody anything; and room for it is never waited for, as bodies that wait for each other would wait for ever.
pub(crate) async fn read(
    mut response: Response,
    host: &str,
    expect: &Expect,
    share: &Share,
    memory: &Limiter,
) -> Result<(Content, Option<Digest>), Cause> {
    check_encoding(response.headers(), host)?;
    let too_large = || Cause::TooLarge { host: host.to_owned(), limit: expect.limit };
    let wrong_size = |found, wanted| Cause::Size { host: host.to_owned(), found, wanted };
    let announced = response.content_length();
    if let Some(announced) = announced {
        match expect.size {
            Some(wanted) if announced != wanted => return Err(wrong_size(announced, wanted)),
            Some(_) | None if announced > expect.limit => return Err(too_large()),
            Some(_) | None => {}
        }
    }
    let most = usize::try_from(announced.unwrap_or(expect.limit)).unwrap_or(usize::MAX);
    let mut hasher = expect.hash.map(Hasher::new);
    let mut held = memory.try_acquire(share, 0)?;
    let mut body = Vec::new();
    let mut found: u64 = 0;
    let mut window = Window::new();
    while let Some(chunk) = window.next(&mut response, host, found).await? {
        found = found.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if found > expect.limit {
            return Err(too_large());
        }
        make_room(&mut body, chunk.len(), most, &mut held)?;
        if let Some(hasher) = hasher.as_mut() {
            hasher.update(&chunk);
        }
        body.extend_from_slice(&chunk);
    }
    if let Some(wanted) = expect.size
        && found != wanted
    {
        return Err(wrong_size(found, wanted));
    }
    body.shrink_to_fit();
    // Less than before: that never fails.
    held.resize(body.capacity())?;
    Ok((Content::new(body.into(), held), hasher.map(Hasher::finish)))
}

/// Room for `more` bytes: twice as much as before, at most what the whole body may have.
fn make_room(body: &mut Vec<u8>, more: usize, most: usize, held: &mut Permit) -> Result<(), Cause> {
    let needed = body.len().saturating_add(more);
    if needed > body.capacity() {
        let capacity = body.capacity().saturating_mul(2).min(most).max(needed);
        held.resize(capacity)?;
        body.reserve_exact(capacity - body.len());
    }
    Ok(())
}

/// The progress of a body.
struct Window {
    until: Instant,
    received: u64,
}

impl Window {
    fn new() -> Self {
        Self { until: Instant::now() + limits::BODY_WINDOW, received: 0 }
    }

    /// The next bytes, unless they come too slowly; `before` came until now.
    async fn next(&mut self, response: &mut Response, host: &str, before: u64) -> Result<Option<Bytes>, Cause> {
        let Ok(chunk) = tokio::time::timeout_at(self.until, response.chunk()).await else {
            return Err(Cause::Stalled { host: host.to_owned(), received: before });
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

/// At most `characters` of what an answer that is no 200 says, from the first 16 KiB. Read to the end, a connection can be
/// used again. What does not come in time is not waited for: the status is known.
pub(crate) async fn read_said(mut response: Response, characters: usize) -> Said {
    let until = Instant::now() + limits::BODY_WINDOW;
    let mut body = BytesMut::new();
    while body.len() <= limits::ERROR_BODY_BYTES {
        match tokio::time::timeout_at(until, response.chunk()).await {
            Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
            Ok(Ok(None)) => return Said::parse(&body, characters),
            Ok(Err(_)) | Err(_) => break,
        }
    }
    Said::default()
}

fn check_encoding(headers: &HeaderMap, host: &str) -> Result<(), Cause> {
    match headers.get_all(CONTENT_ENCODING).iter().find(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        None => Ok(()),
        Some(value) => Err(Cause::ContentEncoding { host: host.to_owned(), found: excerpt(value.as_bytes()) }),
    }
}

/// The media type of an answer in lower case without its parameters; as written where it is none, empty without one. Headers
/// that disagree are none: each reader would take another one.
pub(crate) fn content_type(headers: &HeaderMap) -> String {
    let media_type = |value: &HeaderValue| {
        let written = text(value.as_bytes());
        let written = written.trim();
        written.parse::<MediaType>().map_or_else(|_| written.to_owned(), |media_type| media_type.to_string())
    };
    let mut found: Vec<String> = headers.get_all(CONTENT_TYPE).iter().map(media_type).collect();
    found.dedup();
    found.join(", ")
}

/// A header's value, fit to print.
pub(crate) fn excerpt(value: &[u8]) -> Excerpt {
    Excerpt::of(text(value).trim())
}

fn text(value: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_disagree_about_the_media_type_name_none() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
            }
            content_type(&headers)
        };
        assert_eq!(of(&[]), "");
        assert_eq!(of(&[" A/B ; x=y "]), "a/b");
        assert_eq!(of(&["a/b", "A/b; charset=utf-8"]), "a/b");
        assert_eq!(of(&["a/b", "c/d"]), "a/b, c/d");
        assert!(of(&["a/b", "c/d"]).parse::<MediaType>().is_err());
    }
}
