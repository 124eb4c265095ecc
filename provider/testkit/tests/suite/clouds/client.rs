//! Requests of a client.

use reqwest::Response;
use serde_json::Value;

pub(crate) fn http() -> reqwest::Client {
    // Already installed by another test of this process: the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Percent-encodes all but unreserved characters.
fn encode(text: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

pub(crate) async fn post(url: &str, form: &[(&str, &str)]) -> Response {
    let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let request = http().post(url).header("content-type", "application/x-www-form-urlencoded");
    request.body(body.join("&")).send().await.unwrap()
}

pub(crate) async fn get(url: &str, authorization: Option<&str>) -> Response {
    let request = authorization.into_iter().fold(http().get(url), |request, it| request.header("authorization", it));
    request.send().await.unwrap()
}

/// Status and JSON body.
pub(crate) async fn json(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}
