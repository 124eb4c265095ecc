//! What an operator corrects in a source of credentials.

use std::fmt;

use countersign_core::codec::text::Text;

use super::remedy::AGAIN;

/// Where credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Variables of the environment.
    Environment,
    /// STS, for a web identity or a role.
    Sts,
    /// The endpoint of credentials on the node.
    Container,
    /// `aws.profile`.
    Profile,
    /// The instance metadata service.
    InstanceMetadata,
    /// Another source.
    Other,
}

/// A part of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The access key identifier.
    KeyId,
    /// The secret access key.
    Secret,
    /// The session token.
    SessionToken,
}

/// Why a source of credentials cannot be used. Never has a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SourceProblem {
    /// A part of the credentials cannot be sent.
    #[error("{}: found {found}, expected {}", Named(*origin, *part), part.expected())]
    Credential {
        /// Where it comes from.
        origin: Origin,
        /// The part.
        part: Part,
        /// What is wrong, without the value.
        found: &'static str,
    },
    /// A part of the keys of a profile that `aws.profile` leads to, with which a role is assumed, cannot be sent.
    #[error("{} of the profile {profile:?}, a source_profile of aws.profile: found {found}, expected {}", part.name(), part.expected())]
    SourceProfile {
        /// The name of the profile.
        profile: Text,
        /// The part.
        part: Part,
        /// What is wrong, without the value.
        found: &'static str,
    },
    /// A variable for the endpoint of credentials on the node.
    #[error("the environment variable {variable}: found {found}, expected {expected}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// What is wrong, without the value.
        found: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// The role of a web identity is not the ARN of a role.
    #[error("the environment variable AWS_ROLE_ARN: {0}")]
    Role(Text),
    /// STS is called in a region.
    #[error("found no region, expected that of the pod")]
    NoRegion,
    /// The profile has a source of credentials that is not built in.
    #[error(
        "aws.profile: found the profile {0}, which needs SSO, a login session or a process, expected one with keys, or with a role and \
         a source of keys"
    )]
    ProfileUnsupported(Text),
    /// The profile takes the credentials of the node, which the settings exclude.
    #[error(
        "aws.profile: found the profile {0}, which leads to credential_source = Ec2InstanceMetadata, expected another source as \
         aws.instanceMetadata is false"
    )]
    ProfileMetadata(Text),
    /// The endpoint of a source is without TLS, and its server is neither on loopback nor a service of the node.
    #[error(
        "found the endpoint http://{0}, expected https://: only loopback addresses and the services of the node may be without TLS"
    )]
    PlainHttp(Text),
}

/// The profile of `aws.profile` has no credentials, so that the next source is used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found no credentials of the profile {profile:?} of aws.profile in {files}")]
pub(crate) struct MissingProfile {
    /// Its name.
    pub(crate) profile: Text,
    /// The files in which it was looked for.
    pub(crate) files: Text,
}

/// A part of credentials, by the name that an operator knows.
struct Named(Origin, Part);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(origin, part) = self;
        let from = match origin {
            Origin::Environment => return write!(f, "the environment variable {}", part.variable()),
            Origin::Sts => " in the answer of STS",
            Origin::Container => " in the answer of the agent on the node",
            Origin::Profile => " of aws.profile",
            Origin::InstanceMetadata => " in the answer of the instance metadata service",
            Origin::Other => "",
        };
        write!(f, "{}{from}", part.name())
    }
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::KeyId => "the access key identifier",
            Self::Secret => "the secret access key",
            Self::SessionToken => "the session token",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Self::KeyId => "AWS_ACCESS_KEY_ID",
            Self::Secret => "AWS_SECRET_ACCESS_KEY",
            Self::SessionToken => "AWS_SESSION_TOKEN",
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::KeyId => "1 to 128 letters, digits or underscores",
            Self::Secret | Self::SessionToken => "visible ASCII characters",
        }
    }
}

impl SourceProblem {
    /// The variable, file or setting to correct; `None` if it is an answer of a service.
    pub(crate) fn subject(&self) -> Option<String> {
        let subject = match self {
            Self::Credential { origin: Origin::Environment, part, .. } => {
                format!("the environment variable {}", part.variable())
            }
            Self::Credential { origin: Origin::Profile, part, .. } => format!("{} of aws.profile", part.name()),
            Self::Credential {
                origin: Origin::Sts | Origin::Container | Origin::InstanceMetadata | Origin::Other,
                ..
            } => return None,
            Self::SourceProfile { profile, part, .. } => {
                format!("{} of the profile {:?}", part.name(), profile.as_str())
            }
            Self::Variable { variable, .. } => format!("the environment variable {variable}"),
            Self::Role(_) => "the environment variable AWS_ROLE_ARN".to_owned(),
            Self::NoRegion => "aws.region or the environment variable AWS_REGION".to_owned(),
            Self::ProfileUnsupported(_) | Self::ProfileMetadata(_) => "aws.profile".to_owned(),
            Self::PlainHttp(_) => "the endpoint of the credentials".to_owned(),
        };
        Some(subject)
    }

    /// What to do.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Credential { origin: Origin::Environment, .. } => {
                "correct the variable, or the Secret that it comes from: a line break at its end, for example"
            }
            Self::Credential { origin: Origin::Profile, .. } | Self::SourceProfile { .. } => "correct the file",
            Self::Credential {
                origin: Origin::Sts | Origin::Container | Origin::InstanceMetadata | Origin::Other,
                ..
            } => AGAIN,
            Self::Variable { .. } => "correct the variable; EKS Pod Identity sets it",
            Self::Role(_) => {
                "correct the annotation eks.amazonaws.com/role-arn of the service account, from which EKS sets the variable, and \
                 restart the pod"
            }
            Self::NoRegion => "set aws.region or the environment variable AWS_REGION, which EKS sets",
            Self::ProfileUnsupported(_) => {
                "use another profile; or export the credentials, for example with `aws configure export-credentials --format env`"
            }
            Self::ProfileMetadata(_) => {
                "use another profile; or set aws.instanceMetadata to true, if the pod may have the credentials of the node"
            }
            Self::PlainHttp(_) => {
                "correct endpoint_url of the profile of aws.profile, or the variable of the endpoint \
                 (AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_ENDPOINT_URL_STS)"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::AwsError;
    use super::super::Kind;
    use super::super::Operation;
    use super::super::TokenFile;
    use super::super::TokenFileError;
    use super::super::TokenFileProblem;
    use super::*;

    #[test]
    fn what_the_pod_lacks_names_the_variable_the_setting_or_the_file_to_correct() {
        let (found, expected) = ("a line break", "none");
        let part = Part::Secret;
        for (problem, subject) in [
            (
                SourceProblem::Credential { origin: Origin::Environment, part, found },
                Some("the environment variable AWS_SECRET_ACCESS_KEY"),
            ),
            (
                SourceProblem::Credential { origin: Origin::Profile, part, found },
                Some("the secret access key of aws.profile"),
            ),
            // The answer of a service.
            (SourceProblem::Credential { origin: Origin::Sts, part, found }, None),
            (
                SourceProblem::SourceProfile { profile: "base".into(), part, found },
                Some("the secret access key of the profile \"base\""),
            ),
            (
                SourceProblem::Variable { variable: "AWS_CONTAINER_CREDENTIALS_FULL_URI", found, expected },
                Some("the environment variable AWS_CONTAINER_CREDENTIALS_FULL_URI"),
            ),
            (SourceProblem::Role("found x".into()), Some("the environment variable AWS_ROLE_ARN")),
            (SourceProblem::NoRegion, Some("aws.region or the environment variable AWS_REGION")),
            (SourceProblem::ProfileUnsupported("shop".into()), Some("aws.profile")),
            (SourceProblem::ProfileMetadata("shop".into()), Some("aws.profile")),
        ] {
            let error = AwsError::new(Operation::Credentials, Kind::Source(problem.clone()));
            assert_eq!(error.local_subject().as_ref().map(Text::as_str), subject, "{problem:?}");
        }
        let file = |file| {
            let (path, problem) = (Text::of("/var/run/token"), TokenFileProblem::Empty);
            let kind = Kind::TokenFile(TokenFileError { file, path, problem });
            AwsError::new(Operation::Credentials, kind).local_subject().unwrap_or_default().to_string()
        };
        assert_eq!(file(TokenFile::WebIdentity), "the file /var/run/token of AWS_WEB_IDENTITY_TOKEN_FILE");
        assert_eq!(file(TokenFile::Container), "the file /var/run/token of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        assert_eq!(file(TokenFile::Profile), "the file /var/run/token of web_identity_token_file of aws.profile");
        let none = Kind::NoCredentials { text: Text::default(), profile: None };
        assert_eq!(AwsError::new(Operation::Credentials, none).local_subject(), None);
    }
}
