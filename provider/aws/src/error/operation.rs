//! Calls.

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Credentials of the pod: STS `AssumeRoleWithWebIdentity`, EKS Pod Identity, or another source.
    Credentials,
    /// STS `AssumeRole`, for a role of the configuration.
    AssumeRole,
    /// ECR `GetAuthorizationToken`.
    EcrToken,
    /// ECR Public `GetAuthorizationToken`.
    EcrPublicToken,
    /// AWS Signer `GetRevocationStatus`.
    SignerStatus,
}

impl Operation {
    /// The name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Credentials => "AWS credentials",
            Self::AssumeRole => "STS AssumeRole",
            Self::EcrToken => "ECR GetAuthorizationToken",
            Self::EcrPublicToken => "ECR Public GetAuthorizationToken",
            Self::SignerStatus => "AWS Signer GetRevocationStatus",
        }
    }

    /// The IAM action that the role needs.
    #[must_use]
    pub fn iam_action(self) -> &'static str {
        match self {
            Self::Credentials => "sts:AssumeRoleWithWebIdentity",
            Self::AssumeRole => "sts:AssumeRole",
            Self::EcrToken => "ecr:GetAuthorizationToken",
            Self::EcrPublicToken => "ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken",
            Self::SignerStatus => "signer:GetRevocationStatus",
        }
    }
}
