//! The notation program: signs the images of the run, and verifies the images that Countersign verifies.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use rcgen::DnType;
use serde_json::json;

use crate::certificates::Authority;
use crate::certificates::Usage;
use crate::images::Image;
use crate::process;
use crate::process::Finished;
use crate::registries::Kind;
use crate::registries::Registry;
use crate::workdir::Workdir;

const LIMIT: Duration = Duration::from_secs(20);

/// The trust store of both verifiers.
pub(crate) const STORE: &str = "shop";

/// Signers of images.
#[derive(Clone, Copy)]
pub(crate) enum Signer {
    /// Under the root of the trust store.
    Release,
    /// Another identity under the same root.
    Intern,
    /// The same name under a root that is not trusted.
    Untrusted,
}

impl Signer {
    const ALL: [Self; 3] = [Self::Release, Self::Intern, Self::Untrusted];

    fn key(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Intern => "intern",
            Self::Untrusted => "untrusted",
        }
    }

    /// The identity, as in a trust policy.
    pub(crate) fn trusted_identity(self) -> String {
        format!("x509.subject: C=CH, ST=ZH, O=Shop AG, CN={}", self.common_name())
    }

    fn common_name(self) -> &'static str {
        match self {
            Self::Release | Self::Untrusted => "release",
            Self::Intern => "intern",
        }
    }
}

/// The two envelope formats.
#[derive(Clone, Copy)]
pub(crate) enum Format {
    Jws,
    Cose,
}

impl Format {
    fn text(self) -> &'static str {
        match self {
            Self::Jws => "jws",
            Self::Cose => "cose",
        }
    }
}

/// notation with a configuration directory of its own.
pub(crate) struct Notation {
    program: PathBuf,
    home: PathBuf,
    scratch: PathBuf,
    /// The trusted root, and the root of [`Signer::Untrusted`].
    shop: Authority,
    untrusted: Authority,
}

impl Notation {
    /// Creates the keys and the trust store.
    pub(crate) fn prepare(workdir: &Workdir) -> anyhow::Result<Self> {
        let shop = Authority::new(&subject("Shop root"))?;
        let untrusted = Authority::new(&subject("Shop root"))?;
        let mut keys = Vec::new();
        for signer in Signer::ALL {
            let authority = match signer {
                Signer::Release | Signer::Intern => &shop,
                Signer::Untrusted => &untrusted,
            };
            let identity = authority.issue(&subject(signer.common_name()), Usage::CodeSigning)?;
            let key_path = workdir.write(&format!("signers/{}.key", signer.key()), identity.key)?;
            let chain_path = workdir.write(&format!("signers/{}.pem", signer.key()), identity.chain)?;
            keys.push(json!({ "name": signer.key(), "keyPath": key_path, "certPath": chain_path }));
        }
        workdir.write("home/notation/signingkeys.json", json!({ "default": "release", "keys": keys }).to_string())?;
        let notation = Self {
            program: workdir.tool("notation"),
            home: workdir.path().join("home"),
            scratch: workdir.log("notation"),
            shop,
            untrusted,
        };
        notation.trust_root_of(workdir, Signer::Release)?;
        Ok(notation)
    }

    /// The root certificate that `signer` signs under, as PEM.
    pub(crate) fn root_of(&self, signer: Signer) -> String {
        match signer {
            Signer::Release | Signer::Intern => self.shop.certificate(),
            Signer::Untrusted => self.untrusted.certificate(),
        }
    }

    /// Makes the root of `signer` the only content of the trust store, atomically.
    pub(crate) fn trust_root_of(&self, workdir: &Workdir, signer: Signer) -> anyhow::Result<()> {
        let store = workdir.directory(&format!("home/notation/truststore/x509/ca/{STORE}"))?;
        let new = workdir.write("home/root.pem.new", self.root_of(signer))?;
        fs::rename(new, store.join("root.pem")).context("cannot replace the root")
    }

    /// notation's configuration directory, with the trust policy and the trust stores.
    pub(crate) fn directory(&self) -> PathBuf {
        self.home.join("notation")
    }

    /// Replaces the policy that notation and Countersign read, atomically.
    pub(crate) fn set_policy(&self, workdir: &Workdir, policy: &serde_json::Value) -> anyhow::Result<()> {
        let new = workdir.write("home/trustpolicy.json.new", policy.to_string())?;
        fs::rename(new, self.directory().join("trustpolicy.json")).context("cannot replace the trust policy")
    }

    /// Signs `image`; the signature expires after `expiry` (`1s`, `12h`), if any. Returns the command line and its
    /// output.
    pub(crate) fn sign(
        &self,
        registry: &Registry,
        image: &Image,
        signer: Signer,
        format: Format,
        expiry: Option<&str>,
    ) -> anyhow::Result<(String, String)> {
        let mut command = self.command("sign");
        command.args(["--key", signer.key(), "--signature-format", format.text()]);
        if let Some(expiry) = expiry {
            command.args(["--expiry", expiry]);
        }
        if registry.kind() == Kind::ReferrersApi {
            command.arg("--force-referrers-tag=false");
        }
        command.arg(image.by_digest());
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

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.env("XDG_CONFIG_HOME", &self.home).env("HOME", &self.home);
        command.args([verb, "--insecure-registry"]);
        command
    }
}

fn subject(common_name: &str) -> [(DnType, &str); 4] {
    [
        (DnType::CountryName, "CH"),
        (DnType::StateOrProvinceName, "ZH"),
        (DnType::OrganizationName, "Shop AG"),
        (DnType::CommonName, common_name),
    ]
}
