//! The instance metadata service. Its endpoint is computed here: the SDK would look for it in the files of profiles too, and read
//! them without a limit.

use std::env;

use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;

use crate::error::SourceProblem;

const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const MODE: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";
const IPV4: &str = "http://169.254.169.254";
const IPV6: &str = "http://[fd00:ec2::254]";

/// The source of the SDK, with the endpoint of the environment.
pub(super) fn source(config: &ProviderConfig) -> SharedCredentialsProvider {
    let built = endpoint(|name| env::var(name).ok()).and_then(|endpoint| {
        let client = imds::Client::builder().configure(config).endpoint(endpoint);
        let client = client.map_err(|_| wrong(ENDPOINT, URL))?.build();
        Ok(ImdsCredentialsProvider::builder().configure(config).imds_client(client).build())
    });
    match built {
        Ok(source) => SharedCredentialsProvider::new(source),
        Err(problem) => SharedCredentialsProvider::new(Unusable(problem)),
    }
}

const URL: &str = "a URL with http:// or https://";

fn wrong(variable: &'static str, expected: &'static str) -> SourceProblem {
    SourceProblem::Variable { variable, found: "another text", expected }
}

/// # Errors
/// The mode is none.
fn endpoint(variable: impl Fn(&str) -> Option<String>) -> Result<String, SourceProblem> {
    if let Some(endpoint) = variable(ENDPOINT) {
        return Ok(endpoint);
    }
    match variable(MODE) {
        None => Ok(IPV4.to_owned()),
        Some(mode) if mode.eq_ignore_ascii_case("ipv4") => Ok(IPV4.to_owned()),
        Some(mode) if mode.eq_ignore_ascii_case("ipv6") => Ok(IPV6.to_owned()),
        Some(_) => Err(wrong(MODE, "IPv4 or IPv6")),
    }
}

/// A variable of the service cannot be used.
#[derive(Debug)]
struct Unusable(SourceProblem);

impl ProvideCredentials for Unusable {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::provider_error(self.0.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_that_of_the_environment() {
        let of = |variables: &[(&str, &str)]| {
            endpoint(|name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()))
                .map_err(|problem| problem.to_string())
        };
        assert_eq!(of(&[]).as_deref(), Ok(IPV4));
        assert_eq!(of(&[(MODE, "IPv4")]).as_deref(), Ok(IPV4));
        assert_eq!(of(&[(MODE, "ipv6")]).as_deref(), Ok(IPV6));
        assert_eq!(of(&[(MODE, "IPv6"), (ENDPOINT, "http://127.0.0.1:8080")]).as_deref(), Ok("http://127.0.0.1:8080"));
        let expected = "the environment variable AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: found another text, expected IPv4 or IPv6";
        assert_eq!(of(&[(MODE, "both")]), Err(expected.to_owned()));
    }
}
