//! Endpoints of AWS in the configuration and the environment that do not fit their requests, and variables of the environment that are not read.

use countersign_core::name::AwsRegion;
use countersign_core::name::EcrHost;
use countersign_http::Endpoint;

use super::endpoint_service::Service;
use super::environment::SERVICES;
use super::environment::endpoint_of;
use super::environment::pod_region;
use super::uses_web_identity;
use crate::config::Aws;
use crate::config::Config;
use crate::config::Credentials;
use crate::config::Ecr;
use crate::config::any_host;
use crate::runtime::environment_warning::EnvironmentWarning;

/// The name of the warnings about endpoints.
const ENDPOINT: &str = "aws-endpoint";

/// The region that issues tokens of Amazon ECR Public.
const PUBLIC_REGION: &str = "us-east-1";

/// A variable of the SDK that is not read.
struct NotRead {
    variable: &'static str,
    /// What to do instead.
    instead: &'static str,
    is_set: fn(&Aws) -> bool,
    /// Whether a value of the variable asks for something.
    asks: fn(&str) -> bool,
}

const NOT_READ: [NotRead; 5] = [
    NotRead { variable: "AWS_USE_FIPS_ENDPOINT", instead: "set aws.fips", is_set: |aws| aws.fips, asks: is_true },
    NotRead {
        variable: "AWS_USE_DUALSTACK_ENDPOINT",
        instead: "set aws.dualStack",
        is_set: |aws| aws.dual_stack,
        asks: is_true,
    },
    NotRead {
        variable: "AWS_PROFILE",
        instead: "set aws.profile",
        is_set: |aws| aws.profile.is_some(),
        asks: |value| !value.is_empty(),
    },
    NotRead {
        variable: "AWS_CA_BUNDLE",
        instead: "set aws.ca",
        is_set: |aws| aws.ca.is_some(),
        asks: |value| !value.is_empty(),
    },
    NotRead {
        variable: "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        instead: "remove the variables of endpoints that are not to be used (AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_SERVICE)",
        is_set: |_| !SERVICES.into_iter().any(|service| matches!(endpoint_of(service), Ok(Some(_)))),
        asks: is_true,
    },
];

/// As the SDK reads it.
fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}

/// The warnings for a configuration that needs AWS.
pub(in crate::runtime) fn warnings(config: &Config) -> Vec<EnvironmentWarning> {
    let (mut warnings, mut has_role) = (Vec::new(), false);
    for registry in &config.registries {
        let Credentials::Ecr(ecr) = &registry.credentials else { continue };
        has_role |= ecr.role_arn.is_some();
        let Some(host) = any_host(registry.host.host()).as_ref().and_then(EcrHost::of) else { continue };
        warnings.extend(of_registry(&registry.host.to_string(), &host, ecr, config));
    }
    if config.aws.signer.enabled {
        warnings.extend(of_signer(config));
    }
    warnings.extend(of_sts(has_role));
    warnings.extend(NOT_READ.iter().filter_map(|variable| variable.warning(&config.aws)));
    // Of several entries with the same mistake.
    let mut once: Vec<EnvironmentWarning> = Vec::new();
    for warning in warnings {
        if !once.contains(&warning) {
            once.push(warning);
        }
    }
    once
}

impl NotRead {
    fn warning(&self, aws: &Aws) -> Option<EnvironmentWarning> {
        let Self { variable, instead, is_set, asks } = self;
        let is_asked = asks(&std::env::var(variable).unwrap_or_default()) && !is_set(aws);
        let message = format!("the environment variable {variable} is not read; {instead}");
        is_asked.then_some(EnvironmentWarning { kind: "aws-variable-not-read", message, is_of_variable: true })
    }
}

/// The endpoints that issue the tokens of an entry: that of the entry, or of the environment; and that of the role.
fn of_registry(name: &str, host: &EcrHost, ecr: &Ecr, config: &Config) -> Vec<EnvironmentWarning> {
    let (variables, service, of_host) = match host {
        EcrHost::Private(registry) => ("ECR", Service::Ecr, Some(registry.region().clone())),
        EcrHost::Public => ("ECR_PUBLIC", Service::EcrPublic, PUBLIC_REGION.parse().ok()),
    };
    let own = "credentials.ecr.region";
    let tokens = match &ecr.endpoint {
        Some(endpoint) => {
            let signed_for = ecr.region.clone().or(of_host);
            let setting = format!("registries {name}: credentials.ecr.endpoint");
            let written = Written::setting(setting, endpoint);
            let elsewhere = || signed_for.and_then(|region| written.elsewhere(&[region], own));
            written.another(service).or_else(elsewhere)
        }
        None => of_host.and_then(|region| {
            let (variable, endpoint) = endpoint_of(variables).ok()??;
            let instead = "credentials.ecr.region beside credentials.ecr.endpoint";
            let written = Written::variable(&variable, &endpoint);
            written.another(service).or_else(|| written.elsewhere(&[region], instead))
        }),
    };
    // Without a role, requests to STS are not signed.
    let role = ecr.role_arn.as_ref().and_then(|_| {
        let (variable, endpoint) = endpoint_of("STS").ok()??;
        let region = pod_region(&config.aws).ok()??;
        Written::variable(&variable, &endpoint).elsewhere(&[region], "aws.region")
    });
    tokens.into_iter().chain(role).collect()
}

fn of_signer(config: &Config) -> Vec<EnvironmentWarning> {
    let variable;
    let written = match &config.aws.signer.endpoint {
        Some(endpoint) => Written::setting("aws.signer.endpoint".to_owned(), endpoint),
        None => {
            let Ok(Some(found)) = endpoint_of("SIGNER") else { return Vec::new() };
            variable = found;
            Written::variable(&variable.0, &variable.1)
        }
    };
    let mut warnings: Vec<_> = written.another(Service::Signer).into_iter().collect();
    let mut signed_for: Vec<AwsRegion> = config.aws.signer.regions.values().cloned().collect();
    if signed_for.is_empty() {
        // Without one, those of the signing profiles; a variable with a mistake has a warning of its own.
        signed_for.extend(pod_region(&config.aws).ok().flatten());
    }
    warnings.extend(written.elsewhere(&signed_for, "aws.signer.regions"));
    warnings
}

/// The endpoint of STS, if it is called: for a role of `registries` or a web identity. The variable for STS alone is compared anyway.
fn of_sts(has_role: bool) -> Option<EnvironmentWarning> {
    let (variable, endpoint) = endpoint_of("STS").ok()??;
    let is_called = has_role || uses_web_identity();
    if !is_called && variable == "AWS_ENDPOINT_URL" {
        return None;
    }
    Written::variable(&variable, &endpoint).another(Service::Sts)
}

/// An endpoint, and where it is written.
struct Written<'a> {
    setting: String,
    endpoint: &'a Endpoint,
    is_of_variable: bool,
}

impl<'a> Written<'a> {
    fn variable(name: &str, endpoint: &'a Endpoint) -> Self {
        Self { setting: format!("the environment variable {name}"), endpoint, is_of_variable: true }
    }

    fn setting(setting: String, endpoint: &'a Endpoint) -> Self {
        Self { setting, endpoint, is_of_variable: false }
    }

    /// The warning if the endpoint is a name of AWS for another service.
    fn another(&self, service: Service) -> Option<EnvironmentWarning> {
        let message = format!("{}: {}", self.setting, service.mismatch(self.endpoint)?);
        Some(EnvironmentWarning { kind: ENDPOINT, message, is_of_variable: self.is_of_variable })
    }

    /// The warning if the name of the endpoint has another region than requests to it are signed for, which is one of
    /// `signed_for`; none if that is empty. `instead` is the setting that names another region.
    fn elsewhere(&self, signed_for: &[AwsRegion], instead: &str) -> Option<EnvironmentWarning> {
        let Self { setting, endpoint, is_of_variable } = self;
        let found = labels(endpoint).find_map(|label| label.parse::<AwsRegion>().ok())?;
        if signed_for.is_empty() || signed_for.contains(&found) {
            return None;
        }
        let regions: Vec<&str> = signed_for.iter().map(AwsRegion::as_str).collect();
        let regions = regions.join(", ");
        let message = format!(
            "{setting}: found {endpoint}, which is in {found}, and its requests are signed for {regions}, so that AWS refuses them; use \
             an endpoint in {regions}, or name {found} in {instead}"
        );
        Some(EnvironmentWarning { kind: ENDPOINT, message, is_of_variable: *is_of_variable })
    }
}

/// The parts of the host of an endpoint.
fn labels(endpoint: &Endpoint) -> impl Iterator<Item = &str> {
    endpoint.url().host_str().unwrap_or_default().split('.')
}
