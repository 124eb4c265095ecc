//! The file system of the image of `deploy/Containerfile`, and programs that run in it, without a container engine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;

use crate::workdir::Workdir;
use crate::workdir::profile_arguments;

/// A file of this machine that replaces the one of the base image.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The last stage of a Containerfile.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stage {
    copies: Vec<String>,
    user: String,
    entrypoint: String,
    variables: Vec<(String, String)>,
}

impl Stage {
    fn last(containerfile: &str) -> anyhow::Result<Self> {
        let (_, last) = containerfile.rsplit_once("\nFROM ").context("there is no FROM")?;
        ensure!(
            last.starts_with("scratch\n"),
            "the last stage begins with {:?}, expected scratch",
            last.lines().next()
        );
        let mut stage = Self::default();
        let is_instruction = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
        for line in last.lines().skip(1).filter(is_instruction) {
            let (word, rest) = line.split_once(' ').with_context(|| format!("cannot read {line:?}"))?;
            match word {
                "COPY" => {
                    let (_, target) = rest.rsplit_once(' ').with_context(|| format!("cannot read {line:?}"))?;
                    stage.copies.push(target.to_owned());
                }
                "USER" => rest.clone_into(&mut stage.user),
                "ENV" => {
                    let (name, value) = rest.split_once('=').with_context(|| format!("cannot read {line:?}"))?;
                    stage.variables.push((name.to_owned(), value.to_owned()));
                }
                "ENTRYPOINT" => {
                    let words: Vec<String> = serde_json::from_str(rest)?;
                    let [program] = <[String; 1]>::try_from(words).map_err(|_| anyhow::anyhow!("expected one word"))?;
                    stage.entrypoint = program;
                }
                "EXPOSE" | "CMD" => {}
                other => bail!("found the instruction {other}, expected COPY, USER, ENV, ENTRYPOINT, EXPOSE or CMD"),
            }
        }
        Ok(stage)
    }
}

pub(crate) struct RootFs {
    path: PathBuf,
    stage: Stage,
}

impl RootFs {
    /// Builds the binary as the Containerfile does, except for the profile, and creates every file of the image.
    pub(crate) fn create(workdir: &Workdir) -> anyhow::Result<Self> {
        let containerfile = fs::read_to_string(workdir.project().join("deploy/Containerfile"))?;
        let stage = Stage::last(&containerfile).context("deploy/Containerfile")?;
        let rootfs = Self { path: workdir.directory("image")?, stage };
        // The program in the image runs as another user, who must be able to enter the directory of the run.
        fs::set_permissions(workdir.path(), fs::Permissions::from_mode(0o711))?;
        for target in &rootfs.stage.copies {
            match target.as_str() {
                "/usr/bin/countersign" => rootfs.copy(&static_binary(workdir)?, target)?,
                CERTIFICATES => rootfs.copy(Path::new(CERTIFICATES), target)?,
                "/etc/nsswitch.conf" => rootfs.put(target, "hosts: files dns\n")?,
                other => bail!("deploy/Containerfile copies {other}, which this run cannot create"),
            }
        }
        Ok(rootfs)
    }

    /// Writes a file that a volume would mount.
    pub(crate) fn put(&self, name: &str, contents: impl AsRef<[u8]>) -> anyhow::Result<()> {
        let path = self.within(name);
        fs::create_dir_all(path.parent().context("a file has a directory")?)?;
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Creates a symbolic link `name` to `target`.
    pub(crate) fn link(&self, target: &str, name: &str) -> anyhow::Result<()> {
        symlink(target, self.within(name)).with_context(|| format!("cannot create the link {name}"))
    }

    /// The image's program with `arguments` in its file system, as the image's user if this run is root.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = if rustix::process::geteuid().is_root() {
            let mut chroot = Command::new("chroot");
            chroot.arg(format!("--userspec={}", self.stage.user));
            chroot
        } else {
            let mut unshare = Command::new("unshare");
            unshare.args(["--map-root-user", "chroot"]);
            unshare
        };
        command.arg(&self.path).arg(&self.stage.entrypoint).args(arguments);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.envs(self.stage.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn copy(&self, from: &Path, target: &str) -> anyhow::Result<()> {
        let path = self.within(target);
        fs::create_dir_all(path.parent().context("a file has a directory")?)?;
        fs::copy(from, &path).with_context(|| format!("cannot copy {}", from.display()))?;
        Ok(())
    }

    fn within(&self, name: &str) -> PathBuf {
        self.path.join(name.trim_start_matches('/'))
    }
}

/// The binary with glibc linked statically, beside those of this program's profile.
fn static_binary(workdir: &Workdir) -> anyhow::Result<PathBuf> {
    let host = Command::new("rustc").args(["--print", "host-tuple"]).output().context("cannot run rustc")?;
    let host = String::from_utf8(host.stdout)?.trim().to_owned();
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--locked", "--package", "countersign", "--bin", "countersign"]);
    command.args(["--target", &host]).env("RUSTFLAGS", "-C target-feature=+crt-static");
    let program = std::env::current_exe()?;
    command.args(profile_arguments(&program));
    let status = command.current_dir(workdir.project()).status().context("cannot run cargo")?;
    ensure!(status.success(), "the static build ended with {status}");
    let profile = program.parent().context("this program is in a directory")?.to_path_buf();
    let name = profile.file_name().context("the profile has a name")?;
    let target = profile.parent().context("the profile is in a directory")?;
    Ok(target.join(host).join(name).join("countersign"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_last_stage_of_the_shipped_file() {
        let stage = Stage::last(include_str!("../../deploy/Containerfile")).unwrap();
        assert_eq!(
            stage,
            Stage {
                copies: ["/usr/bin/countersign", CERTIFICATES, "/etc/nsswitch.conf"].map(str::to_owned).to_vec(),
                user: "65532:65532".to_owned(),
                entrypoint: "/usr/bin/countersign".to_owned(),
                variables: [
                    ("SSL_CERT_FILE", CERTIFICATES),
                    ("COUNTERSIGN_CONFIG", "/etc/countersign/config/countersign.yaml"),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            }
        );
    }

    #[test]
    fn refuses_instructions_that_it_does_not_support() {
        let error = Stage::last("FROM a\n\nFROM scratch\nRUN x\n").unwrap_err();
        assert_eq!(error.to_string(), "found the instruction RUN, expected COPY, USER, ENV, ENTRYPOINT, EXPOSE or CMD");
    }
}
