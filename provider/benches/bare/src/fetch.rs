//! The registry requests of a verification, as Countersign sends them for an image that it does not know, in a repository for which it has a
//! token or not: the manifest, its referrers, the manifest of the signature, and the envelope. By digest the first two are sent at once.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::connection::Connection;
use crate::connection::Credential;
use crate::connection::basic;
use crate::signatures::Chain;

const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An image of the registry.
struct Image<'a> {
    repository: &'a str,
    target: Target<'a>,
}

enum Target<'a> {
    Tag(&'a str),
    Digest(&'a str),
}

#[derive(Deserialize)]
struct Entry {
    digest: String,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Entry>,
}

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Entry>,
}

#[derive(Deserialize)]
struct IssuedToken {
    token: String,
}

/// Fetches and checks images of one registry, over one connection.
pub(crate) struct Fetcher {
    connection: Connection,
    /// The prefix of references: the host and a slash.
    prefix: String,
    basic: Option<String>,
    tokens: Mutex<HashMap<String, Arc<OnceCell<String>>>>,
    chain: OnceLock<Chain>,
}

impl Fetcher {
    pub(crate) async fn new(host: &str) -> Self {
        let folder = Path::new(".");
        Self {
            connection: Connection::open(folder, host).await,
            prefix: format!("{host}/"),
            basic: basic(folder),
            tokens: Mutex::default(),
            chain: OnceLock::new(),
        }
    }

    /// A request that asks for nothing.
    pub(crate) async fn ping(&self) {
        self.connection.send("/v2/", None, Credential::None).await;
    }

    /// Sends the requests for an image, and checks the signatures.
    pub(crate) async fn image(&self, reference: &str) {
        let Image { repository, target } = self.parse(reference);
        let token = self.token(repository).await;
        let token = token.as_deref();
        let list = match target {
            Target::Tag(tag) => {
                let manifest = self.manifest(repository, tag, token).await;
                self.referrers(repository, &digest(&manifest), token).await
            }
            Target::Digest(digest) => {
                let (_, list) =
                    tokio::join!(self.manifest(repository, digest, token), self.referrers(repository, digest, token));
                list
            }
        };
        let Index { manifests } = serde_json::from_slice(&list).unwrap();
        let signature = self.manifest(repository, &manifests[0].digest, token).await;
        let Manifest { layers } = serde_json::from_slice(&signature).unwrap();
        let envelope = self.get(&format!("/v2/{repository}/blobs/{}", layers[0].digest), None, token).await;
        self.chain.get_or_init(|| Chain::read(&envelope)).check(&envelope);
    }

    fn parse<'a>(&self, reference: &'a str) -> Image<'a> {
        let rest = reference.strip_prefix(&self.prefix).unwrap();
        match rest.split_once('@') {
            Some((repository, digest)) => Image { repository, target: Target::Digest(digest) },
            None => {
                let (repository, tag) = rest.split_once(':').unwrap();
                Image { repository, target: Target::Tag(tag) }
            }
        }
    }

    async fn manifest(&self, repository: &str, reference: &str, token: Option<&str>) -> Bytes {
        self.get(&format!("/v2/{repository}/manifests/{reference}"), Some(MANIFESTS), token).await
    }

    async fn referrers(&self, repository: &str, digest: &str, token: Option<&str>) -> Bytes {
        let path = format!("/v2/{repository}/referrers/{digest}?artifactType=application%2Fvnd.cncf.notary.signature");
        self.get(&path, Some(INDEX), token).await
    }

    async fn get(&self, path: &str, accept: Option<&str>, token: Option<&str>) -> Bytes {
        let credential = token.map_or(Credential::None, Credential::Value);
        let (status, body) = self.connection.send(path, accept, credential).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        body
    }

    /// The header for a repository, with a token that is exchanged once. `None` if there are no credentials.
    async fn token(&self, repository: &str) -> Option<String> {
        let basic = self.basic.as_deref()?;
        let cell = Arc::clone(self.tokens.lock().unwrap().entry(repository.to_owned()).or_default());
        let exchange = async {
            let path = format!("/token?service=testkit&scope=repository:{repository}:pull");
            let (_, body) = self.connection.send(&path, None, Credential::Value(basic)).await;
            let IssuedToken { token } = serde_json::from_slice(&body).unwrap();
            format!("Bearer {token}")
        };
        Some(cell.get_or_init(|| exchange).await.clone())
    }
}

/// The digest of a manifest, which a tag has no other name for.
fn digest(manifest: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, manifest);
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
