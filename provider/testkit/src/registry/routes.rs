//! Answers one request: records it, checks authentication, applies faults, reads the store.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::Request;
use http::Response;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt as _;
use http_body_util::Collected;
use http_body_util::Limited;
use hyper::body::Incoming;
use tokio::sync::Notify;

use crate::Descriptor;
use crate::IMAGE_INDEX;
use crate::registry::auth::TokenReply;
use crate::registry::body::Payload;
use crate::registry::fault::Fault;
use crate::registry::reply::Reply;
use crate::registry::request::RecordedRequest;
use crate::registry::request::RequestPath;
use crate::registry::request::Route;
use crate::registry::request::query_values;
use crate::registry::state::State;
use crate::registry::store::Missing;
use crate::registry::store::index;

type PayloadResponse = Response<Payload>;

/// Answers a request. Notifies `connection` when a fault requires that the connection is dropped.
pub(crate) async fn answer(
    state: Arc<State>,
    connection: Arc<Notify>,
    request: Request<Incoming>,
) -> Result<PayloadResponse, io::Error> {
    let (parts, body) = request.into_parts();
    let path = RequestPath::parse(parts.uri.path());
    let body = if parts.method == Method::POST { posted(body).await } else { Bytes::new() };
    let recorded = RecordedRequest::new(path.route, &parts, body);
    let _in_flight = state.log.enter(recorded.clone());
    let response = respond(&state, &connection, &path, &recorded).await?;
    recorded.set_answer(response.status().as_u16(), response.body().bytes());
    Ok(response)
}

async fn respond(
    state: &State,
    connection: &Arc<Notify>,
    path: &RequestPath,
    recorded: &RecordedRequest,
) -> Result<PayloadResponse, io::Error> {
    let head = recorded.method == Method::HEAD;

    let protected = match path.route {
        Route::Ping | Route::Manifest | Route::Referrers | Route::Blob => true,
        Route::Other => recorded.path.starts_with("/v2/"),
        Route::Token => false,
    };
    let authentication = state.authentication().clone();
    if protected && let Err(reply) = authentication.check(path, recorded, &state.url) {
        return Ok(finish(plain(reply), head));
    }

    let query = recorded.query.as_deref();
    let path_and_query = query.map_or(recorded.path.clone(), |query| format!("{}?{query}", recorded.path));
    let faults = state.faults.matching(path.route, &recorded.method, &path_and_query, state.log.others());
    for fault in &faults {
        match fault {
            Fault::Delay(delay) => tokio::time::sleep(*delay).await,
            Fault::Hold(held) => held.released().await,
            Fault::Never => std::future::pending().await,
            Fault::Close => return Err(io::Error::other("a fault closes the connection here")),
            Fault::Reply(reply) => return Ok(finish(plain(reply.clone()), head)),
            Fault::EndlessEmptyPages => return Ok(finish(empty_page(path, query), head)),
            Fault::Header(..)
            | Fault::Body(_)
            | Fault::WrongBytes
            | Fault::Truncated
            | Fault::Stalled
            | Fault::Disconnected
            | Fault::Endless
            | Fault::Drip(_) => {}
        }
    }

    let mut response = correct_response(state, path, recorded);
    for fault in faults {
        apply(fault, &mut response, connection);
    }
    Ok(finish(response, head))
}

/// The largest body that is recorded.
const BODY_BYTES: usize = 1024 * 1024;

/// The body of a POST; empty if it is too large or does not arrive.
async fn posted(body: Incoming) -> Bytes {
    Limited::new(body, BODY_BYTES).collect().await.map(Collected::to_bytes).unwrap_or_default()
}

/// The response that a registry without faults sends.
fn correct_response(state: &State, path: &RequestPath, request: &RecordedRequest) -> PayloadResponse {
    // The lock is not held while the handler runs.
    let handler = if path.route == Route::Other { state.store().handler(&request.path) } else { None };
    if let Some(handler) = handler {
        return plain(handler.answer(request));
    }
    if request.method == Method::GET || request.method == Method::HEAD {
        match path.route {
            Route::Ping => plain(Reply::status(200).header("content-type", "application/json").body("{}")),
            Route::Manifest => manifest(state, path),
            Route::Referrers => referrers(state, path, request.query.as_deref()),
            Route::Blob => blob(state, path, request),
            Route::Token => token(state, request.query.as_deref(), &request.headers),
            Route::Other => file(state, &request.path),
        }
    } else if state.store().files.contains_key(&request.path) {
        // OCSP requests may use POST.
        file(state, &request.path)
    } else {
        plain(Reply::error(405, "UNSUPPORTED"))
    }
}

fn manifest(state: &State, path: &RequestPath) -> PayloadResponse {
    let store = state.store();
    match store.manifest(&path.repository, &path.reference) {
        Ok(document) => plain(
            Reply::status(200)
                .header("content-type", &document.media_type)
                .header("docker-content-digest", &document.digest)
                .body(document.bytes),
        ),
        Err(missing) => store.absent.clone().map_or_else(|| not_found(missing), plain),
    }
}

fn blob(state: &State, path: &RequestPath, request: &RecordedRequest) -> PayloadResponse {
    // The lock is not held while the address is computed.
    let (found, address) = {
        let store = state.store();
        (store.blob(&path.repository, &path.reference), store.blob_address.clone())
    };
    match found {
        Ok(_)
            if request.method == Method::GET
                && let Some(address) = address =>
        {
            plain(address.answer(request))
        }
        Ok(bytes) => plain(
            Reply::status(200)
                .header("content-type", "application/octet-stream")
                .header("docker-content-digest", &path.reference)
                .body(bytes),
        ),
        Err(missing) => not_found(missing),
    }
}

fn referrers(state: &State, path: &RequestPath, query: Option<&str>) -> PayloadResponse {
    let store = state.store();
    let mode = store.mode;
    if !mode.has_api() {
        // A registry without the API answers as for any unknown path.
        return plain(Reply::status(404).header("content-type", "text/plain").body("404 page not found\n"));
    }
    let mut entries = match store.referrers(&path.repository, &path.reference) {
        Ok(entries) => entries,
        Err(missing) => return not_found(missing),
    };
    let artifact_type = query_values(query, "artifactType").pop();
    let mut reply = Reply::status(200).header("content-type", IMAGE_INDEX);
    if let Some(artifact_type) = artifact_type.filter(|_| mode.filters()) {
        entries.retain(|entry| entry.artifact_type.as_ref() == Some(&artifact_type));
        reply = reply.header("oci-filters-applied", "artifactType");
    }
    if mode.omits_types() {
        entries.iter_mut().for_each(|entry| entry.artifact_type = None);
    }
    let first: usize = query_values(query, "after").pop().map_or(0, |text| text.parse().unwrap_or(0));
    let page: Vec<Descriptor> = entries.iter().skip(first).take(store.page_size).cloned().collect();
    let next = first + page.len();
    if next < entries.len() {
        let filter = query.unwrap_or_default().split('&').find(|pair| pair.starts_with("artifactType="));
        let filter = filter.map_or(String::new(), |pair| format!("{pair}&"));
        reply = reply.header("link", &next_page(path, &format!("{filter}after={next}")));
    }
    plain(reply.body(index(&page).to_string()))
}

/// An empty index with a link to the next empty index.
fn empty_page(path: &RequestPath, query: Option<&str>) -> PayloadResponse {
    let number: usize = query_values(query, "empty").pop().map_or(0, |text| text.parse().unwrap_or(0));
    let link = next_page(path, &format!("empty={}", number + 1));
    plain(Reply::status(200).header("content-type", IMAGE_INDEX).header("link", &link).body(index(&[]).to_string()))
}

fn next_page(path: &RequestPath, query: &str) -> String {
    format!(r#"</v2/{}/referrers/{}?{query}>; rel="next""#, path.repository, path.reference)
}

fn token(state: &State, query: Option<&str>, headers: &http::HeaderMap) -> PayloadResponse {
    let Some(service) = state.tokens().clone() else {
        return plain(Reply::status(404));
    };
    match service.exchange(query, headers) {
        TokenReply::Plain(reply) => plain(reply),
        TokenReply::Endless => {
            let mut response = plain(Reply::status(200).header("content-type", "application/json"));
            *response.body_mut() = endless();
            response
        }
    }
}

fn file(state: &State, path: &str) -> PayloadResponse {
    match state.store().files.get(path) {
        Some((content_type, bytes)) => {
            plain(Reply::status(200).header("content-type", content_type).body(bytes.clone()))
        }
        None => plain(Reply::status(404)),
    }
}

fn not_found(missing: Missing) -> PayloadResponse {
    plain(Reply::error(
        404,
        match missing {
            Missing::Name => "NAME_UNKNOWN",
            Missing::Manifest => "MANIFEST_UNKNOWN",
            Missing::Blob => "BLOB_UNKNOWN",
        },
    ))
}

fn plain(reply: Reply) -> PayloadResponse {
    let mut response = Response::new(Payload::whole(reply.body));
    *response.status_mut() = reply.status;
    response.headers_mut().insert("docker-distribution-api-version", http::HeaderValue::from_static("registry/2.0"));
    for (name, value) in reply.headers {
        response.headers_mut().append(name, value);
    }
    response
}

fn endless() -> Payload {
    Payload::Endless(Bytes::from(vec![b' '; 16 * 1024]))
}

/// Applies a fault to a correct response.
fn apply(fault: Fault, response: &mut PayloadResponse, connection: &Arc<Notify>) {
    match fault {
        Fault::Header(name, Some(value)) => {
            response.headers_mut().insert(name, value);
        }
        Fault::Header(name, None) => {
            response.headers_mut().remove(name);
        }
        Fault::Body(bytes) => *response.body_mut() = Payload::whole(bytes),
        Fault::WrongBytes => {
            let mut bytes = response.body().bytes().to_vec();
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
            *response.body_mut() = Payload::whole(bytes.into());
        }
        Fault::Truncated => {
            let bytes = response.body().bytes();
            let announced = u64::try_from(bytes.len()).expect("fits");
            *response.body_mut() =
                Payload::Truncated { rest: Some(bytes.slice(..bytes.len() / 2)), announced, flushed: false };
        }
        Fault::Stalled => {
            let bytes = response.body().bytes();
            let announced = u64::try_from(bytes.len()).expect("fits");
            let rest = Some(bytes.slice(..bytes.len().saturating_sub(1)));
            *response.body_mut() = Payload::Stalled { rest, announced, end: None };
        }
        Fault::Disconnected => {
            let bytes = response.body().bytes();
            let announced = u64::try_from(bytes.len()).expect("fits");
            let rest = Some(bytes.slice(..bytes.len() / 2));
            *response.body_mut() = Payload::Stalled { rest, announced, end: Some(Arc::clone(connection)) };
        }
        Fault::Endless => *response.body_mut() = endless(),
        Fault::Drip(every) => {
            let bytes = response.body().bytes();
            *response.body_mut() = Payload::Drip { bytes, every, pause: None };
        }
        Fault::Delay(_) | Fault::Hold(_) | Fault::Never | Fault::Close | Fault::Reply(_) | Fault::EndlessEmptyPages => {
        }
    }
}

/// Removes the body of an answer to HEAD; the headers, Content-Length included, are those of GET.
fn finish(mut response: PayloadResponse, head: bool) -> PayloadResponse {
    if head {
        let length = response.body().bytes().len();
        if !response.headers().contains_key(CONTENT_LENGTH) {
            response.headers_mut().insert(CONTENT_LENGTH, http::HeaderValue::from(length));
        }
        *response.body_mut() = Payload::whole(Bytes::new());
    }
    response
}
