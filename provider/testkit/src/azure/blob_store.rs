//! The store of a registry's blobs, as Azure Blob Storage: content at addresses with a shared access signature, which end.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use http::Method;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::cloud::clock::Clock;
use crate::cloud::random::random_text;
use crate::cloud::server::CloudServer;
use crate::cloud::server::Failures;
use crate::cloud::setup::Setup;
use crate::hash::sha256_hex;
use crate::registry::BlobSource;
use crate::registry::RecordedRequest;
use crate::registry::Reply;

/// A store of blobs. It refuses requests with `Authorization`: the address is the
/// [authorization](https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas). It answers requests for ranges, as
/// Azure's client library sends them.
#[derive(Debug)]
pub struct BlobStore {
    server: CloudServer,
    shared: Shared,
}

#[derive(Clone, Debug)]
pub(super) struct Shared {
    clock: Clock,
    table: Arc<Mutex<Table>>,
}

#[derive(Debug)]
struct Table {
    base: String,
    lifetime: Duration,
    /// By signature.
    addresses: HashMap<String, Address>,
    source: Option<BlobSource>,
}

#[derive(Clone, Debug)]
struct Address {
    path: String,
    repository: String,
    digest: String,
    expires_at: OffsetDateTime,
}

impl BlobStore {
    /// Starts the store. Its addresses last 20 minutes.
    pub async fn start(setup: &Setup) -> Self {
        let lifetime = Duration::from_secs(20 * 60);
        let table = Table { base: String::new(), lifetime, addresses: HashMap::new(), source: None };
        let shared = Shared { clock: setup.clock().clone(), table: Arc::new(Mutex::new(table)) };
        let state = shared.clone();
        let server =
            CloudServer::start(setup, "blob-store", move |request, failures| answer(request, &state, failures)).await;
        shared.table().base = server.url();
        Self { server, shared }
    }

    /// Sets the beginning of addresses, `https://HOST`, for clients that resolve a name. Default: the server's own URL.
    pub fn set_base(&self, url: &str) {
        url.clone_into(&mut self.shared.table().base);
    }

    /// Sets how long new addresses last.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.shared.table().lifetime = lifetime;
    }

    /// The signatures of all addresses so far.
    pub(super) fn signatures(&self) -> Vec<String> {
        self.shared.table().addresses.keys().cloned().collect()
    }

    /// Serves the blobs of this registry.
    pub(super) fn serve(&self, source: BlobSource) -> Shared {
        self.shared.table().source = Some(source);
        self.shared.clone()
    }
}

impl Deref for BlobStore {
    type Target = CloudServer;

    fn deref(&self) -> &CloudServer {
        &self.server
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("the lock is not poisoned")
    }

    /// A new signed address of a blob.
    pub(super) fn address(&self, repository: &str, digest: &str) -> String {
        let mut table = self.table();
        let signature = sha256_hex(random_text(32).as_bytes());
        let hex = digest.rsplit(':').next().unwrap_or_default();
        let path = format!("/testkit//docker/registry/v2/blobs/sha256/{}/{hex}/data", hex.get(..2).unwrap_or_default());
        let expires_at = self.clock.now() + table.lifetime;
        let format = format_description!("[year]-[month]-[day]T[hour]%3A[minute]%3A[second]Z");
        let end = expires_at.format(format).expect("every part is in a date with time");
        let address =
            Address { path: path.clone(), repository: repository.to_owned(), digest: digest.to_owned(), expires_at };
        table.addresses.insert(signature.clone(), address);
        format!("{}{path}?se={end}&sig={signature}&sp=r&spr=https&sr=b&sv=2018-03-28", table.base)
    }
}

fn answer(request: &RecordedRequest, shared: &Shared, failures: &Failures) -> Result<Reply, Reply> {
    if request.authorization().is_some() {
        let message =
            "Authentication information is not given in the correct format. Check the value of Authorization header.";
        return Err(error(400, "InvalidAuthenticationInfo", message));
    }
    let refused = || {
        let message = "Server failed to authenticate the request. Make sure the value of Authorization header is formed \
                       correctly including the signature.";
        error(403, "AuthenticationFailed", message)
    };
    let table = shared.table();
    let signature = request.query_values("sig").pop().unwrap_or_default();
    let address = table.addresses.get(&signature).filter(|address| address.path == request.path);
    let address = address.filter(|address| shared.clock.now() < address.expires_at).ok_or_else(refused)?;
    if request.method != Method::GET && request.method != Method::HEAD {
        return Err(refused());
    }
    failures.next()?;
    let content = table.source.as_ref().and_then(|source| source.blob(&address.repository, &address.digest));
    let content = content.ok_or_else(|| error(404, "BlobNotFound", "The specified blob does not exist."))?;
    let reply = |status| Reply::status(status).header("content-type", "application/octet-stream");
    let Some((first, last)) = request.header("range").and_then(range) else { return Ok(reply(200).body(content)) };
    if first >= content.len() {
        return Err(error(416, "InvalidRange", "The range specified is invalid for the current size of the resource."));
    }
    let last = last.min(content.len() - 1);
    let range = format!("bytes {first}-{last}/{}", content.len());
    Ok(reply(206).header("content-range", &range).body(content.slice(first..=last)))
}

/// The first and the last byte of a header [`Range`](https://www.rfc-editor.org/rfc/rfc9110#name-range) with one range.
fn range(header: &str) -> Option<(usize, usize)> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

/// An error of Azure Storage.
fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Reply::status(status).header("content-type", "application/xml").header("x-ms-error-code", code).body(body)
}
