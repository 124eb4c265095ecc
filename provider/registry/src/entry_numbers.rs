//! Numbers of an entry of the settings.

use std::num::NonZeroU32;
use std::time::Duration;

/// The numbers of an entry. Each applies to the requests about its repositories, beside the limits of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryNumbers {
    /// The timeout of one connection to its hosts, including TLS, in place of
    /// [`RegistrySettings::connect_timeout`](crate::RegistrySettings::connect_timeout).
    pub connect_timeout: Option<Duration>,
    /// The timeout of one request with its redirects and its whole response, in place of
    /// [`RegistrySettings::request_timeout`](crate::RegistrySettings::request_timeout).
    pub request_timeout: Option<Duration>,
    /// Maximum number of concurrent requests, at least 1.
    pub requests: Option<usize>,
    /// Maximum number of requests that begin in a second, after at most as many at once.
    pub per_second: Option<NonZeroU32>,
}
