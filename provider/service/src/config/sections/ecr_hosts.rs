//! The hosts of an entry of `registries` with `credentials.ecr`.

use countersign_core::name::EcrHost;
use countersign_core::name::Host;
use countersign_core::name::Partition;
use countersign_registry::HostPattern;
use countersign_registry::RegistryPattern;

use super::aws::WITHOUT_CLIENTS;
use super::credentials::Credentials;
use super::ecr::Ecr;
use crate::config::fields::Fields;

/// The host of an entry. Of a pattern, that of any account: a token is for all accounts of a region.
#[must_use]
pub fn any_host(pattern: &HostPattern) -> Option<Host> {
    any_account(pattern).parse().ok()
}

/// Whether the pattern has hosts of private registries of Amazon.
#[must_use]
pub fn has_private_ecr(pattern: &HostPattern) -> bool {
    // Another label that is a pattern can only be the region.
    let host: Option<Host> = any_account(pattern).replace(".*.", ".us-east-1.").parse().ok();
    matches!(host.as_ref().and_then(EcrHost::of), Some(EcrHost::Private(_)))
}

/// The pattern with an account in place of wildcards at its front.
fn any_account(pattern: &HostPattern) -> String {
    let written = pattern.to_string();
    let suffix = written.strip_prefix("**.").or_else(|| written.strip_prefix("*."));
    suffix.map_or_else(|| written.clone(), |suffix| format!("000000000000.{suffix}"))
}

/// The registry of Amazon that a pattern names: exactly one, or those of all accounts in a region.
pub(super) fn registry_of(pattern: &HostPattern) -> Option<EcrHost> {
    EcrHost::of(&any_host(pattern)?)
}

/// The hosts, for messages.
const REGISTRIES: &str = "ACCOUNT.dkr.ecr.REGION.amazonaws.com, *.dkr.ecr.REGION.amazonaws.com or public.ecr.aws; no token of AWS is \
                          sent to another host";

/// Records what credentials of Amazon ECR contradict in their entry.
pub(super) fn check(
    entry: &Fields<'_>,
    host: Option<&RegistryPattern>,
    credentials: &Credentials,
    realm_hosts: &[Host],
) {
    let (Credentials::Ecr(Ecr { role_arn, region, .. }), Some(host)) = (credentials, host) else { return };
    if !cfg!(feature = "aws") {
        let wanted = format_args!("another key: {WITHOUT_CLIENTS}");
        return entry.conflict_in("credentials", "ecr", "tokens of Amazon ECR", wanted);
    }
    let Some(registry) = registry_of(host.host()) else {
        let found = format_args!("credentials for {host}");
        return match any_host(host.host()).as_ref().and_then(EcrHost::wrong_part) {
            Some(part) => {
                let found = format_args!("{found}, with {}", part.found());
                entry.conflict_in("credentials", "ecr", found, format_args!("{}, as in {REGISTRIES}", part.expected()));
            }
            None => entry.conflict_in("credentials", "ecr", found, format_args!("a host of Amazon ECR: {REGISTRIES}")),
        };
    };
    let own = registry.partition();
    let other = |key: &str, shown: &str, partition: Partition| {
        if partition != own {
            let found = format_args!("{shown} in {key}, which is in the partition {partition}");
            entry.conflict_in("credentials", "ecr", found, format_args!("the partition of {host}, {own}"));
        }
    };
    role_arn.iter().for_each(|role| other("roleArn", role.as_str(), role.partition()));
    region.iter().for_each(|region| other("region", region.as_str(), region.partition()));
    if !realm_hosts.is_empty() {
        let wanted = "none; Amazon ECR names no token services of other hosts";
        entry.conflict("realmHosts", "hosts beside credentials.ecr", wanted);
    }
}
