//! Content of the registry, and its lists of referrers.

use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::notation;
use countersign_testkit::notation::ManifestForm;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Referrers;
use countersign_testkit::registry::Registry;
use countersign_testkit::sha256_digest;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use reqwest::Client;
use serde_json::Value;
use serde_json::json;

use crate::REPOSITORY;
use crate::client;
use crate::get;
use crate::get_json;
use crate::header;
use crate::manifest;
use crate::referrers;
use crate::release;

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
async fn config_and_layers_of_an_image_exist() {
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
async fn reports_missing_content() {
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
async fn lists_a_signature_with_a_false_subject_where_it_was_attached() {
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
async fn pages_link_to_the_next_page_and_end() {
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
async fn serves_tls_with_the_given_certificate() {
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
    let other_root = Authority::root(CertSpec::root());
    assert!(trusting(other_root.der()).get(&url).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn dropping_a_registry_closes_its_port() {
    let registry = Registry::start().await;
    let (client, url) = (client(), format!("{}/v2/", registry.url()));
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    drop(registry);
    // The task ends when it is next scheduled.
    tokio::task::yield_now().await;
    assert!(client.get(&url).send().await.is_err());
}
