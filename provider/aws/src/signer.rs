//! The revocation status of signatures by AWS Signer
//! ([GetRevocationStatus](https://docs.aws.amazon.com/signer/latest/api/API_GetRevocationStatus.html)).

use std::pin::pin;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_signer::config::endpoint::DefaultResolver;
use aws_sdk_signer::config::endpoint::Params;
use aws_sdk_signer::config::endpoint::ResolveEndpoint as _;
use aws_smithy_types::DateTime;
use countersign_core::evidence::SignerStatusRequest;
use countersign_core::name::AwsRegion;
use countersign_core::name::SigningProfileVersion;
use countersign_core::time::UnixTime;
use tokio::time::Instant;

use crate::caught::caught;
use crate::clients::Aws;
use crate::error::AwsError;
use crate::error::Configured;
use crate::error::Kind;
use crate::error::Operation;
use crate::naming::naming_late_request;
use crate::observer::observed;
use crate::secrets_in_use::hidden;

/// The platform of the Notary Project's signatures.
const PLATFORM: &str = "Notation-OCI-SHA384-ECDSA";

/// The address that the SDK computes, with the prefix of the operation.
fn computed(parameters: &Params) -> Option<String> {
    let resolver = DefaultResolver::new();
    let resolved = pin!(resolver.resolve_endpoint(parameters));
    match resolved.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(endpoint)) => Some(endpoint.url().replacen("://", "://data-", 1)),
        Poll::Ready(Err(_)) | Poll::Pending => None,
    }
}

/// The characters of a certificate in a call: two SHA-384 in hexadecimal digits.
const HASHES_CHARACTERS: usize = 2 * 96;

/// The answer of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerAnswer {
    /// What is revoked, as the service names it: ARNs and hashes of certificates. A text ends where it repeats a secret of the request.
    pub revoked: Vec<String>,
}

/// The time of a signature in a call, in milliseconds: the format has
/// [no more](https://smithy.io/2.0/spec/protocol-traits.html#timestampformat-trait). A fraction of one is rounded up, as what is revoked
/// from a time on is revoked for signatures of that time and later.
fn timestamp(signed: UnixTime) -> DateTime {
    const MILLISECOND: u32 = 1_000_000;
    let up = signed.checked_add(Duration::from_nanos(u64::from(MILLISECOND - 1))).unwrap_or(signed);
    DateTime::from_secs_and_nanos(up.seconds(), up.subsecond_nanoseconds() / MILLISECOND * MILLISECOND)
}

/// The result of a call, which must end by `deadline`.
async fn by<T>(
    deadline: Instant,
    operation: Operation,
    call: impl Future<Output = Result<T, AwsError>>,
) -> Result<T, AwsError> {
    let ended = countersign_http::until(deadline, call).await;
    ended.unwrap_or_else(|late| Err(AwsError::new(operation, Kind::late(late.awaited))))
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
        self.check_partition(Operation::SignerStatus, region)?;
        // Fetched here, so that a failure of them is not one of the service.
        let used = by(deadline, Operation::Credentials, self.pod().get()).await?;
        let asked = async {
            match countersign_http::until(deadline, self.ask(request, region, &used)).await {
                Ok(result) => result,
                // The call did not end, so that it is not counted yet.
                Err(late) => {
                    let error = AwsError::new(Operation::SignerStatus, Kind::late(late.awaited));
                    observed(self.observer(), Operation::SignerStatus, Err(self.naming_endpoint(error)))
                }
            }
        };
        naming_late_request(Operation::SignerStatus, asked).await
    }

    /// The address of the service in `region`, for messages.
    #[must_use]
    pub fn signer_address(&self, region: &AwsRegion) -> String {
        let settings = self.settings();
        if let Some(endpoint) = settings.signer_endpoint() {
            return endpoint.to_string();
        }
        let parameters = Params::builder()
            .region(region.as_str())
            .use_fips(settings.fips)
            .use_dual_stack(settings.dual_stack)
            .build();
        let address = parameters.ok().and_then(|parameters| computed(&parameters));
        // The SDK knows the names of all regions.
        address.unwrap_or_else(|| format!("AWS Signer in {region}"))
    }

    async fn ask(
        &self,
        request: &SignerStatusRequest,
        region: &AwsRegion,
        used: &Credentials,
    ) -> Result<SignerAnswer, AwsError> {
        match self.send(request, region).await {
            Err(error) if self.pod().refused(used, &error) => {
                self.load_credentials().await?;
                self.send(request, region).await
            }
            result => result,
        }
    }

    async fn send(&self, request: &SignerStatusRequest, region: &AwsRegion) -> Result<SignerAnswer, AwsError> {
        let hashes = request.certificate_hashes().to_vec();
        let time = timestamp(request.signing_time());
        self.call(region, time, request.profile_version().as_str(), request.job().as_str(), hashes).await
    }

    /// Tries the call in `region`, about a signature that does not exist: by `profile`, for which the role should have the
    /// permission, or by a made-up one.
    ///
    /// # Errors
    /// As [`Self::signer_status`]; or [`AwsError::refuses_content`]: the service was reached and refuses the made-up signature.
    pub async fn try_signer(
        &self,
        region: &AwsRegion,
        profile: Option<&SigningProfileVersion>,
        deadline: Instant,
    ) -> Result<(), AwsError> {
        self.check_partition(Operation::SignerStatus, region)?;
        let prefix = format!("arn:{}:signer:{region}:000000000000:", region.partition());
        let profile = profile.map_or_else(
            || format!("{prefix}/signing-profiles/countersign_check/0000000000"),
            |profile| profile.as_str().to_owned(),
        );
        let account = profile.split(':').take(5).collect::<Vec<_>>().join(":");
        let job = format!("{account}:/signing-jobs/00000000-0000-0000-0000-000000000000");
        let call = async {
            self.load_credentials().await?;
            self.call(region, DateTime::from(self.now()), &profile, &job, vec!["0".repeat(HASHES_CHARACTERS)]).await
        };
        let called = naming_late_request(Operation::SignerStatus, by(deadline, Operation::SignerStatus, call)).await;
        called.map(drop).map_err(|error| self.naming_endpoint(error))
    }

    fn naming_endpoint(&self, error: AwsError) -> AwsError {
        error.under(Operation::SignerStatus, || Configured::endpoint(self.settings().signer_setting()))
    }

    async fn call(
        &self,
        region: &AwsRegion,
        time: DateTime,
        profile: &str,
        job: &str,
        certificate_hashes: Vec<String>,
    ) -> Result<SignerAnswer, AwsError> {
        let call = self
            .signer(region)
            .get_revocation_status()
            .signature_timestamp(time)
            .platform_id(PLATFORM)
            .profile_version_arn(profile)
            .job_arn(job)
            .set_certificate_hashes(Some(certificate_hashes));
        let send = async {
            let output = call.send().await.map_err(|error| AwsError::of_call(Operation::SignerStatus, &error))?;
            // See `CheckAnswer`. Another name than those of the signature means that it is revoked, also if it is cut.
            let revoked = output.revoked_entities.unwrap_or_default();
            Ok(SignerAnswer { revoked: revoked.iter().map(|name| hidden(name)).collect() })
        };
        let result = caught(Operation::SignerStatus, send).await.map_err(|error| self.naming_endpoint(error));
        observed(self.observer(), Operation::SignerStatus, result)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use aws_smithy_types::date_time::Format;

    use super::*;

    #[test]
    fn the_time_of_a_signature_keeps_its_milliseconds_and_a_fraction_of_one_is_rounded_up() {
        for (signed, sent) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05.7Z", "2026-01-02T03:04:05.7Z"),
            ("2026-01-02T03:04:05.123Z", "2026-01-02T03:04:05.123Z"),
            ("2026-01-02T03:04:05.000000001Z", "2026-01-02T03:04:05.001Z"),
            ("2026-01-02T03:04:05.123456Z", "2026-01-02T03:04:05.124Z"),
            ("2026-01-02T03:04:05.999000001Z", "2026-01-02T03:04:06Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5Z"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            let time = timestamp(UnixTime::from_rfc3339(signed).unwrap());
            assert_eq!(time.fmt(Format::DateTime).unwrap(), sent, "{signed}");
        }
    }
}
