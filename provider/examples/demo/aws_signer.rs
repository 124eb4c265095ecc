//! AWS Signer, for the demo: certificates and signatures of its form, and the service that knows which of them are revoked.
//!
//! Nothing of it is Amazon's: the root is the demo's own. In a cluster, Countersign asks the service of AWS; the demo has no AWS
//! account and sends no request.

use countersign::evidence::SignerAccess;
use countersign_test_support::aws_signer::AwsSigner as Service;
use countersign_testkit::Descriptor;
use countersign_testkit::aws::signature::SignerPki;
use countersign_testkit::aws::signature::SignerSignature;
use countersign_testkit::registry::Registry;

/// The signing profile that the trust policy names.
pub(crate) const PROFILE: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci";

/// The job of the signature that is revoked.
const REVOKED_JOB: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/4f9e1a52-6c1d-4d0e-9a55-2f1f3f6f7c11";

/// The certificates of AWS Signer, and its service.
pub(crate) struct AwsSigner {
    pki: SignerPki,
    service: Service,
}

impl AwsSigner {
    pub(crate) fn new() -> Self {
        let service = Service::default();
        service.revoke(REVOKED_JOB);
        Self { pki: SignerPki::new("eu-central-1"), service }
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
        self.service.access()
    }
}
