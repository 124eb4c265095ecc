//! What to do about a failed call.

use countersign_http::FetchError;
use countersign_http::FetchErrorKind;

use super::Kind;
use crate::refusal::Refusal;

const AGAIN: &str = "it is called again with the next image";

const NETWORK: &str = "check that the pod runs on Google Cloud, and that its network policy allows the metadata server: on GKE 169.254.169.254 port 80, \
     and 169.254.169.252 port 988 without Dataplane V2; in the first seconds of a pod it may not answer yet";

const OTHER: &str = "check that the pod runs on Google Cloud, and that nothing answers in place of its metadata server (GCE_METADATA_HOST)";

/// What to do if a request has no response.
fn remedy_of_request(error: &FetchError) -> &'static str {
    match error.kind() {
        FetchErrorKind::Throttled | FetchErrorKind::Overloaded => AGAIN,
        FetchErrorKind::ResponseInvalid | FetchErrorKind::ContentMismatch | FetchErrorKind::RedirectRefused => OTHER,
        FetchErrorKind::NotAllowed
        | FetchErrorKind::Disabled
        | FetchErrorKind::Unreachable
        | FetchErrorKind::Timeout => NETWORK,
    }
}

/// What to do if the metadata server refuses.
fn remedy_of_refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Throttled | Refusal::Failure => AGAIN,
        Refusal::Binding => {
            "grant the role roles/iam.workloadIdentityUser on the service account that the annotation iam.gke.io/gcp-service-account \
             names to PROJECT.svc.id.goog[NAMESPACE/NAME], the service account of the pod; a new grant takes some minutes"
        }
        Refusal::Account => {
            "check the annotation iam.gke.io/gcp-service-account of the service account of the pod: it names no service account of \
             Google Cloud"
        }
        Refusal::NoAccount => {
            "enable workload identity (the cluster with --workload-pool=PROJECT.svc.id.goog, the node pool with \
             --workload-metadata=GKE_METADATA), or attach a service account to the node"
        }
        Refusal::Concealed => {
            "the metadata server is concealed from pods, or the node has no access scopes, or the request was forwarded to the server: enable \
             workload identity on the node pool (--workload-metadata=GKE_METADATA), which needs no access scopes"
        }
        Refusal::Unclassified => "check the service account of the pod; it is called again with the next image",
    }
}

/// What to do.
pub(super) fn remedy(kind: &Kind) -> &'static str {
    match kind {
        Kind::Fetch(error) => remedy_of_request(error),
        Kind::Refused { refusal, .. } => remedy_of_refusal(*refusal),
        Kind::NotGoogle { .. } | Kind::Answer(_) => OTHER,
    }
}
