//! A call.

use countersign_http::Payload;
use http::HeaderValue;
use url::Url;

use crate::destination::Destination;

/// A call.
#[derive(Debug)]
pub struct Call<'a, O> {
    /// Which one.
    pub operation: O,
    /// Its address.
    pub url: &'a Url,
    /// Where that is.
    pub destination: Destination,
    /// The request.
    pub payload: Payload,
    /// The token, for the host of `url`.
    pub authorization: Option<&'a HeaderValue>,
}
