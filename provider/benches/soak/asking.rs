//! One request, and whether its answer is right.

use std::time::Duration;
use std::time::Instant;

use serde_json::Value as Json;
use serde_json::json;

use crate::expectations::Found;
use crate::expectations::Image;
use crate::expectations::Judged;
use crate::expectations::Verdict;
use crate::site::Site;

/// Most characters of a reason that are shown.
const REASON: usize = 300;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// An image that is asked for often.
    Known,
    /// An image for the first time.
    Fresh,
    /// Twenty images, one of them for the first time.
    Batch,
    /// The digest of an image that is asked for often.
    Mutation,
    /// An image that is asked for often, over a new connection.
    Connection,
}

/// An answer, or that there was none.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) asked: Asked,
    pub(crate) latency: Duration,
    pub(crate) judged: Vec<Judged>,
    pub(crate) wrong: Vec<Wrong>,
}

/// A wrong verdict, or another mistake.
#[derive(Clone, Debug)]
pub(crate) struct Wrong {
    /// The same for those that are alike.
    pub(crate) group: &'static str,
    pub(crate) message: String,
}

impl Answer {
    /// # Errors
    /// The first mistake.
    pub(crate) fn first_wrong(self) -> Result<(), String> {
        self.wrong.into_iter().next().map_or(Ok(()), |wrong| Err(wrong.message))
    }
}

/// Asks for `images`.
pub(crate) async fn ask(site: &Site, asked: Asked, images: Vec<Image>) -> Answer {
    let (clients, path) = (site.caller.clients(), if asked == Asked::Mutation { "mutate" } else { "verify" });
    let keys: Vec<&str> = images.iter().map(|image| image.reference.as_str()).collect();
    let body = json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": {"keys": keys},
    });
    let client = if asked == Asked::Connection { &clients.connecting } else { &clients.keeping };
    let request = client.post(format!("https://{}/v1/{path}", site.address)).body(body.to_string());
    let began = Instant::now();
    let (mut judged, mut wrong) = (Vec::new(), Vec::new());
    match answer(site, asked, request, began).await {
        Ok(response) => {
            for image in &images {
                match found(&response, image).and_then(|found| site.expectations.judge(image, &found, began)) {
                    Ok(one) => judged.push(one),
                    Err(why) => {
                        let message = format!("{asked:?}: {why}");
                        wrong.push(Wrong { group: image.kind.name(), message });
                    }
                }
            }
        }
        Err(why) => {
            let message = site.expectations.described(&format!("{asked:?}: {why}"), began);
            wrong.push(Wrong { group: "no answer", message });
        }
    }
    Answer { asked, latency: began.elapsed(), judged, wrong }
}

/// The member `response` of the answer.
async fn answer(site: &Site, asked: Asked, request: reqwest::RequestBuilder, began: Instant) -> Result<Json, String> {
    let unanswered = |error: reqwest::Error| format!("no answer: {error:?}");
    let answer = request.send().await.map_err(unanswered)?;
    if asked == Asked::Connection {
        site.caller.check_presented(&answer, began)?;
    }
    let bytes = answer.bytes().await.map_err(unanswered)?;
    let mut answer: Json = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    Ok(answer["response"].take())
}

/// What the response has for `image`.
fn found(response: &Json, image: &Image) -> Result<Found, String> {
    let invalid = || format!("{}: found {response}, expected an item or an error", image.reference);
    let items = response["items"].as_array().ok_or_else(invalid)?;
    let mut of_image = items.iter().filter(|item| item["key"] == *image.reference);
    let (item, error) = (of_image.next(), response["systemError"].as_str().unwrap_or_default());
    if of_image.next().is_some() {
        return Err(invalid());
    }
    match item {
        Some(item) => match (&item["value"], item["error"].as_str().unwrap_or_default()) {
            // Mutation has no other way to say that there is no digest.
            (Json::Null, error) if !error.is_empty() => Ok(Found::Unresolved(beginning(error))),
            (Json::String(reference), "") => Ok(Found::Mutated(reference.clone())),
            (value, "") => {
                let verdict = value["verdict"].as_str().and_then(Verdict::of).ok_or_else(invalid)?;
                Ok(Found::Verdict(verdict, value["digest"].as_str().map(str::to_owned)))
            }
            (_, _) => Err(invalid()),
        },
        None if error.is_empty() => Err(invalid()),
        None => {
            // The error has a part for each image that is inconclusive.
            let place = error.find(image.reference.as_str()).unwrap_or_default();
            Ok(Found::Inconclusive(beginning(&error[place..])))
        }
    }
}

/// What a reason says first: the rest is what to do.
fn beginning(reason: &str) -> String {
    reason.chars().take(REASON).collect()
}
