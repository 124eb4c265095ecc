//! A registry with eight images: two that are signed well, and one for each way of not being.

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

pub(crate) struct Image {
    pub(crate) what: &'static str,
    pub(crate) pod: &'static str,
    pub(crate) reference: String,
    /// The reason code that its verdict must have.
    pub(crate) expected: &'static str,
}

pub(crate) struct Shop {
    pub(crate) registry: Registry,
    /// A second registry, which is having a bad minute.
    pub(crate) broken: Registry,
    pub(crate) root: Authority,
    pub(crate) images: Vec<Image>,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let registry = Registry::start().await;
        let broken = Registry::start().await;
        let _ = broken.when(Route::Manifest).status(503);
        let root = Authority::root(CertSpec::root().common_name("Shop root"));
        let signer = root.issue(CertSpec::leaf().common_name("release").key(KeyType::Rsa3072));
        let shelf = Shelf { registry: &registry, signer: &signer };
        let images = vec![
            shelf.put("signed, JWS", "signed-jws", "verified", |image| shelf.sign(image, image, Format::Jws)),
            shelf.put("signed, COSE", "signed-cose", "verified", |image| shelf.sign(image, image, Format::Cose)),
            shelf.put("unsigned", "unsigned", "unsigned", |_| {}),
            shelf.put("signed by a stranger", "stranger", "untrusted-chain", |image| {
                let stranger = Authority::root(CertSpec::root().common_name("Stranger")).issue(CertSpec::leaf());
                shelf.attach(&SignRequest::new(&stranger, image), image);
            }),
            shelf.put("signature expired", "expired", "expired", |image| {
                let request = SignRequest::new(&signer, image).expiry(datetime!(2026-01-03 00:00 UTC));
                shelf.attach(&request, image);
            }),
            shelf.put("envelope tampered with", "tampered", "signature-mismatch", |image| {
                let envelope = tampered(&SignRequest::new(&signer, &Descriptor::sample("another image")), image);
                Signature::of_envelope(&envelope, Format::Jws.media_type()).attach(&registry, REPOSITORY, image);
            }),
            shelf.put("signature of another image", "copied", "target-mismatch", |image| {
                let other = registry.push_image(REPOSITORY, "other");
                shelf.sign(&other, image, Format::Jws);
            }),
            Image {
                what: "registry answers 503",
                pod: "registry-down",
                reference: format!("{}/{REPOSITORY}:v1", broken.host()),
                expected: "registry-failed",
            },
        ];
        Self { registry, broken, root, images }
    }
}

const REPOSITORY: &str = "shop/app";

struct Shelf<'a> {
    registry: &'a Registry,
    signer: &'a Chain,
}

impl Shelf<'_> {
    fn put(
        &self,
        what: &'static str,
        tag: &'static str,
        expected: &'static str,
        sign: impl FnOnce(&Descriptor),
    ) -> Image {
        let image = self.registry.push_image(REPOSITORY, tag);
        sign(&image);
        Image { what, pod: tag, reference: format!("{}/{REPOSITORY}:{tag}", self.registry.host()), expected }
    }

    /// Signs `target`, and stores the signature beside `image`.
    fn sign(&self, target: &Descriptor, image: &Descriptor, format: Format) {
        Signature::new(&SignRequest::new(self.signer, target), format).attach(self.registry, REPOSITORY, image);
    }

    fn attach(&self, request: &SignRequest, image: &Descriptor) {
        Signature::new(request, Format::Jws).attach(self.registry, REPOSITORY, image);
    }
}

/// A good envelope whose payload was exchanged for one about `image` after signing.
fn tampered(request: &SignRequest, image: &Descriptor) -> Vec<u8> {
    let mut parts = request.jws_parts();
    let signature = parts.key.sign_as(parts.form, &parts.signing_input());
    parts.payload = serde_json::json!({ "targetArtifact": image.to_json() }).to_string().into_bytes();
    parts.with_signature(&signature)
}
