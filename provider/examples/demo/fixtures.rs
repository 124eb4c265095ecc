//! Registries with thirteen images: four with valid signatures, and nine that each fail in another way.

use countersign_testkit::Descriptor;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use time::macros::datetime;

use super::aws_signer::AwsSigner;
use super::certificates::Certificates;

/// An image and its expected verdict.
pub(crate) struct Image {
    /// For the table.
    pub(crate) description: &'static str,
    pub(crate) pod: &'static str,
    pub(crate) reference: String,
    /// The reason code that its verdict must have.
    pub(crate) expected: &'static str,
}

/// The registries of the demo.
pub(crate) struct Fixtures {
    pub(crate) registry: Registry,
    /// A second registry, which answers 503.
    pub(crate) broken: Registry,
    pub(crate) certificates: Certificates,
    pub(crate) aws_signer: AwsSigner,
    pub(crate) images: Vec<Image>,
}

impl Image {
    /// Whether the verdict needs the service of AWS Signer, which only the provider of the demo has.
    pub(crate) fn needs_aws_signer(&self) -> bool {
        self.reference.contains(SIGNER_REPOSITORY)
    }
}

impl Fixtures {
    /// The repository whose images AWS Signer signs.
    pub(crate) fn signer_repository(&self) -> String {
        format!("{}/{SIGNER_REPOSITORY}", self.registry.host())
    }

    pub(crate) async fn start() -> Self {
        let registry = Registry::start().await;
        let broken = Registry::start().await;
        let _ = broken.when(Route::Manifest).status(503);
        let certificates = Certificates::start().await;
        let aws_signer = AwsSigner::new();
        let publisher = Publisher { registry: &registry, certificates: &certificates, aws_signer: &aws_signer };
        let mut images = Vec::from(publisher.valid());
        images.extend(publisher.wrong_signatures());
        images.extend(publisher.wrong_certificates());
        images.extend(publisher.of_aws_signer());
        images.push(Image {
            description: "registry answers 503",
            pod: "registry-down",
            reference: format!("{}/{REPOSITORY}:v1", broken.host()),
            expected: "registry-failed",
        });
        Self { registry, broken, certificates, aws_signer, images }
    }
}

const REPOSITORY: &str = "shop/app";

/// The repository whose images AWS Signer signs.
const SIGNER_REPOSITORY: &str = "shop/aws";

/// Pushes images and signs them.
struct Publisher<'a> {
    registry: &'a Registry,
    certificates: &'a Certificates,
    aws_signer: &'a AwsSigner,
}

impl Publisher<'_> {
    fn valid(&self) -> [Image; 3] {
        [
            self.publish("signed, JWS", "signed-jws", "verified", |image| self.sign(image, image, Format::Jws)),
            self.publish("signed, COSE", "signed-cose", "verified", |image| self.sign(image, image, Format::Cose)),
            self.publish("certificate ended, timestamped", "timestamped", "verified", |image| {
                let request = SignRequest::new(&self.certificates.ended, image);
                self.attach(&Signature::timestamped(&request, Format::Jws, &self.certificates.tsa), image);
            }),
        ]
    }

    fn wrong_signatures(&self) -> [Image; 4] {
        let signer = &self.certificates.signer;
        [
            self.publish("unsigned", "unsigned", "unsigned", |_| {}),
            self.publish("signature expired", "expired", "expired", |image| {
                let request = SignRequest::new(signer, image).expiry(datetime!(2026-01-03 00:00 UTC));
                self.attach(&Signature::new(&request, Format::Jws), image);
            }),
            self.publish("payload changed after signing", "tampered", "signature-mismatch", |image| {
                let envelope = tampered(&SignRequest::new(signer, &Descriptor::sample("another image")), image);
                self.attach(&Signature::of_envelope(&envelope, Format::Jws.media_type()), image);
            }),
            self.publish("signature of another image", "copied", "target-mismatch", |image| {
                let other = self.registry.push_image(REPOSITORY, "other");
                self.sign(&other, image, Format::Jws);
            }),
        ]
    }

    fn wrong_certificates(&self) -> [Image; 3] {
        [
            self.publish("signed under another root", "untrusted", "untrusted-chain", |image| {
                let untrusted = Authority::root(CertSpec::root().common_name("Other root")).issue(CertSpec::leaf());
                self.attach(&Signature::new(&SignRequest::new(&untrusted, image), Format::Jws), image);
            }),
            self.publish("certificate ended, no timestamp", "ended", "timestamp-invalid", |image| {
                let request = SignRequest::new(&self.certificates.ended, image);
                self.attach(&Signature::new(&request, Format::Jws), image);
            }),
            self.publish("certificate revoked", "revoked", "revoked", |image| {
                let request = SignRequest::new(&self.certificates.revoked, image);
                self.attach(&Signature::new(&request, Format::Jws), image);
            }),
        ]
    }

    fn of_aws_signer(&self) -> [Image; 2] {
        let (signer, registry, repository) = (self.aws_signer, self.registry, SIGNER_REPOSITORY);
        [
            self.publish_in(repository, "AWS Signer", "aws-signer", "verified", |image| {
                signer.sign(registry, repository, image);
            }),
            self.publish_in(repository, "AWS Signer, signature revoked", "aws-revoked", "revoked", |image| {
                signer.sign_revoked(registry, repository, image);
            }),
        ]
    }

    fn publish(
        &self,
        description: &'static str,
        tag: &'static str,
        expected: &'static str,
        sign: impl FnOnce(&Descriptor),
    ) -> Image {
        self.publish_in(REPOSITORY, description, tag, expected, sign)
    }

    fn publish_in(
        &self,
        repository: &str,
        description: &'static str,
        tag: &'static str,
        expected: &'static str,
        sign: impl FnOnce(&Descriptor),
    ) -> Image {
        let image = self.registry.push_image(repository, tag);
        sign(&image);
        Image { description, pod: tag, reference: format!("{}/{repository}:{tag}", self.registry.host()), expected }
    }

    /// Signs `target`, and stores the signature as a referrer of `image`.
    fn sign(&self, target: &Descriptor, image: &Descriptor, format: Format) {
        self.attach(&Signature::new(&SignRequest::new(&self.certificates.signer, target), format), image);
    }

    fn attach(&self, signature: &Signature, image: &Descriptor) {
        signature.attach(self.registry, REPOSITORY, image);
    }
}

/// An envelope whose payload was replaced after signing by one about `image`.
fn tampered(request: &SignRequest, image: &Descriptor) -> Vec<u8> {
    let mut parts = request.jws_parts();
    let signature = parts.key.sign_as(parts.form, &parts.signing_input());
    parts.payload = serde_json::json!({ "targetArtifact": image.to_json() }).to_string().into_bytes();
    parts.with_signature(&signature)
}
