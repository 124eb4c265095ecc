//! Child processes. Each has a process group of its own, writes its output to a file, and is killed when its owner is dropped.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::bail;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::WaitOptions;
use rustix::process::kill_process_group;
use rustix::process::waitpid;

/// Process groups of this run that have not been waited for. Their ids cannot be reused.
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Interval between two checks whether a process has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// Time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

/// A process and its group. Dropping it kills the group.
struct Group {
    child: Child,
    id: i32,
}

impl Group {
    fn spawn(command: &Command, input: Stdio, output: File) -> anyhow::Result<Self> {
        let mut command = killed_with_parent(command);
        command.process_group(0).stdin(input).stdout(output.try_clone()?).stderr(output);
        // Locked during the start, so that an interrupt kills a new child too.
        let mut groups = groups();
        let child = command.spawn().context("cannot start setpriv, of Debian's util-linux")?;
        let id = i32::try_from(child.id()).context("a process id does not fit")?;
        groups.insert(id);
        Ok(Self { child, id })
    }

    /// The exit status if the process ends within `limit`.
    fn wait(&mut self, limit: Duration) -> anyhow::Result<Option<ExitStatus>> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= end {
                return Ok(None);
            }
            thread::sleep(PAUSE);
        }
    }

    fn try_wait(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let mut groups = groups();
        let status = self.child.try_wait()?;
        if status.is_some() {
            groups.remove(&self.id);
        }
        Ok(status)
    }

    fn signal(&mut self, signal: Signal) {
        if groups().contains(&self.id) {
            send(self.id, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        // A killed process ends at once, unless it is blocked in the kernel.
        let _ = self.wait(GRACE);
    }
}

/// A program that runs beside the cases until it is stopped or dropped.
pub(crate) struct Program {
    name: &'static str,
    group: Group,
    log: PathBuf,
}

impl Program {
    /// Starts `command` with its output appended to `log`.
    pub(crate) fn start(name: &'static str, command: &Command, log: PathBuf) -> anyhow::Result<Self> {
        Self::spawn(name, command, Stdio::null(), log)
    }

    /// Starts `command` as [`Self::start`] does, with its standard input open for [`Self::write_line`].
    pub(crate) fn start_with_input(name: &'static str, command: &Command, log: PathBuf) -> anyhow::Result<Self> {
        Self::spawn(name, command, Stdio::piped(), log)
    }

    fn spawn(name: &'static str, command: &Command, input: Stdio, log: PathBuf) -> anyhow::Result<Self> {
        let output = File::options().create(true).append(true).open(&log)?;
        Ok(Self { name, group: Group::spawn(command, input, output)?, log })
    }

    /// Writes a line to the standard input of a program that was started with one.
    pub(crate) fn write_line(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.group.child.stdin.as_mut().context("the program was started without an input")?;
        writeln!(input, "{line}").and_then(|()| input.flush()).with_context(|| format!("cannot write to {}", self.name))
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.group.child.id()
    }

    /// A file of the program in `/proc`.
    pub(crate) fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.group.id))
    }

    /// An error with the last line of the log if the program has ended.
    pub(crate) fn check_running(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.group.try_wait()? else { return Ok(()) };
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        bail!("{} ended early ({status}): {}", self.name, log.lines().last().unwrap_or("it wrote nothing"))
    }

    /// Waits for `probe` as [`crate::wait::until`] does, but no longer than the program lives.
    pub(crate) fn wait_ready(
        &mut self,
        limit: Duration,
        mut probe: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let what = format!("{} to be ready", self.name);
        crate::wait::until(&what, limit, || {
            if let Err(ended) = self.check_running() {
                return Ok(Err(ended));
            }
            probe().map(Ok)
        })?
    }

    /// Sends SIGTERM, and SIGKILL after 10 s. The status shows which of the two ended the program.
    pub(crate) fn stop(mut self) -> anyhow::Result<ExitStatus> {
        self.group.signal(Signal::TERM);
        match self.group.wait(GRACE)? {
            Some(status) => Ok(status),
            None => bail!("{} does not end within {GRACE:?} of SIGTERM", self.name),
        }
    }
}

/// The result of a command.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    /// Standard output and standard error in the order in which they were written, as on a terminal.
    pub(crate) output: String,
}

impl Finished {
    /// The output of a command that succeeded; otherwise an error with it.
    pub(crate) fn success(self) -> anyhow::Result<String> {
        if self.status.success() { Ok(self.output) } else { bail!("{}: {}", self.status, self.output.trim_end()) }
    }
}

/// Runs `command` to its end, for at most `limit`, with its output in `scratch`.
pub(crate) fn run(command: &Command, limit: Duration, scratch: &Path) -> anyhow::Result<Finished> {
    let line = command_line(command);
    fs::write(scratch, "")?;
    // Appending, so that neither stream overwrites the other.
    let output = File::options().append(true).open(scratch)?;
    let mut group = Group::spawn(command, Stdio::null(), output)?;
    let Some(status) = group.wait(limit)? else { bail!("{line} did not end within {limit:?}") };
    let output = String::from_utf8_lossy(&fs::read(scratch)?).into_owned();
    Ok(Finished { status, output })
}

/// Runs `command` to its end, for at most `limit`. It writes to the standard output of this run.
pub(crate) fn run_attached(command: &Command, limit: Duration) -> anyhow::Result<ExitStatus> {
    let output = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let mut group = Group::spawn(command, Stdio::null(), output)?;
    let status = group.wait(limit)?;
    status.with_context(|| format!("{} did not end within {limit:?}", command_line(command)))
}

/// The command as a user would type it: without the directory of the program, quoted where a shell needs it.
pub(crate) fn command_line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words: Vec<String> = std::iter::once(name).chain(command.get_args()).map(quoted).collect();
    words.join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The same command, which the kernel kills when the thread that starts it ends, so that it ends with a killed run. The main
/// thread starts every program; other threads run commands to their end.
fn killed_with_parent(command: &Command) -> Command {
    let mut wrapped = Command::new("setpriv");
    wrapped.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        wrapped.current_dir(directory);
    }
    wrapped
}

/// Kills every process group of this run, and waits for their leaders. Called before the run exits.
pub(crate) fn kill_all() {
    // Locked to the end, so that no other thread waits for a leader and its id is not reused.
    let groups = groups();
    for id in groups.iter() {
        send(*id, Signal::KILL);
    }
    for pid in groups.iter().filter_map(|id| Pid::from_raw(*id)) {
        // The only possible error: its owner has waited for it.
        let _ = waitpid(Some(pid), WaitOptions::empty());
    }
}

fn groups() -> MutexGuard<'static, BTreeSet<i32>> {
    // A panic elsewhere must not keep the processes alive.
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn send(id: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(id) {
        // The only possible error: the group has ended.
        let _ = kill_process_group(pid, signal);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("countersign-e2e-test-{}-{name}", std::process::id()))
    }

    #[test]
    fn keeps_standard_output_and_error_in_the_order_written() {
        let scratch = scratch("order");
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; echo three; exit 4"]);
        let finished = run(&command, Duration::from_secs(10), &scratch).unwrap();
        assert_eq!((finished.output.as_str(), finished.status.code()), ("one\ntwo\nthree\n", Some(4)));
        fs::remove_file(scratch).unwrap();
    }

    #[test]
    fn kills_a_command_with_its_children_after_the_limit() {
        let scratch = scratch("limit");
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & echo $!; wait"]);
        let error = run(&command, Duration::from_millis(300), &scratch).unwrap_err();
        assert_eq!(error.to_string(), "sh -c 'sleep 1000 & echo $!; wait' did not end within 300ms");
        let child = fs::read_to_string(&scratch).unwrap().trim().to_owned();
        crate::wait::until("the grandchild to be gone", Duration::from_secs(5), || {
            // A killed process may stay a zombie until its new parent waits for it.
            match fs::read_to_string(format!("/proc/{child}/stat")) {
                Ok(stat) if !stat.contains(") Z ") => bail!("still there: {stat}"),
                Ok(_) | Err(_) => Ok(()),
            }
        })
        .unwrap();
        fs::remove_file(scratch).unwrap();
    }

    #[test]
    fn quotes_command_lines_for_a_shell() {
        let mut command = Command::new("/some/where/kubectl");
        command.args(["get", "pods", "-o", "jsonpath={.items[*]}", "it's"]);
        assert_eq!(command_line(&command), r"kubectl get pods -o 'jsonpath={.items[*]}' 'it'\''s'");
    }
}
