//! The configuration and the trust policy of the chapter, and the environments of its pod.

use std::path::Path;

use anyhow::bail;
use serde_json::Value;
use serde_json::json;

use super::network::ACCOUNT;
use super::network::FOREIGN_REGISTRY;
use super::network::OTHER_REGISTRY;
use super::network::PARTNER_REGISTRY;
use super::network::PUBLIC_REGISTRY;
use super::network::REGION;
use super::network::REGISTRY;

/// How long the answer of AWS Signer is used that nothing is revoked: the shortest that can be configured.
pub(super) const GOOD_LIFETIME: &str = "10s";

/// The trust store with the root of the doubles' AWS Signer, named as AWS's installer does.
pub(super) const STORE: &str = "aws-signer-ts";

/// The files of a pod with IRSA and EKS Pod Identity.
pub(super) const WEB_IDENTITY_TOKEN: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";
pub(super) const POD_IDENTITY_TOKEN: &str =
    "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token";

/// The namespace and the name of the service account, and the issuer of its tokens.
pub(super) const NAMESPACE: &str = "countersign";
pub(super) const SERVICE_ACCOUNT: &str = "countersign";
pub(super) const ISSUER: &str = "https://oidc.eks.eu-west-1.amazonaws.com/id/0A1B2C3D";

/// The role of the pod with EKS Pod Identity.
pub(super) const ROLE: &str = "arn:aws:iam::111122223333:role/countersign";
/// The role of the pod with IRSA.
pub(super) const IRSA_ROLE: &str = "arn:aws:iam::111122223333:role/countersign-irsa";
/// The role of the other account that may pull its images.
pub(super) const PARTNER_ROLE: &str = "arn:aws:iam::444455556666:role/countersign-pull";
pub(super) const EXTERNAL_ID: &str = "shop";

/// A version of the profile of the account's pipeline.
pub(super) const PROFILE: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/ci";
pub(super) const PROFILE_VERSION: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/ci/abcDEF1234";
pub(super) const OTHER_REGION_PROFILE: &str = "arn:aws:signer:us-east-1:111122223333:/signing-profiles/ci";
pub(super) const PARTNER_PROFILE: &str = "arn:aws:signer:eu-west-1:444455556666:/signing-profiles/ci";
pub(super) const ALIAS: &str = "arn:aws:signer:::/aliases/com.example.release";
pub(super) const PINNED_VERSION: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/pinned/abcDEF1234";

/// How the pod gets its credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// IAM roles for service accounts.
    Irsa,
    PodIdentity,
}

impl Identity {
    /// The role of the pod.
    pub(super) fn role(self) -> &'static str {
        match self {
            Self::Irsa => IRSA_ROLE,
            Self::PodIdentity => ROLE,
        }
    }

    /// The environment variables that EKS adds to the pod.
    pub(super) fn variables(self) -> Vec<(&'static str, String)> {
        let text = |text: &str| text.to_owned();
        let mut variables = vec![
            ("AWS_REGION", text(REGION)),
            ("AWS_DEFAULT_REGION", text(REGION)),
            ("AWS_STS_REGIONAL_ENDPOINTS", text("regional")),
        ];
        variables.extend(match self {
            Self::Irsa => {
                [("AWS_ROLE_ARN", text(self.role())), ("AWS_WEB_IDENTITY_TOKEN_FILE", text(WEB_IDENTITY_TOKEN))]
            }
            Self::PodIdentity => [
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", text("http://169.254.170.23/v1/credentials")),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", text(POD_IDENTITY_TOKEN)),
            ],
        });
        variables
    }
}

/// What EKS does for a service account: the annotation of IRSA, otherwise its association for EKS Pod Identity.
pub(super) fn identity(account: &Value) -> anyhow::Result<Identity> {
    match account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].as_str() {
        None => Ok(Identity::PodIdentity),
        Some(role) if role == Identity::Irsa.role() => Ok(Identity::Irsa),
        Some(role) => bail!("found the role {role} in the annotation, expected {}", Identity::Irsa.role()),
    }
}

/// The sections of the configuration about AWS and registries. `ca` is the authority of the doubles.
pub(super) fn aws(ca: &Path) -> Value {
    let ecr = |host: &str| json!({ "host": host, "credentials": { "ecr": {} }, "ca": ca });
    let mut other = ecr(OTHER_REGISTRY);
    // Its signatures of before Amazon ECR listed referrers are found too.
    other["fallbackTag"] = json!("always");
    let partner = json!({ "ecr": { "roleArn": PARTNER_ROLE, "externalId": EXTERNAL_ID } });
    json!({
        "aws": { "ca": ca, "signer": { "enabled": true, "goodLifetime": GOOD_LIFETIME } },
        "registries": [
            ecr(REGISTRY),
            other,
            { "host": PARTNER_REGISTRY, "credentials": partner, "ca": ca },
            ecr(PUBLIC_REGISTRY),
        ],
        "unlistedRegistries": "anonymous",
    })
}

/// A statement for these repositories.
fn statement(name: &str, scopes: &[String], verification: Value, identities: &[&str]) -> Value {
    json!({
        "name": name,
        "registryScopes": scopes,
        "signatureVerification": verification,
        "trustStores": [format!("signingAuthority:{STORE}")],
        "trustedIdentities": identities,
    })
}

/// The repository of an environment.
pub(super) fn environment(name: &str) -> String {
    format!("{name}/shop")
}

/// The trust policy. Each environment has a level; other statements have one property each.
pub(super) fn trust_policy() -> Value {
    let here = |repository: &str| vec![format!("{REGISTRY}/{repository}")];
    let level = |level: &str| json!({ "level": level });
    let ci = &[PROFILE][..];
    let shop = [REGISTRY, OTHER_REGISTRY, PUBLIC_REGISTRY, FOREIGN_REGISTRY].map(|host| format!("{host}/shop/app"));
    json!({ "version": "1.0", "trustPolicies": [
        statement("production", &here(&environment("production")), level("strict"), ci),
        statement("staging", &here(&environment("staging")), level("permissive"), ci),
        statement("development", &here(&environment("development")), level("audit"), ci),
        statement("shop", &shop, level("strict"), &[PROFILE, PARTNER_PROFILE_OF_SHOP]),
        statement("regions", &here("shop/regions"), level("strict"), &[OTHER_REGION_PROFILE]),
        statement("alias", &here("shop/alias"), level("strict"), &[ALIAS]),
        statement("pinned", &here("shop/pinned"), level("strict"), &[PINNED_VERSION]),
        statement("partner", &[format!("{PARTNER_REGISTRY}/partner/app")], level("strict"), &[PARTNER_PROFILE]),
        statement("logged", &here("shop/logged"), json!({ "level": "strict", "override": { "revocation": "log" } }), ci),
        statement("without-signer", &here("shop/without-signer"),
            json!({ "level": "strict", "override": { "revocation": "skip" } }), ci),
    ] })
}

/// The profile of a job: any UUID.
pub(super) fn job(number: usize) -> String {
    format!("arn:aws:signer:{REGION}:{ACCOUNT}:/signing-jobs/00000000-0000-4000-8000-{number:012}")
}

/// A second identity of the statement `shop`, which has the same form and another account.
const PARTNER_PROFILE_OF_SHOP: &str = "arn:aws:signer:eu-west-1:444455556666:/signing-profiles/release";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::network::OTHER_ACCOUNT;
    use super::*;

    #[test]
    fn the_identities_are_those_of_the_accounts() {
        assert!(PROFILE.contains(ACCOUNT) && PROFILE_VERSION.starts_with(PROFILE) && ROLE.contains(ACCOUNT));
        assert!(PARTNER_PROFILE.contains(OTHER_ACCOUNT) && PARTNER_ROLE.contains(OTHER_ACCOUNT));
    }

    #[test]
    fn the_annotation_of_the_service_account_is_the_role_of_irsa() {
        let account = |annotations: Value| json!({ "metadata": { "annotations": annotations } });
        assert_eq!(identity(&account(json!({}))).unwrap(), Identity::PodIdentity);
        let role = |role: &str| account(json!({ "eks.amazonaws.com/role-arn": role }));
        assert_eq!(identity(&role("arn:aws:iam::111122223333:role/countersign-irsa")).unwrap(), Identity::Irsa);
        assert_eq!(
            identity(&role("arn:aws:iam::1:role/x")).unwrap_err().to_string(),
            "found the role arn:aws:iam::1:role/x in the annotation, expected arn:aws:iam::111122223333:role/countersign-irsa"
        );
    }
}
