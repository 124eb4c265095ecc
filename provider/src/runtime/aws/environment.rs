//! The region of the pod, of the configuration or the environment. Read each time; never modified.

use countersign_core::codec::text::Text;
use countersign_core::name::AwsRegion;

use crate::config::Aws;

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
    let found = VARIABLES.into_iter().find_map(|name| std::env::var_os(name).map(|value| (name, value)));
    match found {
        Some((name, value)) if !value.is_empty() => region(name, &value.to_string_lossy(), aws).map(Some),
        Some(_) | None => Ok(None),
    }
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
    fn the_region_of_the_configuration_comes_before_the_environment() {
        assert_eq!(pod_region(&aws("{region: eu-west-1}")), Ok(Some("eu-west-1".parse().unwrap())));
    }
}
