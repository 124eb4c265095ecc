//! Bodies under a limit, hashed and counted while they stream in.

use std::borrow::Cow;

use bytes::Bytes;
use bytes::BytesMut;
use countersign_core::codec::excerpt::Excerpt;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::Hasher;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http::header::CONTENT_TYPE;
use reqwest::Response;

use crate::bounds;
use crate::error::Cause;
use crate::failure::broken;
use crate::memory::Memory;
use crate::said::Said;

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

/// The body of a 200, and its digest if one was asked for.
pub(crate) async fn read(
    mut response: Response,
    host: &str,
    expect: &Expect,
    memory: &Memory,
) -> Result<(Bytes, Option<Digest>), Cause> {
    check_encoding(response.headers(), host)?;
    let too_large = || Cause::TooLarge { host: host.to_owned(), limit: expect.limit };
    let wrong_size = |found, wanted| Cause::Size { host: host.to_owned(), found, wanted };
    if let Some(announced) = response.content_length() {
        match expect.size {
            Some(wanted) if announced != wanted => return Err(wrong_size(announced, wanted)),
            Some(_) | None if announced > expect.limit => return Err(too_large()),
            Some(_) | None => {}
        }
    }
    let mut hasher = expect.hash.map(Hasher::new);
    let mut held = memory.hold();
    let mut body = BytesMut::new();
    let mut found: u64 = 0;
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error, host))? {
        found = found.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if found > expect.limit {
            return Err(too_large());
        }
        held.grow_to(body.len().saturating_add(chunk.len()))?;
        if let Some(hasher) = hasher.as_mut() {
            hasher.update(&chunk);
        }
        body.extend_from_slice(&chunk);
    }
    match expect.size {
        Some(wanted) if found != wanted => Err(wrong_size(found, wanted)),
        Some(_) | None => Ok((body.freeze(), hasher.map(Hasher::finish))),
    }
}

/// At most `characters` of what an answer that is no 200 says, from the first 16 KiB. Read to the end, a connection can
/// be used again.
pub(crate) async fn read_said(mut response: Response, characters: usize) -> Said {
    let mut body = BytesMut::new();
    while body.len() <= bounds::ERROR_BODY_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Said::parse(&body, characters),
            Err(_) => break,
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

/// The media type of an answer without its parameters; empty if there is none.
pub(crate) fn content_type(headers: &HeaderMap) -> String {
    headers
        .get(CONTENT_TYPE)
        .map(|value| text(value.as_bytes().split(|b| *b == b';').next().unwrap_or_default()).trim().to_owned())
        .unwrap_or_default()
}

/// A header's value, fit to print.
pub(crate) fn excerpt(value: &[u8]) -> Excerpt {
    Excerpt::of(text(value).trim())
}

fn text(value: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(value)
}
