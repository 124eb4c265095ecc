//! The shell of a user who follows a guide at the top of a copy of the repository.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::super::deploy::copy_tree;
use crate::cluster::Cluster;
use crate::process;
use crate::process::Finished;
use crate::workdir::Workdir;

/// Time limit for one command.
const LIMIT: Duration = Duration::from_secs(90);

/// Step 3 of `deploy/README.md`, which the pages of clouds name as a requirement.
pub(in crate::cases) const CERTIFICATES: [&str; 4] = [
    "mkdir -p my-cluster",
    "countersign certs --out my-cluster",
    "kubectl apply -f deploy/base/namespace.yaml",
    "kubectl create secret tls countersign-tls --namespace countersign --cert my-cluster/tls.crt --key my-cluster/tls.key \
     --dry-run=client -o yaml | kubectl apply --server-side --force-conflicts -f -",
];

/// Runs a command in the pod.
pub(in crate::cases) const EXEC: &str = "kubectl -n countersign exec deployment/countersign -- countersign ";

pub(in crate::cases) struct Shell {
    /// The top of the copy.
    pub(in crate::cases) directory: PathBuf,
    programs: PathBuf,
}

impl Shell {
    /// With `binary` as `countersign`, and a script in place of the command line of a cloud.
    pub(in crate::cases) fn prepare(workdir: &Workdir, binary: &Path, cloud: (&str, &str)) -> anyhow::Result<Self> {
        let directory = workdir.directory("guide")?;
        for name in ["deploy", "templates", "constraints"] {
            copy_tree(&workdir.project().join(name), &directory.join(name))?;
        }
        let programs = workdir.directory("guide-programs")?;
        symlink(binary, programs.join("countersign"))?;
        let (name, script) = cloud;
        let script = workdir.write(&format!("guide-programs/{name}"), script)?;
        fs::set_permissions(script, fs::Permissions::from_mode(0o755))?;
        Ok(Self { directory, programs })
    }

    /// Runs a line at the top of the copy, with these variables of the environment.
    pub(in crate::cases) fn run(
        &self,
        workdir: &Workdir,
        cluster: &Cluster,
        line: &str,
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Finished> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let own = [self.programs.clone(), workdir.tools().to_path_buf()];
        let path = std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path)))?;
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(&self.directory).env("PATH", path);
        command.env("KUBECONFIG", cluster.kubeconfig()).env("HOME", workdir.directory("guide-home")?);
        command.env_remove("XDG_CONFIG_HOME").envs(variables.iter().copied());
        process::run(&command, LIMIT, &workdir.log("guide"))
    }
}
