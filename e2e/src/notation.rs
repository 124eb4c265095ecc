//! The notation program: signs the images of the run, and verifies the images that Countersign verifies.

mod client;

use std::path::PathBuf;

use rcgen::DnType;

pub(crate) use client::Client;

use crate::certificates::Authority;
use crate::certificates::Usage;
use crate::images::Image;
use crate::process::Finished;
use crate::registries::Kind;
use crate::registries::Registry;
use crate::workdir::Workdir;

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
    client: Client,
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
            let key = workdir.write(&format!("signers/{}.key", signer.key()), identity.key)?;
            let chain = workdir.write(&format!("signers/{}.pem", signer.key()), identity.chain)?;
            keys.push((signer.key(), key, chain));
        }
        let client = Client::new(workdir, "home");
        let keys: Vec<_> = keys.iter().map(|(name, key, chain)| (*name, key.as_path(), chain.as_path())).collect();
        client.set_keys(workdir, &keys)?;
        let notation = Self { client, shop, untrusted };
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
        self.client.set_root(workdir, &format!("ca/{STORE}"), &self.root_of(signer))
    }

    /// notation's configuration directory, with the trust policy and the trust stores.
    pub(crate) fn directory(&self) -> PathBuf {
        self.client.directory()
    }

    /// Replaces the policy that notation and Countersign read, atomically.
    pub(crate) fn set_policy(&self, workdir: &Workdir, policy: &serde_json::Value) -> anyhow::Result<()> {
        self.client.set_policy(workdir, policy)
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
        let mut arguments = vec!["--key", signer.key(), "--signature-format", format.text()];
        if let Some(expiry) = expiry {
            arguments.extend(["--expiry", expiry]);
        }
        if registry.kind() == Kind::ReferrersApi {
            arguments.push("--force-referrers-tag=false");
        }
        let image = image.by_digest();
        arguments.push(&image);
        self.client.sign(&arguments)
    }

    /// Signs `image` of a registry without the referrers API.
    pub(crate) fn sign_by_tag(&self, image: &Image, signer: Signer) -> anyhow::Result<()> {
        let image = image.by_digest();
        self.client.sign(&["--key", signer.key(), "--signature-format", Format::Cose.text(), &image]).map(drop)
    }

    /// See [`Client::verify`].
    pub(crate) fn verify(&self, reference: &str) -> anyhow::Result<(String, Finished)> {
        self.client.verify(reference)
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
