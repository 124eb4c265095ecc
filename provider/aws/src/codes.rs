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
