//! Codes of errors of AWS.

/// Codes of throttling beside the status 429 ([common errors](https://docs.aws.amazon.com/signer/latest/api/CommonErrors.html)).
pub(crate) const THROTTLED: [&str; 6] = [
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
];

/// Codes of credentials that have ended or are unknown.
pub(crate) const REFUSED: [&str; 4] =
    ["ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId"];

/// Codes of a clock that is wrong.
pub(crate) const CLOCK: [&str; 4] =
    ["RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired"];

/// Codes of requests whose content is refused.
pub(crate) const CONTENT: [&str; 3] = ["ValidationException", "ResourceNotFoundException", "NotFoundException"];
