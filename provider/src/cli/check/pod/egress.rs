//! Which connections the network policies among the manifests allow to the pod
//! ([NetworkPolicy](https://kubernetes.io/docs/concepts/services-networking/network-policies/)). What cannot be read counts as allowed.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::Value as Json;

use crate::cli::manifests::Object;
use crate::cli::manifests::list;
use crate::cli::manifests::text;

/// The policies for the egress of a pod with these labels, none of which allows TCP to `port` of `address`. None if one does, or there are
/// no policies.
pub(super) fn blocking(
    workload: &Object<'_>,
    labels: &BTreeMap<String, Json>,
    objects: &[Object<'_>],
    (address, port): (Ipv4Addr, u64),
) -> Vec<String> {
    let is_policy = |object: &&Object<'_>| {
        object.group == "networking.k8s.io" && object.kind == "NetworkPolicy" && object.is_in_namespace_of(workload)
    };
    let mut blocking = Vec::new();
    for policy in objects.iter().filter(is_policy) {
        let spec = policy.value.get("spec").unwrap_or(&Json::Null);
        if !is_of_egress(spec) || !selects(spec.get("podSelector").unwrap_or(&Json::Null), labels) {
            continue;
        }
        if list(spec, "egress").iter().any(|rule| allows(rule, address, port)) {
            return Vec::new();
        }
        blocking.push(policy.name());
    }
    blocking
}

/// Without the member, a policy is for egress if it has rules for it.
fn is_of_egress(spec: &Json) -> bool {
    match spec.get("policyTypes") {
        Some(_) => list(spec, "policyTypes").iter().any(|kind| kind == "Egress"),
        None => !list(spec, "egress").is_empty(),
    }
}

/// An empty selector selects every pod.
fn selects(selector: &Json, labels: &BTreeMap<String, Json>) -> bool {
    let matched = selector.get("matchLabels").and_then(Json::as_object).into_iter().flatten();
    let matches = |expression: &Json| {
        let label = text(expression, "key").and_then(|key| labels.get(key));
        let is_listed = || label.is_some_and(|label| list(expression, "values").contains(label));
        match text(expression, "operator") {
            Some("In") => is_listed(),
            Some("NotIn") => !is_listed(),
            Some("Exists") => label.is_some(),
            Some("DoesNotExist") => label.is_none(),
            // No such policy is created.
            Some(_) | None => false,
        }
    };
    matched.into_iter().all(|(name, value)| labels.get(name) == Some(value))
        && list(selector, "matchExpressions").iter().all(matches)
}

fn allows(rule: &Json, address: Ipv4Addr, port: u64) -> bool {
    // Without peers or ports, all are allowed.
    let (peers, ports) = (list(rule, "to"), list(rule, "ports"));
    let has_peer =
        peers.is_empty() || peers.iter().any(|peer| peer.get("ipBlock").is_some_and(|block| has(block, address)));
    has_peer && (ports.is_empty() || ports.iter().any(|allowed| has_port(allowed, port)))
}

/// Whether a block has the address, and no exception.
fn has(block: &Json, address: Ipv4Addr) -> bool {
    let is_in =
        |network: Option<&str>, unreadable| network.and_then(|text| contains(text, address)).unwrap_or(unreadable);
    is_in(text(block, "cidr"), true) && !list(block, "except").iter().any(|except| is_in(except.as_str(), false))
}

/// Whether a network, as `169.254.0.0/16`, has the address; `None` if it is not readable. One of IPv6 has not.
fn contains(network: &str, address: Ipv4Addr) -> Option<bool> {
    let (first, length) = network.split_once('/')?;
    if first.contains(':') {
        return Some(false);
    }
    let first: Ipv4Addr = first.parse().ok()?;
    let length: u32 = length.parse().ok().filter(|length| *length <= 32)?;
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    Some(first.to_bits() & mask == address.to_bits() & mask)
}

/// A port by name is one of a pod.
fn has_port(allowed: &Json, port: u64) -> bool {
    let is_tcp = text(allowed, "protocol").is_none_or(|protocol| protocol == "TCP");
    let first = allowed.get("port");
    let is_port = match first {
        None | Some(Json::Null) => true,
        Some(first) => first.as_u64().is_some_and(|first| {
            let last = allowed.get("endPort").and_then(Json::as_u64).unwrap_or(first);
            (first..=last).contains(&port)
        }),
    };
    is_tcp && is_port
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

    #[test]
    fn a_network_has_the_addresses_with_its_beginning() {
        for (network, expected) in [
            ("0.0.0.0/0", Some(true)),
            ("169.254.0.0/16", Some(true)),
            ("169.254.169.254/32", Some(true)),
            ("169.254.169.253/32", Some(false)),
            ("169.254.169.253/31", Some(false)),
            ("169.254.169.255/31", Some(true)),
            ("10.0.0.0/8", Some(false)),
            ("::/0", Some(false)),
            ("169.254.169.254", None),
            ("169.254.169.254/33", None),
            ("metadata/32", None),
        ] {
            assert_eq!(contains(network, METADATA), expected, "{network}");
        }
    }

    #[test]
    fn a_rule_allows_the_peers_and_ports_that_it_has() {
        let block = |cidr: &str, except: &[&str]| json!([{"ipBlock": {"cidr": cidr, "except": except}}]);
        let all = || block("0.0.0.0/0", &[]);
        for (rule, expected) in [
            (json!({}), true),
            (json!({"to": [], "ports": []}), true),
            (json!({"to": all()}), true),
            (json!({"to": block("0.0.0.0/0", &["10.0.0.0/8"])}), true),
            (json!({"to": block("0.0.0.0/0", &["169.254.0.0/16"])}), false),
            (json!({"to": block("10.0.0.0/8", &[])}), false),
            (json!({"to": [{"podSelector": {}}]}), false),
            (json!({"to": [{"podSelector": {}}, {"ipBlock": {"cidr": "169.254.169.254/32"}}]}), true),
            // Not readable.
            (json!({"to": block("no network", &[])}), true),
            (json!({"to": block("0.0.0.0/0", &["no network"])}), true),
            (json!({"to": all(), "ports": [{"port": 80}]}), true),
            (json!({"to": all(), "ports": [{"port": 80, "protocol": "TCP"}]}), true),
            (json!({"to": all(), "ports": [{"port": 80, "protocol": "UDP"}]}), false),
            (json!({"to": all(), "ports": [{"port": 443}, {"protocol": "TCP"}]}), true),
            (json!({"to": all(), "ports": [{"port": 443}]}), false),
            (json!({"to": all(), "ports": [{"port": 1, "endPort": 1024}]}), true),
            (json!({"to": all(), "ports": [{"port": 81, "endPort": 1024}]}), false),
            (json!({"to": all(), "ports": [{"port": "http"}]}), false),
        ] {
            assert_eq!(allows(&rule, METADATA, 80), expected, "{rule}");
        }
    }

    #[test]
    fn a_selector_selects_by_its_labels_and_expressions() {
        let labels = BTreeMap::from([("app".to_owned(), json!("countersign"))]);
        let of = |operator: &str, key: &str, values: &[&str]| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        for (selector, expected) in [
            (Json::Null, true),
            (json!({}), true),
            (json!({"matchLabels": {"app": "countersign"}}), true),
            (json!({"matchLabels": {"app": "other"}}), false),
            (json!({"matchLabels": {"app": "countersign", "tier": "a"}}), false),
            (of("In", "app", &["other", "countersign"]), true),
            (of("In", "app", &["other"]), false),
            (of("NotIn", "app", &["other"]), true),
            (of("NotIn", "app", &["countersign"]), false),
            (of("NotIn", "tier", &["a"]), true),
            (of("Exists", "app", &[]), true),
            (of("Exists", "tier", &[]), false),
            (of("DoesNotExist", "tier", &[]), true),
            (of("Like", "app", &[]), false),
        ] {
            assert_eq!(selects(&selector, &labels), expected, "{selector}");
        }
    }

    #[test]
    fn a_policy_is_for_egress_if_it_says_so_or_has_rules() {
        for (spec, expected) in [
            (json!({"policyTypes": ["Ingress", "Egress"]}), true),
            (json!({"policyTypes": ["Ingress"], "egress": [{}]}), false),
            (json!({"egress": [{}]}), true),
            (json!({"egress": []}), false),
            (json!({}), false),
        ] {
            assert_eq!(is_of_egress(&spec), expected, "{spec}");
        }
    }
}
