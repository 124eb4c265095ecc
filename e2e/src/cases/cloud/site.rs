//! What a cluster has before Countersign is installed, and the doubles of Azure.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use serde_json::Value;
use serde_json::json;

use super::network;
use crate::cloud_doubles::Cloud;
use crate::cloud_doubles::CloudDoubles;
use crate::cluster;
use crate::cluster::Cluster;
use crate::gatekeeper;
use crate::gatekeeper::Gatekeeper;
use crate::namespaces;
use crate::policy;
use crate::release::Release;
use crate::transcript::Transcript;
use crate::workdir;
use crate::workdir::Workdir;

/// The file of the service account's token in the pod, where the webhook of AKS adds it.
pub(super) const TOKEN: &str = "/var/run/secrets/azure/tokens/azure-identity-token";

/// Those of the doubles: the issuer of the cluster's tokens, the tenant, and the client ID of the managed identity.
pub(super) const ISSUER: &str = "https://westeurope.oic.prod-aks.azure.com/testkit/";
pub(super) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(super) const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

/// The repository of the trust policy's statement, whose name is the same.
pub(super) const REPOSITORY: &str = "shop";

/// What a cluster has before Countersign is installed.
pub(super) struct Site<'a> {
    pub(super) workdir: &'a Workdir,
    pub(super) transcript: &'a mut Transcript,
    pub(super) gatekeeper: Gatekeeper,
    pub(super) cluster: Cluster,
    pub(super) doubles: CloudDoubles,
    /// The authority of the doubles' certificate, as a file.
    pub(super) ca: PathBuf,
}

/// An image of the registry.
#[derive(Clone, Debug)]
pub(super) struct Pushed {
    pub(super) digest: String,
}

impl<'a> Site<'a> {
    /// Starts all processes but Countersign.
    pub(super) fn start(workdir: &'a Workdir, transcript: &'a mut Transcript) -> anyhow::Result<Self> {
        let config = json!({
            "names": network::names(),
            "listen": network::listen(),
            "authority": format!("https://{}", network::AUTHORITY),
            "registry": network::REGISTRY,
            "blobs": format!("https://{}", network::BLOBS),
            "vault": network::VAULT,
            "issuer": ISSUER,
            "tenant": TENANT,
            "client": CLIENT,
            "namespace": "countersign",
            "serviceAccount": "countersign",
            "certificate": "shop-signing",
        });
        let doubles = CloudDoubles::start(workdir, Cloud::Azure, "doubles", config)?;
        transcript.note(&format!("one process serves {}, and 169.254.169.254", network::names().join(", ")));
        namespaces::write_below_run(TOKEN, &fs::read_to_string(doubles.directory().join("azure-identity-token"))?)?;
        let ca = doubles.directory().join("ca.pem");
        let [etcd, etcd_peer, api_server, webhook, health, metrics] = workdir::free_ports()?;
        let cluster = Cluster::start(workdir, &cluster::Ports { etcd, etcd_peer, api_server })?;
        // The audit would ask about images of former cases.
        let ports = gatekeeper::Ports { webhook, health, metrics };
        let gatekeeper = Gatekeeper::start(workdir, &cluster, Release::Newest, ports, &["--audit-interval=0"])?;
        policy::apply_own(workdir, &cluster)?;
        Ok(Self { workdir, transcript, gatekeeper, cluster, doubles, ca })
    }

    /// Sends a command to the doubles.
    pub(super) fn set(&mut self, command: &Value) -> anyhow::Result<Value> {
        self.doubles.command(command)
    }

    /// Stores an image under this tag. `changes` are members of the command.
    pub(super) fn push_as(&mut self, tag: &str, changes: &Value) -> anyhow::Result<Pushed> {
        let mut command = json!({ "do": "push", "repository": REPOSITORY, "tag": tag });
        for (name, value) in changes.as_object().into_iter().flatten() {
            command[name] = value.clone();
        }
        let pushed = self.set(&command)?;
        Ok(Pushed { digest: pushed["digest"].as_str().context("the doubles answer without a digest")?.to_owned() })
    }
}
