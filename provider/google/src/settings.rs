//! The operator's settings.

use std::time::Duration;

use crate::metadata_server::MetadataServer;

/// See the section `google` of the configuration, which documents each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoogleSettings {
    /// The metadata server (`GCE_METADATA_HOST`).
    pub metadata_server: MetadataServer,
    /// For one connection.
    pub connect_timeout: Duration,
    /// For one attempt of a call.
    pub attempt_timeout: Duration,
}
