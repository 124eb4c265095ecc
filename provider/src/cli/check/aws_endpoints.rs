//! Endpoints of AWS in the configuration that do not fit their requests, and variables of the environment that are not read.

use countersign_core::name::AwsRegion;
use countersign_core::name::EcrHost;
use countersign_http::Endpoint;

use super::Findings;
use crate::config::Config;
use crate::config::Credentials;
use crate::config::any_host;
use crate::runtime::aws::pod_region;

/// The name of the warnings about endpoints.
const ENDPOINT: &str = "aws-endpoint";

/// Variables of the SDK that are not read, and the setting in place of each.
const NOT_READ: [(&str, &str); 3] = [
    ("AWS_USE_FIPS_ENDPOINT", "aws.fips"),
    ("AWS_USE_DUALSTACK_ENDPOINT", "aws.dualStack"),
    ("AWS_PROFILE", "aws.profile"),
];

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
    for (variable, setting) in NOT_READ {
        let value = std::env::var(variable).unwrap_or_default();
        let is_set = match setting {
            "aws.fips" => config.aws.fips || value != "true",
            "aws.dualStack" => config.aws.dual_stack || value != "true",
            _ => config.aws.profile.is_some() || value.is_empty(),
        };
        if !is_set {
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
    let regions: Vec<AwsRegion> = config.aws.signer.regions.values().cloned().collect();
    let signed_for = match pod_region(&config.aws) {
        _ if !regions.is_empty() => regions,
        Ok(Some(region)) => vec![region],
        // Those of the signing profiles; a variable with a mistake has a warning of its own.
        Ok(None) | Err(_) => return,
    };
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
