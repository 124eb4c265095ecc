//! From a request to its answer: written down, let in, struck by faults, looked up, spoiled.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::Request;
use http::Response;
use http::header::CONTENT_LENGTH;
use hyper::body::Incoming;
use tokio::sync::Notify;

use crate::Descriptor;
use crate::IMAGE_INDEX;
use crate::registry::auth::TokenReply;
use crate::registry::body::Payload;
use crate::registry::fault::Fault;
use crate::registry::fault::Reply;
use crate::registry::request::Place;
use crate::registry::request::Route;
use crate::registry::request::query_values;
use crate::registry::server::State;
use crate::registry::store::Missing;
use crate::registry::store::Referrers;
use crate::registry::store::index;

type Answer = Response<Payload>;

/// `connection` is told when the connection is to be dropped.
pub(crate) async fn answer(
    state: Arc<State>,
    connection: Arc<Notify>,
    request: Request<Incoming>,
) -> Result<Answer, io::Error> {
    let (parts, _body) = request.into_parts();
    let place = Place::of(parts.uri.path());
    let _in_flight = state.log.enter(place.route, &parts.method, &parts.uri, &parts.headers);
    let head = parts.method == Method::HEAD;

    let guarded = match place.route {
        Route::Ping | Route::Manifest | Route::Referrers | Route::Blob => true,
        Route::Other => parts.uri.path().starts_with("/v2/"),
        Route::Token => false,
    };
    let guard = state.guard().clone();
    if guarded && let Err(reply) = guard.admit(&place, &parts.headers, &state.url) {
        return Ok(finish(plain(reply), head));
    }

    let path_and_query = parts.uri.path_and_query().map_or("", |whole| whole.as_str());
    let faults = state.faults.strike(place.route, &parts.method, path_and_query);
    for fault in &faults {
        match fault {
            Fault::Delay(delay) => tokio::time::sleep(*delay).await,
            Fault::Hold(gate) => gate.pass().await,
            Fault::Never => std::future::pending().await,
            Fault::Close => return Err(io::Error::other("the connection was to be closed here")),
            Fault::Reply(reply) => return Ok(finish(plain(reply.clone()), head)),
            Fault::EndlessEmptyPages => return Ok(finish(empty_page(&place, parts.uri.query()), head)),
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

    let mut answer = if parts.method == Method::GET || head {
        match place.route {
            Route::Ping => plain(Reply::status(200).header("content-type", "application/json").body("{}")),
            Route::Manifest => manifest(&state, &place),
            Route::Referrers => referrers(&state, &place, parts.uri.query()),
            Route::Blob => blob(&state, &place),
            Route::Token => token(&state, parts.uri.query(), &parts.headers),
            Route::Other => file(&state, parts.uri.path()),
        }
    } else if state.store().files.contains_key(parts.uri.path()) {
        // OCSP is asked by POST as well.
        file(&state, parts.uri.path())
    } else {
        plain(Reply::error(405, "UNSUPPORTED"))
    };
    for fault in faults {
        spoil(&mut answer, fault, &connection);
    }
    Ok(finish(answer, head))
}

fn manifest(state: &State, place: &Place) -> Answer {
    match state.store().manifest(&place.repository, &place.reference) {
        Ok(document) => plain(
            Reply::status(200)
                .header("content-type", &document.media_type)
                .header("docker-content-digest", &document.digest)
                .body(document.bytes),
        ),
        Err(missing) => not_found(missing),
    }
}

fn blob(state: &State, place: &Place) -> Answer {
    match state.store().blob(&place.repository, &place.reference) {
        Ok(bytes) => plain(
            Reply::status(200)
                .header("content-type", "application/octet-stream")
                .header("docker-content-digest", &place.reference)
                .body(bytes),
        ),
        Err(missing) => not_found(missing),
    }
}

fn referrers(state: &State, place: &Place, query: Option<&str>) -> Answer {
    let store = state.store();
    if store.mode == Referrers::FallbackTag {
        // What a registry without the API says: its router knows no such path.
        return plain(Reply::status(404).header("content-type", "text/plain").body("404 page not found\n"));
    }
    let mut entries = match store.referrers(&place.repository, &place.reference) {
        Ok(entries) => entries,
        Err(missing) => return not_found(missing),
    };
    let wanted = query_values(query, "artifactType").pop();
    let mut reply = Reply::status(200).header("content-type", IMAGE_INDEX);
    if let Some(wanted) = &wanted
        && [Referrers::Api, Referrers::ApiWithoutTypes].contains(&store.mode)
    {
        entries.retain(|entry| entry.artifact_type.as_ref() == Some(wanted));
        if store.mode == Referrers::ApiWithoutTypes {
            entries.iter_mut().for_each(|entry| entry.artifact_type = None);
        }
        reply = reply.header("oci-filters-applied", "artifactType");
    }
    let first: usize = query_values(query, "after").pop().map_or(0, |text| text.parse().unwrap_or(0));
    let page: Vec<Descriptor> = entries.iter().skip(first).take(store.page_size).cloned().collect();
    let next = first + page.len();
    if next < entries.len() {
        let filter = query.unwrap_or_default().split('&').find(|pair| pair.starts_with("artifactType="));
        let filter = filter.map_or(String::new(), |pair| format!("{pair}&"));
        reply = reply.header("link", &next_page(place, &format!("{filter}after={next}")));
    }
    plain(reply.body(index(&page).to_string()))
}

/// An empty index that leads to the next empty index.
fn empty_page(place: &Place, query: Option<&str>) -> Answer {
    let number: usize = query_values(query, "empty").pop().map_or(0, |text| text.parse().unwrap_or(0));
    let link = next_page(place, &format!("empty={}", number + 1));
    plain(Reply::status(200).header("content-type", IMAGE_INDEX).header("link", &link).body(index(&[]).to_string()))
}

fn next_page(place: &Place, query: &str) -> String {
    format!(r#"</v2/{}/referrers/{}?{query}>; rel="next""#, place.repository, place.reference)
}

fn token(state: &State, query: Option<&str>, headers: &http::HeaderMap) -> Answer {
    let Some(service) = state.tokens().clone() else {
        return plain(Reply::status(404));
    };
    match service.exchange(query, headers) {
        TokenReply::Plain(reply) => plain(reply),
        TokenReply::Endless => {
            let mut answer = plain(Reply::status(200).header("content-type", "application/json"));
            *answer.body_mut() = endless();
            answer
        }
    }
}

fn file(state: &State, path: &str) -> Answer {
    match state.store().files.get(path) {
        Some((content_type, bytes)) => {
            plain(Reply::status(200).header("content-type", content_type).body(bytes.clone()))
        }
        None => plain(Reply::status(404)),
    }
}

fn not_found(missing: Missing) -> Answer {
    plain(Reply::error(
        404,
        match missing {
            Missing::Name => "NAME_UNKNOWN",
            Missing::Manifest => "MANIFEST_UNKNOWN",
            Missing::Blob => "BLOB_UNKNOWN",
        },
    ))
}

fn plain(reply: Reply) -> Answer {
    let mut answer = Response::new(Payload::whole(reply.body));
    *answer.status_mut() = reply.status;
    answer.headers_mut().insert("docker-distribution-api-version", http::HeaderValue::from_static("registry/2.0"));
    for (name, value) in reply.headers {
        answer.headers_mut().append(name, value);
    }
    answer
}

fn endless() -> Payload {
    Payload::Endless(Bytes::from(vec![b' '; 16 * 1024]))
}

/// Does to a right answer what a fault says.
fn spoil(answer: &mut Answer, fault: Fault, connection: &Arc<Notify>) {
    match fault {
        Fault::Header(name, Some(value)) => {
            answer.headers_mut().insert(name, value);
        }
        Fault::Header(name, None) => {
            answer.headers_mut().remove(name);
        }
        Fault::Body(bytes) => *answer.body_mut() = Payload::whole(bytes),
        Fault::WrongBytes => {
            let mut bytes = answer.body().bytes().to_vec();
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
            *answer.body_mut() = Payload::whole(bytes.into());
        }
        Fault::Truncated => {
            let bytes = answer.body().bytes();
            let announced = u64::try_from(bytes.len()).expect("fits");
            *answer.body_mut() =
                Payload::Truncated { rest: Some(bytes.slice(..bytes.len() / 2)), announced, flushed: false };
        }
        Fault::Stalled => {
            let bytes = answer.body().bytes();
            let announced = u64::try_from(bytes.len()).expect("fits");
            let rest = Some(bytes.slice(..bytes.len().saturating_sub(1)));
            *answer.body_mut() = Payload::Stalled { rest, announced, end: None };
        }
        Fault::Disconnected => {
            let bytes = answer.body().bytes();
            let announced = u64::try_from(bytes.len()).expect("fits");
            let rest = Some(bytes.slice(..bytes.len() / 2));
            *answer.body_mut() = Payload::Stalled { rest, announced, end: Some(Arc::clone(connection)) };
        }
        Fault::Endless => *answer.body_mut() = endless(),
        Fault::Drip(every) => {
            let bytes = answer.body().bytes();
            *answer.body_mut() = Payload::Drip { bytes, every, pause: None };
        }
        Fault::Delay(_) | Fault::Hold(_) | Fault::Never | Fault::Close | Fault::Reply(_) | Fault::EndlessEmptyPages => {
        }
    }
}

/// HEAD gets the headers of GET, its Content-Length too.
fn finish(mut answer: Answer, head: bool) -> Answer {
    if head {
        let length = answer.body().bytes().len();
        if !answer.headers().contains_key(CONTENT_LENGTH) {
            answer.headers_mut().insert(CONTENT_LENGTH, http::HeaderValue::from(length));
        }
        *answer.body_mut() = Payload::whole(Bytes::new());
    }
    answer
}
