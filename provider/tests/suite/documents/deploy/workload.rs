//! The Deployment and the objects around it.

use std::path::Path;
use std::time::Duration;

use countersign::config::ListenAddress;
use countersign::config::TrustLocation;
use countersign::server::ConnectionTimes;
use countersign_core::policy::TrustPolicy;
use countersign_registry::Unlisted;
use serde_json::Value as Json;
use serde_json::json;

use crate::documents::deploy::files::CONFIG_PATH;
use crate::documents::deploy::files::config;
use crate::documents::deploy::files::deployment;
use crate::documents::deploy::files::documents;
use crate::documents::deploy::files::named;
use crate::documents::deploy::files::object;
use crate::documents::deploy::files::read;
use crate::documents::deploy::files::set;
use crate::documents::deploy::files::text;
use crate::documents::deploy::files::texts;

fn pod_spec() -> Json {
    deployment()["spec"]["template"]["spec"].take()
}

fn container() -> Json {
    let containers = pod_spec()["containers"].take();
    assert_eq!(containers.as_array().unwrap().len(), 1);
    containers[0].clone()
}

fn services() -> [Json; 2] {
    ["countersign", "countersign-metrics"].map(|name| object("deploy/base/service.yaml", "Service", name))
}

fn network_policy() -> Json {
    object("deploy/base/networkpolicy.yaml", "NetworkPolicy", "countersign")
}

#[test]
fn everything_selects_the_pods_of_the_deployment() {
    let deployment = deployment();
    let labels = json!({ "app.kubernetes.io/name": "countersign" });
    assert_eq!(deployment["spec"]["selector"], json!({ "matchLabels": labels }));
    assert_eq!(deployment["spec"]["template"]["metadata"]["labels"], labels);
    let budget = object("deploy/base/poddisruptionbudget.yaml", "PodDisruptionBudget", "countersign");
    assert_eq!(budget["spec"]["selector"], json!({ "matchLabels": labels }));
    assert_eq!(network_policy()["spec"]["podSelector"], json!({ "matchLabels": labels }));
    for service in services() {
        assert_eq!(service["spec"]["selector"], labels, "{service}");
    }
    let spread = pod_spec()["topologySpreadConstraints"].take();
    let spread = spread.as_array().unwrap();
    assert_eq!(
        set(spread.iter().map(|one| text(one, "/topologyKey"))),
        set(["kubernetes.io/hostname", "topology.kubernetes.io/zone"])
    );
    for one in spread {
        assert_eq!(one["labelSelector"], json!({ "matchLabels": labels }));
    }
}

#[test]
fn one_replica_may_be_unavailable_without_an_outage() {
    let deployment = deployment();
    let budget = object("deploy/base/poddisruptionbudget.yaml", "PodDisruptionBudget", "countersign");
    assert!(deployment["spec"]["replicas"].as_u64() > budget["spec"]["minAvailable"].as_u64());
    assert_eq!(budget["spec"]["minAvailable"], 1);
    assert_eq!(
        deployment["spec"]["strategy"],
        json!({ "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 } })
    );
}

#[test]
fn ports_are_those_of_the_configuration_everywhere() {
    let config = config();
    let (https, health) = (config.server.listen.port(), config.health.listen.port());
    // Both families, at all addresses of the pod.
    assert_eq!(config.server.listen, ListenAddress::any(https));
    assert_eq!(config.health.listen, ListenAddress::any(health));
    let container = container();
    assert_eq!(
        container["ports"],
        json!([
            { "name": "https", "containerPort": https, "protocol": "TCP" },
            { "name": "health", "containerPort": health, "protocol": "TCP" },
        ])
    );
    let [service, metrics] = services();
    assert_eq!(
        service["spec"]["ports"],
        json!([{ "name": "https", "port": https, "targetPort": "https", "protocol": "TCP" }])
    );
    assert_eq!(
        metrics["spec"]["ports"],
        json!([{ "name": "health", "port": health, "targetPort": "health", "protocol": "TCP" }])
    );
    assert_eq!(metrics["spec"]["clusterIP"], "None");
    for service in [&service, &metrics] {
        assert_eq!(service["spec"]["ipFamilyPolicy"], "PreferDualStack");
    }
    assert_eq!(container["livenessProbe"]["httpGet"], json!({ "path": "/livez", "port": "health" }));
    assert_eq!(container["readinessProbe"]["httpGet"], json!({ "path": "/readyz", "port": "health" }));
}

#[test]
fn the_network_policy_lets_in_gatekeeper_and_prometheus_and_out_to_names_and_registries() {
    let spec = network_policy()["spec"].take();
    assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
    let from = |namespace: &str, port: &str| {
        json!({
            "from": [{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } } }],
            "ports": [{ "port": port, "protocol": "TCP" }],
        })
    };
    assert_eq!(spec["ingress"], json!([from("gatekeeper-system", "https"), from("monitoring", "health")]));
    let [names, registries, evidence] = spec["egress"].as_array().unwrap().as_slice() else { panic!("{spec}") };
    let port = |port: u16, protocol: &str| json!({ "port": port, "protocol": protocol });
    assert_eq!(*names, json!({ "ports": [port(53, "UDP"), port(53, "TCP")] }));
    assert_eq!(registries["ports"], json!([port(443, "TCP")]));
    // The metadata service of a cloud would hand out the node's credentials.
    let blocks = json!([
        { "ipBlock": { "cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"] } },
        { "ipBlock": { "cidr": "::/0", "except": ["fe80::/10", "fd00:ec2::/32"] } },
    ]);
    assert_eq!(registries["to"], blocks);
    // OCSP and CRLs.
    assert_eq!(*evidence, json!({ "to": blocks, "ports": [port(80, "TCP")] }));
}

#[test]
fn the_pod_has_no_rights_that_it_does_not_need() {
    let pod = pod_spec();
    assert_eq!(
        pod["securityContext"],
        json!({
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": { "type": "RuntimeDefault" },
        })
    );
    assert_eq!(
        container()["securityContext"],
        json!({
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
        })
    );
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["serviceAccountName"], "countersign");
    let account = object("deploy/base/serviceaccount.yaml", "ServiceAccount", "countersign");
    assert_eq!(account["automountServiceAccountToken"], false);
    for field in ["hostNetwork", "hostPID", "hostIPC", "initContainers", "shareProcessNamespace"] {
        assert_eq!(pod.get(field), None, "{field}");
    }
    let namespace = object("deploy/base/namespace.yaml", "Namespace", "countersign");
    for mode in ["enforce", "audit", "warn"] {
        let label = format!("pod-security.kubernetes.io/{mode}");
        assert_eq!(namespace["metadata"]["labels"][&label], "restricted");
    }
}

#[test]
fn memory_is_limited_and_the_cpu_is_not() {
    let resources = container()["resources"].take();
    assert_eq!(resources, json!({ "requests": { "cpu": "100m", "memory": "64Mi" }, "limits": { "memory": "384Mi" } }));
    // The cache's limit must leave memory for the rest.
    assert!(config().cache.verdict_bytes <= 64 * 1024 * 1024 / 2);
    assert!(config().evidence.cache_bytes <= 384 * 1024 * 1024 / 4);
}

/// Otherwise everyone who can create a pod chooses hosts that get requests.
#[test]
fn refuses_unlisted_registries_and_lists_those_of_the_policy() {
    let config = config();
    assert_eq!(config.unlisted_registries, Unlisted::Refuse);
    let policy: Json = serde_json::from_str(&read("deploy/base/config/trustpolicy.json")).unwrap();
    let scopes = policy["trustPolicies"].as_array().unwrap().iter().flat_map(|one| one["registryScopes"].as_array());
    for scope in scopes.flatten() {
        let repository = scope.as_str().unwrap().parse().unwrap();
        assert!(config.registries.iter().any(|registry| registry.host.is_for(&repository)), "{scope}");
    }
}

#[test]
fn the_termination_grace_period_exceeds_the_stop_grace() {
    let pre_stop = container()["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
    let longest = Duration::from_secs(pre_stop) + config().server.stop_grace + ConnectionTimes::default().close;
    let grace = pod_spec()["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert_eq!(Duration::from_secs(grace), longest + Duration::from_secs(5));
}

#[test]
fn every_path_of_the_configuration_is_mounted_read_only() {
    let (pod, container) = (pod_spec(), container());
    assert_eq!(container["args"], json!(["serve", "--config", CONFIG_PATH]));
    let mounts = container["volumeMounts"].as_array().unwrap();
    for mount in mounts {
        assert_eq!(mount["readOnly"], true, "{mount}");
    }
    let volumes = pod["volumes"].as_array().unwrap();
    assert_eq!(
        set(mounts.iter().map(|mount| text(mount, "/name"))),
        set(volumes.iter().map(|volume| text(volume, "/name")))
    );
    let mount_of = |path: &Path| {
        let mount = mounts.iter().find(|mount| path.parent() == Some(Path::new(text(mount, "/mountPath"))));
        mount.map(|mount| text(mount, "/name")).unwrap_or_else(|| panic!("{} is not mounted", path.display()))
    };
    let config = config();
    let tls = config.server.tls.unwrap();
    assert_eq!(mount_of(Path::new(CONFIG_PATH)), "config");
    assert_eq!(mount_of(&tls.certificate), "tls");
    assert_eq!(mount_of(&tls.key), "tls");
    assert_eq!(mount_of(&tls.client_ca), "client-ca");
    let TrustLocation::Apart { policy, store } = config.trust.location else { panic!("{:?}", config.trust.location) };
    assert_eq!(mount_of(&policy), "trust-policy");

    // One volume for all stores: the directories of its files.
    assert_eq!(mount_of(&store.join("x509")), "truststore");
    let sources = named(&pod["volumes"], "truststore")["projected"]["sources"].clone();
    let items = sources.as_array().unwrap().iter().flat_map(|source| source["configMap"]["items"].as_array().unwrap());
    let stores = set(items.map(|item| Path::new(text(item, "/path")).parent().unwrap().to_owned()));

    let document = read("deploy/base/config/trustpolicy.json");
    TrustPolicy::parse(document.as_bytes()).unwrap();
    let document: Json = serde_json::from_str(&document).unwrap();
    for statement in document["trustPolicies"].as_array().unwrap() {
        for name in texts(&statement["trustStores"]) {
            let (kind, name) = name.split_once(':').unwrap();
            let directory = store.join("x509").join(kind).join(name);
            assert!(stores.contains(&directory.strip_prefix(&store).unwrap().to_owned()), "{}", directory.display());
        }
    }

    let generators = documents("deploy/base/kustomization.yaml")[0]["configMapGenerator"].take();
    for (volume, path) in [("config", Path::new(CONFIG_PATH)), ("trust-policy", &policy)] {
        let source = text(named(&pod["volumes"], volume), "/configMap/name");
        let file = named(&generators, source)["files"][0].as_str().unwrap();
        assert_eq!(Path::new(file).file_name(), path.file_name(), "{volume}");
    }
    // A change of the configuration creates new pods; a change of the trust policy does not.
    assert_eq!(named(&generators, "countersign-config")["options"].get("disableNameSuffixHash"), None);
    assert_eq!(named(&generators, "countersign-trust-policy")["options"]["disableNameSuffixHash"], true);
}

#[test]
fn no_private_key_is_mounted_but_our_own() {
    let pod = pod_spec();
    let item = |key: &str| json!({ "key": key, "path": key });
    assert_eq!(
        named(&pod["volumes"], "tls")["secret"],
        json!({ "secretName": "countersign-tls", "defaultMode": 0o440, "items": [item("tls.crt"), item("tls.key")] })
    );
    assert_eq!(
        named(&pod["volumes"], "client-ca")["configMap"],
        json!({ "name": "countersign-client-ca", "items": [item("ca.crt")] })
    );
    let patch =
        object("deploy/components/in-gatekeeper-namespace/client-ca.yaml", "Deployment", "countersign")["spec"].take();
    assert_eq!(
        patch["template"]["spec"]["volumes"],
        json!([{
            "name": "client-ca",
            "configMap": null,
            "secret": {
                "secretName": "gatekeeper-webhook-server-cert",
                "defaultMode": 0o440,
                "items": [item("ca.crt")],
            },
        }])
    );
    for volume in pod["volumes"].as_array().unwrap() {
        let secret = ["tls", "registry-login"].contains(&text(volume, "/name"));
        assert_eq!(secret, volume.get("secret").is_some(), "{volume}");
    }
}

/// Missing Secrets and ConfigMaps prevent a pod from starting, unless they are optional.
#[test]
fn a_pod_starts_without_trust_stores_and_credentials_of_registries() {
    let volumes = pod_spec()["volumes"].take();
    let optional = |source: &Json| source["optional"] == true;
    for source in named(&volumes, "truststore")["projected"]["sources"].as_array().unwrap() {
        assert!(optional(&source["configMap"]), "{source}");
    }
    assert!(optional(&named(&volumes, "registry-login")["secret"]));
    assert!(optional(&named(&volumes, "registry-ca")["configMap"]));
    // What it cannot work without: a pod waits for these.
    let required = ["config", "tls", "client-ca", "trust-policy"];
    for name in required {
        let volume = named(&volumes, name);
        assert!(volume["configMap"].get("optional").or(volume["secret"].get("optional")).is_none(), "{volume}");
    }
    assert_eq!(volumes.as_array().unwrap().len(), required.len() + 3);
}

#[test]
fn pods_are_scheduled_before_those_that_need_them() {
    let pod = pod_spec();
    assert_eq!(pod["priorityClassName"], "system-cluster-critical");
    assert_eq!(pod["nodeSelector"], json!({ "kubernetes.io/os": "linux" }));
    let quota = object("deploy/base/quota.yaml", "ResourceQuota", "countersign-critical-pods");
    assert_eq!(
        quota["spec"]["scopeSelector"],
        json!({ "matchExpressions": [{
            "scopeName": "PriorityClass",
            "operator": "In",
            "values": [pod["priorityClassName"]],
        }] })
    );
}
