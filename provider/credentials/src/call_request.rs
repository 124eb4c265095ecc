//! One request of a call of a service that issues credentials, for traces.

use std::time::Duration;

use crate::call_result::CallResult;

/// A request, as it may be shown: its path, query, headers and body are not here, as they may have secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The server, with its port unless that is 443.
    pub host: &'a str,
    /// The HTTP status; `None` without an answer.
    pub status: Option<u16>,
    /// The size of the body of the answer as far as it was read, in bytes.
    pub bytes: usize,
    /// How the request ended.
    pub result: Result<(), CallResult>,
    /// From the decision to send it to the answer, with the wait for a permit.
    pub elapsed: Duration,
}
