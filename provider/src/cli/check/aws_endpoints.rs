//! Endpoints of AWS in the configuration that do not fit their requests, and variables of the environment that are not read.

use countersign_core::name::AwsRegion;
use countersign_core::name::EcrHost;
use countersign_http::Endpoint;

use super::Findings;
use crate::config::Aws;
use crate::config::Config;
use crate::config::Credentials;
use crate::config::any_host;
use crate::runtime::aws::pod_region;

/// The name of the warnings about endpoints.
const ENDPOINT: &str = "aws-endpoint";

/// A variable of the SDK that is not read, and the setting in place of it.
struct NotRead {
    variable: &'static str,
    setting: &'static str,
    is_set: fn(&Aws) -> bool,
    /// Whether a value of the variable asks for something.
    asks: fn(&str) -> bool,
}

const NOT_READ: [NotRead; 4] = [
    NotRead { variable: "AWS_USE_FIPS_ENDPOINT", setting: "aws.fips", is_set: |aws| aws.fips, asks: is_true },
    NotRead {
        variable: "AWS_USE_DUALSTACK_ENDPOINT",
        setting: "aws.dualStack",
        is_set: |aws| aws.dual_stack,
        asks: is_true,
    },
    NotRead {
        variable: "AWS_PROFILE",
        setting: "aws.profile",
        is_set: |aws| aws.profile.is_some(),
        asks: |value| !value.is_empty(),
    },
    NotRead {
        variable: "AWS_CA_BUNDLE",
        setting: "aws.ca",
        is_set: |aws| aws.ca.is_some(),
        asks: |value| !value.is_empty(),
    },
];

/// As the SDK reads it.
fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}

pub(super) fn check(config: &Config, findings: &mut Findings) {
    for registry in &config.registries {
        let Credentials::Ecr(ecr) = &registry.credentials else { continue };
        let of_host = match any_host(registry.host.host()).as_ref().and_then(EcrHost::of) {
            Some(EcrHost::Private(registry)) => Some(registry.region().clone()),
            Some(EcrHost::Public) | None => None,
        };
        if let (Some(endpoint), Some(signed_for)) = (&ecr.endpoint, ecr.region.clone().or(of_host)) {
            let name = format!("registries {}: credentials.ecr.endpoint", registry.host);
            of_another_region(&name, endpoint, &[signed_for], "credentials.ecr.region", findings);
        }
    }
    if let Some(endpoint) = config.aws.signer.endpoint.as_ref().filter(|_| config.aws.signer.enabled) {
        signer(config, endpoint, findings);
    }
    for NotRead { variable, setting, is_set, asks } in NOT_READ {
        if asks(&std::env::var(variable).unwrap_or_default()) && !is_set(&config.aws) {
            let message = format_args!("the environment variable {variable} is not read; set {setting}");
            findings.warn("aws-variable-not-read", message);
        }
    }
}

fn signer(config: &Config, endpoint: &Endpoint, findings: &mut Findings) {
    let name = "aws.signer.endpoint";
    if labels(endpoint).any(|label| label == "signer" || label == "signer-fips") {
        let message = format_args!(
            "{name}: found {endpoint}, the API that makes signatures, expected the one that has their status: put data- before signer"
        );
        findings.warn(ENDPOINT, message);
    }
    let mut signed_for: Vec<AwsRegion> = config.aws.signer.regions.values().cloned().collect();
    if signed_for.is_empty() {
        // Without one, those of the signing profiles; a variable with a mistake has a warning of its own.
        let Ok(Some(region)) = pod_region(&config.aws) else { return };
        signed_for.push(region);
    }
    of_another_region(name, endpoint, &signed_for, "aws.signer.regions", findings);
}

/// Warns if the name of `endpoint` has another region than requests to it are signed for.
fn of_another_region(
    name: &str,
    endpoint: &Endpoint,
    signed_for: &[AwsRegion],
    setting: &str,
    findings: &mut Findings,
) {
    let Some(found) = labels(endpoint).find_map(|label| label.parse::<AwsRegion>().ok()) else { return };
    if signed_for.contains(&found) {
        return;
    }
    let regions: Vec<&str> = signed_for.iter().map(AwsRegion::as_str).collect();
    let regions = regions.join(", ");
    let message = format_args!(
        "{name}: found {endpoint}, which is in {found}, and its requests are signed for {regions}, so that AWS refuses them; use an \
         endpoint in {regions}, or name {found} in {setting}"
    );
    findings.warn(ENDPOINT, message);
}

/// The parts of the host of an endpoint.
fn labels(endpoint: &Endpoint) -> impl Iterator<Item = &str> {
    endpoint.url().host_str().unwrap_or_default().split('.')
}
