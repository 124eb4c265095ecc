//! Registries with eight images: two with valid signatures, and six that each fail in another way.

use countersign_testkit::Descriptor;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::KeyType;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use time::macros::datetime;

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
    pub(crate) root: Authority,
    pub(crate) images: Vec<Image>,
}

impl Fixtures {
    pub(crate) async fn start() -> Self {
        let registry = Registry::start().await;
        let broken = Registry::start().await;
        let _ = broken.when(Route::Manifest).status(503);
        let root = Authority::root(CertSpec::root().common_name("Shop root"));
        let signer = root.issue(CertSpec::leaf().common_name("release").key(KeyType::Rsa3072));
        let publisher = Publisher { registry: &registry, signer: &signer };
        let images = vec![
            publisher
                .publish("signed, JWS", "signed-jws", "verified", |image| publisher.sign(image, image, Format::Jws)),
            publisher
                .publish("signed, COSE", "signed-cose", "verified", |image| publisher.sign(image, image, Format::Cose)),
            publisher.publish("unsigned", "unsigned", "unsigned", |_| {}),
            publisher.publish("signed under another root", "untrusted", "untrusted-chain", |image| {
                let untrusted = Authority::root(CertSpec::root().common_name("Other root")).issue(CertSpec::leaf());
                publisher.attach(&SignRequest::new(&untrusted, image), image);
            }),
            publisher.publish("signature expired", "expired", "expired", |image| {
                let request = SignRequest::new(&signer, image).expiry(datetime!(2026-01-03 00:00 UTC));
                publisher.attach(&request, image);
            }),
            publisher.publish("payload changed after signing", "tampered", "signature-mismatch", |image| {
                let envelope = tampered(&SignRequest::new(&signer, &Descriptor::sample("another image")), image);
                Signature::of_envelope(&envelope, Format::Jws.media_type()).attach(&registry, REPOSITORY, image);
            }),
            publisher.publish("signature of another image", "copied", "target-mismatch", |image| {
                let other = registry.push_image(REPOSITORY, "other");
                publisher.sign(&other, image, Format::Jws);
            }),
            Image {
                description: "registry answers 503",
                pod: "registry-down",
                reference: format!("{}/{REPOSITORY}:v1", broken.host()),
                expected: "registry-failed",
            },
        ];
        Self { registry, broken, root, images }
    }
}

const REPOSITORY: &str = "shop/app";

/// Pushes images and signs them.
struct Publisher<'a> {
    registry: &'a Registry,
    signer: &'a Chain,
}

impl Publisher<'_> {
    fn publish(
        &self,
        description: &'static str,
        tag: &'static str,
        expected: &'static str,
        sign: impl FnOnce(&Descriptor),
    ) -> Image {
        let image = self.registry.push_image(REPOSITORY, tag);
        sign(&image);
        Image { description, pod: tag, reference: format!("{}/{REPOSITORY}:{tag}", self.registry.host()), expected }
    }

    /// Signs `target`, and stores the signature as a referrer of `image`.
    fn sign(&self, target: &Descriptor, image: &Descriptor, format: Format) {
        Signature::new(&SignRequest::new(self.signer, target), format).attach(self.registry, REPOSITORY, image);
    }

    fn attach(&self, request: &SignRequest, image: &Descriptor) {
        Signature::new(request, Format::Jws).attach(self.registry, REPOSITORY, image);
    }
}

/// An envelope whose payload was replaced after signing by one about `image`.
fn tampered(request: &SignRequest, image: &Descriptor) -> Vec<u8> {
    let mut parts = request.jws_parts();
    let signature = parts.key.sign_as(parts.form, &parts.signing_input());
    parts.payload = serde_json::json!({ "targetArtifact": image.to_json() }).to_string().into_bytes();
    parts.with_signature(&signature)
}
