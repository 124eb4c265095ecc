//! The user of the guide, and what the cluster and its controllers would do for them.

use std::fs;

use anyhow::Context;
use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use super::shell::Shell;
use crate::environment::Environment;
use crate::images::Image;
use crate::notation::Signer;
use crate::process::Finished;

/// The AWS CLI of the user.
pub(in crate::cases) const AWS: &str = r#"#!/bin/sh
for word; do case "$word" in file://*) test -s "${word#file://}" || exit 1 ;; esac; done
case "$*" in *describe-cluster*) echo https://oidc.eks.eu-west-1.amazonaws.com/id/0A1B2C3D ;; esac
"#;

/// The user of the guide, with a copy of the repository.
pub(super) struct User<'a> {
    pub(super) environment: &'a Environment<'a>,
    pub(super) shell: Shell,
}

impl<'a> User<'a> {
    pub(super) fn prepare(environment: &'a Environment<'_>) -> anyhow::Result<Self> {
        // In place of the AWS CLI: requires the documents that it would send, and knows the issuer of the cluster.
        let shell = Shell::prepare(environment.workdir, environment.countersign.binary(), ("aws", AWS))?;
        // notation's configuration directory of this user, with their key.
        let keys = fs::read(environment.notation.directory().join("signingkeys.json"))?;
        environment.workdir.write("guide-home/.config/notation/signingkeys.json", keys)?;
        let user = Self { environment, shell };
        // What the cases before have applied.
        for line in [
            "kubectl delete --ignore-not-found -k constraints",
            "kubectl delete --ignore-not-found -k templates",
            "kubectl delete --ignore-not-found assign --all",
            "kubectl delete --ignore-not-found provider --all",
        ] {
            user.run(line)?.success().context(line)?;
        }
        let authority =
            environment.workdir.write("guide-gatekeeper-ca.crt", environment.gatekeeper.authority().certificate())?;
        user.kubectl(&format!(
            "-n gatekeeper-system create secret generic gatekeeper-webhook-server-cert --from-file=ca.crt={}",
            authority.display()
        ))?;
        for resources in ["cert-manager", "prometheus-operator"] {
            environment.cluster.apply_file(&environment.workdir.tool(resources))?;
        }
        user.kubectl("wait --for=condition=Established --all --timeout=30s crd")?;
        Ok(user)
    }

    /// Runs a line of shell at the top of the copy.
    pub(super) fn run(&self, line: &str) -> anyhow::Result<Finished> {
        let variables = [
            ("REGISTRY_PASSWORD", "secret"),
            ("AWS_ACCOUNT", "111122223333"),
            ("AWS_REGION", "eu-west-1"),
            ("EKS_CLUSTER", "my-eks-cluster"),
        ];
        self.shell.run(self.environment.workdir, &self.environment.cluster, line, &variables)
    }

    pub(super) fn kubectl(&self, arguments: &str) -> anyhow::Result<String> {
        let line = format!("kubectl {arguments}");
        self.run(&line)?.success().context(line)
    }

    /// What the user or the cluster does before a command.
    pub(super) fn before(&self, line: &str) -> anyhow::Result<()> {
        if line.contains(" rollout status deployment/countersign") {
            self.deployment_is_available()
        } else if line.contains(" wait --for=condition=Ready ") && line.contains("certificate/countersign") {
            self.certificate_is_ready()
        } else if line.contains("=my-cluster/registry-ca.crt") {
            fs::copy(
                self.shell.directory.join("my-cluster/ca.crt"),
                self.shell.directory.join("my-cluster/registry-ca.crt"),
            )?;
            Ok(())
        } else if line.contains("=private-registry/client.crt") {
            // The commands of the guide have made a certificate with its key.
            for (from, to) in [("tls.crt", "client.crt"), ("tls.key", "client.key")] {
                let from = self.shell.directory.join("my-cluster").join(from);
                fs::copy(from, self.shell.directory.join("private-registry").join(to))?;
            }
            Ok(())
        } else if line.starts_with("cp corporate-ca.crt ") {
            fs::copy(self.shell.directory.join("my-cluster/ca.crt"), self.shell.directory.join("corporate-ca.crt"))?;
            fs::write(self.shell.directory.join("release.crt"), self.environment.notation.root_of(Signer::Release))?;
            Ok(())
        } else if line.starts_with("curl ") {
            // Not the root of AWS, which this run cannot download.
            let root = self.environment.notation.root_of(Signer::Release);
            fs::write(self.shell.directory.join("my-cluster/aws-signer-root.crt"), root)?;
            Ok(())
        } else if line.starts_with("notation cert add ") {
            let root = self.environment.notation.root_of(Signer::Release);
            fs::write(self.shell.directory.join("my-cluster/release.crt"), root)?;
            Ok(())
        } else {
            Ok(())
        }
    }

    /// The command that is run in place of one that needs more than the cluster of this run.
    pub(super) fn adapted(&self, line: &str) -> String {
        if let Some(rest) = line.strip_prefix("helm upgrade --install gatekeeper gatekeeper/gatekeeper ") {
            // The objects that the chart would install, and the API server's opinion of its webhooks.
            let chart = self.environment.workdir.tool("gatekeeper-chart");
            let chart = chart.canonicalize().unwrap_or(chart);
            let arguments = rest.replace("--create-namespace", "");
            return format!("helm template gatekeeper {} {arguments} > gatekeeper.yaml", chart.display());
        }
        if line.starts_with("notation sign ") || line.starts_with("notation verify ") {
            // The registry of this run, which has no TLS.
            return format!("{} --insecure-registry", self.with_local_registry(line));
        }
        if line == "kubectl delete -k my-cluster" {
            // No controller deletes the contents of the namespace.
            return format!("{line} --wait=false");
        }
        line.to_owned()
    }

    pub(super) fn after(&self, line: &str) -> anyhow::Result<()> {
        if line.starts_with("helm upgrade ") {
            self.webhooks_fail_closed()
        } else if line.starts_with("podman push ") {
            Image::push(&self.environment.referrers, "countersign")?.tagged("0.1.0").map(drop)
        } else if line.starts_with("sed ") && line.ends_with("image-trustpolicy.json") {
            let path = self.shell.directory.join("my-cluster/image-trustpolicy.json");
            let policy = fs::read_to_string(&path)?;
            ensure!(policy.contains("\"registry.example.com/countersign\""), "{policy}");
            fs::write(&path, self.with_local_registry(&policy))?;
            Ok(())
        } else if line == "kubectl delete -k my-cluster" {
            let namespace = json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "countersign" }, "spec": { "finalizers": [] },
            });
            fs::write(self.shell.directory.join("namespace.json"), namespace.to_string())?;
            self.kubectl("replace --raw /api/v1/namespaces/countersign/finalize -f namespace.json").map(drop)
        } else {
            Ok(())
        }
    }

    fn with_local_registry(&self, text: &str) -> String {
        text.replace("registry.example.com", &self.environment.referrers.host())
    }

    fn webhooks_fail_closed(&self) -> anyhow::Result<()> {
        let chart = fs::read_to_string(self.shell.directory.join("gatekeeper.yaml"))?;
        let webhook = |document: &&str| document.contains("WebhookConfiguration\n");
        let webhooks: Vec<&str> = chart.split("\n---\n").filter(webhook).collect();
        ensure!(webhooks.len() == 2, "the chart has {} configurations of webhooks, expected 2", webhooks.len());
        fs::write(self.shell.directory.join("webhooks.yaml"), webhooks.join("\n---\n"))?;
        let text = self.kubectl("create --dry-run=server --validate=strict -o json -f webhooks.yaml")?;
        let mut excluded = 0;
        for webhook in objects(&text)?.iter().flat_map(|object| object["webhooks"].as_array()).flatten() {
            ensure!(webhook["failurePolicy"] == "Fail", "{webhook}");
            let expressions = webhook["namespaceSelector"]["matchExpressions"].as_array();
            let named = |one: &&Value| one["key"] == "kubernetes.io/metadata.name" && one["operator"] == "NotIn";
            let names = expressions.into_iter().flatten().find(named).map(|one| one["values"].to_string());
            let names = names.with_context(|| format!("no namespace is excluded: {webhook}"))?;
            ensure!(names.contains("\"gatekeeper-system\""), "{names}");
            excluded += u32::from(names.contains("\"kube-system\"") && names.contains("\"cert-manager\""));
        }
        ensure!(excluded == 2, "{excluded} webhooks exclude the namespaces of the values, expected 2");
        Ok(())
    }

    fn deployment_is_available(&self) -> anyhow::Result<()> {
        let text = self.kubectl("-n countersign get deployment countersign -o json")?;
        let deployment: Value = serde_json::from_str(&text)?;
        let replicas = &deployment["spec"]["replicas"];
        let status = json!({ "status": {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
        } });
        self.patch_status("deployment", &status)
    }

    fn certificate_is_ready(&self) -> anyhow::Result<()> {
        let time = "2026-01-01T00:00:00Z";
        let condition =
            json!({ "type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": time });
        self.patch_status("certificate", &json!({ "status": { "conditions": [condition] } }))?;
        let authority = fs::read_to_string(self.shell.directory.join("my-cluster/ca.crt"))?;
        let patch = json!({ "data": { "ca.crt": STANDARD.encode(authority) } });
        self.kubectl(&format!("-n countersign patch secret countersign-tls --type=merge -p '{patch}'")).map(drop)
    }

    fn patch_status(&self, kind: &str, status: &Value) -> anyhow::Result<()> {
        let arguments =
            format!("-n countersign patch {kind} countersign --subresource=status --type=merge -p '{status}'");
        self.kubectl(&arguments).map(drop)
    }
}

/// The objects that kubectl prints as JSON, one after the other.
pub(in crate::cases) fn objects(text: &str) -> anyhow::Result<Vec<Value>> {
    Ok(serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>()?)
}
