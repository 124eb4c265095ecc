//! The JSON in which the agents of a node return credentials.

use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::aws::access_keys::AccessKey;

/// `AccessKeyId`, `SecretAccessKey`, `Token`, `Expiration`.
pub(super) fn credentials(key: &AccessKey) -> Value {
    json!({
        "AccessKeyId": key.id,
        "SecretAccessKey": key.secret,
        "Token": key.session_token,
        "Expiration": key.expires_at.map(text),
    })
}

/// A time of RFC 3339.
pub(super) fn text(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).expect("a year of four digits")
}
