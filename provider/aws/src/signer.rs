//! The revocation status of signatures by AWS Signer
//! ([GetRevocationStatus](https://docs.aws.amazon.com/signer/latest/api/API_GetRevocationStatus.html)).

use aws_smithy_types::DateTime;
use countersign_core::evidence::SignerStatusRequest;
use countersign_core::name::AwsRegion;
use tokio::time::Instant;

use crate::clients::Aws;
use crate::error::AwsError;
use crate::error::Kind;
use crate::error::Operation;

/// The platform of the Notary Project's signatures.
const PLATFORM: &str = "Notation-OCI-SHA384-ECDSA";

/// The answer of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerAnswer {
    /// What is revoked, as the service names it: ARNs and hashes of certificates.
    pub revoked: Vec<String>,
}

impl Aws {
    /// Asks the service in `region` about a signature.
    ///
    /// # Errors
    /// There is no answer until `deadline`.
    pub async fn signer_status(
        &self,
        request: &SignerStatusRequest,
        region: &AwsRegion,
        deadline: Instant,
    ) -> Result<SignerAnswer, AwsError> {
        let late = |_| Err(AwsError::new(Operation::SignerStatus, Kind::Timeout));
        tokio::time::timeout_at(deadline, self.ask(request, region)).await.unwrap_or_else(late)
    }

    async fn ask(&self, request: &SignerStatusRequest, region: &AwsRegion) -> Result<SignerAnswer, AwsError> {
        // Asked for here, so that a failure of them is not one of the service.
        self.load_credentials().await?;
        let call = self
            .signer(region)
            .get_revocation_status()
            .signature_timestamp(DateTime::from_secs(request.signing_time().seconds()))
            .platform_id(PLATFORM)
            .profile_version_arn(request.profile_version().as_str())
            .job_arn(request.job().as_str())
            .set_certificate_hashes(Some(request.certificate_hashes().to_vec()));
        let output = call.send().await.map_err(|error| AwsError::of_call(Operation::SignerStatus, &error))?;
        Ok(SignerAnswer { revoked: output.revoked_entities().to_vec() })
    }
}
