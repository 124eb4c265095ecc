//! The authenticated signer.

use std::fmt;

use super::aws_signer::SignerAttributes;
use super::integrity::IntactEnvelope;
use super::plugin::Plugin;
use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;
use crate::name::SigningJob;
use crate::name::SigningProfileAlias;
use crate::name::SigningProfileVersion;
use crate::policy::Anchor;
use crate::policy::TrustedChain;
use crate::time::UnixTime;

/// The signer and the trust anchor. Created only if the chain has a trust anchor and the signer is a trusted
/// identity, so that an unauthenticated subject is never shown as a signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    subject: Text,
    issuer: Text,
    serial: Text,
    anchor: Anchor,
    format: &'static str,
    algorithm: &'static str,
    scheme: &'static str,
    signing_time: UnixTime,
    expiry: Option<UnixTime>,
    aws_signer: Option<Box<AwsSigner>>,
}

/// Maximum number of characters of an ARN in a message. Those of AWS have at most 150.
const ARN_SHOWN: usize = 256;

/// The customer of AWS Signer whose signature it is: what AWS Signer states in the attributes of the signature, under a chain
/// with a trust anchor. The subject of the certificate names AWS only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsSigner {
    profile_version: SigningProfileVersion,
    alias: Option<SigningProfileAlias>,
    job: SigningJob,
}

impl Signer {
    /// The signer of a chain with a trust anchor, which is a trusted identity under `plugin`.
    pub(super) fn new(intact: &IntactEnvelope, trusted: &TrustedChain, plugin: &Plugin) -> Self {
        let (leaf, attributes) = (trusted.chain().leaf(), intact.attributes());
        Self {
            subject: leaf.subject().to_text(),
            issuer: leaf.issuer().to_text(),
            serial: leaf.serial().clone(),
            anchor: trusted.anchor().clone(),
            format: intact.envelope().format().as_str(),
            algorithm: intact.envelope().claimed_algorithm.jose_name(),
            scheme: attributes.scheme.name(),
            signing_time: attributes.scheme.time(),
            expiry: attributes.expiry,
            aws_signer: match plugin {
                Plugin::None => None,
                Plugin::AwsSigner(attributes) => Some(Box::new(AwsSigner::from(attributes))),
            },
        }
    }

    /// The signing profile, for a signature of AWS Signer.
    #[must_use]
    pub fn aws_signer(&self) -> Option<&AwsSigner> {
        self.aws_signer.as_deref()
    }

    /// Distinguished name of the signing certificate's subject.
    #[must_use]
    pub fn subject(&self) -> &Text {
        &self.subject
    }

    /// Distinguished name of the signing certificate's issuer.
    #[must_use]
    pub fn issuer(&self) -> &Text {
        &self.issuer
    }

    /// Serial number of the signing certificate, lower-case hexadecimal.
    #[must_use]
    pub fn serial(&self) -> &Text {
        &self.serial
    }

    /// The trust anchor of the signing certificate.
    #[must_use]
    pub fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// `jws` or `cose`.
    #[must_use]
    pub fn format(&self) -> &'static str {
        self.format
    }

    /// `PS256` … `ES512`.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// `notary.x509` or `notary.x509.signingAuthority`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The signing time: claimed by the signer under `notary.x509`, by the authority under
    /// `notary.x509.signingAuthority`.
    #[must_use]
    pub fn signing_time(&self) -> UnixTime {
        self.signing_time
    }

    /// The expiry time, if there is one.
    #[must_use]
    pub fn expiry(&self) -> Option<UnixTime> {
        self.expiry
    }

    /// Heap memory that the value owns, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let texts = [&self.subject, &self.issuer, &self.serial, &self.anchor.subject];
        let aws_signer = self.aws_signer().map_or(0, |aws_signer| size_of::<AwsSigner>() + aws_signer.heap_bytes());
        texts.into_iter().map(Text::heap_bytes).sum::<usize>() + self.anchor.store.name.as_str().len() + aws_signer
    }
}

/// Continues "signed by": the signing profile for AWS Signer, otherwise the subject.
impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.aws_signer() {
            Some(aws_signer) => fmt::Display::fmt(aws_signer, f),
            None => write!(f, "{:?}", self.subject),
        }
    }
}

impl AwsSigner {
    /// The signing profile with its version; or an aliased signing profile, which has none.
    #[must_use]
    pub fn profile_version(&self) -> &SigningProfileVersion {
        &self.profile_version
    }

    /// The alias that the profile was used under, if it was.
    #[must_use]
    pub fn alias(&self) -> Option<&SigningProfileAlias> {
        self.alias.as_ref()
    }

    /// The signing job.
    #[must_use]
    pub fn job(&self) -> &SigningJob {
        &self.job
    }

    /// Heap memory that the value owns, in bytes.
    fn heap_bytes(&self) -> usize {
        let Self { profile_version, alias, job } = self;
        let alias = alias.as_ref().map_or(0, |alias| alias.as_str().len());
        profile_version.as_str().len() + profile_version.region().as_str().len() + alias + job.as_str().len()
    }
}

impl From<&SignerAttributes> for AwsSigner {
    fn from(SignerAttributes { profile_version, alias, job, signing_time: _ }: &SignerAttributes) -> Self {
        Self { profile_version: profile_version.clone(), alias: alias.clone(), job: job.clone() }
    }
}

/// Continues "signed by".
impl fmt::Display for AwsSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |arn| Excerpt::at_most(ARN_SHOWN, arn);
        write!(f, "AWS Signer with signing profile {}", shown(self.profile_version.as_str()))?;
        match &self.alias {
            Some(alias) => write!(f, " under the alias {}", shown(alias.as_str())),
            None => Ok(()),
        }
    }
}
