//! What the registry answers, seen by an HTTP client that we did not write.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::notation;
use countersign_testkit::notation::ManifestForm;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::registry::Bearer;
use countersign_testkit::registry::Referrers;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenAnswer;
use countersign_testkit::sha256_digest;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use reqwest::Client;
use reqwest::Method;
use reqwest::Response;
use reqwest::redirect::Policy;
use serde_json::Value;
use serde_json::json;

const REPOSITORY: &str = "team/app";

fn client() -> Client {
    // Already installed by another test of this process: the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder().redirect(Policy::none()).build().unwrap()
}

async fn get(registry: &Registry, path: &str) -> Response {
    client().get(format!("{}{path}", registry.url())).send().await.unwrap()
}

async fn get_json(registry: &Registry, path: &str) -> Value {
    serde_json::from_slice(&get(registry, path).await.bytes().await.unwrap()).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

fn release() -> Chain {
    Authority::root(CertSpec::root()).issue(CertSpec::leaf())
}

fn manifest(reference: &str) -> String {
    format!("/v2/{REPOSITORY}/manifests/{reference}")
}

fn referrers(target: &Descriptor) -> String {
    format!("/v2/{REPOSITORY}/referrers/{}", target.digest)
}

#[tokio::test]
async fn an_image_is_found_by_tag_and_by_digest() {
    let registry = Registry::start().await;
    let image = registry.push_image(REPOSITORY, "v1");
    for reference in ["v1", &image.digest] {
        let response = get(&registry, &manifest(reference)).await;
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "docker-content-digest"), image.digest);
        assert_eq!(header(&response, "content-type"), IMAGE_MANIFEST);
        let bytes = response.bytes().await.unwrap();
        assert_eq!(Descriptor::of(IMAGE_MANIFEST, &bytes), image);
    }
    let head = client().head(format!("{}{}", registry.url(), manifest("v1"))).send().await.unwrap();
    assert_eq!(header(&head, "content-length"), image.size.to_string());
    assert_eq!(header(&head, "docker-content-digest"), image.digest);
}

#[tokio::test]
async fn what_an_image_points_to_is_there() {
    let registry = Registry::start().await;
    registry.push_image(REPOSITORY, "v1");
    let image = get_json(&registry, &manifest("v1")).await;
    for digest in [&image["config"]["digest"], &image["layers"][0]["digest"]] {
        let digest = digest.as_str().unwrap();
        let blob = get(&registry, &format!("/v2/{REPOSITORY}/blobs/{digest}")).await.bytes().await.unwrap();
        assert_eq!(sha256_digest(&blob), digest);
    }
}

#[tokio::test]
async fn a_tag_can_be_moved_and_images_differ() {
    let registry = Registry::start().await;
    let first = registry.push_image(REPOSITORY, "v1");
    let second = registry.push_image(REPOSITORY, "v1");
    assert_ne!(first.digest, second.digest);
    assert_eq!(header(&get(&registry, &manifest("v1")).await, "docker-content-digest"), second.digest);
    registry.tag(REPOSITORY, "v1", &first.digest);
    assert_eq!(header(&get(&registry, &manifest("v1")).await, "docker-content-digest"), first.digest);
}

#[tokio::test]
async fn an_index_lists_its_images() {
    let registry = Registry::start().await;
    let image = registry.push_image(REPOSITORY, "amd64");
    registry.push_index(REPOSITORY, "v1", std::slice::from_ref(&image));
    let response = get(&registry, &manifest("v1")).await;
    assert_eq!(header(&response, "content-type"), IMAGE_INDEX);
    let index: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(index["manifests"], json!([image.to_json()]));
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let registry = Registry::start().await;
    registry.push_image(REPOSITORY, "v1");
    let digest = sha256_digest(b"nothing");
    for (path, code) in [
        ("/v2/other/manifests/v1".to_owned(), "NAME_UNKNOWN"),
        (manifest("v2"), "MANIFEST_UNKNOWN"),
        (manifest(&digest), "MANIFEST_UNKNOWN"),
        (format!("/v2/{REPOSITORY}/blobs/{digest}"), "BLOB_UNKNOWN"),
        (format!("/v2/other/referrers/{digest}"), "NAME_UNKNOWN"),
    ] {
        let response = get(&registry, &path).await;
        assert_eq!(response.status(), 404, "{path}");
        let json: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(json["errors"][0]["code"], code, "{path}");
    }
    assert_eq!(get(&registry, "/v2/").await.status(), 200);
    let empty = get_json(&registry, &format!("/v2/{REPOSITORY}/referrers/{digest}")).await;
    assert_eq!(empty["manifests"], json!([]));
}

#[tokio::test]
async fn a_signature_is_a_referrer_in_each_of_its_forms() {
    let registry = Registry::start().await;
    let chain = release();
    for (form, media_type, layers) in [
        (ManifestForm::Current, IMAGE_MANIFEST, "layers"),
        (ManifestForm::Legacy, IMAGE_MANIFEST, "layers"),
        (ManifestForm::Artifact, notation::ARTIFACT_MANIFEST, "blobs"),
    ] {
        let image = registry.push_image(REPOSITORY, "v1");
        let signature = Signature::new(&SignRequest::new(&chain, &image), Format::Cose).form(form);
        let stored = signature.attach(&registry, REPOSITORY, &image);
        assert_eq!(stored.media_type, media_type);

        let listed = get_json(&registry, &referrers(&image)).await;
        let thumbprints = listed["manifests"][0]["annotations"][notation::THUMBPRINT_ANNOTATION].as_str().unwrap();
        assert_eq!(thumbprints, json!(chain.thumbprints()).to_string());
        assert_eq!(listed["manifests"][0]["digest"], stored.digest);
        assert_eq!(listed["manifests"][0]["artifactType"], SIGNATURE_ARTIFACT_TYPE, "{form:?}");

        let document = get_json(&registry, &manifest(&stored.digest)).await;
        assert_eq!(document["subject"], image.to_json());
        assert_eq!(document[layers][0]["mediaType"], "application/cose");
        let digest = document[layers][0]["digest"].as_str().unwrap();
        let blob = get(&registry, &format!("/v2/{REPOSITORY}/blobs/{digest}")).await.bytes().await.unwrap();
        assert_eq!(blob, signature.envelope());
    }
}

#[tokio::test]
async fn the_forms_of_a_signature_manifest_differ_where_the_specification_says() {
    let chain = release();
    let image = Descriptor::sample("image");
    let written = |form| -> Value {
        let signature = Signature::new(&SignRequest::new(&chain, &image), Format::Jws).form(form);
        serde_json::from_slice(&signature.manifest(&image)).unwrap()
    };
    let current = written(ManifestForm::Current);
    assert_eq!(current["artifactType"], SIGNATURE_ARTIFACT_TYPE);
    assert_eq!(
        current["config"],
        json!({
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "size": 2,
        })
    );
    let legacy = written(ManifestForm::Legacy);
    assert_eq!(legacy["artifactType"], Value::Null);
    assert_eq!(legacy["config"]["mediaType"], SIGNATURE_ARTIFACT_TYPE);
    assert_eq!(written(ManifestForm::Artifact)["layers"], Value::Null);
}

#[tokio::test]
async fn a_lying_signature_is_listed_where_it_was_attached() {
    let registry = Registry::start().await;
    let image = registry.push_image(REPOSITORY, "v1");
    let other = registry.push_image(REPOSITORY, "v2");
    let signature = Signature::new(&SignRequest::new(&release(), &image), Format::Jws);
    let stored = signature.subject(&other).extra_layers(1).attach(&registry, REPOSITORY, &image);
    let listed = get_json(&registry, &referrers(&image)).await;
    assert_eq!(listed["manifests"][0]["digest"], stored.digest);
    let document = get_json(&registry, &manifest(&stored.digest)).await;
    assert_eq!(document["subject"]["digest"], other.digest);
    assert_eq!(document["layers"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn referrers_are_filtered_only_if_the_header_says_so() {
    let registry = Registry::start().await;
    let image = registry.push_image(REPOSITORY, "v1");
    notation::sign_image(&registry, REPOSITORY, &image, &release());
    let other = Descriptor { artifact_type: Some("application/sbom".to_owned()), ..Descriptor::sample("sbom") };
    registry.list_referrer(REPOSITORY, &image.digest, other);
    let path = format!("{}?artifactType=application%2Fvnd.cncf.notary.signature", referrers(&image));

    let response = get(&registry, &path).await;
    assert_eq!(header(&response, "oci-filters-applied"), "artifactType");
    let json: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(json["manifests"].as_array().unwrap().len(), 1);

    registry.referrers(Referrers::ApiWithoutFilter);
    let response = get(&registry, &path).await;
    assert!(response.headers().get("oci-filters-applied").is_none());
    let json: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(json["manifests"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn without_the_api_the_fallback_tag_lists_referrers() {
    let registry = Registry::start().await;
    registry.referrers(Referrers::FallbackTag);
    let image = registry.push_image(REPOSITORY, "v1");
    let tag = image.digest.replace(':', "-");
    assert_eq!(get(&registry, &manifest(&tag)).await.status(), 404);
    let stored = notation::sign_image(&registry, REPOSITORY, &image, &release());

    let response = get(&registry, &referrers(&image)).await;
    assert_eq!(response.status(), 404);
    assert_eq!(response.text().await.unwrap(), "404 page not found\n");
    let response = get(&registry, &manifest(&tag)).await;
    assert_eq!(header(&response, "content-type"), IMAGE_INDEX);
    let digest = header(&response, "docker-content-digest").to_owned();
    let bytes = response.bytes().await.unwrap();
    assert_eq!(sha256_digest(&bytes), digest);
    let index: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(index["manifests"][0]["digest"], stored.digest);
}

#[tokio::test]
async fn pages_lead_to_one_another_and_end() {
    let registry = Registry::start().await;
    registry.page_size(2);
    let image = registry.push_image(REPOSITORY, "v1");
    for number in 0..5 {
        registry.list_referrer(REPOSITORY, &image.digest, Descriptor::sample(&number.to_string()));
    }
    let mut path = referrers(&image);
    let mut sizes = Vec::new();
    loop {
        let response = get(&registry, &path).await;
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let json: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        sizes.push(json["manifests"].as_array().unwrap().len());
        let Some(link) = link else { break };
        path = link.strip_prefix('<').unwrap().strip_suffix(r#">; rel="next""#).unwrap().to_owned();
    }
    assert_eq!(sizes, [2, 2, 1]);
}

#[tokio::test]
async fn empty_pages_can_go_on_for_ever() {
    let registry = Registry::start().await;
    let image = registry.push_image(REPOSITORY, "v1");
    registry.when(Route::Referrers).endless_empty_pages();
    let mut path = referrers(&image);
    for number in 1..20 {
        let response = get(&registry, &path).await;
        let link = header(&response, "link").to_owned();
        assert!(link.contains(&format!("empty={number}")), "{link}");
        path = link[1..].split_once('>').unwrap().0.to_owned();
        let json: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(json["manifests"], json!([]));
    }
}

#[tokio::test]
async fn a_fault_strikes_where_and_as_often_as_it_was_told() {
    let registry = Registry::start().await;
    let image = registry.push_image(REPOSITORY, "v1");
    let fault = registry.when(Route::Manifest).path_contains(&image.digest).after(1).times(2).status(503);
    let mut seen = Vec::new();
    for reference in ["v1", &image.digest, &image.digest, "v1", &image.digest, &image.digest] {
        seen.push(get(&registry, &manifest(reference)).await.status().as_u16());
    }
    assert_eq!(seen, [200, 200, 503, 200, 503, 200]);
    assert_eq!(fault.hits(), 2);
    assert_eq!(registry.count(Route::Manifest), 6);
}

#[tokio::test]
async fn a_lifted_fault_is_gone_and_the_others_stay() {
    let registry = Registry::start().await;
    let ping = registry.when(Route::Ping).status(500);
    registry.when_any().method(Method::HEAD).error(403, "DENIED");
    ping.lift();
    assert_eq!(get(&registry, "/v2/").await.status(), 200);
    let head = || client().head(format!("{}/v2/", registry.url())).send();
    assert_eq!(head().await.unwrap().status(), 403);
    registry.behave();
    assert_eq!(head().await.unwrap().status(), 200);
}

#[tokio::test]
async fn answers_can_be_replaced() {
    let registry = Registry::start().await;
    registry.push_image(REPOSITORY, "v1");
    registry.when(Route::Manifest).times(1).too_many_requests("7");
    let response = get(&registry, &manifest("v1")).await;
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (429, "7"));
    assert_eq!(
        serde_json::from_str::<Value>(&response.text().await.unwrap()).unwrap()["errors"][0]["code"],
        "TOOMANYREQUESTS"
    );

    registry.when(Route::Manifest).times(1).redirect(307, "http://elsewhere.example/x");
    let response = get(&registry, &manifest("v1")).await;
    assert_eq!((response.status().as_u16(), header(&response, "location")), (307, "http://elsewhere.example/x"));

    registry.when(Route::Manifest).times(1).reply(Reply::status(418).header("x-tea", "pot").body("short"));
    let response = get(&registry, &manifest("v1")).await;
    assert_eq!((response.status().as_u16(), header(&response, "x-tea")), (418, "pot"));
    assert_eq!(response.text().await.unwrap(), "short");
}

#[tokio::test]
async fn right_answers_can_be_spoiled() {
    let registry = Registry::start().await;
    let image = registry.push_image(REPOSITORY, "v1");
    registry.when(Route::Manifest).times(1).wrong_bytes();
    let response = get(&registry, &manifest("v1")).await;
    assert_eq!(header(&response, "docker-content-digest"), image.digest);
    let bytes = response.bytes().await.unwrap();
    assert_eq!(u64::try_from(bytes.len()).unwrap(), image.size);
    assert_ne!(sha256_digest(&bytes), image.digest);

    registry.when(Route::Manifest).times(1).without_header("docker-content-digest");
    assert!(get(&registry, &manifest("v1")).await.headers().get("docker-content-digest").is_none());

    registry.when(Route::Manifest).times(1).header("content-type", "text/html");
    assert_eq!(header(&get(&registry, &manifest("v1")).await, "content-type"), "text/html");

    registry.when(Route::Referrers).times(1).body(r#"{"manifests":null}"#);
    let response = get(&registry, &referrers(&image)).await;
    assert_eq!(header(&response, "content-type"), IMAGE_INDEX);
    assert_eq!(response.text().await.unwrap(), r#"{"manifests":null}"#);
}

#[tokio::test]
async fn bodies_can_break_off() {
    let registry = Registry::start().await;
    let image = registry.push_image(REPOSITORY, "v1");
    registry.when(Route::Manifest).truncated_body();
    let mut response = get(&registry, &manifest("v1")).await;
    assert_eq!(header(&response, "content-length"), image.size.to_string());
    let mut got = 0;
    let error = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => got += chunk.len(),
            Ok(None) => panic!("the body ended well"),
            Err(error) => break error,
        }
    };
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert_eq!(u64::try_from(got).unwrap(), image.size / 2);
}

#[tokio::test]
async fn bodies_can_go_on_for_ever() {
    let registry = Registry::start().await;
    registry.push_image(REPOSITORY, "v1");
    registry.when(Route::Manifest).endless_body();
    let mut response = get(&registry, &manifest("v1")).await;
    assert_eq!(response.status(), 200);
    let mut got = 0;
    while got < 8 << 20 {
        got += response.chunk().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn bodies_can_drip() {
    let registry = Registry::start().await;
    registry.serve_file("/short", "text/plain", b"abc");
    registry.when(Route::Other).slow_drip(Duration::from_millis(1));
    let mut response = get(&registry, "/short").await;
    assert_eq!(header(&response, "content-length"), "3");
    for letter in ["a", "b", "c"] {
        assert_eq!(response.chunk().await.unwrap().unwrap(), letter);
    }
    assert_eq!(response.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn connections_can_be_closed_without_an_answer() {
    let registry = Registry::start().await;
    registry.when(Route::Ping).close();
    let error = client().get(format!("{}/v2/", registry.url())).send().await.unwrap_err();
    assert!(error.is_request(), "{error:?}");
    assert!(registry.count(Route::Ping) >= 1);
}

#[tokio::test]
async fn a_gate_holds_requests_until_it_is_opened() {
    let registry = Registry::start().await;
    let gate = registry.when(Route::Ping).hold();
    let url = format!("{}/v2/", registry.url());
    let first = tokio::spawn(client().get(&url).send());
    let second = tokio::spawn(client().get(&url).send());
    registry.wait_for(Route::Ping, 2).await;
    assert!(!first.is_finished() && !second.is_finished());
    gate.open();
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    assert_eq!(second.await.unwrap().unwrap().status(), 200);
    assert_eq!(registry.most_at_once(), 2);
}

#[tokio::test]
async fn a_delay_passes_on_a_paused_clock() {
    let registry = Registry::start().await;
    registry.when(Route::Ping).delay(Duration::from_secs(3600));
    tokio::time::pause();
    let begin = tokio::time::Instant::now();
    assert_eq!(get(&registry, "/v2/").await.status(), 200);
    assert!(begin.elapsed() >= Duration::from_secs(3600));
}

#[tokio::test]
async fn basic_credentials_are_asked_for_and_written_down() {
    let registry = Registry::start().await;
    registry.require_basic("user", "secret");
    let refused = get(&registry, "/v2/").await;
    assert_eq!(refused.status(), 401);
    assert_eq!(header(&refused, "www-authenticate"), r#"Basic realm="testkit""#);
    let send = |password| client().get(format!("{}/v2/", registry.url())).basic_auth("user", Some(password)).send();
    assert_eq!(send("wrong").await.unwrap().status(), 401);
    assert_eq!(send("secret").await.unwrap().status(), 200);
    let seen: Vec<_> = registry.requests().iter().map(|one| one.authorization().map(str::to_owned)).collect();
    assert_eq!(seen, [None, Some("Basic dXNlcjp3cm9uZw==".to_owned()), Some("Basic dXNlcjpzZWNyZXQ=".to_owned())]);
    assert_eq!(format!("{:?}", registry.requests()[2]), "GET /v2/");
}

async fn token(url: &str, scope: &str, credentials: Option<(&str, &str)>) -> Result<String, u16> {
    let mut request = client().get(format!("{url}?service=testkit&scope={scope}"));
    if let Some((user, password)) = credentials {
        request = request.basic_auth(user, Some(password));
    }
    let response = request.send().await.unwrap();
    match response.status().as_u16() {
        200 => {
            let json: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
            Ok(json["token"].as_str().unwrap().to_owned())
        }
        other => Err(other),
    }
}

async fn with_token(registry: &Registry, path: &str, token: &str) -> Response {
    client().get(format!("{}{path}", registry.url())).bearer_auth(token).send().await.unwrap()
}

#[tokio::test]
async fn a_token_opens_the_repository_it_was_given_for() {
    let registry = Registry::start().await;
    registry.push_image(REPOSITORY, "v1");
    registry.push_image("other", "v1");
    registry.require_bearer(&Bearer::anonymous());
    let url = format!("{}/token", registry.url());

    let refused = get(&registry, &manifest("v1")).await;
    let challenge = format!(r#"Bearer realm="{url}",service="testkit",scope="repository:{REPOSITORY}:pull""#);
    assert_eq!((refused.status().as_u16(), header(&refused, "www-authenticate")), (401, challenge.as_str()));

    let token = token(&url, "repository:team/app:pull", None).await.unwrap();
    assert_eq!(with_token(&registry, &manifest("v1"), &token).await.status(), 200);
    assert_eq!(with_token(&registry, "/v2/", &token).await.status(), 200);
    let refused = with_token(&registry, "/v2/other/manifests/v1", &token).await;
    assert_eq!(refused.status(), 401);
    assert!(header(&refused, "www-authenticate").ends_with(r#"error="insufficient_scope""#));
    let refused = with_token(&registry, &manifest("v1"), "made-up").await;
    assert!(header(&refused, "www-authenticate").ends_with(r#"error="invalid_token""#));
}

#[tokio::test]
async fn tokens_want_the_credentials_of_the_service() {
    let registry = Registry::start().await;
    let url = format!("{}/token", registry.url());
    let scope = "repository:team/app:pull";
    registry.require_bearer(&Bearer::for_user("user", "secret"));
    assert_eq!(token(&url, scope, None).await, Err(401));
    assert_eq!(token(&url, scope, Some(("user", "wrong"))).await, Err(401));
    assert!(token(&url, scope, Some(("user", "secret"))).await.is_ok());
    registry.require_bearer(&Bearer::for_user("user", "secret").or_anonymous());
    assert!(token(&url, scope, None).await.is_ok());
    assert_eq!(token(&url, scope, Some(("user", "wrong"))).await, Err(401));
}

#[tokio::test]
async fn tokens_grant_nothing_beyond_the_named_repositories() {
    let registry = Registry::start().await;
    registry.push_image(REPOSITORY, "v1");
    registry.require_bearer(&Bearer::anonymous().only_repositories(&["public/app"]));
    let token = token(&format!("{}/token", registry.url()), "repository:team/app:pull", None).await.unwrap();
    assert_eq!(with_token(&registry, &manifest("v1"), &token).await.status(), 401);
}

#[tokio::test]
async fn tokens_end() {
    let registry = Registry::start().await;
    registry.push_image(REPOSITORY, "v1");
    let bearer = Bearer::anonymous().lifetime(Duration::ZERO);
    registry.require_bearer(&bearer);
    let url = format!("{}/token", registry.url());
    let scope = "repository:team/app:pull";
    let ended = token(&url, scope, None).await.unwrap();
    assert_eq!(with_token(&registry, &manifest("v1"), &ended).await.status(), 401);

    let bearer = Bearer::anonymous().lifetime(Duration::from_secs(3600));
    registry.require_bearer(&bearer);
    let good = token(&url, scope, None).await.unwrap();
    assert_eq!(with_token(&registry, &manifest("v1"), &good).await.status(), 200);
    bearer.revoke_all();
    assert_eq!(with_token(&registry, &manifest("v1"), &good).await.status(), 401);
    assert_eq!(bearer.tokens_given(), 1);
}

#[tokio::test]
async fn another_host_can_serve_the_tokens() {
    let registry = Registry::start().await;
    let other = Registry::start().await;
    registry.push_image(REPOSITORY, "v1");
    let url = format!("{}/token", other.url());
    let bearer = Bearer::anonymous().realm(&url).service("elsewhere");
    registry.require_bearer(&bearer);
    other.serve_tokens(&bearer);
    let refused = get(&registry, &manifest("v1")).await;
    assert!(header(&refused, "www-authenticate").starts_with(&format!(r#"Bearer realm="{url}",service="elsewhere""#)));
    let token = token(&url, "repository:team/app:pull", None).await.unwrap();
    assert_eq!(with_token(&registry, &manifest("v1"), &token).await.status(), 200);
    assert_eq!((registry.count(Route::Token), other.count(Route::Token)), (0, 1));
    assert_eq!(other.requests()[0].query_values("scope"), ["repository:team/app:pull"]);
}

#[tokio::test]
async fn token_answers_can_be_malformed() {
    let registry = Registry::start().await;
    for (answer, text) in [
        (TokenAnswer::AccessToken, r#"{"access_token":"testkit-token-1","expires_in":9}"#),
        (TokenAnswer::EmptyToken, r#"{"expires_in":9,"token":""}"#),
        (TokenAnswer::NewlineInToken, r#"{"expires_in":9,"token":"testkit-token-1\r\nx-injected: yes"}"#),
        (TokenAnswer::NumberAsToken, r#"{"expires_in":9,"token":7}"#),
        (TokenAnswer::NoToken, r#"{"expires_in":9}"#),
        (TokenAnswer::NotJson, "<html>"),
    ] {
        registry.serve_tokens(&Bearer::anonymous().expires_in(Some(9)).answer(answer));
        assert_eq!(get(&registry, "/token").await.text().await.unwrap(), text);
    }
    registry.serve_tokens(&Bearer::anonymous().answer(TokenAnswer::Endless));
    let mut response = get(&registry, "/token").await;
    let mut got = 0;
    while got < 1 << 20 {
        got += response.chunk().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn authentication_goes_before_faults() {
    let registry = Registry::start().await;
    registry.require_basic("user", "secret");
    let fault = registry.when(Route::Ping).status(500);
    assert_eq!(get(&registry, "/v2/").await.status(), 401);
    assert_eq!(fault.hits(), 0);
    registry.require_nothing();
    assert_eq!(get(&registry, "/v2/").await.status(), 500);
    assert_eq!(fault.hits(), 1);
}

#[tokio::test]
async fn tls_is_spoken_with_the_given_certificate() {
    let root = Authority::root(CertSpec::root());
    let registry = Registry::start_tls(&root.issue(CertSpec::tls_server(&["127.0.0.1", "localhost"]))).await;
    let trusting = |der: &[u8]| {
        client();
        let certificate = reqwest::Certificate::from_der(der).unwrap();
        Client::builder().tls_certs_only([certificate]).build().unwrap()
    };
    let url = format!("{}/v2/", registry.url());
    assert!(url.starts_with("https://127.0.0.1:"));
    assert_eq!(trusting(root.der()).get(&url).send().await.unwrap().status(), 200);
    let by_name = url.replace("127.0.0.1", "localhost");
    assert_eq!(trusting(root.der()).get(&by_name).send().await.unwrap().status(), 200);
    let stranger = Authority::root(CertSpec::root());
    assert!(trusting(stranger.der()).get(&url).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn a_dropped_registry_is_gone() {
    let registry = Registry::start().await;
    let (client, url) = (client(), format!("{}/v2/", registry.url()));
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    drop(registry);
    // The task ends when it is next scheduled.
    tokio::task::yield_now().await;
    assert!(client.get(&url).send().await.is_err());
}
