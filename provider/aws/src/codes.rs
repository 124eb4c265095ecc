//! Codes of throttling.

/// Codes of throttling beside the status 429 ([common errors](https://docs.aws.amazon.com/signer/latest/api/CommonErrors.html)).
pub(crate) const THROTTLED: [&str; 6] = [
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
];

/// Whether a service refuses a call because of the number of calls, by the status, the header `x-amzn-errortype` and the body of
/// its answer.
pub(crate) fn is_throttled(status: u16, error_type: &str, body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body);
    let names_it = || THROTTLED.iter().any(|name| error_type.contains(name) || body.contains(name));
    status == 429 || (status == 400 && names_it())
}
