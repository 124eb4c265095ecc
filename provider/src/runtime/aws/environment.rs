//! The region of the pod, of the configuration or the environment, and endpoints of the environment. Read each time; never modified.

use std::ffi::OsString;
use std::fmt;

use countersign_core::codec::text::Text;
use countersign_core::name::AwsRegion;
use countersign_http::Endpoint;

use crate::config::Aws;
use crate::config::WANTED_API;
use crate::config::is_registry;

/// The variables, in order of precedence. The webhook of EKS sets both.
const VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// The region of the pod, if there is one.
///
/// # Errors
/// `aws.region` is not set, and the variable is not a region of one of `aws.partitions`.
pub(crate) fn pod_region(aws: &Aws) -> Result<Option<AwsRegion>, Text> {
    if aws.region.is_some() {
        return Ok(aws.region.clone());
    }
    match first_set(|name| std::env::var_os(name)) {
        Some((name, value)) => region(name, &value.to_string_lossy(), aws).map(Some),
        None => Ok(None),
    }
}

/// The first variable with a value: one without counts as absent.
fn first_set(variable: impl Fn(&str) -> Option<OsString>) -> Option<(&'static str, OsString)> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(|value| (name, value));
    VARIABLES.into_iter().find_map(set)
}

fn region(variable: &str, value: &str, aws: &Aws) -> Result<AwsRegion, Text> {
    let region: AwsRegion =
        value.parse().map_err(|error| Text::of(format_args!("the environment variable {variable}: {error}")))?;
    if aws.partitions.contains(&region.partition()) {
        return Ok(region);
    }
    let partitions: Vec<_> = aws.partitions.iter().map(|partition| partition.as_str()).collect();
    Err(Text::of(format_args!(
        "the environment variable {variable}: found {region}, which is in the partition {}, expected a region of one of \
         aws.partitions: {}",
        region.partition(),
        partitions.join(", ")
    )))
}

/// The services whose endpoints the environment can have, as its variables name them.
pub(crate) const SERVICES: [&str; 4] = ["STS", "ECR", "ECR_PUBLIC", "SIGNER"];

/// The endpoint of a service in the environment, as the SDK reads it: `AWS_ENDPOINT_URL_STS` for STS, otherwise
/// `AWS_ENDPOINT_URL`; `None` for that of the region.
///
/// # Errors
/// It cannot be used.
pub(crate) fn endpoint(service: &str) -> Result<Option<Endpoint>, Text> {
    Ok(endpoint_of(service)?.map(|(_, endpoint)| endpoint))
}

/// As [`endpoint`], with the name of the variable.
pub(super) fn endpoint_of(service: &str) -> Result<Option<(String, Endpoint)>, Text> {
    endpoint_in(service, |name| std::env::var_os(name))
}

fn endpoint_in(service: &str, variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<(String, Endpoint)>, Text> {
    let names = [format!("AWS_ENDPOINT_URL_{service}"), "AWS_ENDPOINT_URL".to_owned()];
    let Some((name, value)) = names.into_iter().find_map(|name| variable(&name).map(|value| (name, value))) else {
        return Ok(None);
    };
    let wrong = |what: &dyn fmt::Display| Text::of(format_args!("the environment variable {name}: {what}"));
    let endpoint = value.to_string_lossy().parse::<Endpoint>().map_err(|error| wrong(&error))?;
    if service.starts_with("ECR") && is_registry(&endpoint) {
        return Err(wrong(&format_args!("found {endpoint}, which is a registry, expected {WANTED_API}")));
    }
    Ok(Some((name, endpoint)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::config::Purpose;

    fn aws(text: &str) -> Aws {
        let text = format!("trust: {{directory: trust}}\naws: {text}\n");
        Config::parse(&text, Path::new("c.yaml"), Purpose::Verify).unwrap().aws
    }

    #[test]
    fn the_region_of_the_environment_must_be_one_of_an_allowed_partition() {
        let of = |value: &str| region("AWS_REGION", value, &aws("{partitions: [aws, aws-cn]}"));
        assert_eq!(of("eu-west-1"), Ok("eu-west-1".parse().unwrap()));
        assert_eq!(
            of("Frankfurt").unwrap_err().as_str(),
            "the environment variable AWS_REGION: AWS region: found \"Frankfurt\", expected a name such as eu-central-1"
        );
        assert_eq!(
            of("us-gov-west-1").unwrap_err().as_str(),
            "the environment variable AWS_REGION: found us-gov-west-1, which is in the partition aws-us-gov, expected a region \
             of one of aws.partitions: aws, aws-cn"
        );
    }

    #[test]
    fn a_variable_without_a_value_counts_as_absent() {
        let of = |variables: &[(&str, &str)]| {
            first_set(|name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into()))
                .map(|(name, _)| name)
        };
        assert_eq!(of(&[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "eu-west-1")]), Some("AWS_DEFAULT_REGION"));
        assert_eq!(of(&[("AWS_REGION", "eu-west-2"), ("AWS_DEFAULT_REGION", "eu-west-1")]), Some("AWS_REGION"));
        assert_eq!(of(&[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "")]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn the_endpoint_of_a_service_comes_before_that_of_all() {
        let of = |service: &str, variables: &[(&str, &str)]| {
            let value = |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into());
            endpoint_in(service, value).map(|endpoint| endpoint.map(|(_, endpoint)| endpoint.to_string()))
        };
        let both = [("AWS_ENDPOINT_URL_STS", "https://sts.example"), ("AWS_ENDPOINT_URL", "http://localhost:4566")];
        assert_eq!(of("STS", &both), Ok(Some("https://sts.example".to_owned())));
        for service in ["ECR", "ECR_PUBLIC", "SIGNER"] {
            assert_eq!(of(service, &both), Ok(Some("http://localhost:4566".to_owned())));
            assert_eq!(of(service, &both[..1]), Ok(None));
        }
        let wrong = |variable: &str, found: &str| {
            Err(Text::of(format_args!(
                "the environment variable {variable}: endpoint: found \"{found}\", expected https://HOST or https://HOST:PORT; \
                 http:// only for loopback addresses"
            )))
        };
        for (url, found) in [
            ("http://sts.example", "http://sts.example"),
            ("", ""),
            ("https://sts.example/path", "https://sts.example/path"),
            ("https://user:hunter2@sts.example", "https://[login]@sts.example"),
        ] {
            assert_eq!(of("STS", &[("AWS_ENDPOINT_URL", url)]), wrong("AWS_ENDPOINT_URL", found));
            assert_eq!(of("STS", &[("AWS_ENDPOINT_URL_STS", url), both[1]]), wrong("AWS_ENDPOINT_URL_STS", found));
        }
    }

    #[test]
    fn a_registry_is_no_endpoint_of_the_api() {
        let url = "https://111122223333.dkr.ecr.eu-west-1.amazonaws.com";
        let of = |service: &str| {
            endpoint_in(service, |name| (name == "AWS_ENDPOINT_URL").then(|| url.into())).map(|found| found.is_some())
        };
        let wrong = format!(
            "the environment variable AWS_ENDPOINT_URL: found {url}, which is a registry, expected {WANTED_API}"
        );
        assert_eq!((of("ECR"), of("STS")), (Err(Text::of(&wrong)), Ok(true)));
    }

    #[test]
    fn the_region_of_the_configuration_comes_before_the_environment() {
        assert_eq!(pod_region(&aws("{region: eu-west-1}")), Ok(Some("eu-west-1".parse().unwrap())));
    }
}
