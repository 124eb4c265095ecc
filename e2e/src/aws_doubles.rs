//! The doubles of AWS's services as a process: this program, started with other arguments. It reads commands and writes a journal as
//! lines of JSON (see [`countersign_testkit::aws::process`]).

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::bail;
use serde_json::Value;
use serde_json::json;

use crate::process::Program;
use crate::wait;
use crate::workdir::Workdir;

/// Time limit for the start and for one command.
const LIMIT: Duration = Duration::from_secs(20);

/// The argument of this program that makes it the doubles, before the path of their configuration.
pub(crate) const ARGUMENT: &str = "aws-doubles";

/// Runs the doubles with the configuration in this file until the end of standard input.
pub(crate) fn serve(config: &str) -> anyhow::Result<()> {
    let config = serde_json::from_slice(&fs::read(config).with_context(|| format!("cannot read {config}"))?)?;
    let served = countersign_testkit::aws::process::run(&config, std::io::stdin().lock(), std::io::stdout());
    served.map_err(anyhow::Error::msg)
}

/// The running process.
pub(crate) struct AwsDoubles {
    program: Program,
    output: PathBuf,
    directory: PathBuf,
    commands: usize,
}

impl AwsDoubles {
    /// Starts it with this configuration, whose `directory` is set to a new one: see `services.rs` of testkit.
    pub(crate) fn start(workdir: &Workdir, name: &str, mut config: Value) -> anyhow::Result<Self> {
        let directory = workdir.directory(name)?;
        config["directory"] = json!(directory);
        let config = workdir.write(&format!("{name}/config.json"), config.to_string())?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(ARGUMENT).arg(config);
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

    /// Sends a command and returns the answer: see `commands.rs` of testkit.
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
