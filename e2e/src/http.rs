//! Plain HTTP to the processes of the run, on loopback.

use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use ureq::http::HeaderMap;

/// Time limit for one request to a process on the same machine.
const LIMIT: Duration = Duration::from_secs(5);

/// A response with any status.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The response if it has `status`; otherwise an error with its body.
    pub(crate) fn expect_status(self, status: u16) -> anyhow::Result<Self> {
        ensure!(self.status == status, "status {}, expected {status}; {}", self.status, self.text().trim_end());
        Ok(self)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }
}

/// Sends a request over a new connection.
pub(crate) fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> anyhow::Result<Response> {
    send_within(LIMIT, method, url, headers, body)
}

/// Sends a request that may take longer.
pub(crate) fn send_within(
    limit: Duration,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> anyhow::Result<Response> {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(limit)).build();
    let agent = ureq::Agent::from(config);
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = agent.run(request.body(body)?).with_context(|| format!("{method} {url}"))?;
    Ok(Response {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.body_mut().read_to_vec().with_context(|| format!("body of {method} {url}"))?,
    })
}

/// Sends a GET request over a new connection.
pub(crate) fn get(url: &str) -> anyhow::Result<Response> {
    send("GET", url, &[], &[])
}
