//! Signatures of AWS Signer: their attributes, and their revocation status at the service ([its
//! verification](https://github.com/aws/aws-signer-notation-plugin/blob/main/internal/verifier/verifier.go)).

use super::envelope::SigningScheme;
use super::evidence_fact::EvidenceFact;
use super::evidence_fact::EvidenceKind;
use super::evidence_fact::EvidenceStatus;
use super::integrity::IntactEnvelope;
use super::revocation::ChainStatus;
use super::revocation::RevocationInput;
use super::revocation::RevocationProblem;
use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;
use crate::evidence::EvidenceRequest;
use crate::evidence::EvidenceResponse;
use crate::evidence::NotAvailable;
use crate::evidence::Progress;
use crate::evidence::SignerStatus;
use crate::evidence::SignerStatusRequest;
use crate::evidence::Sourced;
use crate::evidence::UsableUntil;
use crate::name::SigningJob;
use crate::name::SigningProfileAlias;
use crate::name::SigningProfileVersion;
use crate::policy::TrustedChain;
use crate::reason::Code;
use crate::reason::Reason;
use crate::time::UnixTime;

/// The plugin that AWS Signer's signatures name.
pub(super) const PLUGIN: &str = "com.amazonaws.signer.notation.plugin";

/// The newest version of the plugin whose number is known. What is judged here includes aliases, which a later one added.
pub(super) const PLUGIN_VERSION: &str = "1.0.2292";

const PROFILE: &str = "com.amazonaws.signer.signingProfileVersion";
const JOB: &str = "com.amazonaws.signer.signingJob";
const ALIAS: &str = "com.amazonaws.signer.signingProfileAlias";

/// Critical attributes that the service's plugin processes.
pub(super) const ATTRIBUTES: [&str; 3] = [PROFILE, JOB, ALIAS];

/// The attributes that identify a signature to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignerAttributes {
    pub(super) profile_version: SigningProfileVersion,
    /// The alias that the profile was used under, if it was.
    pub(super) alias: Option<SigningProfileAlias>,
    pub(super) job: SigningJob,
    pub(super) signing_time: UnixTime,
}

impl SignerAttributes {
    /// Reads the attributes of an envelope.
    ///
    /// # Errors
    /// The scheme or the attributes are not those of the service.
    pub(super) fn read(intact: &IntactEnvelope) -> Result<Self, Reason> {
        let signing_time = match &intact.attributes().scheme {
            SigningScheme::SigningAuthority { authentic_signing_time } => *authentic_signing_time,
            scheme @ SigningScheme::X509 { .. } => {
                let detail = format_args!(
                    "the AWS Signer plugin does not support this signing scheme: found {}, expected \
                     notary.x509.signingAuthority",
                    scheme.name()
                );
                return Err(Reason::new(Code::PluginUnsupported, detail));
            }
        };
        let profile_version = attribute(intact, PROFILE, SigningProfileVersion::FORM, SigningProfileVersion::parse)?;
        let job = attribute(intact, JOB, SigningJob::FORM, SigningJob::parse)?;
        let has_alias = intact.attributes().extended(ALIAS).is_some();
        let alias = has_alias.then(|| attribute(intact, ALIAS, SigningProfileAlias::FORM, SigningProfileAlias::parse));
        Ok(Self { profile_version, alias: alias.transpose()?, job, signing_time })
    }

    /// The status of the signature at the service, which includes that of the certificates of its chain. Without a trusted chain
    /// no request is made.
    pub(super) fn status(&self, trusted: Option<&TrustedChain>, input: &RevocationInput<'_>) -> Progress<ChainStatus> {
        let unchecked = |why: NotAvailable| {
            let problem = RevocationProblem::SignerUnchecked(why);
            Progress::Done(ChainStatus { result: Err(problem), facts: Vec::new() })
        };
        let Some(trusted) = trusted else {
            return unchecked(NotAvailable::new("nothing is requested for an untrusted signer"));
        };
        let (profile_version, job) = (self.profile_version.clone(), self.job.clone());
        let request = SignerStatusRequest::new(trusted, profile_version, job, self.signing_time);
        match input.evidence.response(&request.clone().into()) {
            None => Progress::Needs(EvidenceRequest::from(request).into()),
            Some(EvidenceResponse::NotAvailable(why)) => unchecked(why),
            // A cached answer is checked again here, so that a mix-up cannot change a verdict.
            Some(EvidenceResponse::SignerStatus(status))
                if status.value().answers(&request) && input.now < status.value().until() =>
            {
                Progress::Done(self.judge(&status))
            }
            Some(EvidenceResponse::SignerStatus(_)) => {
                unchecked(NotAvailable::new("the answer is about another signature, or is not current"))
            }
            Some(EvidenceResponse::Ocsp(_) | EvidenceResponse::Crl(_)) => {
                unchecked(NotAvailable::new("the answer is not one of AWS Signer"))
            }
        }
    }

    fn judge(&self, status: &Sourced<SignerStatus>) -> ChainStatus {
        let revoked = status.value().revoked_case();
        let fact = EvidenceFact {
            kind: EvidenceKind::AwsSigner,
            certificate: Text::of(&self.profile_version),
            status: if revoked.is_none() { EvidenceStatus::Good } else { EvidenceStatus::Revoked },
            url: status.url().clone(),
            fetched: status.fetched(),
            this_update: status.fetched(),
            next_update: None,
            usable_until: UsableUntil::of_signer(status.value()),
        };
        let result = match revoked {
            None => Ok(()),
            Some(case) => {
                let text = Text::of(format_args!("{} (asked at {})", status.value().revoked_text(), status.fetched()));
                Err(RevocationProblem::SignerRevoked { text, case })
            }
        };
        ChainStatus { result, facts: vec![fact] }
    }
}

/// Parses the attribute as the ARN of an AWS Signer resource.
fn attribute<T>(
    intact: &IntactEnvelope,
    name: &'static str,
    form: &'static str,
    parse: fn(&str) -> Option<T>,
) -> Result<T, Reason> {
    let found = intact.attributes().extended(name).and_then(|attribute| attribute.text.as_deref());
    found.and_then(parse).ok_or_else(|| {
        let found = Excerpt::at_most(256, found.unwrap_or("no text"));
        let detail = format_args!("attribute {name}: found {found}, expected {form}");
        Reason::new(Code::EnvelopeMalformed, detail)
    })
}
