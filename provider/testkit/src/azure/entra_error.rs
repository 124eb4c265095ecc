//! Errors of Microsoft Entra: JSON with `error`, `error_description` (`AADSTS…`), `error_codes` and identifiers, as
//! [RFC 6749](https://www.rfc-editor.org/rfc/rfc6749#section-5.2) extended
//! [by Entra](https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes).

use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::azure::directory::FederationError;
use crate::azure::directory::SecretError;
use crate::registry::Reply;

/// The identifier of every request.
const ID: &str = "00000000-0000-4000-8000-000000000000";

/// An error of the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntraError {
    /// The HTTP status.
    pub status: u16,
    /// `invalid_client`, …
    pub error: &'static str,
    /// The number after `AADSTS`.
    pub code: u32,
    /// The text after it.
    pub text: String,
    retry_after: Option<String>,
}

impl EntraError {
    /// Any error.
    #[must_use]
    pub fn new(status: u16, error: &'static str, code: u32, text: &str) -> Self {
        Self { status, error, code, text: text.to_owned(), retry_after: None }
    }

    /// Adds `Retry-After`: seconds or an HTTP date.
    #[must_use]
    pub fn retry_after(mut self, value: &str) -> Self {
        self.retry_after = Some(value.to_owned());
        self
    }

    /// The tenant is unknown.
    #[must_use]
    pub fn unknown_tenant(tenant: &str) -> Self {
        let text = format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct \
             cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the \
             tenant."
        );
        Self::new(400, "invalid_request", 90002, &text)
    }

    /// The tenant has no such application.
    #[must_use]
    pub fn unknown_client(client: &str, tenant: &str) -> Self {
        let text = format!(
            "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the tenant. \
             You may have sent your authentication request to the wrong tenant."
        );
        Self::new(400, "unauthorized_client", 700_016, &text)
    }

    /// The tenant has no such resource ([report](https://github.com/Azure/azure-cli/issues/14948)).
    #[must_use]
    pub fn unknown_resource(resource: &str, tenant: &str) -> Self {
        let text = format!(
            "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the tenant. \
             You might have sent your authentication request to the wrong tenant."
        );
        Self::new(400, "invalid_resource", 500_011, &text)
    }

    /// The form of 2022 for a token that no federated credential matches, and of the first minutes after one was created
    /// ([report](https://github.com/Azure/azure-workload-identity/issues/616)).
    #[must_use]
    pub fn no_matching_credential(issuer: &str, subject: &str) -> Self {
        let text = format!(
            "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. Assertion \
             Subject: '{subject}'. Assertion Audience: 'api://AzureADTokenExchange'. \
             https://docs.microsoft.com/en-us/azure/active-directory/develop/workload-identity-federation"
        );
        Self::new(400, "invalid_request", 70021, &text)
    }

    /// The client assertion is refused ([400 and 401 are
    /// reported](https://github.com/microsoft/Agents/issues/202) for the same kind of error; this is the newer form).
    pub(crate) fn assertion(error: &FederationError, now: OffsetDateTime) -> Self {
        let no_match = |code, what: &str, found: &str| {
            let text = format!(
                "No matching federated identity record found for presented assertion {what} '{found}'. Check your federated \
                 identity credential Subject, Audience and Issuer against the presented assertion. \
                 https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
            );
            Self::new(401, "invalid_client", code, &text)
        };
        match error {
            FederationError::Malformed => {
                Self::new(400, "invalid_request", 50027, "JWT token is invalid or malformed.")
            }
            FederationError::Issuer(found) => no_match(700_211, "issuer", found),
            FederationError::Audience(found) => no_match(700_212, "audience", found),
            FederationError::Subject(found) => no_match(700_213, "subject", found),
            FederationError::Signature => {
                let text = "The certificate with identifier used to sign the client assertion is not registered on application.";
                Self::new(401, "invalid_client", 700_027, text)
            }
            FederationError::Time { start, end } => {
                let text = format!(
                    "Client assertion is not within its valid time range. Current time: {}, assertion valid from {}, expiry time \
                     of assertion {}. Review the documentation at \
                     https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
                    precise(now),
                    precise(at(*start)),
                    precise(at(*end)),
                );
                Self::new(401, "invalid_client", 700_024, &text)
            }
        }
    }

    /// The secret is refused ([reports](https://learn.microsoft.com/en-us/troubleshoot/entra/entra-id/app-integration/error-code-aadsts7000222-badrequest-or-invalidclientsecret)).
    pub(crate) fn secret(error: SecretError, client: &str) -> Self {
        let (code, text) = match error {
            SecretError::Unknown => (
                7_000_215,
                format!(
                    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the \
                     client secret ID, for a secret added to app '{client}'."
                ),
            ),
            SecretError::Expired => (
                7_000_222,
                format!(
                    "The provided client secret keys for app '{client}' are expired. Visit the Azure portal to create new keys."
                ),
            ),
        };
        Self::new(401, "invalid_client", code, &text)
    }

    /// Over the limit of requests: 429. Not verified: its body.
    #[must_use]
    pub fn throttled() -> Self {
        Self::new(429, "temporarily_unavailable", 90100, "The server is temporarily too busy to handle the request.")
    }

    /// A failure of the service: 503.
    #[must_use]
    pub fn unavailable() -> Self {
        let text = "A transient error has occurred. Please try again.";
        Self::new(503, "temporarily_unavailable", 90033, text)
    }

    /// The answer.
    #[must_use]
    pub fn reply(&self, now: OffsetDateTime) -> Reply {
        let Self { status, error, code, text, retry_after } = self;
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
        let timestamp = now.format(format).expect("every part is in a date with time");
        let body = json!({
            "error": error,
            "error_description":
                format!("AADSTS{code}: {text} Trace ID: {ID} Correlation ID: {ID} Timestamp: {timestamp}"),
            "error_codes": [code],
            "timestamp": timestamp,
            "trace_id": ID,
            "correlation_id": ID,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        });
        let reply = Reply::status(*status).header("content-type", "application/json; charset=utf-8");
        let reply = retry_after.iter().fold(reply, |reply, value| reply.header("retry-after", value));
        reply.body(body.to_string())
    }
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The time with seven decimals.
fn precise(time: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");
    time.format(format).expect("every part is in a date with time")
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn an_error_has_its_code_three_times() {
        let now = datetime!(2025-04-22 01:01:11 UTC);
        let body: serde_json::Value =
            serde_json::from_slice(&EntraError::new(400, "invalid_client", 7, "No.").reply(now).body).unwrap();
        assert_eq!(
            body,
            json!({
                "error": "invalid_client",
                "error_description": format!("AADSTS7: No. Trace ID: {ID} Correlation ID: {ID} Timestamp: 2025-04-22 01:01:11Z"),
                "error_codes": [7],
                "timestamp": "2025-04-22 01:01:11Z",
                "trace_id": ID,
                "correlation_id": ID,
                "error_uri": "https://login.microsoftonline.com/error?code=7",
            })
        );
    }

    #[test]
    fn an_ended_assertion_is_refused_with_three_times() {
        let now = datetime!(2026-01-01 00:00:00.5 UTC);
        let error = EntraError::assertion(&FederationError::Time { start: 0, end: 10 }, now);
        assert_eq!(
            error.text,
            "Client assertion is not within its valid time range. Current time: 2026-01-01T00:00:00.5000000Z, assertion valid \
             from 1970-01-01T00:00:00.0000000Z, expiry time of assertion 1970-01-01T00:00:10.0000000Z. Review the documentation \
             at https://learn.microsoft.com/entra/identity-platform/certificate-credentials ."
        );
    }
}
