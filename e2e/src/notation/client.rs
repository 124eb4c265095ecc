//! The notation program with a configuration directory of its own.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use serde_json::json;

use crate::process;
use crate::process::Finished;
use crate::workdir::Workdir;

const LIMIT: Duration = Duration::from_secs(20);

/// notation with a configuration directory.
pub(crate) struct Client {
    program: PathBuf,
    /// Its name in the working directory.
    name: &'static str,
    home: PathBuf,
    scratch: PathBuf,
}

impl Client {
    /// With the directory `name` of the working directory.
    pub(crate) fn new(workdir: &Workdir, name: &'static str) -> Self {
        Self {
            program: workdir.tool("notation"),
            name,
            home: workdir.path().join(name),
            scratch: workdir.log("notation"),
        }
    }

    /// notation's configuration directory, with the trust policy and the trust stores.
    pub(crate) fn directory(&self) -> PathBuf {
        self.home.join("notation")
    }

    /// Sets the signing keys: name, file of the key and file of the certificate chain.
    pub(crate) fn set_keys(&self, workdir: &Workdir, keys: &[(&str, &Path, &Path)]) -> anyhow::Result<()> {
        let keys: Vec<_> =
            keys.iter().map(|(name, key, chain)| json!({ "name": name, "keyPath": key, "certPath": chain })).collect();
        let content = json!({ "default": keys.first().map(|key| &key["name"]), "keys": keys });
        workdir.write(&format!("{}/notation/signingkeys.json", self.name), content.to_string()).map(drop)
    }

    /// Makes `root`, as PEM, the only content of a trust store (`ca/shop`), atomically.
    pub(crate) fn set_root(&self, workdir: &Workdir, store: &str, root: &str) -> anyhow::Result<()> {
        let store = workdir.directory(&format!("{}/notation/truststore/x509/{store}", self.name))?;
        let new = workdir.write(&format!("{}/root.pem.new", self.name), root)?;
        fs::rename(new, store.join("root.pem")).context("cannot replace the root")
    }

    /// Replaces the policy that notation and Countersign read, atomically.
    pub(crate) fn set_policy(&self, workdir: &Workdir, policy: &Value) -> anyhow::Result<()> {
        let new = workdir.write(&format!("{}/trustpolicy.json.new", self.name), policy.to_string())?;
        fs::rename(new, self.directory().join("trustpolicy.json")).context("cannot replace the trust policy")
    }

    /// `notation sign` with these arguments. Returns the command line and its output.
    pub(crate) fn sign<S: AsRef<str>>(&self, arguments: &[S]) -> anyhow::Result<(String, String)> {
        let mut command = self.command("sign");
        command.args(arguments.iter().map(AsRef::as_ref));
        let output = process::run(&command, LIMIT, &self.scratch)?.success()?;
        Ok((process::command_line(&command), output))
    }

    /// Verifies `reference` with notation. Returns the command line and its result without the debug lines: notation prints
    /// the reason of a failure only with `--verbose`, among many other lines.
    pub(crate) fn verify(&self, reference: &str) -> anyhow::Result<(String, Finished)> {
        let mut command = self.command("verify");
        command.args(["--verbose", reference]);
        let mut finished = process::run(&command, LIMIT, &self.scratch)?;
        let relevant = |line: &&str| !line.starts_with("level=") || line.contains("failed verification with error");
        finished.output = finished.output.lines().filter(relevant).map(|line| format!("{line}\n")).collect();
        Ok((process::command_line(&command), finished))
    }

    /// Removes the CRLs that notation keeps on disk until their end, so that it fetches them again.
    pub(crate) fn forget_crls(&self) -> anyhow::Result<()> {
        match fs::remove_dir_all(self.home.join("cache")) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other.context("cannot remove notation's cache"),
        }
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.env("XDG_CONFIG_HOME", &self.home).env("HOME", &self.home);
        command.env("XDG_CACHE_HOME", self.home.join("cache"));
        command.args([verb, "--insecure-registry"]);
        command
    }
}
