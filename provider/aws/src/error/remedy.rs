//! What to do about a failed call.

use countersign_core::codec::text::Text;
use countersign_http::FetchError;
use countersign_http::FetchErrorKind;

use super::Configured;
use super::EndpointRefused;
use super::Kind;
use super::Origin;
use super::Sent;
use super::late_cause::late_cause;
use super::operation::Operation;
use super::token_file::TokenFile;
use crate::refusal::Refusal;

const LATER: &str = "it is called again later; ask AWS for a higher quota if this continues";

pub(super) const AGAIN: &str = "it is called again with the next image";

/// What to check about the instance metadata service, which answers 403 if it is disabled, and whose answers to the request for a
/// token end at their hop limit ([options](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html)).
const METADATA: &str = "check that the instance metadata service of the node is enabled, that its hop limit is 2 or more (a pod is one hop \
                        further than the node), and that the node has a role";

/// Whether the request was for the instance metadata service.
fn is_metadata(operation: Operation, sent: Option<&Sent>) -> bool {
    operation == Operation::Credentials && sent.is_some_and(Sent::is_metadata)
}

/// What to check if no service is reached.
fn network(operation: Operation, sent: Option<&Sent>) -> String {
    let region = match operation {
        Operation::Credentials if is_metadata(operation, sent) => return METADATA.to_owned(),
        // EKS Pod Identity.
        Operation::Credentials if sent.is_some_and(|sent| !sent.has_action()) => {
            return "check the agent of EKS Pod Identity on the node, and the network policy".to_owned();
        }
        Operation::Credentials | Operation::AssumeRole => "aws.region, or AWS_REGION or AWS_DEFAULT_REGION of the pod",
        Operation::EcrToken => "that in the host of the registry",
        // Of one region.
        Operation::EcrPublicToken => return "check the network policy, the VPC endpoint and the proxy".to_owned(),
        Operation::SignerStatus => {
            "aws.signer.regions, or aws.region or AWS_REGION of the pod, or that in the ARN of the signing profile"
        }
    };
    format!("check the region ({region}), the network policy, the VPC endpoint and the proxy")
}

/// What to check if the answer is not that of the service.
fn of_service(endpoint: Option<&str>) -> String {
    let endpoint = endpoint.unwrap_or("the endpoint");
    format!("check that {endpoint} is that of the service, and the clock of the node")
}

/// What to check if no service is reached, and an operator wrote the endpoint.
fn network_of(setting: &str) -> String {
    format!("check {setting}, which names this endpoint, the network policy and the proxy")
}

/// What to do if a request has no response.
fn remedy_of_request(operation: Operation, sent: Option<&Sent>, endpoint: Option<&str>, error: &FetchError) -> String {
    if matches!(error, FetchError::Tls { .. }) {
        let endpoint = endpoint.unwrap_or("the endpoint");
        return format!("check {endpoint}, and the certificate authorities that are trusted for AWS");
    }
    let network = || endpoint.map_or_else(|| network(operation, sent), network_of);
    let text = match error.kind() {
        FetchErrorKind::Throttled => LATER,
        FetchErrorKind::Overloaded => AGAIN,
        FetchErrorKind::ResponseInvalid | FetchErrorKind::ContentMismatch | FetchErrorKind::RedirectRefused => {
            return of_service(endpoint);
        }
        FetchErrorKind::Timeout => match error.missing() {
            Some(missing) => late_cause(missing).advice(),
            None => return network(),
        },
        FetchErrorKind::NotAllowed | FetchErrorKind::Disabled | FetchErrorKind::Unreachable => return network(),
    };
    text.to_owned()
}

/// What to do if the file of the token cannot be used.
fn remedy_of_file(file: TokenFile) -> &'static str {
    match file {
        TokenFile::WebIdentity => {
            "check the volume with the token and its permissions: the webhook of EKS adds it to pods that start after their service \
             account has the annotation eks.amazonaws.com/role-arn"
        }
        TokenFile::Container => {
            "check the volume with the token and its permissions: EKS adds it to pods that start after their service account has \
             the EKS Pod Identity association"
        }
        TokenFile::Profile => {
            "correct web_identity_token_file of the profile, or check the volume with the token and its permissions"
        }
    }
}

/// What to do if the endpoint of credentials on the node refuses.
fn remedy_of_endpoint(status: u16) -> &'static str {
    match Refusal::of_endpoint(status) {
        Refusal::Throttled => LATER,
        Refusal::Failure => AGAIN,
        Refusal::Content => {
            "check that the service account has an EKS Pod Identity association, and the agent on the node"
        }
        Refusal::Permission
        | Refusal::Ended
        | Refusal::Token
        | Refusal::Clock
        | Refusal::Scope
        | Refusal::UnknownCredentials
        | Refusal::RegionDisabled
        | Refusal::Unclassified => {
            "check that the token of the service account is renewed (audience pods.eks.amazonaws.com), and that the role of its EKS \
             Pod Identity association trusts pods.eks.amazonaws.com (sts:AssumeRole and sts:TagSession)"
        }
    }
}

/// Whether the request was for the role of a profile: no other source of the pod's credentials assumes one with keys.
pub(super) fn is_of_profile(operation: Operation, sent: Option<&Sent>) -> bool {
    operation == Operation::Credentials && sent.is_some_and(|sent| sent.is_action("AssumeRole"))
}

/// What to do if a permission is missing.
fn remedy_of_permission(operation: Operation, sent: Option<&Sent>, configured: &Configured) -> String {
    let action = operation.iam_action();
    match operation {
        Operation::Credentials if is_of_profile(operation, sent) => {
            let role = sent.and_then(Sent::role).unwrap_or("of the profile");
            format!(
                "the role {role} of aws.profile must exist; allow {} of it to the source of its credentials in the profile \
                 (source_profile or credential_source), and trust that source in the role; if its trust policy requires an external \
                 identifier, set external_id of the profile",
                Operation::AssumeRole.iam_action()
            )
        }
        Operation::Credentials => {
            let role = sent.and_then(Sent::role).unwrap_or("of AWS_ROLE_ARN");
            format!(
                "the role {role} must exist, and its trust policy must name the OIDC provider of the cluster, the service account and \
                 its namespace"
            )
        }
        Operation::AssumeRole => {
            format!(
                "allow {action} to the role of the pod, and trust that role in the role that it assumes; if its trust policy requires \
                 an external identifier, set credentials.ecr.externalId"
            )
        }
        Operation::EcrToken | Operation::EcrPublicToken | Operation::SignerStatus => match &configured.role {
            Some(role) => format!("allow {action} to the role {role} (credentials.ecr.roleArn)"),
            None => format!("allow {action} to the role of the pod"),
        },
    }
}

/// What to do if the credentials of the request have ended, or the token with which they are asked for.
fn remedy_of_end(
    operation: Operation,
    sent: Option<&Sent>,
    configured: &Configured,
    origin: Option<Origin>,
) -> &'static str {
    const OF_STS: &str = "check the clock of the node, and that the token of the service account is renewed (audience sts.amazonaws.com)";
    if is_of_profile(operation, sent) {
        return "check the clock of the node, and replace the session of aws.profile with which its role is assumed";
    }
    if operation == Operation::Credentials {
        return OF_STS;
    }
    match origin {
        // Its session is requested with other credentials.
        _ if configured.role.is_some() => "check the clock of the node",
        Some(Origin::Environment) => {
            "check the clock of the node, and replace AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the environment: \
             they are not renewed"
        }
        Some(Origin::Sts) => OF_STS,
        Some(Origin::Container) => {
            "check the clock of the node, and that the token of the service account is renewed (audience pods.eks.amazonaws.com)"
        }
        Some(Origin::Profile) => "check the clock of the node, and replace the session of aws.profile if it has one",
        Some(Origin::InstanceMetadata) => "check the clock of the node, and the role of the node",
        Some(Origin::Other) | None => "check the clock of the node, and the source of the credentials",
    }
}

/// What to do if the content of the request is refused.
fn remedy_of_content(operation: Operation, sent: Option<&Sent>, code: &str) -> &'static str {
    match operation {
        Operation::Credentials if is_of_profile(operation, sent) => {
            "check role_arn, role_session_name and external_id of the profile of aws.profile"
        }
        Operation::Credentials => {
            "check the ARN of the role (AWS_ROLE_ARN, which EKS sets by the annotation eks.amazonaws.com/role-arn)"
        }
        Operation::AssumeRole => "check roleArn and externalId of the entry of registries",
        Operation::SignerStatus if code == "ValidationException" => {
            "check that aws.signer.regions names a region in the partition of the signature"
        }
        Operation::EcrToken | Operation::EcrPublicToken | Operation::SignerStatus => AGAIN,
    }
}

/// What to do if the endpoint has another region or service than requests are signed for.
fn remedy_of_scope(operation: Operation, endpoint: Option<&str>) -> String {
    let what = match operation {
        Operation::Credentials | Operation::AssumeRole => "check AWS_REGION, and AWS_ENDPOINT_URL_STS if it is set",
        Operation::EcrToken | Operation::EcrPublicToken => {
            "use the endpoint of the registry's region, or name the region of the endpoint in credentials.ecr.region"
        }
        Operation::SignerStatus => {
            "use the endpoint of the pod's region, or name the region of the endpoint in aws.signer.regions"
        }
    };
    format!("{} has another region than the request: {what}", endpoint.unwrap_or("the endpoint"))
}

/// What to do about a code without a meaning here, such as those of another service.
fn remedy_of_another_refusal(operation: Operation, endpoint: Option<&str>) -> String {
    let (setting, service) = match operation {
        Operation::Credentials | Operation::AssumeRole => return AGAIN.to_owned(),
        Operation::EcrToken => ("credentials.ecr.endpoint", "the API of Amazon ECR (api.ecr), and not of a registry"),
        Operation::EcrPublicToken => {
            ("credentials.ecr.endpoint", "the API of Amazon ECR Public (ecr-public), and not of a registry")
        }
        Operation::SignerStatus => ("aws.signer.endpoint", "AWS Signer (data-signer), and not of another service"),
    };
    match endpoint {
        Some(endpoint) => format!("check that {endpoint} is that of {service}"),
        None => format!("if {setting} is set, check that it is that of {service}"),
    }
}

/// What to do if no source has credentials.
fn remedy_of_no_credentials(operation: Operation, sent: Option<&Sent>, profile: Option<&Text>) -> String {
    // It is the last one.
    let metadata = if is_metadata(operation, sent) { format!("{METADATA}; or ") } else { String::new() };
    match profile {
        Some(profile) => format!(
            "{metadata}correct aws.profile, or add the profile {:?} with credentials to one of its files; without aws.profile, give the \
             pod a role: IRSA or an EKS Pod Identity association",
            profile.as_str()
        ),
        None => format!(
            "{metadata}give the pod a role: IRSA (annotation eks.amazonaws.com/role-arn of its service account) or an EKS Pod Identity \
             association"
        ),
    }
}

/// What to do.
pub(super) fn remedy(
    operation: Operation,
    kind: &Kind,
    sent: Option<&Sent>,
    configured: &Configured,
    origin: Option<Origin>,
) -> String {
    let endpoint = configured.endpoint.as_ref().map(Text::as_str);
    let (refusal, code) = match kind {
        Kind::Refused { refusal, code, .. } => (*refusal, code.as_str()),
        Kind::NoCredentials { profile, .. } => return remedy_of_no_credentials(operation, sent, profile.as_ref()),
        Kind::Source(problem) => return problem.remedy().to_owned(),
        Kind::TokenFile(error) => return remedy_of_file(error.file).to_owned(),
        Kind::Endpoint(EndpointRefused { status }) => return remedy_of_endpoint(*status).to_owned(),
        Kind::Credentials(_) => return AGAIN.to_owned(),
        Kind::Fetch(error) => return remedy_of_request(operation, sent, endpoint, error),
        Kind::Timeout => return endpoint.map_or_else(|| network(operation, sent), network_of),
        Kind::Answer(_) => return of_service(endpoint),
        Kind::Request(_) => return "report this, with the version".to_owned(),
        Kind::OtherPartition { .. } => {
            return "they are not sent to another partition, which does not know them: use a role of that partition, in a cluster there, \
                    or static keys; or remove the partition from aws.partitions"
                .to_owned();
        }
        Kind::Partition { .. } => return "add it to aws.partitions if its services may be called".to_owned(),
    };
    match refusal {
        Refusal::Permission | Refusal::Unclassified | Refusal::Content if is_metadata(operation, sent) => METADATA,
        Refusal::Permission => {
            return remedy_of_permission(operation, sent, configured);
        }
        Refusal::Throttled => LATER,
        Refusal::Failure => AGAIN,
        Refusal::Unclassified => return remedy_of_another_refusal(operation, endpoint),
        Refusal::Clock => "check the clock of the node, and the secret key if it is static",
        Refusal::Scope => return remedy_of_scope(operation, endpoint),
        Refusal::Ended => remedy_of_end(operation, sent, configured, origin),
        Refusal::Token => {
            "in IAM, the account of the role needs an OIDC provider for the issuer of the cluster, with the audience of the token \
             (sts.amazonaws.com)"
        }
        Refusal::UnknownCredentials | Refusal::RegionDisabled => {
            "the credentials are not known in this region: check the partition, and that the region is enabled for the account"
        }
        Refusal::Content => remedy_of_content(operation, sent, code),
    }
    .to_owned()
}
