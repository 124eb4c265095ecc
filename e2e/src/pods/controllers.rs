//! kube-controller-manager with the controllers that create Pods from Deployments.

use std::process::Command;

use super::arm::Limits;
use crate::cluster::Cluster;
use crate::cluster::flag;
use crate::process::Program;
use crate::workdir::Workdir;

pub(super) struct Controllers {
    limits: Limits,
    program: Program,
}

impl Controllers {
    /// Starts them. They are ready when they act on a Deployment.
    pub(super) fn start(workdir: &Workdir, cluster: &Cluster, limits: Limits) -> anyhow::Result<Self> {
        let mut command = Command::new(workdir.tool("kube-controller-manager"));
        command
            .arg(flag("--kubeconfig", cluster.kubeconfig()))
            // Without a garbage collector, which would remove the status objects of a Gatekeeper without a Pod, and without others that
            // have nothing to do with Pods that never run.
            .arg("--controllers=deployment-controller,replicaset-controller")
            .args([format!("--kube-api-qps={}", limits.qps), format!("--kube-api-burst={}", limits.burst)])
            // No listener.
            .args(["--leader-elect=false", "--secure-port=0"]);
        let program = Program::start("kube-controller-manager", &command, workdir.log("kube-controller-manager"))?;
        Ok(Self { limits, program })
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn check_running(&mut self) -> anyhow::Result<()> {
        self.program.check_running()
    }

    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.program.stop().map(drop)
    }
}
