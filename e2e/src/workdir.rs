//! Directories: the project, the tools, and the working directory of the run, which is removed if all cases passed.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;

/// Lines of each log that a failed run prints.
const TAIL_LINES: usize = 12;

/// Characters of each line.
const TAIL_COLUMNS: usize = 400;

pub(crate) struct Workdir {
    project: PathBuf,
    tools: PathBuf,
    work: PathBuf,
}

impl Workdir {
    /// Installs missing tools (minutes at the first run), those of each of these arguments of `install.sh`, and creates an empty working
    /// directory.
    pub(crate) fn prepare(sets: &[&str]) -> anyhow::Result<Self> {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let project = package.parent().context("the package has no parent directory")?.to_path_buf();
        let mut tools = PathBuf::new();
        for set in sets {
            tools = install_tools(&package.join("tools/install.sh"), set)?;
        }
        let work = std::env::temp_dir().join(format!("countersign-e2e-{}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&work).with_context(|| format!("cannot create {}", work.display()))?;
        fs::create_dir(work.join("logs"))?;
        Ok(Self { project, tools, work })
    }

    /// A directory `name` in this one, as the working directory of another process of this run.
    pub(crate) fn below(&self, name: &str) -> anyhow::Result<Self> {
        let work = self.work.join(name);
        fs::create_dir_all(work.join("logs")).with_context(|| format!("cannot create {}", work.display()))?;
        Ok(Self { project: self.project.clone(), tools: self.tools.clone(), work })
    }

    /// The working directory that [`Self::below`] has created.
    pub(crate) fn existing(tools: &str, work: &str) -> anyhow::Result<Self> {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the package has no parent directory")?;
        Ok(Self { project: project.to_path_buf(), tools: tools.into(), work: work.into() })
    }

    /// The root of the project.
    pub(crate) fn project(&self) -> &Path {
        &self.project
    }

    /// The working directory of the run; every file of the run is in it.
    pub(crate) fn path(&self) -> &Path {
        &self.work
    }

    /// The directory of all tools.
    pub(crate) fn tools(&self) -> &Path {
        &self.tools
    }

    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        self.tools.join(name)
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.work.join("logs").join(format!("{name}.log"))
    }

    /// Creates a directory in the working directory.
    pub(crate) fn directory(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.work.join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(path)
    }

    /// Writes a file in the working directory, and creates its parent directories.
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> anyhow::Result<PathBuf> {
        let path = self.work.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    pub(crate) fn remove(self) {
        if let Err(error) = fs::remove_dir_all(&self.work) {
            eprintln!("cannot remove {}: {error}", self.work.display());
        }
    }

    /// Prints where the logs are.
    pub(crate) fn print_place(&self) {
        println!("\nlogs are kept in {}", self.work.join("logs").display());
    }

    /// Prints the last lines of every log.
    pub(crate) fn print_tails(&self) {
        let logs = self.work.join("logs");
        let Ok(entries) = fs::read_dir(&logs) else { return };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
            println!("\n-- {}, last {} of {} lines", path.display(), tail.len(), lines.len());
            for line in tail {
                let shown: String = line.chars().take(TAIL_COLUMNS).collect();
                println!("   {shown}");
            }
        }
    }
}

/// Runs the script that installs every tool; it prints their directory as its last line.
fn install_tools(script: &Path, set: &str) -> anyhow::Result<PathBuf> {
    let output = Command::new("sh")
        .arg(script)
        .arg(set)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", script.display()))?;
    ensure!(output.status.success(), "{} ended with {}", script.display(), output.status);
    let stdout = String::from_utf8(output.stdout).context("the tools' directory is not UTF-8")?;
    let Some(tools) = stdout.lines().last() else { bail!("{} printed no directory", script.display()) };
    Ok(PathBuf::from(tools))
}

/// `N` different ports of 127.0.0.1 without a listener.
pub(crate) fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    // All listeners stay bound until the last port is found, so that all ports differ.
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// The arguments of cargo for the profile of this `program`: cargo names the directory of the result after it.
pub(crate) fn profile_arguments(program: &Path) -> &'static [&'static str] {
    let directory = program.parent().and_then(Path::file_name);
    if directory.is_some_and(|name| name == "release") { &["--release"] } else { &[] }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn finds_different_ports_without_a_listener() {
        // Another test may take a port in the meantime, but not each time.
        let can_be_bound = (0..20).any(|_| {
            let ports: [u16; 8] = free_ports().unwrap();
            assert_eq!(BTreeSet::from(ports).len(), 8);
            let bind = |port: &u16| TcpListener::bind(("127.0.0.1", *port));
            ports.iter().map(bind).collect::<Result<Vec<_>, _>>().is_ok()
        });
        assert!(can_be_bound);
    }

    #[test]
    fn a_program_of_a_release_build_builds_in_the_same_profile() {
        for (program, expected) in [
            ("/target/release/countersign-e2e", &["--release"][..]),
            ("/target/debug/countersign-e2e", &[]),
            ("/release/debug/countersign-e2e", &[]),
            ("countersign-e2e", &[]),
        ] {
            assert_eq!(profile_arguments(Path::new(program)), expected, "{program}");
        }
    }
}
