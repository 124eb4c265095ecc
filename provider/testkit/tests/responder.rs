//! The responder as an HTTP client sees it.

use countersign_testkit::responder::Protocol;
use countersign_testkit::responder::Responder;
use countersign_testkit::responder::media_type;

fn client() -> reqwest::Client {
    // A second installation is refused, and the first serves all tests of the process.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

async fn body(response: reqwest::Response) -> Vec<u8> {
    response.bytes().await.expect("a body").to_vec()
}

#[tokio::test]
async fn ocsp_requests_arrive_by_get_and_by_post() {
    let responder = Responder::start().await;
    responder.ocsp("/ocsp", |request| [b"answer to ", request].concat());
    // The base64 of the bytes 0xfb 0xff 0xfe has both characters that a path must escape.
    let get = client().get(responder.url("/ocsp/%2B%2F%2F%2B")).send().await.expect("a response");
    assert_eq!(get.headers()["content-type"], media_type::OCSP_RESPONSE);
    assert_eq!(body(get).await, b"answer to \xfb\xff\xfe");
    let post = client().post(responder.url("/ocsp")).header("content-type", media_type::OCSP_REQUEST).body("der");
    assert_eq!(body(post.send().await.expect("a response")).await, b"answer to der");
    let malformed = client().get(responder.url("/ocsp/%2")).send().await.expect("a response");
    assert_eq!(body(malformed).await, [0x30, 3, 0x0a, 1, 1]);
    let protocols: Vec<_> = responder.journal().iter().map(|exchange| exchange.protocol).collect();
    assert_eq!(protocols, [Protocol::Get, Protocol::OcspPost, Protocol::Get]);
    assert_eq!(responder.journal()[1].body, "der");
    assert_eq!(responder.count("/ocsp"), 3);
    responder.clear_journal();
    assert_eq!(responder.count("/ocsp"), 0);
}

#[tokio::test]
async fn lists_and_timestamps_are_served_until_a_fault_replaces_them() {
    let responder = Responder::start().await;
    responder.crl("/ca.crl", "list");
    responder.crl("/ca.crl", "newer list");
    responder.timestamps("/tsa", |request| request.to_vec());
    let get = || async { client().get(responder.url("/ca.crl")).send().await.expect("a response") };
    assert_eq!(body(get().await).await, b"newer list");
    let query = client().post(responder.url("/tsa")).header("content-type", media_type::TIMESTAMP_QUERY).body("query");
    assert_eq!(body(query.send().await.expect("a response")).await, b"query");
    assert_eq!(responder.journal()[1].protocol, Protocol::Timestamp);
    let redirect = responder.when("/ca.crl").redirect(302, "http://elsewhere.example/");
    assert_eq!(get().await.status(), 302);
    redirect.remove();
    let throttled = responder.when("/ca.crl").times(1).too_many_requests("7");
    assert_eq!(get().await.status(), 429);
    assert_eq!(throttled.hits(), 1);
    assert_eq!(get().await.status(), 200);
    assert_eq!(client().get(responder.url("/other")).send().await.expect("a response").status(), 404);
}
