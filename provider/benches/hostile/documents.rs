//! Documents from outside with one part enlarged: responses of registries, signed content, requests. Each is processed once
//! alone, and then for many images at the same time.

use ciborium::Value as Cbor;
use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::der;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::KeyType;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use serde_json::Value as Json;
use serde_json::json;

use countersign_testkit::variants;
use countersign_testkit::variants::Variant;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Signatures of one image: as many as the service tries.
const SIGNATURES: usize = 100;

/// How a document reaches the service.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// A page of the referrers API.
    Referrers,
    /// The index at the fallback tag, of a registry without the API.
    Fallback,
    /// The manifest of the image itself, with this media type.
    Target(&'static str),
    /// A signature manifest.
    SignatureManifest,
    /// An envelope of this format.
    Envelope(Format),
    /// As many different envelopes as the service tries for one image.
    Envelopes(Format),
    /// The response of a token service.
    Token,
    /// The body of a 403.
    Error(Route),
    /// The body of a request to the service.
    Request,
}

/// A kind of document, and all its variants.
pub(crate) struct Schema {
    pub(crate) delivery: Delivery,
    pub(crate) variants: Vec<Variant>,
}

/// The name of a schema, and the function that makes it.
type Named = (&'static str, fn() -> Schema);

/// The schemas. They are made one at a time: together they take gigabytes.
pub(crate) fn schemas() -> Vec<Named> {
    vec![
        ("referrers page", || of_json(Delivery::Referrers, &index(), 4 * MIB)),
        ("fallback index", || of_json(Delivery::Fallback, &index(), 4 * MIB)),
        ("target manifest", || of_json(Delivery::Target(IMAGE_MANIFEST), &image(), 4 * MIB)),
        ("target index", || of_json(Delivery::Target(IMAGE_INDEX), &index(), 4 * MIB)),
        ("signature manifest", || of_json(Delivery::SignatureManifest, &signature_manifest(), 4 * MIB)),
        ("JWS envelope", || of_json(Delivery::Envelope(Format::Jws), &jws(), MIB)),
        ("JWS protected header", || protected(Delivery::Envelope(Format::Jws))),
        ("100 JWS protected headers", || protected(Delivery::Envelopes(Format::Jws))),
        ("JWS payload", payload),
        ("COSE envelope", || cose_envelope(Delivery::Envelope(Format::Cose))),
        ("COSE protected header", || cose_protected(Delivery::Envelope(Format::Cose))),
        ("100 COSE protected headers", || cose_protected(Delivery::Envelopes(Format::Cose))),
        ("certificates", || certificates(Delivery::Envelope(Format::Jws))),
        ("100 chains of certificates", || certificates(Delivery::Envelopes(Format::Jws))),
        ("100 chains with large keys", || large_keys(Delivery::Envelopes(Format::Jws))),
        ("token response", || of_json(Delivery::Token, &json!({"token": "t", "expires_in": 60}), MIB)),
        ("error body of a manifest", || of_json(Delivery::Error(Route::Manifest), &error(), MIB)),
        ("error body of referrers", || of_json(Delivery::Error(Route::Referrers), &error(), MIB)),
        ("request", || of_json(Delivery::Request, &request(), MIB)),
    ]
}

fn of_json(delivery: Delivery, document: &Json, size: usize) -> Schema {
    Schema { delivery, variants: variants::json(document, size) }
}

fn descriptor(media_type: &str) -> Json {
    let mut descriptor = Descriptor::sample("hostile").annotation("a", "b").to_json();
    descriptor["mediaType"] = json!(media_type);
    descriptor["artifactType"] = json!(SIGNATURE_ARTIFACT_TYPE);
    descriptor
}

fn index() -> Json {
    let mut entry = descriptor(IMAGE_MANIFEST);
    entry["platform"] = json!({"architecture": "amd64", "os": "linux"});
    json!({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [entry], "annotations": {"a": "b"}})
}

fn image() -> Json {
    json!({
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json"),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip")],
        "annotations": {"a": "b"},
    })
}

fn signature_manifest() -> Json {
    let mut manifest = image();
    manifest["artifactType"] = json!(SIGNATURE_ARTIFACT_TYPE);
    manifest["subject"] = descriptor(IMAGE_MANIFEST);
    manifest["layers"] = json!([descriptor("application/jose+json")]);
    manifest
}

fn error() -> Json {
    json!({"errors": [{"code": "DENIED", "message": "no", "detail": {"a": ["b"]}}]})
}

fn request() -> Json {
    json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": {"keys": ["registry.example/app:v1"]},
    })
}

fn sign_request() -> SignRequest {
    let chain = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
    SignRequest::new(&chain, &Descriptor::sample("hostile"))
}

fn jws() -> Json {
    serde_json::from_slice(&sign_request().jws()).unwrap()
}

fn protected(delivery: Delivery) -> Schema {
    let parts = sign_request().jws_parts();
    let header: Json = serde_json::from_slice(&parts.protected).unwrap();
    // In base64 that is a little less than 1 MiB.
    let sealed = |variant: Variant| {
        let mut parts = parts.clone();
        parts.protected = variant.bytes;
        Variant { bytes: parts.with_signature(b"none"), ..variant }
    };
    let variants = variants::json(&header, 760 * KIB).into_iter().map(sealed);
    Schema { delivery, variants: variants.collect() }
}

/// Signed, so that the payload is read.
fn payload() -> Schema {
    let request = sign_request();
    let document: Json = serde_json::from_slice(&request.jws_parts().payload).unwrap();
    let sealed = |variant: Variant| {
        let mut parts = request.jws_parts();
        parts.payload = variant.bytes;
        Variant { bytes: parts.seal(), ..variant }
    };
    let variants = variants::json(&document, 64 * KIB).into_iter().map(sealed);
    Schema { delivery: Delivery::Envelopes(Format::Jws), variants: variants.collect() }
}

fn cose_envelope(delivery: Delivery) -> Schema {
    let envelope: Cbor = ciborium::from_reader(sign_request().cose().as_slice()).unwrap();
    Schema { delivery, variants: variants::cbor(&envelope, 900 * KIB) }
}

fn cose_protected(delivery: Delivery) -> Schema {
    let parts = sign_request().cose_parts();
    let header: Cbor = ciborium::from_reader(parts.protected.as_slice()).unwrap();
    let sealed = |variant: Variant| {
        let mut parts = parts.clone();
        parts.protected = variant.bytes;
        Variant { bytes: parts.with_signature(b"none"), ..variant }
    };
    Schema { delivery, variants: variants::cbor(&header, 900 * KIB).into_iter().map(sealed).collect() }
}

/// Ten certificates of nearly 64 KiB, each with one list or one text that fills it.
fn certificates(delivery: Delivery) -> Schema {
    const FULL: usize = 60 * KIB;
    let root = Authority::root(CertSpec::root());
    let repeated = |element: Vec<u8>| der::sequence(vec![element.clone(); FULL / element.len()]);
    let extension = |oid: &str, value: &[u8]| CertSpec::leaf().extension(oid, false, value);
    let url = der::element(0x86, b"http://a");
    let usage = der::oid("1.3.6.1.5.5.7.3.3");
    let point = der::sequence([der::element(0xa0, &der::element(0xa0, &url))]);
    let access = der::sequence([der::oid("1.3.6.1.5.5.7.48.1"), url.clone()]);
    let long_name = "n".repeat(FULL);
    let names: Vec<(String, String)> = (0..FULL / 14).map(|_| ("CN".to_owned(), "n".to_owned())).collect();
    let names: Vec<(&str, &str)> = names.iter().map(|(kind, value)| (kind.as_str(), value.as_str())).collect();
    let many =
        (0..FULL / 16).fold(CertSpec::leaf(), |spec, number| spec.extension(&format!("1.2.3.{number}"), false, b""));
    let specs = [
        ("names in the subject", CertSpec::leaf().subject(&names)),
        ("a long name in the subject", CertSpec::leaf().subject(&[("CN", &long_name)])),
        ("extensions", many),
        ("alternative names", extension("2.5.29.17", &repeated(url))),
        ("key usages", CertSpec::leaf().without_ekus().extension("2.5.29.37", false, &repeated(usage))),
        ("places of revocation lists", extension("2.5.29.31", &repeated(point))),
        ("places of responders", extension("1.3.6.1.5.5.7.1.1", &repeated(access))),
        ("nested sequences", extension("1.2.3.4", &[0x30, 0x80].repeat(FULL / 2))),
    ];
    let sealed = |(what, spec): (&str, CertSpec)| {
        let issued = root.issue(spec);
        let chain = issued.with_certificates(vec![issued.leaf_der().to_vec(); 10]);
        let bytes = SignRequest::new(&chain, &Descriptor::sample("hostile")).jws_parts().with_signature(b"none");
        Variant { name: what.to_owned(), bytes }
    };
    Schema { delivery, variants: specs.into_iter().map(sealed).collect() }
}

/// Ten certificates, each signed by the next one, with the keys that cost most. The signature is good, so that all is checked.
fn large_keys(delivery: Delivery) -> Schema {
    let sealed = |(what, kind): (&str, KeyType)| {
        let root = Authority::root(CertSpec::root().key(kind));
        let authority = (0..8).fold(root, |authority, _| authority.intermediate(CertSpec::intermediate().key(kind)));
        let chain = authority.issue(CertSpec::leaf().key(kind));
        Variant { name: what.to_owned(), bytes: SignRequest::new(&chain, &Descriptor::sample("hostile")).jws() }
    };
    let kinds = [("P-521", KeyType::P521), ("P-384", KeyType::P384), ("RSA 4096", KeyType::Rsa4096)];
    Schema { delivery, variants: kinds.into_iter().map(sealed).collect() }
}

/// Makes `registry` serve the variant for requests about its images, and returns the references of the images.
pub(crate) fn serve(
    registry: &Registry,
    repository: &str,
    delivery: Delivery,
    bytes: &[u8],
    images: usize,
) -> Vec<String> {
    registry.clear_faults();
    registry.require_no_auth();
    let targets: Vec<Descriptor> =
        (0..images).map(|number| registry.push_image(repository, &format!("t{number}"))).collect();
    let page = |content_type: &str| Reply::status(200).header("content-type", content_type).body(bytes.to_vec());
    match delivery {
        Delivery::Referrers => drop(registry.when(Route::Referrers).reply(page(IMAGE_INDEX))),
        Delivery::Fallback => {
            registry.when(Route::Referrers).status(404);
            registry.when(Route::Manifest).path_contains("/manifests/sha256-").reply(page(IMAGE_INDEX));
        }
        Delivery::Target(media_type) => drop(registry.when(Route::Manifest).reply(page(media_type))),
        Delivery::SignatureManifest => {
            let stored = registry.put_manifest(repository, IMAGE_MANIFEST, bytes);
            let entry = Descriptor { artifact_type: Some(SIGNATURE_ARTIFACT_TYPE.to_owned()), ..stored };
            for target in &targets {
                registry.list_referrer(repository, &target.digest, entry.clone());
            }
        }
        Delivery::Envelope(format) => attach(registry, repository, &targets, &[bytes.to_vec()], format),
        Delivery::Envelopes(format) => {
            // White space, and in COSE a byte too many, make another blob of it.
            let envelopes: Vec<Vec<u8>> = (0..SIGNATURES).map(|count| [bytes, &vec![b' '; count]].concat()).collect();
            attach(registry, repository, targets.get(..1).unwrap(), &envelopes, format);
        }
        Delivery::Token => {
            registry.require_bearer(&TokenService::anonymous());
            registry.when(Route::Token).reply(page("application/json"));
        }
        Delivery::Error(route) => {
            registry
                .when(route)
                .reply(Reply::status(403).header("content-type", "application/json").body(bytes.to_vec()));
        }
        Delivery::Request => {}
    }
    (0..images).map(|number| format!("{}/{repository}:t{number}", registry.host())).collect()
}

fn attach(registry: &Registry, repository: &str, targets: &[Descriptor], envelopes: &[Vec<u8>], format: Format) {
    for target in targets {
        for envelope in envelopes {
            Signature::of_envelope(envelope, format.media_type()).attach(registry, repository, target);
        }
    }
}
