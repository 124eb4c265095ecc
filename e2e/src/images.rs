//! Builds small images and pushes them over the distribution API, without a container engine.

use anyhow::Context;
use aws_lc_rs::digest::SHA256;
use aws_lc_rs::digest::digest;
use serde_json::Value;
use serde_json::json;

use crate::http;
use crate::http::Response;
use crate::registries::Kind;
use crate::registries::Registry;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const SIGNATURE: &str = "application/vnd.cncf.notary.signature";

/// An empty tar archive is two blocks of zeroes.
const EMPTY_LAYER: [u8; 1024] = [0; 1024];

/// A pushed image.
#[derive(Clone)]
pub(crate) struct Image {
    host: String,
    repository: String,
    tag: String,
    digest: String,
    manifest: Vec<u8>,
}

impl Image {
    /// Pushes an image that differs from the image of every other repository, under the tag `v1`.
    pub(crate) fn push(registry: &Registry, repository: &str) -> anyhow::Result<Self> {
        Self::push_titled(&registry.host(), repository, "v1", repository)
    }

    /// The same at any host that speaks plain HTTP.
    pub(crate) fn push_to(host: &str, repository: &str) -> anyhow::Result<Self> {
        Self::push_titled(host, repository, "v1", repository)
    }

    /// Pushes another image to the same repository and tag.
    pub(crate) fn replace(&self) -> anyhow::Result<Self> {
        Self::push_titled(&self.host, &self.repository, &self.tag, "another")
    }

    /// The same image under another tag, for which no response is cached.
    pub(crate) fn tagged(&self, tag: &str) -> anyhow::Result<Self> {
        push_manifest(&self.host, &self.repository, tag, &self.manifest)?;
        Ok(Self { tag: tag.to_owned(), ..self.clone() })
    }

    /// Points the fallback tag of the image to the image itself, in place of an index of referrers.
    pub(crate) fn tag_as_fallback(&self) -> anyhow::Result<()> {
        self.tagged(&self.fallback_tag()).map(drop)
    }

    fn fallback_tag(&self) -> String {
        self.digest.replace(':', "-")
    }

    fn push_titled(host: &str, repository: &str, tag: &str, title: &str) -> anyhow::Result<Self> {
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": { "Labels": { "org.opencontainers.image.title": title } },
            "rootfs": { "type": "layers", "diff_ids": [sha256(&EMPTY_LAYER)] },
        })
        .to_string();
        let config = push_blob(host, repository, CONFIG, config.as_bytes())?;
        let layer = push_blob(host, repository, LAYER, &EMPTY_LAYER)?;
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] }).to_string();
        push_manifest(host, repository, tag, manifest.as_bytes())?;
        Ok(Self {
            host: host.to_owned(),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            digest: sha256(manifest.as_bytes()),
            manifest: manifest.into_bytes(),
        })
    }

    /// The same image, with another spelling of its host.
    pub(crate) fn at(&self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self.clone() }
    }

    /// An image in another repository of the same registry.
    pub(crate) fn in_repository(&self, repository: &str) -> anyhow::Result<Self> {
        Self::push_titled(&self.host, repository, &self.tag, repository)
    }

    /// The reference by tag.
    pub(crate) fn by_tag(&self) -> String {
        format!("{}:{}", self.scope(), self.tag)
    }

    /// The reference by digest.
    pub(crate) fn by_digest(&self) -> String {
        format!("{}@{}", self.scope(), self.digest)
    }

    /// The reference by tag and digest.
    pub(crate) fn by_tag_and_digest(&self) -> String {
        format!("{}@{}", self.by_tag(), self.digest)
    }

    /// The repository, as a scope of a trust policy.
    pub(crate) fn scope(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// The name of a pod that runs it.
    pub(crate) fn pod(&self) -> String {
        self.repository.replace('/', "-")
    }

    /// Attaches the signature of another image to this one. The envelope is unchanged; its manifest names this image.
    pub(crate) fn copy_signature_from(&self, registry: &Registry, signed: &Self) -> anyhow::Result<()> {
        let index = signed.referrers(registry.kind())?;
        let found = index["manifests"][0]["digest"].as_str().context("the signed image has no referrer")?;
        let mut manifest = signed.get(&format!("manifests/{found}"))?.json()?;
        for descriptor in [&manifest["config"], &manifest["layers"][0]] {
            let digest = descriptor["digest"].as_str().context("the signature manifest has an invalid descriptor")?;
            let blob = signed.get(&format!("blobs/{digest}"))?.body;
            push_blob(&self.host, &self.repository, SIGNATURE, &blob)?;
        }
        manifest["subject"] = descriptor(MANIFEST, &self.manifest);
        let manifest = manifest.to_string();
        push_manifest(&self.host, &self.repository, &sha256(manifest.as_bytes()), manifest.as_bytes())
    }

    fn referrers(&self, kind: Kind) -> anyhow::Result<Value> {
        let path = match kind {
            Kind::ReferrersApi => format!("referrers/{}", self.digest),
            Kind::FallbackTag => format!("manifests/{}", self.fallback_tag()),
        };
        self.get(&path)?.json()
    }

    fn get(&self, path: &str) -> anyhow::Result<Response> {
        let url = format!("http://{}/v2/{}/{path}", self.host, self.repository);
        http::send("GET", &url, &[("accept", MANIFEST), ("accept", INDEX), ("accept", "*/*")], &[])?.expect_status(200)
    }
}

fn push_blob(host: &str, repository: &str, media_type: &str, blob: &[u8]) -> anyhow::Result<Value> {
    let begun =
        http::send("POST", &format!("http://{host}/v2/{repository}/blobs/uploads/"), &[], &[])?.expect_status(202)?;
    let location = begun.headers.get("location").context("the upload has no Location")?.to_str()?;
    let location = if location.starts_with('/') { format!("http://{host}{location}") } else { location.to_owned() };
    let separator = if location.contains('?') { '&' } else { '?' };
    let url = format!("{location}{separator}digest={}", sha256(blob));
    http::send("PUT", &url, &[("content-type", "application/octet-stream")], blob)?.expect_status(201)?;
    Ok(descriptor(media_type, blob))
}

fn push_manifest(host: &str, repository: &str, reference: &str, manifest: &[u8]) -> anyhow::Result<()> {
    let url = format!("http://{host}/v2/{repository}/manifests/{reference}");
    http::send("PUT", &url, &[("content-type", MANIFEST)], manifest)?.expect_status(201).map(drop)
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": sha256(bytes), "size": bytes.len() })
}

fn sha256(bytes: &[u8]) -> String {
    let hex: String = digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
