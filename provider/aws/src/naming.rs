//! The last request of a call, which its error names; what a request is for; and where its credentials come from.

use std::cell::Cell;
use std::cell::RefCell;
use std::future::Future;

use http::StatusCode;
use tokio::task::futures::TaskLocalFuture;
use url::Url;

use crate::error::Answered;
use crate::error::AwsError;
use crate::error::LastRequest;
use crate::error::Operation;
use crate::error::Origin;
use crate::error::Sent;
use crate::query_refusal::QueryRefusal;

tokio::task_local! {
    /// Of the call that runs in this task.
    static LAST: RefCell<LastRequest>;
    /// The call that runs in this task.
    static OPERATION: Operation;
    /// Where the credentials of the call that runs in this task come from.
    static ORIGIN: Cell<Option<Origin>>;
}

/// Runs a call, and names its last request in an error of this operation.
pub(crate) async fn naming_request<T>(
    operation: Operation,
    call: impl Future<Output = Result<T, AwsError>>,
) -> Result<T, AwsError> {
    naming(operation, call, |_| true).await
}

/// The same for a call whose messages are shown with the address of its service: only in an error that has nothing else of the request.
pub(crate) async fn naming_late_request<T>(
    operation: Operation,
    call: impl Future<Output = Result<T, AwsError>>,
) -> Result<T, AwsError> {
    naming(operation, call, AwsError::is_late_without_server).await
}

async fn naming<T>(
    operation: Operation,
    call: impl Future<Output = Result<T, AwsError>>,
    is_named: impl FnOnce(&AwsError) -> bool,
) -> Result<T, AwsError> {
    let named = |error: AwsError| {
        // That of the credentials of the call names its own.
        if error.operation() != operation {
            return error;
        }
        let error = error.with_origin(origin());
        if is_named(&error) { error.after(last().sent) } else { error }
    };
    let call = async { call.await.map_err(named) };
    LAST.scope(RefCell::default(), ORIGIN.scope(Cell::default(), call)).await
}

/// Runs the requests of a call.
pub(crate) fn calling<F: Future>(operation: Operation, call: F) -> TaskLocalFuture<Operation, F> {
    OPERATION.scope(operation, call)
}

/// The call that runs in this task.
pub(crate) fn operation() -> Option<Operation> {
    OPERATION.try_with(|operation| *operation).ok()
}

/// What a request of the call that runs in this task is for.
pub(crate) fn step(url: &Url, body: &[u8]) -> &'static str {
    let operation = operation().unwrap_or(Operation::Credentials);
    match operation {
        Operation::Credentials if Sent::of(url, body).is_action("AssumeRoleWithWebIdentity") => {
            "STS AssumeRoleWithWebIdentity"
        }
        Operation::Credentials => match url.host_str() {
            Some("169.254.170.23" | "[fd00:ec2::23]") => "credentials of EKS Pod Identity",
            Some("169.254.169.254" | "[fd00:ec2::254]") => "credentials of the instance metadata service",
            Some(_) | None => operation.name(),
        },
        Operation::AssumeRole | Operation::EcrToken | Operation::EcrPublicToken | Operation::SignerStatus => {
            operation.name()
        }
    }
}

/// The last request of the call that runs in this task.
pub(crate) fn last() -> LastRequest {
    LAST.try_with(|last| last.borrow().clone()).unwrap_or_default()
}

/// Notes a request of the call that runs in this task, if it is one that names its requests.
pub(crate) fn note(url: &Url, body: &[u8]) {
    let request = LastRequest { sent: Some(Sent::of(url, body)), answered: None };
    let _ = LAST.try_with(|last| last.replace(request));
}

/// Notes the answer to the last request.
pub(crate) fn note_answer(status: StatusCode, refusal: Option<QueryRefusal>) {
    let answered = Some(Answered { status: status.as_u16(), refusal });
    let _ = LAST.try_with(|last| last.borrow_mut().answered = answered);
}

/// Where the credentials come from that the call in this task found last; `None` if there are none yet.
pub(crate) fn origin() -> Option<Origin> {
    ORIGIN.try_with(Cell::get).unwrap_or_default()
}

/// Notes where credentials of the call that runs in this task come from.
pub(crate) fn note_origin(origin: Origin) {
    let _ = ORIGIN.try_with(|own| own.set(Some(origin)));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::error::Kind;

    use super::*;

    #[tokio::test]
    async fn only_an_error_without_a_server_names_it_if_the_address_is_shown_anyway() {
        let failed = async |kind| {
            let call = async {
                note(&Url::parse("https://data-signer.eu-west-1.amazonaws.com/x").unwrap(), b"");
                Err::<(), _>(AwsError::new(Operation::SignerStatus, kind))
            };
            let error = naming_late_request(Operation::SignerStatus, call).await.unwrap_err().to_string();
            error.split(": ").take(2).collect::<Vec<_>>().join(": ")
        };
        assert!(
            failed(Kind::Timeout).await.starts_with(
                "AWS Signer GetRevocationStatus failed at data-signer.eu-west-1.amazonaws.com: there was no answer in time; "
            )
        );
        let refused = Kind::refused(403, Some("AccessDeniedException".into()), None);
        assert!(failed(refused).await.starts_with("AWS Signer GetRevocationStatus failed: found status 403 "));
    }

    #[tokio::test]
    async fn a_request_is_for_the_action_of_its_call_or_for_the_credentials_of_the_pod() {
        let of = async |operation, url: &str, body: &'static str| {
            let url = Url::parse(url).unwrap();
            calling(operation, async { step(&url, body.as_bytes()) }).await
        };
        let sts = "https://sts.eu-west-1.amazonaws.com/";
        for (operation, url, body, expected) in [
            (Operation::Credentials, sts, "Action=AssumeRoleWithWebIdentity&x=y", "STS AssumeRoleWithWebIdentity"),
            (Operation::Credentials, sts, "Action=Other", "AWS credentials"),
            (Operation::Credentials, "http://169.254.170.23/v1/credentials", "", "credentials of EKS Pod Identity"),
            (Operation::Credentials, "http://[fd00:ec2::23]/v1/credentials", "", "credentials of EKS Pod Identity"),
            (
                Operation::Credentials,
                "http://169.254.169.254/latest/api/token",
                "",
                "credentials of the instance metadata service",
            ),
            (Operation::AssumeRole, sts, "Action=AssumeRole&x=y", "STS AssumeRole"),
            (Operation::EcrToken, "https://api.ecr.eu-west-1.amazonaws.com/", "{}", "ECR GetAuthorizationToken"),
            (
                Operation::SignerStatus,
                "https://data-signer.eu-west-1.amazonaws.com/",
                "",
                "AWS Signer GetRevocationStatus",
            ),
        ] {
            assert_eq!(of(operation, url, body).await, expected, "{url}");
        }
    }
}
