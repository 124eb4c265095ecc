//! The metadata server of a node, or of GKE in its place.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use http::Method;
use serde_json::json;
use time::Duration;
use time::OffsetDateTime;

use crate::cloud::server::CloudServer;
use crate::cloud::server::Failures;
use crate::cloud::setup::Setup;
use crate::google::accounts::Accounts;
use crate::google::accounts::CLOUD_PLATFORM;
use crate::registry::RecordedRequest;
use crate::registry::Reply;

/// The path of the service accounts.
const ACCOUNTS: &str = "/computeMetadata/v1/instance/service-accounts";

/// A token is replaced when less than this is left of its life.
const FRESH: Duration = Duration::minutes(5);

/// The [metadata server](https://cloud.google.com/compute/docs/metadata/querying-metadata) without a service account at first.
///
/// It requires `Metadata-Flavor: Google`, refuses requests with `X-Forwarded-For`, and sends `Metadata-Flavor: Google` with every
/// answer. A token is [the same one](https://cloud.google.com/compute/docs/access/authenticate-workloads#applications) for everyone
/// until five minutes before its end. The account is `default` or its address; `/`, `/token`, `/email`, `/scopes`, `/aliases`, and
/// `?recursive=true`.
#[derive(Debug)]
pub struct Metadata {
    server: CloudServer,
    node: Node,
}

#[derive(Clone, Debug)]
struct Node(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    project: String,
    account: Option<String>,
    scopes: Vec<String>,
    flavor: Option<String>,
    /// The last token, the scopes that it was requested with, and its end.
    token: Option<(String, Vec<String>, OffsetDateTime)>,
}

/// An answer for [`CloudServer::fail`]: the service account of Kubernetes may not act as the one of Google
/// ([report](https://github.com/kubernetes-sigs/external-dns/issues/2064)).
#[must_use]
pub fn missing_binding() -> Reply {
    text(
        403,
        "Unable to generate access token; IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied on \
         resource (or it may not exist).\nThis error could be caused by a missing IAM policy binding on the target IAM service \
         account.\nFor more information, refer to the Workload Identity documentation:\n\t\
         https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity#authenticating_to\n\n",
    )
}

/// An answer for [`CloudServer::fail`]: the service account of Google that the annotation names does not exist
/// ([causes](https://cloud.google.com/kubernetes-engine/docs/troubleshooting/authentication)).
#[must_use]
pub fn missing_account() -> Reply {
    text(
        404,
        "Unable to generate access token; IAM returned 404 Not Found: Not found; Gaia id not found for email \
         countersign@shop-project.iam.gserviceaccount.com\n",
    )
}

impl Metadata {
    /// Starts the server. Tokens have the scope of the whole cloud.
    pub async fn start(setup: &Setup, accounts: &Accounts, project: &str) -> Self {
        let state = State {
            project: project.to_owned(),
            account: None,
            scopes: vec![CLOUD_PLATFORM.to_owned()],
            flavor: Some("Google".to_owned()),
            token: None,
        };
        let node = Node(Arc::new(Mutex::new(state)));
        let (clock, accounts, shared) = (setup.clock().clone(), accounts.clone(), node.clone());
        let server = CloudServer::start(setup, "metadata", move |request, failures| {
            let flavor = shared.lock().flavor.clone();
            let with = |reply: Reply| {
                let reply = reply.header("server", "Metadata Server for VM");
                flavor.iter().fold(reply, |reply, flavor| reply.header("metadata-flavor", flavor))
            };
            answer(request, &accounts, &shared, failures, clock.now()).map(with).map_err(with)
        });
        Self { server: server.await, node }
    }

    /// Sets the service account; `None`: there is none.
    pub fn set_account(&self, email: Option<&str>) {
        let mut state = self.node.lock();
        state.account = email.map(str::to_owned);
        state.token = None;
    }

    /// Sets the scopes of the node's service account.
    pub fn set_scopes(&self, scopes: &[&str]) {
        let mut state = self.node.lock();
        state.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        state.token = None;
    }

    /// Sets `Metadata-Flavor` of answers; `None` omits it, as another server at the address would.
    pub fn set_flavor(&self, flavor: Option<&str>) {
        self.node.lock().flavor = flavor.map(str::to_owned);
    }

    /// Forgets the last token, so that the next request gets a new one.
    pub fn renew(&self) {
        self.node.lock().token = None;
    }
}

impl Deref for Metadata {
    type Target = CloudServer;

    fn deref(&self) -> &CloudServer {
        &self.server
    }
}

impl Node {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("the lock is not poisoned")
    }
}

fn text(status: u16, text: &str) -> Reply {
    Reply::status(status).header("content-type", "application/text").body(text.to_owned())
}

fn not_found() -> Reply {
    let page = "<!DOCTYPE html>\n<html lang=en>\n  <title>Error 404 (Not Found)!!1</title>\n";
    Reply::status(404).header("content-type", "text/html; charset=UTF-8").body(page)
}

fn answer(
    request: &RecordedRequest,
    accounts: &Accounts,
    node: &Node,
    failures: &Failures,
    now: OffsetDateTime,
) -> Result<Reply, Reply> {
    if request.method != Method::GET {
        return Err(Reply::status(405));
    }
    // Clients find out with it whether there is a metadata server.
    if request.path == "/" {
        return Ok(text(200, "computeMetadata/\n"));
    }
    if request.header("metadata-flavor") != Some("Google") {
        return Err(text(403, "Missing required header \"Metadata-Flavor\": \"Google\"\n"));
    }
    if request.header("x-forwarded-for").is_some() {
        return Err(text(403, "Request with X-Forwarded-For header is forbidden\n"));
    }
    let mut state = node.lock();
    match request.path.as_str() {
        "/computeMetadata/v1/project/project-id" => return Ok(text(200, &state.project)),
        "/computeMetadata/v1/universe/universe-domain" => return Ok(text(200, "googleapis.com")),
        _ => {}
    }
    let rest = request.path.strip_prefix(ACCOUNTS).ok_or_else(not_found)?;
    let account = state.account.clone();
    let rest = rest.trim_start_matches('/');
    if rest.is_empty() {
        return Ok(text(200, &account.map(|email| format!("default/\n{email}/\n")).unwrap_or_default()));
    }
    let (name, member) = rest.split_once('/').unwrap_or((rest, ""));
    let email = account.filter(|email| name == "default" || name == email).ok_or_else(not_found)?;
    let recursive = request.query_values("recursive").pop().is_some_and(|value| value == "true");
    let json =
        |body: serde_json::Value| Reply::status(200).header("content-type", "application/json").body(body.to_string());
    match member {
        "" if recursive => Ok(json(json!({ "aliases": ["default"], "email": email, "scopes": state.scopes.clone() }))),
        "" => Ok(text(200, "aliases\nemail\nidentity\nscopes\ntoken\n")),
        "aliases" => Ok(text(200, "default\n")),
        "email" => Ok(text(200, &email)),
        "scopes" => Ok(text(200, &state.scopes.iter().map(|scope| format!("{scope}\n")).collect::<String>())),
        "token" => {
            let requested = request.query_values("scopes").pop().filter(|scopes| !scopes.is_empty());
            let scopes = match requested {
                Some(scopes) => scopes.split(',').map(str::to_owned).collect(),
                None => state.scopes.clone(),
            };
            failures.next()?;
            let known = state.token.clone().filter(|(_, of, end)| *of == scopes && *end - now > FRESH);
            let (token, end) = match known {
                Some((token, _, end)) => (token, end),
                None => {
                    let names: Vec<&str> = scopes.iter().map(String::as_str).collect();
                    let token = accounts.issue(&email, &names, now);
                    let end = accounts.token(&token).expect("it was issued").expires_at;
                    state.token = Some((token.clone(), scopes, end));
                    (token, end)
                }
            };
            Ok(json(json!({
                "access_token": token,
                "expires_in": (end - now).whole_seconds(),
                "token_type": "Bearer",
            })))
        }
        _ => Err(not_found()),
    }
}
