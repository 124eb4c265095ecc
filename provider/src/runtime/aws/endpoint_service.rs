//! The service that the name of an endpoint of AWS is for.

use countersign_core::name::AwsRegion;
use countersign_http::Endpoint;

/// The service that requests are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// STS.
    Sts,
    /// The API of Amazon ECR.
    Ecr,
    /// The API of Amazon ECR Public.
    EcrPublic,
    /// The API of AWS Signer that has the status of signatures.
    Signer,
}

impl Service {
    /// The label of its names before the region.
    fn label(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Ecr => "ecr",
            Self::EcrPublic => "ecr-public",
            Self::Signer => "data-signer",
        }
    }

    /// What is expected, with the beginning of its names. Amazon ECR has the same API at names with and without `api.`
    /// ([endpoints](https://docs.aws.amazon.com/general/latest/gr/ecr.html)).
    fn expected(self) -> &'static str {
        match self {
            Self::Sts => "that of AWS STS (sts)",
            Self::Ecr => "that of the API of Amazon ECR (api.ecr)",
            Self::EcrPublic => "that of the API of Amazon ECR Public (api.ecr-public)",
            Self::Signer => "that of AWS Signer with the status of signatures (data-signer)",
        }
    }

    /// What is wrong with the endpoint of this service, if it is a name of AWS for another one.
    pub(super) fn mismatch(self, endpoint: &Endpoint) -> Option<String> {
        let found = label(endpoint)?;
        if found == self.label() {
            return None;
        }
        // With the same names of hosts but for a prefix.
        if self == Self::Signer && found == "signer" {
            // The former name of the same API.
            if endpoint.url().host_str().is_some_and(|host| host.starts_with("verification.signer.")) {
                return None;
            }
            return Some(format!(
                "found {endpoint}, the API that makes signatures, expected the one that has their status: put data- before signer"
            ));
        }
        Some(format!("found {endpoint}, which is the service {found}, expected {}", self.expected()))
    }
}

/// The label for the service in a name of AWS, without that of FIPS endpoints: that before the region, or without one before the domain
/// of AWS. None if it has another form.
fn label(endpoint: &Endpoint) -> Option<&str> {
    let labels: Vec<&str> = endpoint.url().host_str().unwrap_or_default().split('.').collect();
    let domain = labels
        .iter()
        .position(|label| *label == "amazonaws")
        .or_else(|| labels.iter().position(|label| *label == "api"));
    let is_of_aws = matches!(
        labels.as_slice(),
        [.., "amazonaws", "com" | "eu"]
            | [.., "amazonaws", "com", "cn"]
            | [.., "api", "aws"]
            | [.., "api", "amazonwebservices", "com", "cn"]
    );
    let region = labels.iter().position(|label| label.parse::<AwsRegion>().is_ok());
    let end = region.or(domain).filter(|_| is_of_aws)?;
    let label = *labels.get(end.checked_sub(1)?)?;
    Some(label.strip_suffix("-fips").unwrap_or(label))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn found(service: Service, host: &str) -> Option<String> {
        service.mismatch(&format!("https://{host}").parse().unwrap())
    }

    #[test]
    fn names_of_the_service_and_of_other_operators_are_accepted() {
        for (service, hosts) in [
            (
                Service::Sts,
                &[
                    "sts.amazonaws.com",
                    "sts.eu-west-1.amazonaws.com",
                    "sts-fips.us-east-1.amazonaws.com",
                    "sts.cn-north-1.amazonaws.com.cn",
                    "vpce-1-a.sts.eu-west-1.vpce.amazonaws.com",
                ][..],
            ),
            (
                Service::Ecr,
                &[
                    "api.ecr.eu-west-1.amazonaws.com",
                    "ecr.eu-west-1.amazonaws.com",
                    "ecr-fips.us-east-1.amazonaws.com",
                    "ecr.eu-west-1.api.aws",
                    "vpce-1-a.api.ecr.eu-west-1.vpce.amazonaws.com",
                ],
            ),
            (Service::EcrPublic, &["api.ecr-public.us-east-1.amazonaws.com", "ecr-public.us-east-1.api.aws"]),
            (
                Service::Signer,
                &[
                    "data-signer.eu-west-1.amazonaws.com",
                    "vpce-1-a.data-signer.eu-west-1.vpce.amazonaws.com",
                    "verification.signer.eu-west-1.amazonaws.com",
                ],
            ),
            (
                Service::Signer,
                &["signatures.example", "sts.example", "10.0.0.1", "amazonaws.com", "sts.amazonaws.com.example"],
            ),
        ] {
            for host in hosts {
                assert_eq!(found(service, host), None, "{host}");
            }
        }
    }

    #[test]
    fn a_name_of_another_service_is_a_mismatch() {
        let ecr = "that of the API of Amazon ECR (api.ecr)";
        let signer = "that of AWS Signer with the status of signatures (data-signer)";
        for (service, host, label, expected) in [
            (Service::Ecr, "data-signer.eu-west-1.amazonaws.com", "data-signer", ecr),
            (Service::Ecr, "sts.amazonaws.com", "sts", ecr),
            (Service::Ecr, "sts.eu-west-1.api.aws", "sts", ecr),
            (Service::Ecr, "api.ecr-public.us-east-1.amazonaws.com", "ecr-public", ecr),
            (
                Service::EcrPublic,
                "api.ecr.us-east-1.amazonaws.com",
                "ecr",
                "that of the API of Amazon ECR Public (api.ecr-public)",
            ),
            (Service::Signer, "api.ecr.eu-west-1.amazonaws.com", "ecr", signer),
            (Service::Signer, "vpce-1-a.sts.eu-west-1.vpce.amazonaws.com", "sts", signer),
            (Service::Sts, "ecr-fips.us-east-1.amazonaws.com", "ecr", "that of AWS STS (sts)"),
        ] {
            let message = format!("found https://{host}, which is the service {label}, expected {expected}");
            assert_eq!(found(service, host), Some(message));
        }
    }
}
