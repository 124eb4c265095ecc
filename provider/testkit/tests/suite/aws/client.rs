//! A client that signs requests on its own.

use aws_lc_rs::digest;
use aws_lc_rs::hmac;
use countersign_testkit::aws::AccessKey;
use reqwest::Response;
use time::OffsetDateTime;
use time::macros::format_description;

/// Signs requests with one key, for one service and region, at one time.
pub(crate) struct Client {
    pub(crate) key: AccessKey,
    pub(crate) service: &'static str,
    pub(crate) region: String,
    pub(crate) now: OffsetDateTime,
}

pub(crate) fn http() -> reqwest::Client {
    // Already installed by another test of this process: the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Percent-encodes all but unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

impl Client {
    pub(crate) fn new(key: &AccessKey, service: &'static str, region: &str, now: OffsetDateTime) -> Self {
        Self { key: key.clone(), service, region: region.to_owned(), now }
    }

    /// GET with these parameters, sent in this order.
    pub(crate) async fn get(&self, host: &str, path: &str, query: &[(&str, &str)]) -> Response {
        let mut pairs: Vec<String> =
            query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let url = format!("http://{host}{path}?{}", pairs.join("&"));
        pairs.sort();
        let headers = self.headers("GET", host, path, &pairs.join("&"), &[], "");
        self.send(http().get(url), headers).await
    }

    /// POST to `/` with these headers, which are signed.
    pub(crate) async fn post(&self, host: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let signed = self.headers("POST", host, "/", "", headers, body);
        self.send(http().post(format!("http://{host}/")).body(body.to_owned()), signed).await
    }

    async fn send(&self, mut request: reqwest::RequestBuilder, headers: Vec<(String, String)>) -> Response {
        for (name, value) in headers.into_iter().filter(|(name, _)| name != "host") {
            request = request.header(name, value);
        }
        request.send().await.unwrap()
    }

    fn headers(
        &self,
        method: &str,
        host: &str,
        path: &str,
        query: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> Vec<(String, String)> {
        let at = self.now.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap();
        let mut headers = vec![("host".to_owned(), host.to_owned()), ("x-amz-date".to_owned(), at.clone())];
        headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        if let Some(token) = &self.key.session_token {
            headers.push(("x-amz-security-token".to_owned(), token.clone()));
        }
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let sha = |text: &str| hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{}", sha(body));
        let scope = format!("{}/{}/{}/aws4_request", &at[..8], self.region, self.service);
        let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", sha(&canonical));
        let mut key = format!("AWS4{}", self.key.secret).into_bytes();
        for part in scope.split('/').chain([to_sign.as_str()]) {
            let hmac_key = hmac::Key::new(hmac::HMAC_SHA256, &key);
            key = hmac::sign(&hmac_key, part.as_bytes()).as_ref().to_vec();
        }
        let credential = format!("Credential={}/{scope}", self.key.id);
        let value = format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={}", hex(&key));
        headers.push(("authorization".to_owned(), value));
        headers
    }
}

/// Status, and body as text.
pub(crate) async fn text(response: Response) -> (u16, String) {
    (response.status().as_u16(), response.text().await.unwrap())
}
