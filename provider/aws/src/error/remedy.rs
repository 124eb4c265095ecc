//! What to do about a failed call.

use countersign_http::FetchError;
use countersign_http::FetchErrorKind;

use super::Kind;
use super::operation::Operation;
use crate::codes::CLOCK;
use crate::codes::THROTTLED;

const LATER: &str = "it is called again later; ask AWS for a higher quota if this continues";

const AGAIN: &str = "it is called again with the next image";

const NETWORK: &str = "check the region, the network policy, the VPC endpoint and the proxy";

const ENDPOINT: &str = "check that the endpoint is that of the service, and the clock of the node";

/// What to do if a request has no response.
fn remedy_of_request(error: &FetchError) -> &'static str {
    if matches!(error, FetchError::Tls { .. }) {
        return "check the endpoint, and the certificate authorities that are trusted for AWS";
    }
    match error.kind() {
        FetchErrorKind::Throttled => LATER,
        FetchErrorKind::Overloaded => AGAIN,
        FetchErrorKind::ResponseInvalid | FetchErrorKind::ContentMismatch | FetchErrorKind::RedirectRefused => ENDPOINT,
        FetchErrorKind::NotAllowed
        | FetchErrorKind::Disabled
        | FetchErrorKind::Unreachable
        | FetchErrorKind::Timeout => NETWORK,
    }
}

/// What to do.
pub(super) fn remedy(operation: Operation, kind: &Kind) -> String {
    let action = operation.iam_action();
    let code = match kind {
        Kind::NoCredentials(_) => {
            return "give the pod a role: IRSA (annotation eks.amazonaws.com/role-arn of its service account) or an EKS Pod \
                    Identity association"
                .to_owned();
        }
        Kind::Credentials(text) => text.as_str(),
        Kind::Fetch(error) => return remedy_of_request(error).to_owned(),
        Kind::Timeout => return NETWORK.to_owned(),
        Kind::Refused { code, .. } => code.as_str(),
        Kind::Answer(_) => return ENDPOINT.to_owned(),
        Kind::Request(_) => return "report this, with the version".to_owned(),
        Kind::Partition { .. } => return "add it to aws.partitions if its services may be called".to_owned(),
    };
    let has = |codes: &[&str]| codes.iter().any(|name| code.contains(name));
    if has(&["AccessDenied", "NotAuthorized", "UnauthorizedOperation"]) {
        match operation {
            Operation::Credentials => {
                "the trust policy of the role must name the OIDC provider of the cluster, the service account and its namespace"
                    .to_owned()
            }
            Operation::AssumeRole => {
                format!("allow {action} to the role of the pod, and trust that role in the role that it assumes")
            }
            Operation::EcrToken | Operation::EcrPublicToken | Operation::SignerStatus => {
                format!("allow {action} to the role of the pod")
            }
        }
    } else if has(&THROTTLED) {
        LATER.to_owned()
    } else if has(&CLOCK) {
        "check the clock of the node, and the secret key if it is static".to_owned()
    } else if has(&["ExpiredToken", "InvalidIdentityToken"]) {
        "check the clock of the node, and that the token of the service account is renewed (audience sts.amazonaws.com)"
            .to_owned()
    } else if has(&["UnrecognizedClient", "InvalidClientTokenId", "RegionDisabled"]) {
        "the credentials are not known in this region: check the partition, and that the region is enabled for the account".to_owned()
    } else if has(&["ValidationException"]) {
        "check that aws.signer.regions names a region in the partition of the signature".to_owned()
    } else if has(&["HTTP credential provider"]) {
        "check that the service account has an EKS Pod Identity association, and the agent on the node".to_owned()
    } else {
        AGAIN.to_owned()
    }
}
