//! The form of a request to STS.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::aws::service_error::ServiceError;
use crate::registry::RecordedRequest;
use crate::registry::form_pairs;

/// The version of the API.
const VERSION: &str = "2011-06-15";

/// A decoded form.
#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

/// The error of a request that is no action of the API.
pub(super) fn invalid_action(found: &str) -> ServiceError {
    let message = format!("Could not find operation {found} for version {VERSION}");
    ServiceError::new(400, "InvalidAction", &message)
}

fn invalid(name: &str, found: &str, expected: &str) -> ServiceError {
    let message = format!(
        "1 validation error detected: Value {found:?} at '{name}' failed to satisfy constraint: expected {expected}"
    );
    ServiceError::new(400, "ValidationError", &message)
}

impl Form {
    pub(super) fn parse(request: &RecordedRequest) -> Result<Self, ServiceError> {
        let content_type = request.header("content-type").unwrap_or_default();
        if !content_type.starts_with("application/x-www-form-urlencoded") {
            return Err(invalid("Content-Type", content_type, "application/x-www-form-urlencoded"));
        }
        let form = Self(form_pairs(&String::from_utf8_lossy(&request.body)));
        match form.value("Version") {
            Some(VERSION) => Ok(form),
            found => Err(invalid("Version", found.unwrap_or_default(), VERSION)),
        }
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn action(&self) -> &str {
        self.value("Action").unwrap_or_default()
    }

    pub(super) fn optional(&self, name: &str, characters: RangeInclusive<usize>) -> Result<Option<&str>, ServiceError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        if characters.contains(&value.chars().count()) {
            Ok(Some(value))
        } else {
            let expected = format!("{} to {} characters", characters.start(), characters.end());
            Err(invalid(name, value, &expected))
        }
    }

    pub(super) fn required(&self, name: &str, characters: RangeInclusive<usize>) -> Result<&str, ServiceError> {
        self.optional(name, characters)?.ok_or_else(|| invalid(name, "", "a value"))
    }

    /// The ARN of the role.
    pub(super) fn role(&self) -> Result<&str, ServiceError> {
        let role = self.required("RoleArn", 20..=2048)?;
        let is_role = role.starts_with("arn:") && role.contains(":iam::") && role.contains(":role/");
        if is_role { Ok(role) } else { Err(invalid("RoleArn", role, "arn:PARTITION:iam::ACCOUNT:role/NAME")) }
    }

    /// The name of the session: 2 to 64 of `[\w+=,.@-]`.
    pub(super) fn session(&self) -> Result<&str, ServiceError> {
        let session = self.required("RoleSessionName", 2..=64)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
        if session.bytes().all(allowed) {
            Ok(session)
        } else {
            Err(invalid("RoleSessionName", session, r"the pattern [\w+=,.@-]*"))
        }
    }

    /// The requested duration: 900 to 43 200 seconds, an hour by default.
    pub(super) fn duration(&self) -> Result<Duration, ServiceError> {
        let Some(text) = self.value("DurationSeconds") else { return Ok(Duration::from_secs(3600)) };
        let seconds = text.parse().ok().filter(|seconds| (900..=43_200).contains(seconds));
        seconds.map(Duration::from_secs).ok_or_else(|| invalid("DurationSeconds", text, "900 to 43200"))
    }
}
