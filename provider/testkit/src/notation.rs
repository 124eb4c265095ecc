//! Stores signatures in a registry (signature specification, "OCI signatures").

use serde_json::Value;
use serde_json::json;

use crate::Descriptor;
use crate::IMAGE_MANIFEST;
use crate::pki::Chain;
use crate::registry::Registry;
use crate::signer::Format;
use crate::signer::SignRequest;
use crate::timestamp::Tsa;

/// Artifact type of signature manifests.
pub const SIGNATURE_ARTIFACT_TYPE: &str = "application/vnd.cncf.notary.signature";
/// Media type of the withdrawn OCI artifact manifest.
pub const ARTIFACT_MANIFEST: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// Unsigned annotation that lists the SHA-256 of each certificate, leaf first.
pub const THUMBPRINT_ANNOTATION: &str = "io.cncf.notary.x509chain.thumbprint#S256";

/// The content of every signature manifest's config.
const EMPTY: &[u8] = b"{}";

/// The three forms of signature manifest in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ManifestForm {
    /// `artifactType` and the empty config.
    #[default]
    Current,
    /// No `artifactType`; the type is `config.mediaType`, as released notation writes it.
    Legacy,
    /// The withdrawn OCI artifact manifest with `blobs`.
    Artifact,
}

/// An envelope, and the content of its signature manifest.
#[derive(Clone, Debug)]
pub struct Signature {
    envelope: Vec<u8>,
    media_type: String,
    form: ManifestForm,
    annotations: Vec<(String, String)>,
    subject: Option<Descriptor>,
    extra_layers: usize,
}

impl Signature {
    /// Signs the request in this format; the thumbprint annotation is that of its chain.
    #[must_use]
    pub fn new(request: &SignRequest, format: Format) -> Self {
        Self::of_request(request, &request.envelope(format), format)
    }

    /// As [`Self::new`], with a correct timestamp of the TSA.
    #[must_use]
    pub fn timestamped(request: &SignRequest, format: Format, tsa: &Tsa) -> Self {
        Self::of_request(request, &tsa.envelope(request, format), format)
    }

    /// Uses an envelope that was made from the request.
    #[must_use]
    pub fn of_request(request: &SignRequest, envelope: &[u8], format: Format) -> Self {
        let thumbprints = json!(request.chain().thumbprints()).to_string();
        Self::of_envelope(envelope, format.media_type())
            .annotation(THUMBPRINT_ANNOTATION, &thumbprints)
            .annotation("org.opencontainers.image.created", "2026-01-02T03:04:05Z")
    }

    /// Uses any bytes as an envelope of any media type, without annotations.
    #[must_use]
    pub fn of_envelope(envelope: &[u8], media_type: &str) -> Self {
        Self {
            envelope: envelope.to_vec(),
            media_type: media_type.to_owned(),
            form: ManifestForm::Current,
            annotations: Vec::new(),
            subject: None,
            extra_layers: 0,
        }
    }

    /// Sets the form of the signature manifest. Default: [`ManifestForm::Current`].
    #[must_use]
    pub fn form(mut self, form: ManifestForm) -> Self {
        self.form = form;
        self
    }

    /// Sets an annotation of the signature manifest.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.retain(|(known, _)| known != key);
        self.annotations.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Removes all annotations of the signature manifest.
    #[must_use]
    pub fn without_annotations(mut self) -> Self {
        self.annotations.clear();
        self
    }

    /// Sets a subject in the manifest that differs from the target it is listed under.
    #[must_use]
    pub fn subject(mut self, subject: &Descriptor) -> Self {
        self.subject = Some(subject.clone());
        self
    }

    /// Adds this many copies of the envelope as layers; a valid manifest has exactly one layer.
    #[must_use]
    pub fn extra_layers(mut self, count: usize) -> Self {
        self.extra_layers = count;
        self
    }

    /// The envelope.
    #[must_use]
    pub fn envelope(&self) -> &[u8] {
        &self.envelope
    }

    /// Media type of the signature manifest.
    #[must_use]
    pub fn manifest_media_type(&self) -> &'static str {
        match self.form {
            ManifestForm::Current | ManifestForm::Legacy => IMAGE_MANIFEST,
            ManifestForm::Artifact => ARTIFACT_MANIFEST,
        }
    }

    /// Bytes of the signature manifest.
    #[must_use]
    pub fn manifest(&self, target: &Descriptor) -> Vec<u8> {
        let envelope = Descriptor::of(&self.media_type, &self.envelope).to_json();
        let layers = vec![envelope; 1 + self.extra_layers];
        let config = |media_type| Descriptor::of(media_type, EMPTY).to_json();
        let subject = self.subject.as_ref().unwrap_or(target);
        let subject = Descriptor { artifact_type: None, annotations: Default::default(), ..subject.clone() };
        let annotations: Value = self.annotations.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        let mut manifest = match self.form {
            ManifestForm::Current => json!({
                "schemaVersion": 2,
                "mediaType": IMAGE_MANIFEST,
                "artifactType": SIGNATURE_ARTIFACT_TYPE,
                "config": config("application/vnd.oci.empty.v1+json"),
                "layers": layers,
            }),
            ManifestForm::Legacy => json!({
                "schemaVersion": 2,
                "mediaType": IMAGE_MANIFEST,
                "config": config(SIGNATURE_ARTIFACT_TYPE),
                "layers": layers,
            }),
            ManifestForm::Artifact => json!({
                "mediaType": ARTIFACT_MANIFEST,
                "artifactType": SIGNATURE_ARTIFACT_TYPE,
                "blobs": layers,
            }),
        };
        manifest["subject"] = subject.to_json();
        manifest["annotations"] = annotations;
        manifest.to_string().into_bytes()
    }

    /// Stores envelope and manifest, and lists the manifest as a referrer of `target`. Returns the descriptor of
    /// the manifest.
    pub fn attach(&self, registry: &Registry, repository: &str, target: &Descriptor) -> Descriptor {
        registry.put_blob(repository, "application/vnd.oci.empty.v1+json", EMPTY);
        registry.put_blob(repository, &self.media_type, &self.envelope);
        let stored = registry.put_manifest(repository, self.manifest_media_type(), &self.manifest(target));
        if self.subject.as_ref().is_some_and(|subject| subject.digest != target.digest) {
            let annotations = self.annotations.iter().cloned().collect();
            let artifact_type = Some(SIGNATURE_ARTIFACT_TYPE.to_owned());
            registry.list_referrer(
                repository,
                &target.digest,
                Descriptor { artifact_type, annotations, ..stored.clone() },
            );
        }
        stored
    }
}

/// Signs `target` with `chain` as notation does (JWS, scheme `notary.x509`) and stores the signature.
/// Returns the descriptor of the signature manifest.
pub fn sign_image(registry: &Registry, repository: &str, target: &Descriptor, chain: &Chain) -> Descriptor {
    Signature::new(&SignRequest::new(chain, target), Format::Jws).attach(registry, repository, target)
}
