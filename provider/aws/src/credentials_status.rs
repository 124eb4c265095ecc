//! The state of the credentials of the pod, for reports.

use std::time::SystemTime;

use crate::error::AwsError;

/// The credentials of the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsStatus {
    /// Those in use.
    pub current: CurrentCredentials,
    /// When they were last requested, and why there are none, if that failed.
    pub failed: Option<(SystemTime, AwsError)>,
}

/// The credentials that are valid now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurrentCredentials {
    /// There are none.
    None,
    /// They have no end.
    Endless,
    /// They are valid until then.
    Until(SystemTime),
}
