//! Requests as `inspect --trace` shows them.

use std::fmt;
use std::time::Duration;

/// A request that is not one of the registry client, as it may be shown: its query, headers and body are not here, as they may have
/// secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TracedRequest<'a> {
    /// What it is for: `ocsp`, `crl`, `trust-store`, or the label of the call of a cloud in the metrics.
    pub stage: &'static str,
    /// The method.
    pub method: &'a str,
    /// The server, with its port unless that is the one of the scheme.
    pub host: &'a str,
    /// Of an address in a certificate; `None` where a path can have a secret.
    pub path: Option<&'a str>,
    /// The HTTP status; `None` without an answer.
    pub status: Option<u16>,
    /// The size of the body of the answer as far as it was read, in bytes.
    pub bytes: usize,
    /// How the request ended: `ok`, or the label of the result in the metrics.
    pub result: &'static str,
    /// From the decision to send it to the answer, with the waits for a permit and for other attempts.
    pub elapsed: Duration,
}

/// Shows requests.
pub trait RequestTrace: fmt::Debug + Send + Sync + 'static {
    /// A request was answered, or has failed. Must be fast.
    fn requested(&self, request: &TracedRequest<'_>);
}
