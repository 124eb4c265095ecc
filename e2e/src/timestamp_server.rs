//! The timestamping authority of sigstore, started by the program in `e2e/tools/timestamp-server`, with a chain that it creates in
//! memory when it starts.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::http;
use crate::process::Program;
use crate::workdir::Workdir;

const READY: Duration = Duration::from_secs(20);

const END: &str = "-----END CERTIFICATE-----\n";

/// A running server.
pub(crate) struct TimestampServer {
    _program: Program,
    port: u16,
    root: String,
}

impl TimestampServer {
    pub(crate) fn start(workdir: &Workdir, port: u16) -> anyhow::Result<Self> {
        let mut command = Command::new(workdir.tool("timestamp-server"));
        command.args(["--port", &port.to_string()]);
        let mut program = Program::start("timestamp-server", &command, workdir.log("timestamp-server"))?;
        let url = format!("http://127.0.0.1:{port}/api/v1/timestamp/certchain");
        let mut chain = String::new();
        program.wait_ready(READY, || {
            chain = http::get(&url)?.expect_status(200)?.text();
            Ok(())
        })?;
        let root = chain.split_inclusive(END).filter(|certificate| certificate.ends_with(END)).last();
        let root = root.context("the timestamping authority has no certificates")?.to_owned();
        Ok(Self { _program: program, port, root })
    }

    /// The address for requests.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api/v1/timestamp", self.port)
    }

    /// The root certificate of its chain, as PEM.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }
}
