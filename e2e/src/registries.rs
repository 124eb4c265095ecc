//! Two independent registries: one with the referrers API, and one without, where the fallback tag lists the signatures.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use serde_json::json;

use crate::http;
use crate::process::Program;
use crate::workdir::Workdir;

const READY: Duration = Duration::from_secs(10);

/// The program of a registry, and how it lists signatures.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// olareg: `GET /v2/…/referrers/…`.
    ReferrersApi,
    /// Debian's docker-registry: the tag `sha256-…`.
    FallbackTag,
}

/// A registry on its own port. Its content survives a restart.
pub(crate) struct Registry {
    kind: Kind,
    port: u16,
    program: Option<Program>,
}

impl Registry {
    pub(crate) fn start(workdir: &Workdir, kind: Kind, port: u16) -> anyhow::Result<Self> {
        let mut registry = Self { kind, port, program: None };
        registry.resume(workdir)?;
        Ok(registry)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::ReferrersApi => "olareg",
            Kind::FallbackTag => "docker-registry",
        }
    }

    /// The host, as in an image reference.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The host by name; for Countersign another host than the address.
    pub(crate) fn host_by_name(&self) -> String {
        format!("localhost:{}", self.port)
    }

    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        let program = self.program.take().with_context(|| format!("{} is not running", self.name()))?;
        program.stop()?;
        Ok(())
    }

    /// Starts it again with the same content.
    pub(crate) fn resume(&mut self, workdir: &Workdir) -> anyhow::Result<()> {
        let data = workdir.directory(&format!("{}/data", self.name()))?;
        let mut command = Command::new(workdir.tool(self.name()));
        match self.kind {
            Kind::ReferrersApi => {
                command.args(["serve", "--addr", "127.0.0.1", "--port", &self.port.to_string(), "--dir"]).arg(data);
            }
            Kind::FallbackTag => {
                let config = configuration(&data, &json!({ "addr": self.host() }));
                let config = workdir.write(&format!("{}/config.yml", self.name()), config.to_string())?;
                command.arg("serve").arg(config);
            }
        }
        let mut program = Program::start(self.name(), &command, workdir.log(self.name()))?;
        let url = format!("http://{}/v2/", self.host());
        program.wait_ready(READY, || http::get(&url)?.expect_status(200).map(drop))?;
        self.program = Some(program);
        Ok(())
    }
}

/// The configuration of docker-registry, and of distribution v3, with this section `http`. JSON is YAML.
pub(crate) fn configuration(data: &Path, http: &Value) -> Value {
    json!({
        "version": 0.1,
        "log": { "level": "warn" },
        "storage": { "filesystem": { "rootdirectory": data } },
        "http": http,
    })
}
