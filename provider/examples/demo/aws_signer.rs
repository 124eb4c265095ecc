//! AWS Signer, for the demo: certificates and signatures of its form, and the service that knows which of them are revoked.
//!
//! Nothing of it is Amazon's: the root is the demo's own. In a cluster, Countersign asks the service of AWS; the demo has no AWS
//! account and sends no request.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use countersign::evidence::SignerAccess;
use countersign::evidence::SignerFailure;
use countersign::evidence::SignerService;
use countersign_core::evidence::SignerStatusRequest;
use countersign_core::name::AwsRegion;
use countersign_core::name::Partition;
use countersign_testkit::Descriptor;
use countersign_testkit::aws::signature::SignerPki;
use countersign_testkit::aws::signature::SignerSignature;
use countersign_testkit::registry::Registry;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

/// The signing profile that the trust policy names.
pub(crate) const PROFILE: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci";

/// The job of the signature that is revoked.
const REVOKED_JOB: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/4f9e1a52-6c1d-4d0e-9a55-2f1f3f6f7c11";

/// The certificates of AWS Signer, and the revoked jobs.
pub(crate) struct AwsSigner {
    pki: SignerPki,
    revoked: BTreeSet<String>,
}

impl AwsSigner {
    pub(crate) fn new() -> Self {
        Self { pki: SignerPki::new("eu-central-1"), revoked: BTreeSet::from([REVOKED_JOB.to_owned()]) }
    }

    /// PEM of the root, for the trust store.
    pub(crate) fn root_pem(&self) -> String {
        self.pki.root_pem()
    }

    /// Signs an image.
    pub(crate) fn sign(&self, registry: &Registry, repository: &str, image: &Descriptor) {
        SignerSignature::new(&self.pki, image).attach(registry, repository);
    }

    /// Signs an image with the job that is revoked.
    pub(crate) fn sign_revoked(&self, registry: &Registry, repository: &str, image: &Descriptor) {
        SignerSignature::new(&self.pki, image).with_job(REVOKED_JOB).attach(registry, repository);
    }

    /// The service, in place of the one of AWS.
    pub(crate) fn access(&self) -> SignerAccess {
        SignerAccess {
            service: Arc::new(Service { revoked: self.revoked.clone() }),
            regions: BTreeMap::new(),
            pod_region: None,
            partitions: vec![Partition::Aws],
            timeout: Duration::from_secs(1),
            good_lifetime: Duration::from_secs(300),
            revoked_lifetime: Duration::from_secs(3600),
        }
    }
}

/// Answers as `GetRevocationStatus`: with what is revoked of the profile version, the job and the certificates.
#[derive(Debug)]
struct Service {
    revoked: BTreeSet<String>,
}

impl SignerService for Service {
    fn ask(
        &self,
        request: SignerStatusRequest,
        _: AwsRegion,
        _: Instant,
    ) -> BoxFuture<'static, Result<Vec<String>, SignerFailure>> {
        let (profile, job) = (request.profile_version().as_str().to_owned(), request.job().as_str().to_owned());
        let mut entities = vec![profile, job];
        entities.extend(request.certificate_hashes().iter().cloned());
        entities.retain(|entity| self.revoked.contains(entity));
        async { Ok(entities) }.boxed()
    }

    fn address(&self, region: &AwsRegion) -> String {
        format!("AWS Signer of the demo ({region})")
    }
}
