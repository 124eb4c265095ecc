//! Signatures of AWS Signer: their attributes, and their revocation status at the service ([its
//! verification](https://github.com/aws/aws-signer-notation-plugin/blob/main/internal/verifier/verifier.go)).

use super::envelope::SigningScheme;
use super::integrity::IntactEnvelope;
use crate::codec::excerpt::Excerpt;
use crate::evidence::Evidence;
use crate::evidence::EvidenceResponse;
use crate::evidence::NotAvailable;
use crate::evidence::Progress;
use crate::evidence::SignerStatusRequest;
use crate::name::SigningJob;
use crate::name::SigningProfileVersion;
use crate::policy::TrustedChain;
use crate::reason::Code;
use crate::reason::Reason;
use crate::time::UnixTime;

/// The plugin that AWS Signer's signatures name.
pub(super) const PLUGIN: &str = "com.amazonaws.signer.notation.plugin";

const PROFILE: &str = "com.amazonaws.signer.signingProfileVersion";
const JOB: &str = "com.amazonaws.signer.signingJob";

/// Critical attributes that the service's plugin processes.
pub(super) const ATTRIBUTES: [&str; 2] = [PROFILE, JOB];

/// The attributes that identify a signature to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignerAttributes {
    pub(super) profile_version: SigningProfileVersion,
    job: SigningJob,
    signing_time: UnixTime,
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
        let profile_version = attribute(intact, PROFILE, SigningProfileVersion::KIND, SigningProfileVersion::parse)?;
        let job = attribute(intact, JOB, SigningJob::KIND, SigningJob::parse)?;
        Ok(Self { profile_version, job, signing_time })
    }

    /// Checks the status of a signature by `trusted` at the service. Without a trusted chain no request is made.
    pub(super) fn check(&self, trusted: Option<&TrustedChain>, evidence: &Evidence) -> Progress<Result<(), Reason>> {
        let unchecked = |why: &NotAvailable| {
            let detail = format_args!("AWS Signer revocation status is not available: {why}");
            Err(Reason::new(Code::SignerServiceUnchecked, detail))
        };
        let not_called = || unchecked(&NotAvailable::signer_service_not_called());
        let Some(trusted) = trusted else { return Progress::Done(not_called()) };
        let (profile_version, job) = (self.profile_version.clone(), self.job.clone());
        let request = SignerStatusRequest::new(trusted, profile_version, job, self.signing_time).into();
        match evidence.response(&request) {
            None => Progress::Needs(request.into()),
            Some(EvidenceResponse::NotAvailable(why)) => Progress::Done(unchecked(&why)),
            // This version does not evaluate the response, so it proves nothing.
            Some(EvidenceResponse::SignerStatus(_) | EvidenceResponse::Ocsp(_) | EvidenceResponse::Crl(_)) => {
                Progress::Done(not_called())
            }
        }
    }
}

/// Parses the attribute as the ARN of an AWS Signer resource.
fn attribute<T>(
    intact: &IntactEnvelope,
    name: &'static str,
    kind: &'static str,
    parse: fn(&str) -> Option<T>,
) -> Result<T, Reason> {
    let found = intact.attributes().extended(name).and_then(|attribute| attribute.text.as_deref());
    found.and_then(parse).ok_or_else(|| {
        let found = Excerpt::at_most(256, found.unwrap_or("no text"));
        let detail = format_args!(
            "attribute {name}: found {found}, expected an AWS Signer ARN arn:aws:signer:region:account:{kind}…"
        );
        Reason::new(Code::EnvelopeMalformed, detail)
    })
}
