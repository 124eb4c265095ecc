//! etcd, the API server and kubectl: a cluster without nodes. Pods stay pending; their admission is complete.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::bail;
use rcgen::DnType;
use serde_json::json;

use crate::certificates::Authority;
use crate::certificates::Usage;
use crate::http;
use crate::process;
use crate::process::Finished;
use crate::process::Program;
use crate::workdir::Workdir;

const ETCD_READY: Duration = Duration::from_secs(20);
const API_SERVER_READY: Duration = Duration::from_secs(60);
/// For one kubectl command; longer than any webhook's timeout.
const KUBECTL: Duration = Duration::from_secs(30);

/// Ports of 127.0.0.1.
pub(crate) struct Ports {
    pub(crate) etcd: u16,
    pub(crate) etcd_peer: u16,
    pub(crate) api_server: u16,
}

pub(crate) struct Cluster {
    kubectl: PathBuf,
    kubeconfig: PathBuf,
    home: PathBuf,
    scratch: PathBuf,
    // Dropped in this order.
    _api_server: Program,
    _etcd: Program,
}

impl Cluster {
    pub(crate) fn start(workdir: &Workdir, ports: &Ports) -> anyhow::Result<Self> {
        let etcd = start_etcd(workdir, ports)?;

        let authority = Authority::new(&[(DnType::CommonName, "kube-ca")])?;
        let server = authority.issue(&[(DnType::CommonName, "kube-apiserver")], Usage::Server)?;
        let admin = authority
            .issue(&[(DnType::OrganizationName, "system:masters"), (DnType::CommonName, "admin")], Usage::Client)?;
        let ca = workdir.write("cluster/ca.crt", authority.certificate())?;
        let certificate = workdir.write("cluster/tls.crt", server.certificate)?;
        let key = workdir.write("cluster/tls.key", server.key)?;
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "e2e",
            "contexts": [{ "name": "e2e", "context": { "cluster": "e2e", "user": "admin" } }],
            "clusters": [{ "name": "e2e", "cluster": {
                "server": format!("https://127.0.0.1:{}", ports.api_server),
                "certificate-authority": ca,
            } }],
            "users": [{ "name": "admin", "user": {
                "client-certificate": workdir.write("cluster/admin.crt", admin.certificate)?,
                "client-key": workdir.write("cluster/admin.key", admin.key)?,
            } }],
        });
        let kubeconfig = workdir.write("cluster/kubeconfig", kubeconfig.to_string())?;

        let mut command = Command::new(workdir.tool("kube-apiserver"));
        command
            .arg(format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd))
            .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
            .arg(format!("--secure-port={}", ports.api_server))
            .arg(flag("--tls-cert-file", &certificate))
            .arg(flag("--tls-private-key-file", &key))
            .arg(flag("--client-ca-file", &ca))
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            // Tokens are not used, so any key pair works.
            .arg(flag("--service-account-key-file", &certificate))
            .arg(flag("--service-account-signing-key-file", &key))
            .arg("--authorization-mode=RBAC")
            .arg("--service-cluster-ip-range=10.0.0.0/24")
            // Without controllers there is no default service account for pods.
            .arg("--disable-admission-plugins=ServiceAccount")
            .arg("--endpoint-reconciler-type=none");
        let mut api_server = Program::start("kube-apiserver", &command, workdir.log("kube-apiserver"))?;

        let home = workdir.directory("cluster/home")?;
        let scratch = workdir.log("kubectl");
        let kubectl = workdir.tool("kubectl");
        let ready = |command: &Command| process::run(command, KUBECTL, &scratch)?.success().map(drop);
        api_server.wait_ready(API_SERVER_READY, || {
            let mut command = kubectl_command(&kubectl, &kubeconfig, &home);
            ready(command.args(["get", "--raw", "/readyz"]))
        })?;
        Ok(Self { kubectl, kubeconfig, home, scratch, _api_server: api_server, _etcd: etcd })
    }

    /// The value of `KUBECONFIG`.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs kubectl. Returns the command line and its result, a failure included.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<(String, Finished)> {
        let mut command = kubectl_command(&self.kubectl, &self.kubeconfig, &self.home);
        command.args(arguments);
        let finished = process::run(&command, KUBECTL, &self.scratch)?;
        Ok((process::command_line(&command), finished))
    }

    /// Runs kubectl beside others, with its output in a file of its own.
    pub(crate) fn kubectl_beside(&self, arguments: &[&str], output: &Path) -> anyhow::Result<Finished> {
        let mut command = kubectl_command(&self.kubectl, &self.kubeconfig, &self.home);
        process::run(command.args(arguments), KUBECTL, output)
    }

    /// Starts `kubectl proxy`, through which the API server answers plain HTTP on this port of 127.0.0.1.
    pub(crate) fn proxy(&self, workdir: &Workdir, port: u16) -> anyhow::Result<Program> {
        let mut command = kubectl_command(&self.kubectl, &self.kubeconfig, &self.home);
        command.args(["proxy", "--address=127.0.0.1"]).arg(format!("--port={port}"));
        let mut proxy = Program::start("kubectl-proxy", &command, workdir.log("kubectl-proxy"))?;
        let ready = format!("http://127.0.0.1:{port}/readyz");
        proxy.wait_ready(KUBECTL, || http::get(&ready)?.expect_status(200).map(drop))?;
        Ok(proxy)
    }

    /// Runs kubectl, which must succeed. Returns its output.
    pub(crate) fn kubectl_ok(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let (line, finished) = self.kubectl(arguments)?;
        finished.success().context(line)
    }

    /// Applies an object on the server's side.
    pub(crate) fn apply(&self, workdir: &Workdir, object: &serde_json::Value) -> anyhow::Result<()> {
        let (Some(kind), Some(name)) = (object["kind"].as_str(), object["metadata"]["name"].as_str()) else {
            bail!("an object without kind or name: {object}")
        };
        let path = workdir.write(&format!("objects/{kind}-{name}.json"), object.to_string())?;
        self.apply_file(&path)
    }

    /// Applies a file, or every file of a directory, on the server's side.
    pub(crate) fn apply_file(&self, path: &Path) -> anyhow::Result<()> {
        // kubectl does not follow a link to a directory.
        let path = path.canonicalize().with_context(|| format!("cannot read {}", path.display()))?;
        let path = path.to_str().context("a path is not UTF-8")?;
        self.kubectl_ok(&["apply", "--server-side", "-f", path]).map(drop)
    }
}

fn start_etcd(workdir: &Workdir, ports: &Ports) -> anyhow::Result<Program> {
    let client = format!("http://127.0.0.1:{}", ports.etcd);
    let peer = format!("http://127.0.0.1:{}", ports.etcd_peer);
    let mut command = Command::new(workdir.tool("etcd"));
    command
        .args(["--name=e2e", "--unsafe-no-fsync"])
        .arg(flag("--data-dir", &workdir.directory("etcd")?))
        .args([format!("--listen-client-urls={client}"), format!("--advertise-client-urls={client}")])
        .args([format!("--listen-peer-urls={peer}"), format!("--initial-advertise-peer-urls={peer}")])
        .arg(format!("--initial-cluster=e2e={peer}"));
    let mut etcd = Program::start("etcd", &command, workdir.log("etcd"))?;
    etcd.wait_ready(ETCD_READY, || http::get(&format!("{client}/health"))?.expect_status(200).map(drop))?;
    Ok(etcd)
}

fn kubectl_command(kubectl: &Path, kubeconfig: &Path, home: &Path) -> Command {
    let mut command = Command::new(kubectl);
    command.env("KUBECONFIG", kubeconfig).env("HOME", home);
    command
}

/// `NAME=PATH`.
pub(crate) fn flag(name: &str, path: &Path) -> OsString {
    let mut flag = OsString::from(name);
    flag.push("=");
    flag.push(path);
    flag
}
