//! Why the metadata server refuses a call, by its status and its text. It has no codes.

/// What a refusal is about, which decides what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The number of calls.
    Throttled,
    /// A failure of the service: it ends by itself.
    Failure,
    /// The service account of the pod may not act as the one of Google that its annotation names.
    Binding,
    /// The service account of Google that the annotation names does not exist.
    Account,
    /// Neither the node nor the pod has a service account.
    NoAccount,
    /// The metadata server answers, and issues no token to this caller: it is concealed, or the node has no access scopes.
    Concealed,
    /// A text without a meaning here.
    Unclassified,
}

impl Refusal {
    /// The refusal with this status and text
    /// ([causes](https://cloud.google.com/kubernetes-engine/docs/troubleshooting/authentication)).
    pub(crate) fn of(status: u16, text: &str) -> Self {
        match status {
            429 => Self::Throttled,
            408 | 500.. => Self::Failure,
            403 if text.contains("IAM returned 403") || text.contains("getAccessToken") => Self::Binding,
            // The account was deleted, or its name has a mistake.
            403 | 404 if text.contains("IAM returned 404") || text.contains("Gaia id not found") => Self::Account,
            403 => Self::Concealed,
            404 => Self::NoAccount,
            _ => Self::Unclassified,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_and_text_has_its_meaning() {
        for (status, text, meaning) in [
            (403, "Unable to generate access token; IAM returned 403 Forbidden: Permission", Refusal::Binding),
            (403, "Permission 'iam.serviceAccounts.getAccessToken' denied on resource", Refusal::Binding),
            (404, "Unable to generate access token; IAM returned 404 Not Found: Not found", Refusal::Account),
            (403, "Gaia id not found for email countersign@shop", Refusal::Account),
            (404, "<!DOCTYPE html>", Refusal::NoAccount),
            (403, "Request with X-Forwarded-For header is forbidden", Refusal::Concealed),
            (403, "", Refusal::Concealed),
            (429, "", Refusal::Throttled),
            (408, "", Refusal::Failure),
            (500, "IAM returned 403", Refusal::Failure),
            (503, "", Refusal::Failure),
            (400, "IAM returned 403", Refusal::Unclassified),
            (401, "", Refusal::Unclassified),
        ] {
            assert_eq!(Refusal::of(status, text), meaning, "{status} {text}");
        }
    }
}
