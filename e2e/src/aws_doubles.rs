//! The doubles of AWS's services as a process: the example `aws` of testkit, which reads commands and writes a journal as lines of
//! JSON.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use crate::process::Program;
use crate::wait;
use crate::workdir::Workdir;

/// Time limit for the start and for one command.
const LIMIT: Duration = Duration::from_secs(20);

/// The running process.
pub(crate) struct AwsDoubles {
    program: Program,
    output: PathBuf,
    directory: PathBuf,
    commands: usize,
}

impl AwsDoubles {
    /// Builds and starts it with this configuration, whose `directory` is set to a new one: see `services.rs` of the example.
    pub(crate) fn start(workdir: &Workdir, name: &str, mut config: Value) -> anyhow::Result<Self> {
        let program = build(workdir)?;
        let directory = workdir.directory(name)?;
        config["directory"] = json!(directory);
        let config = workdir.write(&format!("{name}/config.json"), config.to_string())?;
        let mut command = Command::new(program);
        command.arg(config);
        let output = workdir.log(name);
        let program = Program::start_with_input("the doubles of AWS", &command, output.clone())?;
        let mut doubles = Self { program, output, directory, commands: 0 };
        let ready = doubles.wait_for("ready", 1)?;
        workdir.write(&format!("{name}/ready.json"), ready.to_string())?;
        Ok(doubles)
    }

    /// The directory with their files, `ready.json` among them.
    pub(crate) fn directory(&self) -> &PathBuf {
        &self.directory
    }

    /// Sends a command and returns the answer: see `commands.rs` of the example.
    pub(crate) fn command(&mut self, command: &Value) -> anyhow::Result<Value> {
        self.program.write_line(&command.to_string())?;
        self.commands += 1;
        self.wait_for("answer", self.commands).with_context(|| format!("command {command}"))
    }

    /// The requests that have ended, in order, as in [`Exchange::to_json`](countersign_testkit::aws::Exchange::to_json).
    pub(crate) fn exchanges(&self) -> anyhow::Result<Vec<Value>> {
        self.lines("exchange")
    }

    /// The values of all lines with this member.
    fn lines(&self, member: &str) -> anyhow::Result<Vec<Value>> {
        let output = fs::read_to_string(&self.output)?;
        let complete = output.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let lines = complete.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(lines.filter_map(|mut line| line.get_mut(member).map(Value::take)).collect())
    }

    /// The value of the line number `count` with this member.
    fn wait_for(&mut self, member: &str, count: usize) -> anyhow::Result<Value> {
        wait::until(&format!("line {count} with {member:?}"), LIMIT, || {
            if let Some(error) = self.lines("error")?.pop() {
                return Ok(Err(anyhow::anyhow!("the doubles of AWS: {error}")));
            }
            if let Err(ended) = self.program.check_running() {
                return Ok(Err(ended));
            }
            match self.lines(member)?.into_iter().nth(count - 1) {
                Some(value) => Ok(Ok(value)),
                None => bail!("there is none"),
            }
        })?
    }
}

fn build(workdir: &Workdir) -> anyhow::Result<PathBuf> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--package", "countersign-testkit", "--example", "aws"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let status = command.current_dir(workdir.project()).status().context("cannot run cargo")?;
    ensure!(status.success(), "cargo build --example aws ended with {status}");
    Ok(std::env::current_exe()?.with_file_name("examples").join("aws"))
}
