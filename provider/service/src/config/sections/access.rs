//! Section `registryAccess`.

use std::time::Duration;

use super::HOUR;
use super::MINUTE;
use super::SECOND;
use super::ms;
use super::seconds;
use crate::config::schema::Number;
use crate::config::schema::Time;
use crate::config::schema::section;

section! {
    /// Section `registryAccess`.
    pub RegistryAccess {
        /// For one connection.
        connect_timeout "connectTimeout": Duration = Time::of(SECOND, ms(50), MINUTE);
        /// For one request with its response. A response that does not begin within half of the time that its callers wait, or four times what
        /// the registry usually takes if that is longer, is asked for once more over a new connection.
        request_timeout "requestTimeout": Duration = Time::of(seconds(5), ms(50), MINUTE);
        /// Requests at the same time to one registry host. A host that no entry names has a quarter of it. So many idle
        /// connections to a host are kept.
        max_requests_per_host "maxRequestsPerHost": usize = Number::of(32, 1, 1024);
        /// Requests at the same time to all registries. All hosts behind one pattern have half of it, all hosts that no entry
        /// names a quarter; and no host takes more than it leaves free.
        max_requests "maxRequests": usize = Number::of(128, 1, 65_536);
        /// So long after the last request to a registry with an entry, a connection to it is kept open for the next image, by a HEAD without
        /// credentials each half minute. With 0s idle connections are closed after a minute, or before by the registry. Not for entries with
        /// requestsPerSecond.
        keep_connections "keepConnections": Duration = Time::of(seconds(600), Duration::ZERO, HOUR);
    }
}
