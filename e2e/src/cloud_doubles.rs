//! The doubles of the services of a cloud as a process: this program, started with other arguments. It reads commands and writes a
//! journal as lines of JSON (see [`countersign_testkit::aws::process`], [`countersign_testkit::azure::process`] and
//! [`countersign_testkit::google::process`]).

use std::fs;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use serde_json::json;

use crate::process::Program;
use crate::wait;
use crate::workdir::Workdir;

/// Time limit for the start and for one command.
const LIMIT: Duration = Duration::from_secs(20);

/// A cloud whose services have doubles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cloud {
    Aws,
    Azure,
    Google,
}

impl Cloud {
    /// The cloud whose doubles this program is with this argument, before the path of their configuration.
    pub(crate) fn of_argument(argument: &str) -> Option<Self> {
        [Self::Aws, Self::Azure, Self::Google].into_iter().find(|cloud| cloud.argument() == argument)
    }

    fn argument(self) -> &'static str {
        match self {
            Self::Aws => "aws-doubles",
            Self::Azure => "azure-doubles",
            Self::Google => "google-doubles",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Aws => "the doubles of AWS",
            Self::Azure => "the doubles of Azure",
            Self::Google => "the doubles of Google Cloud",
        }
    }

    /// Runs the doubles with the configuration in this file until the end of standard input.
    pub(crate) fn serve(self, config: &str) -> anyhow::Result<()> {
        let config = serde_json::from_slice(&fs::read(config).with_context(|| format!("cannot read {config}"))?)?;
        let (input, output) = (std::io::stdin().lock(), std::io::stdout());
        let served = match self {
            Self::Aws => countersign_testkit::aws::process::run(&config, input, output),
            Self::Azure => countersign_testkit::azure::process::run(&config, input, output),
            Self::Google => countersign_testkit::google::process::run(&config, input, output),
        };
        served.map_err(anyhow::Error::msg)
    }
}

/// The running process.
pub(crate) struct CloudDoubles {
    cloud: Cloud,
    program: Program,
    output: PathBuf,
    directory: PathBuf,
    commands: usize,
    /// Bytes of the output that were read, and the answers and errors in them.
    read: usize,
    answers: Vec<Value>,
    error: Option<Value>,
}

impl CloudDoubles {
    /// Starts it with this configuration, whose `directory` is set to a new one.
    pub(crate) fn start(workdir: &Workdir, cloud: Cloud, name: &str, mut config: Value) -> anyhow::Result<Self> {
        let directory = workdir.directory(name)?;
        config["directory"] = json!(directory);
        let config = workdir.write(&format!("{name}/config.json"), config.to_string())?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(cloud.argument()).arg(config);
        let output = workdir.log(name);
        let program = Program::start_with_input(cloud.name(), &command, output.clone())?;
        let mut doubles =
            Self { cloud, program, output, directory, commands: 0, read: 0, answers: Vec::new(), error: None };
        let ready = doubles.wait_for(1)?;
        workdir.write(&format!("{name}/ready.json"), ready.to_string())?;
        Ok(doubles)
    }

    /// The directory with their files, `ready.json` among them.
    pub(crate) fn directory(&self) -> &PathBuf {
        &self.directory
    }

    /// Sends a command and returns the answer.
    pub(crate) fn command(&mut self, command: &Value) -> anyhow::Result<Value> {
        self.program.write_line(&command.to_string())?;
        self.commands += 1;
        // The first one is that it is ready.
        self.wait_for(self.commands + 1).with_context(|| format!("command {command}"))
    }

    /// The requests that have ended, in order, as the `to_json` of [`aws::Exchange`](countersign_testkit::aws::Exchange) or
    /// [`cloud::Exchange`](countersign_testkit::cloud::Exchange) writes them.
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

    /// Reads the new lines of the output.
    fn read(&mut self) -> anyhow::Result<()> {
        let mut output = fs::File::open(&self.output)?;
        output.seek(SeekFrom::Start(u64::try_from(self.read)?))?;
        let mut new = String::new();
        output.read_to_string(&mut new)?;
        let complete = new.rfind('\n').map_or(0, |end| end + 1);
        self.read += complete;
        for line in new[..complete].lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            self.error = self.error.take().or_else(|| line.get("error").cloned());
            self.answers.extend(line.get("answer").or_else(|| line.get("ready")).cloned());
        }
        Ok(())
    }

    /// The answer of this number.
    fn wait_for(&mut self, count: usize) -> anyhow::Result<Value> {
        wait::until(&format!("answer {count}"), LIMIT, || {
            self.read()?;
            if let Some(error) = &self.error {
                return Ok(Err(anyhow::anyhow!("{}: {error}", self.cloud.name())));
            }
            if let Err(ended) = self.program.check_running() {
                return Ok(Err(ended));
            }
            Ok(Ok(self.answers.get(count - 1).context("there is none")?.clone()))
        })?
    }
}
