//! Countersign, built from this tree: the server that Gatekeeper calls, and the command line.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use rcgen::DnType;
use serde_json::Value;
use serde_json::json;

use crate::certificates::Authority;
use crate::certificates::Usage;
use crate::gatekeeper::Gatekeeper;
use crate::http;
use crate::process;
use crate::process::Finished;
use crate::process::Program;
use crate::workdir::Workdir;
use crate::workdir::profile_arguments;

const READY: Duration = Duration::from_secs(20);
/// Time limit for `countersign verify`, whose deadline for one image is seconds.
const VERIFY: Duration = Duration::from_secs(30);

/// Ports of 127.0.0.1.
pub(crate) struct Ports {
    pub(crate) provider: u16,
    pub(crate) health: u16,
}

pub(crate) struct Countersign {
    name: &'static str,
    binary: PathBuf,
    config: PathBuf,
    ports: Ports,
    authority: Authority,
    scratch: PathBuf,
    /// The environment variables of its pod.
    variables: Vec<(&'static str, String)>,
    program: Option<Program>,
}

impl Countersign {
    /// Starts the server with the trust of notation's configuration directory `trust`; `registries` speak plain HTTP.
    pub(crate) fn start(
        workdir: &Workdir,
        binary: Option<&Path>,
        ports: Ports,
        gatekeeper: &Gatekeeper,
        trust: PathBuf,
        registries: &[String],
    ) -> anyhow::Result<Self> {
        let binary = program(workdir, binary)?;
        let authority = Authority::new(&[(DnType::CommonName, "countersign-ca")])?;
        let identity = authority.issue(&[(DnType::CommonName, "countersign")], Usage::Server)?;
        let registries: Vec<_> = registries.iter().map(|host| json!({ "host": host, "plainHttp": true })).collect();
        let config = json!({
            "server": {
                "listen": format!("127.0.0.1:{}", ports.provider),
                "tls": {
                    "certificate": workdir.write("countersign/tls.crt", identity.certificate)?,
                    "key": workdir.write("countersign/tls.key", identity.key)?,
                    "clientCa": workdir.write("countersign/client-ca.crt", gatekeeper.authority().certificate())?,
                },
            },
            "health": { "listen": format!("127.0.0.1:{}", ports.health) },
            "trust": { "directory": trust, "reloadInterval": "1s" },
            "registries": registries,
            "unlistedRegistries": "refuse",
        });
        workdir.write("countersign/ca.crt", authority.certificate())?;
        Self::serve(workdir, "countersign", binary, ports, authority, &config, Vec::new())
    }

    /// Starts another server of the same binary with a configuration and certificates (of `authority`) of its own.
    pub(crate) fn another(
        &self,
        workdir: &Workdir,
        name: &'static str,
        ports: Ports,
        authority: Authority,
        config: &Value,
    ) -> anyhow::Result<Self> {
        Self::serve(workdir, name, self.binary.clone(), ports, authority, config, Vec::new())
    }

    /// Starts a server with a configuration, certificates (of `authority`) and environment variables of its own.
    pub(crate) fn serve(
        workdir: &Workdir,
        name: &'static str,
        binary: PathBuf,
        ports: Ports,
        authority: Authority,
        config: &Value,
        variables: Vec<(&'static str, String)>,
    ) -> anyhow::Result<Self> {
        // JSON is YAML.
        let config = workdir.write(&format!("{name}/countersign.yaml"), config.to_string())?;
        let scratch = workdir.log(&format!("{name}-verify"));
        let mut countersign = Self { name, binary, config, ports, authority, scratch, variables, program: None };
        countersign.resume(workdir)?;
        Ok(countersign)
    }

    /// Its process, if it runs.
    pub(crate) fn program(&mut self) -> Option<&mut Program> {
        self.program.as_mut()
    }

    /// The path of its program.
    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// The path of its configuration.
    pub(crate) fn configuration(&self) -> &Path {
        &self.config
    }

    /// The authority of the server's certificate: a Provider's `caBundle`.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The URL of an endpoint.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.ports.provider)
    }

    /// `host:port` of `/metrics`, `/livez` and `/readyz`.
    pub(crate) fn health(&self) -> String {
        format!("127.0.0.1:{}", self.ports.health)
    }

    /// The value of a metric that has one series.
    pub(crate) fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let page = http::get(&format!("http://{}/metrics", self.health()))?.expect_status(200)?.text();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.with_context(|| format!("there is no metric {name}"))?.parse()?)
    }

    /// Peak memory since [`Self::reset_peak_memory`], in bytes.
    pub(crate) fn peak_memory(&self) -> anyhow::Result<u64> {
        let program = self.program.as_ref().context("countersign is not running")?;
        let status = fs::read_to_string(program.proc("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }

    pub(crate) fn reset_peak_memory(&self) -> anyhow::Result<()> {
        let program = self.program.as_ref().context("countersign is not running")?;
        // Writing 5 resets the peak.
        Ok(fs::write(program.proc("clear_refs"), "5")?)
    }

    /// The complete log, over all starts.
    pub(crate) fn log(&self, workdir: &Workdir) -> anyhow::Result<Vec<Value>> {
        let log = fs::read_to_string(workdir.log(self.name))?;
        log.lines().map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))).collect()
    }

    /// Stops the server with SIGTERM, as Kubernetes does. An error unless it exits with status 0.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        let status = self.program.take().context("countersign is not running")?.stop()?;
        ensure!(status.success(), "countersign ended with {status} after SIGTERM, expected exit status 0");
        Ok(())
    }

    /// Starts the server again.
    pub(crate) fn resume(&mut self, workdir: &Workdir) -> anyhow::Result<()> {
        let mut command = self.command();
        command.arg("serve").arg("--config").arg(&self.config);
        let mut program = Program::start(self.name, &command, workdir.log(self.name))?;
        let ready = format!("http://{}/readyz", self.health());
        program.wait_ready(READY, || http::get(&ready)?.expect_status(200).map(drop))?;
        self.program = Some(program);
        Ok(())
    }

    /// The command in the environment of its pod, without arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The environment variables of its pod.
    pub(crate) fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }

    /// Replaces the environment variables of its pod, for the next start.
    pub(crate) fn set_variables(&mut self, variables: Vec<(&'static str, String)>) {
        self.variables = variables;
    }

    /// Runs `countersign verify` with the configuration of the server. Returns the command line and its result.
    pub(crate) fn verify(&self, reference: &str) -> anyhow::Result<(String, Finished)> {
        let mut command = self.command();
        command.arg("verify").arg("--config").arg(&self.config).arg(reference);
        let finished = process::run(&command, VERIFY, &self.scratch)?;
        Ok((process::command_line(&command), finished))
    }
}

/// The path of the given binary, or of the one of this tree, which is built.
pub(crate) fn program(workdir: &Workdir, binary: Option<&Path>) -> anyhow::Result<PathBuf> {
    match binary {
        Some(path) => path.canonicalize().with_context(|| format!("cannot find {}", path.display())),
        None => build(workdir),
    }
}

/// Builds the binary in the profile of this program. Returns its path, which is beside this program.
fn build(workdir: &Workdir) -> anyhow::Result<PathBuf> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--package", "countersign", "--bin", "countersign"]);
    let program = std::env::current_exe()?;
    command.args(profile_arguments(&program));
    let status = command.current_dir(workdir.project()).status().context("cannot run cargo")?;
    ensure!(status.success(), "cargo build --package countersign ended with {status}");
    Ok(program.with_file_name("countersign"))
}
