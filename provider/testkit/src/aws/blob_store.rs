//! The store of a registry's blobs, as Amazon S3: content at signed addresses that end.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use http::Method;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::aws::exchange::Service;
use crate::aws::server::AwsServer;
use crate::aws::server::Errors;
use crate::aws::service_error::ServiceError;
use crate::aws::service_error::xml_text;
use crate::aws::setup::Setup;
use crate::cloud::random::random_text;
use crate::hash::sha256_hex;
use crate::registry::BlobSource;
use crate::registry::RecordedRequest;
use crate::registry::Reply;

/// A store of blobs. Errors and faults are those of [`AwsServer`].
#[derive(Debug)]
pub struct BlobStore {
    server: AwsServer,
    shared: Shared,
}

#[derive(Clone, Debug)]
pub(super) struct Shared {
    setup: Setup,
    table: Arc<Mutex<Table>>,
}

#[derive(Debug)]
struct Table {
    base: Option<String>,
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
    /// Starts the store. Its addresses last an hour.
    pub async fn start(setup: &Setup) -> Self {
        let lifetime = Duration::from_secs(3600);
        let table = Table { base: None, lifetime, addresses: HashMap::new(), source: None };
        let shared = Shared { setup: setup.clone(), table: Arc::new(Mutex::new(table)) };
        let (errors, state) = (Errors::default(), shared.clone());
        let set = errors.clone();
        let server = AwsServer::start(setup, Service::BlobStore, errors, move |request| {
            answer(request, &state, &set).unwrap_or_else(|error| xml(&error))
        });
        let server = server.await;
        shared.table().base = Some(server.url());
        Self { server, shared }
    }

    /// Sets the beginning of addresses, `https://HOST`, for clients that resolve a name. Default: [`AwsServer::url`].
    pub fn set_base(&self, url: &str) {
        self.shared.table().base = Some(url.to_owned());
    }

    /// Sets how long new addresses last.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.shared.table().lifetime = lifetime;
    }

    /// Serves the blobs of this registry.
    pub(super) fn serve(&self, source: BlobSource) -> Shared {
        self.shared.table().source = Some(source);
        self.shared.clone()
    }
}

impl Deref for BlobStore {
    type Target = AwsServer;

    fn deref(&self) -> &AwsServer {
        &self.server
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("the lock is not poisoned")
    }

    /// A new signed address of a blob.
    pub(super) fn address(&self, repository: &str, digest: &str) -> String {
        let now = self.setup.clock.now();
        let mut table = self.table();
        let signature = sha256_hex(random_text(32).as_bytes());
        let path = format!("/{}/{repository}/{}", self.setup.account, digest.replacen(':', "/", 1));
        let expires_at = now + table.lifetime;
        let address =
            Address { path: path.clone(), repository: repository.to_owned(), digest: digest.to_owned(), expires_at };
        table.addresses.insert(signature.clone(), address);
        let date = now.format(format_description!("[year][month][day]T[hour][minute][second]Z")).expect("a date");
        let scope = format!("{}%2F{}%2Fs3%2Faws4_request", &date[..8], self.setup.region);
        format!(
            "{}{path}?X-Amz-Security-Token={}&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={date}\
             &X-Amz-SignedHeaders=host&X-Amz-Expires={}&X-Amz-Credential=ASIASTARPORT00000000%2F{scope}\
             &X-Amz-Signature={signature}",
            table.base.as_deref().expect("it is set at the start"),
            sha256_hex(signature.as_bytes()).repeat(8),
            table.lifetime.as_secs(),
        )
    }
}

fn answer(request: &RecordedRequest, shared: &Shared, errors: &Errors) -> Result<Reply, ServiceError> {
    if request.authorization().is_some() {
        let message = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string \
                       parameter or the Authorization header should be specified";
        return Err(ServiceError::new(400, "InvalidArgument", message));
    }
    let mismatch = || {
        let message = "The request signature we calculated does not match the signature you provided.";
        ServiceError::new(403, "SignatureDoesNotMatch", message)
    };
    let now = shared.setup.clock.now();
    let table = shared.table();
    let signature = request.query_values("X-Amz-Signature").pop().unwrap_or_default();
    let address = table.addresses.get(&signature).filter(|address| address.path == request.path);
    let address = address.ok_or_else(mismatch)?;
    // The address is signed for GET.
    if request.method != Method::GET {
        return Err(mismatch());
    }
    if now >= address.expires_at {
        return Err(ServiceError::new(403, "AccessDenied", "Request has expired"));
    }
    errors.next()?;
    let content = table.source.as_ref().and_then(|source| source.blob(&address.repository, &address.digest));
    let content = content.ok_or_else(|| ServiceError::new(404, "NoSuchKey", "The specified key does not exist."))?;
    Ok(Reply::status(200).header("content-type", "application/octet-stream").body(content))
}

/// An error of Amazon S3.
fn xml(error: &ServiceError) -> Reply {
    let (code, message) = (&error.code, xml_text(&error.message));
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Reply::status(error.status).header("content-type", "application/xml").body(body)
}
