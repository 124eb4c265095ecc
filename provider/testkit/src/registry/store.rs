//! Content of the registry.

use std::collections::HashMap;
use std::collections::HashSet;

use bytes::Bytes;
use serde_json::Value;
use serde_json::json;

use crate::Descriptor;
use crate::IMAGE_INDEX;
use crate::IMAGE_MANIFEST;
use crate::registry::handler::Handler;
use crate::registry::reply::Reply;

/// How referrers are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Referrers {
    /// The referrers API; filters by `artifactType` and sets `OCI-Filters-Applied`.
    #[default]
    Api,
    /// The referrers API; ignores the filter.
    ApiWithoutFilter,
    /// Like [`Self::Api`], but the entries have no artifact type.
    ApiWithoutTypes,
    /// No API (a plain 404); the fallback tag `sha256-HEX` is an index of the same entries, absent if there are none.
    FallbackTag,
    /// The API answers with an empty list; the fallback tag has the entries. Amazon ECR is so for signatures that were pushed
    /// before it had the API.
    EmptyApiAndFallbackTag,
    /// The referrers API; ignores the filter, and the entries have no artifact type.
    ApiWithoutTypesAndFilter,
    /// Like [`Self::Api`], but the type of an entry is always that of its configuration (`config.mediaType`), to which the filter
    /// applies too. The fallback tag has all entries, with the same types.
    ApiWithConfigTypes,
    /// No API (a plain 404), and no fallback tag.
    NotCached,
    /// No API (a plain 404); the registry takes `sha256-HEX` for the digest, so the fallback tag is the image itself.
    FallbackTagIsImage,
}

impl Referrers {
    /// All, with names for configurations.
    pub(crate) const NAMED: [(&str, Self); 9] = [
        ("api", Self::Api),
        ("api-without-filter", Self::ApiWithoutFilter),
        ("api-without-types", Self::ApiWithoutTypes),
        ("api-without-types-and-filter", Self::ApiWithoutTypesAndFilter),
        ("api-with-config-types", Self::ApiWithConfigTypes),
        ("fallback-tag", Self::FallbackTag),
        ("empty-api", Self::EmptyApiAndFallbackTag),
        ("fallback-tag-is-image", Self::FallbackTagIsImage),
        ("not-cached", Self::NotCached),
    ];

    /// Whether there is a referrers API.
    pub(crate) fn has_api(self) -> bool {
        match self {
            Self::Api
            | Self::ApiWithoutFilter
            | Self::ApiWithoutTypes
            | Self::ApiWithoutTypesAndFilter
            | Self::ApiWithConfigTypes
            | Self::EmptyApiAndFallbackTag => true,
            Self::FallbackTag | Self::FallbackTagIsImage | Self::NotCached => false,
        }
    }

    /// Whether the API filters by artifact type.
    pub(crate) fn filters(self) -> bool {
        match self {
            Self::Api | Self::ApiWithoutTypes | Self::ApiWithConfigTypes | Self::EmptyApiAndFallbackTag => true,
            Self::ApiWithoutFilter
            | Self::ApiWithoutTypesAndFilter
            | Self::FallbackTag
            | Self::FallbackTagIsImage
            | Self::NotCached => false,
        }
    }

    /// Whether the fallback tag `sha256-HEX` lists referrers.
    pub(crate) fn has_fallback_tag(self) -> bool {
        match self {
            Self::FallbackTag | Self::EmptyApiAndFallbackTag | Self::ApiWithConfigTypes => true,
            Self::Api
            | Self::ApiWithoutFilter
            | Self::ApiWithoutTypes
            | Self::ApiWithoutTypesAndFilter
            | Self::FallbackTagIsImage
            | Self::NotCached => false,
        }
    }

    /// Whether entries of the API have no artifact type.
    pub(crate) fn omits_types(self) -> bool {
        matches!(self, Self::ApiWithoutTypes | Self::ApiWithoutTypesAndFilter)
    }
}

#[derive(Debug)]
pub(crate) struct Store {
    repositories: HashMap<String, Repository>,
    pub(crate) mode: Referrers,
    pub(crate) page_size: usize,
    pub(crate) files: HashMap<String, (String, Bytes)>,
    pub(crate) handlers: Vec<(String, Handler)>,
    /// Answers a GET of an existing blob in place of its content.
    pub(crate) blob_address: Option<Handler>,
    /// The answer to a request for a manifest that does not exist.
    pub(crate) absent: Option<Reply>,
    images: usize,
}

#[derive(Debug, Default)]
struct Repository {
    manifests: HashMap<String, Document>,
    blobs: HashMap<String, Bytes>,
    tags: HashMap<String, String>,
    /// By digest of the subject, in the order they were added.
    referrers: HashMap<String, Vec<Descriptor>>,
    /// Digests that lists of referrers leave out.
    archived: HashSet<String>,
}

/// A stored manifest.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) bytes: Bytes,
}

/// What was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Name,
    Manifest,
    Blob,
}

impl Repository {
    /// Makes the type of each entry that of its configuration.
    fn state_config_types(&self, entries: &mut [Descriptor]) {
        for entry in entries {
            let manifest = self.manifests.get(&entry.digest);
            let json: Value = manifest.and_then(|it| serde_json::from_slice(&it.bytes).ok()).unwrap_or_default();
            entry.artifact_type = json["config"]["mediaType"].as_str().map(str::to_owned);
        }
    }
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            repositories: HashMap::new(),
            mode: Referrers::Api,
            page_size: usize::MAX,
            files: HashMap::new(),
            handlers: Vec::new(),
            blob_address: None,
            absent: None,
            images: 0,
        }
    }

    /// The handler of the longest path that is `path` or above it.
    pub(crate) fn handler(&self, path: &str) -> Option<Handler> {
        let applies =
            |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let applicable = self.handlers.iter().filter(|(prefix, _)| applies(prefix));
        applicable.max_by_key(|(prefix, _)| prefix.len()).map(|(_, handler)| handler.clone())
    }

    fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    pub(crate) fn push_image(&mut self, repository: &str, tag: &str) -> Descriptor {
        self.images += 1;
        let mut blob = |media_type: &str, text: String| {
            let descriptor = Descriptor::of(media_type, text.as_bytes());
            self.put_blob(repository, &descriptor.digest, text.as_bytes());
            descriptor.to_json()
        };
        let number = format!("{repository}:{tag}");
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "config": blob("application/vnd.oci.image.config.v1+json", format!(r#"{{"number":"{number}"}}"#)),
            "layers": [blob("application/vnd.oci.image.layer.v1.tar+gzip", format!("layer of {number}"))],
            "annotations": { "number": self.images.to_string() },
        });
        self.push(repository, tag, IMAGE_MANIFEST, &manifest)
    }

    pub(crate) fn push_index(&mut self, repository: &str, tag: &str, manifests: &[Descriptor]) -> Descriptor {
        let index = index(manifests);
        self.push(repository, tag, IMAGE_INDEX, &index)
    }

    fn push(&mut self, repository: &str, tag: &str, media_type: &str, document: &Value) -> Descriptor {
        let bytes = document.to_string().into_bytes();
        let descriptor = Descriptor::of(media_type, &bytes);
        self.put_manifest(repository, &descriptor, &bytes);
        self.tag(repository, tag, &descriptor.digest);
        descriptor
    }

    pub(crate) fn put_manifest(&mut self, repository: &str, descriptor: &Descriptor, bytes: &[u8]) {
        let Descriptor { media_type, digest, .. } = descriptor.clone();
        if let Ok(json) = serde_json::from_slice::<Value>(bytes)
            && let Some(subject) = json["subject"]["digest"].as_str()
        {
            let artifact_type = json["artifactType"].as_str().or(json["config"]["mediaType"].as_str());
            let annotations = serde_json::from_value(json["annotations"].clone()).unwrap_or_default();
            let artifact_type = artifact_type.map(str::to_owned);
            self.list_referrer(repository, subject, Descriptor { artifact_type, annotations, ..descriptor.clone() });
        }
        let document = Document { media_type, digest: digest.clone(), bytes: Bytes::copy_from_slice(bytes) };
        self.repository(repository).manifests.insert(digest, document);
    }

    pub(crate) fn put_blob(&mut self, repository: &str, digest: &str, bytes: &[u8]) {
        self.repository(repository).blobs.insert(digest.to_owned(), Bytes::copy_from_slice(bytes));
    }

    pub(crate) fn tag(&mut self, repository: &str, tag: &str, digest: &str) {
        self.repository(repository).tags.insert(tag.to_owned(), digest.to_owned());
    }

    pub(crate) fn list_referrer(&mut self, repository: &str, subject: &str, entry: Descriptor) {
        let listed = self.repository(repository).referrers.entry(subject.to_owned()).or_default();
        if !listed.contains(&entry) {
            listed.push(entry);
        }
    }

    pub(crate) fn remove(&mut self, repository: &str, digest: &str) {
        let repository = self.repository(repository);
        repository.manifests.remove(digest);
        repository.blobs.remove(digest);
    }

    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Result<Document, Missing> {
        let held = self.repositories.get(repository).ok_or(Missing::Name)?;
        let digest =
            if reference.contains(':') { Some(reference) } else { held.tags.get(reference).map(String::as_str) };
        if let Some(digest) = digest {
            return held.manifests.get(digest).cloned().ok_or(Missing::Manifest);
        }
        // OCI distribution 1.1, "Referrers Tag Schema": the digest with its colon as a dash.
        let subject = reference.replacen('-', ":", 1);
        if self.mode == Referrers::FallbackTagIsImage {
            return held.manifests.get(&subject).cloned().ok_or(Missing::Manifest);
        }
        match held.referrers.get(&subject) {
            Some(entries) if self.mode.has_fallback_tag() => {
                let mut entries = entries.clone();
                if self.mode == Referrers::ApiWithConfigTypes {
                    held.state_config_types(&mut entries);
                }
                let bytes = Bytes::from(index(&entries).to_string());
                let Descriptor { media_type, digest, .. } = Descriptor::of(IMAGE_INDEX, &bytes);
                Ok(Document { media_type, digest, bytes })
            }
            Some(_) | None => Err(Missing::Manifest),
        }
    }

    pub(crate) fn blob(&self, repository: &str, digest: &str) -> Result<Bytes, Missing> {
        let held = self.repositories.get(repository).ok_or(Missing::Name)?;
        held.blobs.get(digest).cloned().ok_or(Missing::Blob)
    }

    /// All entries of a subject as the API lists them, without archived ones; empty if it has no referrers, whether it exists or
    /// not.
    pub(crate) fn referrers(&self, repository: &str, subject: &str) -> Result<Vec<Descriptor>, Missing> {
        let held = self.repositories.get(repository).ok_or(Missing::Name)?;
        let mut entries = held.referrers.get(subject).cloned().unwrap_or_default();
        entries.retain(|entry| !held.archived.contains(&entry.digest));
        match self.mode {
            Referrers::ApiWithConfigTypes => {
                held.state_config_types(&mut entries);
            }
            Referrers::EmptyApiAndFallbackTag => entries.clear(),
            Referrers::Api
            | Referrers::ApiWithoutFilter
            | Referrers::ApiWithoutTypes
            | Referrers::ApiWithoutTypesAndFilter
            | Referrers::FallbackTag
            | Referrers::FallbackTagIsImage
            | Referrers::NotCached => {}
        }
        Ok(entries)
    }

    pub(crate) fn archive(&mut self, repository: &str, digest: &str) {
        self.repository(repository).archived.insert(digest.to_owned());
    }
}

pub(crate) fn index(manifests: &[Descriptor]) -> Value {
    let manifests: Vec<Value> = manifests.iter().map(Descriptor::to_json).collect();
    json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": manifests })
}
