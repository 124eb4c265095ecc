//! Registries that are in use, as a client sees them.

use countersign_testkit::Descriptor;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Product;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::docker_hub_abuse_limit;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::clouds::client::get;
use crate::clouds::client::http;
use crate::clouds::client::json;

/// `app:v1`, signed.
async fn start(product: Product) -> (Registry, Descriptor) {
    let registry = Registry::start().await;
    registry.behave_as(product);
    let image = registry.push_image("app", "v1");
    let signer = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
    notation::sign_image(&registry, "app", &image, &signer);
    (registry, image)
}

async fn ask(registry: &Registry, path: &str) -> (u16, Value) {
    json(get(&format!("{}/v2/app/{path}", registry.url()), None).await).await
}

#[tokio::test]
async fn lists_of_referrers_differ() {
    let notary = "artifactType=application%2Fvnd.cncf.notary.signature";
    for (product, types) in [
        (Product::AzureContainerRegistry, vec![Value::Null]),
        (Product::Quay, vec![Value::Null]),
        (Product::ArtifactRegistry, vec![]),
        (Product::Harbor, vec![json!("application/vnd.cncf.notary.signature")]),
    ] {
        let (registry, image) = start(product).await;
        let (status, body) = ask(&registry, &format!("referrers/{}?{notary}", image.digest)).await;
        let found: Vec<Value> =
            body["manifests"].as_array().unwrap().iter().map(|entry| entry["artifactType"].clone()).collect();
        assert_eq!((status, found), (200, types), "{product:?}");
    }
    let (registry, image) = start(Product::ArtifactRegistry).await;
    let (_, body) = ask(&registry, &format!("referrers/{}", image.digest)).await;
    assert_eq!(body["manifests"][0]["artifactType"], "application/vnd.oci.empty.v1+json");
}

#[tokio::test]
async fn products_without_the_api_answer_in_their_own_way() {
    for (product, api, code) in [
        (Product::GitLab, 404, Value::Null),
        (Product::PullThroughCache, 404, Value::Null),
        (Product::Artifactory, 406, Value::Null),
    ] {
        let (registry, image) = start(product).await;
        let (status, body) = ask(&registry, &format!("referrers/{}", image.digest)).await;
        assert_eq!((status, &body["errors"][0]["code"]), (api, &code), "{product:?}");
    }
    let tag = |image: &Descriptor| format!("manifests/{}", image.digest.replace(':', "-"));
    let (registry, image) = start(Product::GitLab).await;
    let answer = get(&format!("{}/v2/app/{}", registry.url(), tag(&image)), None).await;
    assert_eq!(answer.headers()["docker-content-digest"], image.digest);
    let (registry, image) = start(Product::PullThroughCache).await;
    assert_eq!(ask(&registry, &tag(&image)).await.0, 404);
    let (registry, image) = start(Product::Artifactory).await;
    assert_eq!(ask(&registry, &tag(&image)).await.0, 200);
    let (status, body) = ask(&registry, "manifests/absent").await;
    assert_eq!((status, &body["errors"][0]["code"]), (403, &json!("UNAUTHORIZED")));
}

#[tokio::test]
async fn tokens_and_quotas_of_docker_hub_and_github() {
    let token = async |registry: &Registry| {
        let url = format!("{}/token?service=testkit&scope=repository%3Aapp%3Apull", registry.url());
        let (status, body) = json(get(&url, None).await).await;
        assert_eq!((status, body.as_object().unwrap().len()), (200, 1), "only the token: {body}");
        format!("Bearer {}", body["token"].as_str().unwrap())
    };
    let (hub, _) = start(Product::DockerHub).await;
    let bearer = token(&hub).await;
    let manifest = get(&format!("{}/v2/app/manifests/v1", hub.url()), Some(&bearer)).await;
    assert_eq!(manifest.headers()["ratelimit-remaining"], "99;w=21600");
    hub.when_any().reply(docker_hub_abuse_limit());
    let limited = get(&format!("{}/v2/app/blobs/sha256:00", hub.url()), Some(&bearer)).await;
    assert_eq!((limited.status().as_u16(), &limited.headers()["retry-after"]), (429, &"60".parse().unwrap()));

    let (github, image) = start(Product::GitHub).await;
    let bearer = token(&github).await;
    let url = format!("{}/v2/app/referrers/{}", github.url(), image.digest);
    let (status, body) = json(get(&url, Some(&bearer)).await).await;
    assert_eq!((status, &body["errors"][0]["code"]), (404, &json!("MANIFEST_UNKNOWN")));
    let refused = get(&url, Some("Bearer other")).await;
    assert!(!refused.headers().contains_key("www-authenticate"));
    let (status, body) = json(refused).await;
    assert_eq!((status, &body["errors"][0]["code"]), (403, &json!("DENIED")));
}

#[tokio::test]
async fn harbor_states_the_length_of_a_compressed_body() {
    let (registry, image) = start(Product::Harbor).await;
    let url = format!("{}/v2/app/manifests/v1", registry.url());
    let head = http().request(Method::HEAD, &url).send().await.unwrap();
    assert_eq!(
        (&head.headers()["content-encoding"], &head.headers()["content-length"]),
        (&"gzip".parse().unwrap(), &"123".parse().unwrap())
    );
    let body = get(&url, None).await.bytes().await.unwrap();
    assert_eq!(u64::try_from(body.len()).unwrap(), image.size);
}
