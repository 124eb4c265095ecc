//! A valid document of every kind of JSON that the core parses, with its parser.

use std::sync::OnceLock;

use countersign_core::name::MediaType;
use countersign_core::notation::Envelope;
use countersign_core::notation::EnvelopeFormat;
use countersign_core::oci::ArtifactManifest;
use countersign_core::oci::Index;
use countersign_core::oci::artifact_type;
use countersign_core::oci::target_media_type;
use countersign_core::policy::StoreKind;
use countersign_core::policy::TrustPolicy;
use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::signer::SignRequest;
use serde_json::Value as Json;
use serde_json::json;

use crate::judge::Judge;

/// A kind of document.
pub struct Schema {
    pub name: &'static str,
    pub good: Json,
    /// Puts the document into the envelope that contains it, if any.
    pub wrap: fn(&[u8]) -> Vec<u8>,
    /// Reads the wrapped document; an error describes the mistake.
    pub read: fn(&[u8]) -> Result<(), String>,
}

impl Schema {
    /// A size for its variants, in bytes: as large as its reader accepts, and small enough for a fast test.
    pub fn size(&self) -> usize {
        match self.name {
            "JWS protected header" | "payload" => 64 * 1024,
            _ => 128 * 1024,
        }
    }

    pub fn check(&self, document: &[u8]) -> Result<(), String> {
        (self.read)(&(self.wrap)(document))
    }
}

struct Fixture {
    chain: Chain,
    judge: Judge,
}

fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let root = Authority::root(CertSpec::root());
        let target = Descriptor::sample("image");
        let judge = Judge::about(&target.media_type, &target.digest, target.size).trusting(StoreKind::Ca, root.der());
        Fixture { chain: root.issue(CertSpec::leaf()), judge }
    })
}

fn sign_request() -> SignRequest {
    SignRequest::new(&fixture().chain, &Descriptor::sample("image"))
}

pub fn schemas() -> Vec<Schema> {
    let parts = sign_request().jws_parts();
    let descriptor = |media_type: &str| {
        let mut descriptor = Descriptor::sample("part").annotation("a", "b").to_json();
        descriptor["mediaType"] = json!(media_type);
        descriptor
    };
    let mut listed = descriptor(IMAGE_MANIFEST);
    listed["artifactType"] = json!("application/vnd.cncf.notary.signature");
    let mut platform = descriptor(IMAGE_MANIFEST);
    platform["platform"] = json!({"architecture": "amd64", "os": "linux"});
    let image = json!({
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json"),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip")],
        "subject": descriptor(IMAGE_MANIFEST),
        "annotations": {"a": "b"},
    });
    let mut signature = image.clone();
    signature["artifactType"] = json!("application/vnd.cncf.notary.signature");
    vec![
        Schema {
            name: "JWS envelope",
            good: serde_json::from_slice(&sign_request().jws()).unwrap(),
            wrap: <[u8]>::to_vec,
            read: |bytes| Envelope::parse(bytes, EnvelopeFormat::Jws).map(drop).map_err(|error| error.to_string()),
        },
        Schema {
            name: "JWS protected header",
            good: serde_json::from_slice(&parts.protected).unwrap(),
            wrap: |bytes| {
                let mut parts = sign_request().jws_parts();
                parts.protected = bytes.to_vec();
                parts.seal()
            },
            read: judged,
        },
        Schema {
            name: "payload",
            good: json!({"targetArtifact": Descriptor::sample("image").annotation("a", "b").to_json()}),
            wrap: |bytes| SignRequest::of_payload(&fixture().chain, bytes).jws(),
            read: judged,
        },
        Schema {
            name: "index of referrers",
            good: json!({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [listed], "annotations": {"a": "b"}}),
            wrap: <[u8]>::to_vec,
            read: |bytes| {
                let index = Index::parse(bytes).map_err(|error| error.to_string())?;
                let broken = index.entries.into_iter().find_map(Result::err);
                broken.map_or(Ok(()), |error| Err(error.to_string()))
            },
        },
        Schema {
            name: "image manifest",
            good: image,
            wrap: <[u8]>::to_vec,
            read: |bytes| target_media_type(bytes, IMAGE_MANIFEST).map(drop).map_err(|error| error.to_string()),
        },
        Schema {
            name: "image index",
            good: json!({"mediaType": IMAGE_INDEX, "manifests": [platform], "annotations": {"a": "b"}}),
            wrap: <[u8]>::to_vec,
            read: |bytes| target_media_type(bytes, IMAGE_INDEX).map(drop).map_err(|error| error.to_string()),
        },
        Schema {
            name: "signature manifest",
            good: signature,
            wrap: <[u8]>::to_vec,
            read: |bytes| {
                let media_type = IMAGE_MANIFEST.parse().unwrap();
                ArtifactManifest::parse(bytes, &media_type).map(drop).map_err(|error| error.to_string())
            },
        },
        Schema {
            name: "type of a referrer",
            good: json!({
                "artifactType": "application/vnd.cncf.notary.signature",
                "config": {"mediaType": "application/vnd.oci.empty.v1+json"},
            }),
            wrap: <[u8]>::to_vec,
            read: |bytes| artifact_type(bytes).map(drop).map_err(|error| error.to_string()),
        },
        Schema {
            name: "artifact manifest",
            good: json!({
                "mediaType": MediaType::OCI_ARTIFACT,
                "artifactType": "application/vnd.cncf.notary.signature",
                "blobs": [descriptor("application/cose")],
                "subject": descriptor(IMAGE_MANIFEST),
                "annotations": {"a": "b"},
            }),
            wrap: <[u8]>::to_vec,
            read: |bytes| {
                let media_type = MediaType::OCI_ARTIFACT.parse().unwrap();
                ArtifactManifest::parse(bytes, &media_type).map(drop).map_err(|error| error.to_string())
            },
        },
        Schema {
            name: "trust policy",
            good: json!({
                "version": "1.0",
                "trustPolicies": [{
                    "name": "app",
                    "registryScopes": ["registry.example/app"],
                    "signatureVerification": {"level": "strict", "override": {"expiry": "log"}},
                    "trustStores": ["ca:root"],
                    "trustedIdentities": ["x509.subject: C=CH, ST=ZH, O=Testkit"],
                }],
            }),
            wrap: <[u8]>::to_vec,
            read: |bytes| {
                let parsed = TrustPolicy::parse(bytes);
                let mistakes = parsed.as_ref().map_or_else(Vec::as_slice, TrustPolicy::mistakes);
                if mistakes.is_empty() { Ok(()) } else { Err(lines(mistakes)) }
            },
        },
    ]
}

fn judged(jws: &[u8]) -> Result<(), String> {
    let judged = fixture().judge.ask(jws, "application/jose+json");
    judged.map(drop).map_err(|failure| failure.reasons.first().to_string())
}

fn lines<T: std::fmt::Display>(list: &[T]) -> String {
    list.iter().map(|one| format!("{one}\n")).collect()
}
