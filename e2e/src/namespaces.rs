//! A network namespace and a mount namespace: a program in them has addresses and host names of its own, and no network. So real
//! names lead to processes of this run, and nothing leaves the machine.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;

use crate::process;
use crate::workdir::Workdir;

/// Time limit for a command that creates or changes a namespace.
const LIMIT: Duration = Duration::from_secs(10);

/// What a program in the namespaces needs to be permitted.
const PROBE: &str = "ip link set lo up && ip address add 10.255.255.1/32 dev lo && mount --bind /dev/null /etc/hosts && \
                     mount -t tmpfs tmpfs /run";

/// The command that runs another one, which follows, in new namespaces. It ends with the process that starts it.
fn create() -> Vec<&'static str> {
    let mut command = vec!["unshare", "--net", "--mount", "--propagation", "private"];
    if !rustix::process::geteuid().is_root() {
        command.push("--map-root-user");
    }
    // A change of rights has removed the signal that was set before.
    command.extend(["--", "setpriv", "--pdeathsig", "KILL", "--"]);
    command
}

/// The command `program` with `arguments` in new namespaces.
pub(crate) fn command(program: &Path, arguments: &[&str]) -> Command {
    let create = create();
    let mut command = Command::new(create[0]);
    command.args(&create[1..]).arg(program).args(arguments);
    command
}

/// Whether this process is root of the machine, and so other users exist here: in a new user namespace there is one.
pub(crate) fn is_root_of_the_machine() -> bool {
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.split_whitespace().last() != Some("1"))
}

/// The command with which the user of this run gets a shell in the namespaces of the process `id`.
pub(crate) fn enter(id: u32, by_root: bool) -> String {
    let user = if by_root { "" } else { "--user --preserve-credentials " };
    format!("nsenter --target {id} {user}--net --mount sh")
}

/// An error with the reason if this machine does not permit such namespaces.
pub(crate) fn check(workdir: &Workdir) -> anyhow::Result<()> {
    let finished = process::run(&command(Path::new("sh"), &["-c", PROBE]), LIMIT, &workdir.log("namespaces"))?;
    if !finished.status.success() {
        let output = finished.output.trim_end().replace('\n', "; ");
        bail!("no network and mount namespaces can be created: {output}; run as root, or permit user namespaces");
    }
    Ok(())
}

/// In new namespaces: adds `addresses` to loopback, makes their names the only ones, and an empty `/run`.
pub(crate) fn configure(workdir: &Workdir, addresses: &BTreeMap<IpAddr, Vec<String>>) -> anyhow::Result<()> {
    let ip = |arguments: &[&str]| run(workdir, "ip", arguments);
    ip(&["link", "set", "lo", "up"])?;
    let mut hosts = "127.0.0.1 localhost\n".to_owned();
    for (address, names) in addresses {
        ip(&["address", "add", &format!("{address}/32"), "dev", "lo"])?;
        hosts += &names.iter().map(|name| format!("{address} {name}\n")).collect::<String>();
    }
    let hosts = workdir.write("hosts", hosts)?;
    run(workdir, "mount", &["--bind", hosts.to_str().context("a path is not UTF-8")?, "/etc/hosts"])?;
    // For the files of a pod below /var/run/secrets. Without a configuration, no name server is asked.
    run(workdir, "mount", &["-t", "tmpfs", "tmpfs", "/run"])
}

/// Writes a file below `/run`, as the kubelet replaces one: a reader never sees a part of it.
pub(crate) fn write_below_run(path: &str, contents: &str) -> anyhow::Result<()> {
    let path = Path::new(path);
    ensure!(fs::canonicalize("/var/run")? == Path::new("/run"), "/var/run is not /run, which is this run's");
    fs::create_dir_all(path.parent().context("a file has a directory")?)?;
    let new = path.with_extension("new");
    fs::write(&new, contents)?;
    fs::rename(&new, path).with_context(|| format!("cannot write {}", path.display()))
}

fn run(workdir: &Workdir, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    command.args(arguments);
    let line = process::command_line(&command);
    process::run(&command, LIMIT, &workdir.log("namespaces"))?.success().context(line).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_enters_the_user_namespace_unless_root_made_the_others() {
        assert_eq!(enter(7, true), "nsenter --target 7 --net --mount sh");
        assert_eq!(enter(7, false), "nsenter --target 7 --user --preserve-credentials --net --mount sh");
    }

    #[test]
    fn a_program_runs_in_namespaces_that_end_with_its_parent() {
        let line = process::command_line(&command(Path::new("/bin/e2e"), &["x"]));
        assert!(line.starts_with("unshare --net --mount --propagation private "), "{line}");
        assert!(line.ends_with("-- setpriv --pdeathsig KILL -- /bin/e2e x"), "{line}");
    }
}
