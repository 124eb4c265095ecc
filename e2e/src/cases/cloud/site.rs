//! What a cluster has before Countersign is installed, and the doubles of a cloud.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::Value;
use serde_json::json;

use super::super::network::Network;
use crate::cloud_doubles::Cloud;
use crate::cloud_doubles::CloudDoubles;
use crate::cluster;
use crate::cluster::Cluster;
use crate::gatekeeper;
use crate::gatekeeper::Gatekeeper;
use crate::policy;
use crate::release::Release;
use crate::transcript::Transcript;
use crate::workdir;
use crate::workdir::Workdir;

/// The repository of the trust policy's statement, whose name is the same.
pub(in crate::cases) const REPOSITORY: &str = "shop";

/// A cloud, as far as the processes of a chapter depend on it.
#[derive(Clone, Copy, Debug)]
pub(in crate::cases) struct Platform {
    pub(in crate::cases) cloud: Cloud,
    pub(in crate::cases) network: Network,
    /// What is before [`REPOSITORY`] in the references of images.
    pub(in crate::cases) registry: &'static str,
    /// The member of the doubles' commands that has [`REPOSITORY`].
    pub(in crate::cases) repository: &'static str,
}

/// What a cluster has before Countersign is installed.
pub(in crate::cases) struct Site<'a> {
    pub(super) platform: Platform,
    pub(in crate::cases) workdir: &'a Workdir,
    pub(in crate::cases) transcript: &'a mut Transcript,
    pub(in crate::cases) gatekeeper: Gatekeeper,
    pub(in crate::cases) cluster: Cluster,
    pub(in crate::cases) doubles: CloudDoubles,
    /// The authority of the doubles' certificate, as a file.
    pub(in crate::cases) ca: PathBuf,
}

/// An image of the registry.
#[derive(Clone, Debug)]
pub(in crate::cases) struct Pushed {
    pub(in crate::cases) digest: String,
}

impl<'a> Site<'a> {
    /// Starts all processes but Countersign. `config` has what the doubles need besides names and addresses.
    pub(in crate::cases) fn start(
        workdir: &'a Workdir,
        transcript: &'a mut Transcript,
        platform: Platform,
        mut config: Value,
    ) -> anyhow::Result<Self> {
        let names = platform.network.names();
        transcript.note(&format!("one process serves {}, and 169.254.169.254", names.join(", ")));
        config["names"] = json!(names);
        config["listen"] = platform.network.listen();
        let doubles = CloudDoubles::start(workdir, platform.cloud, "doubles", config)?;
        let ca = doubles.directory().join("ca.pem");
        let [etcd, etcd_peer, api_server, webhook, health, metrics] = workdir::free_ports()?;
        let cluster = Cluster::start(workdir, &cluster::Ports { etcd, etcd_peer, api_server })?;
        // The audit would ask about images of former cases.
        let ports = gatekeeper::Ports { webhook, health, metrics };
        let gatekeeper = Gatekeeper::start(workdir, &cluster, Release::Newest, ports, &["--audit-interval=0"])?;
        policy::apply_own(workdir, &cluster)?;
        Ok(Self { platform, workdir, transcript, gatekeeper, cluster, doubles, ca })
    }

    /// Sends a command to the doubles.
    pub(in crate::cases) fn set(&mut self, command: &Value) -> anyhow::Result<Value> {
        self.doubles.command(command)
    }

    /// Stores an image under this tag. `changes` are members of the command.
    pub(in crate::cases) fn push_as(&mut self, tag: &str, changes: &Value) -> anyhow::Result<Pushed> {
        let mut command = json!({ "do": "push", "tag": tag });
        command[self.platform.repository] = json!(REPOSITORY);
        for (name, value) in changes.as_object().into_iter().flatten() {
            command[name] = value.clone();
        }
        let pushed = self.set(&command)?;
        Ok(Pushed { digest: pushed["digest"].as_str().context("the doubles answer without a digest")?.to_owned() })
    }

    /// Gives an image another tag. Returns the reference by it.
    pub(super) fn tag_as(&mut self, tag: &str, image: &Pushed) -> anyhow::Result<String> {
        let mut command = json!({ "do": "tag", "tag": tag, "digest": image.digest });
        command[self.platform.repository] = json!(REPOSITORY);
        self.set(&command)?;
        Ok(format!("{}/{REPOSITORY}:{tag}", self.platform.registry))
    }
}
