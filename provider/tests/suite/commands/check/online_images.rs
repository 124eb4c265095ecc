//! `--online --image`: the image is read as Amazon ECR permits it, and what its registry refuses is named.

use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::aws::AccessKey;
use countersign_testkit::aws::Clock;
use countersign_testkit::aws::Setup;
use countersign_testkit::aws::blob_store::BlobStore;
use countersign_testkit::aws::ecr_api::EcrApi;
use countersign_testkit::aws::ecr_registry::EcrRegistry;
use countersign_testkit::aws::ecr_tokens::EcrTokens;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::proxy::Proxy;
use countersign_testkit::registry::Registry;
use serde_json::Value;
use serde_json::json;

use crate::commands::check::check_in;
use crate::commands::check::check_online;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;

const USER: &str = "arn:aws:iam::111122223333:user/ci";
const HOST: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
const STORE: &str = "prod-eu-central-1-starport-layer-bucket.s3.eu-central-1.amazonaws.com";

/// A registry of Amazon ECR whose names lead to doubles, and a folder with a configuration for it.
struct Ecr {
    setup: Setup,
    key: AccessKey,
    registry: EcrRegistry,
    blobs: BlobStore,
    folder: Folder,
    _api: EcrApi,
    _proxy: Proxy,
}

impl Ecr {
    async fn start() -> Self {
        let root = Authority::root(CertSpec::root().common_name("AWS"));
        let setup = Setup::new(&Clock::system());
        let tls = setup.clone().tls(&root.issue(CertSpec::tls_server(&[HOST, STORE])));
        let (tokens, proxy) = (EcrTokens::new(), Proxy::start().await);
        let key = setup.keys().for_user(USER);
        let api = EcrApi::start(&setup, &tokens).await;
        let (registry, blobs) = EcrRegistry::start_behind(&proxy, &tls, &tokens, [HOST, STORE]).await;
        let folder = sound();
        folder.write("aws.pem", root.pem());
        folder.write("trust/trustpolicy.json", policy(&[statement("app", &format!("{HOST}/app"))]));
        let (api_url, proxy_url) = (api.url(), proxy.url());
        let config = format!(
            "trust: {{directory: trust}}
aws: {{region: eu-central-1}}
unlistedRegistries: refuse
registries:
- {{host: {HOST}, ca: aws.pem, proxy: '{proxy_url}', credentials: {{ecr: {{endpoint: '{api_url}'}}}}}}
- {{host: {STORE}, ca: aws.pem, proxy: '{proxy_url}'}}
"
        );
        folder.write("c.yaml", config);
        Self { setup, key, registry, blobs, folder, _api: api, _proxy: proxy }
    }

    /// The document and the page for `app:v1`.
    async fn check(self) -> (Value, String, Self) {
        let environment =
            [("AWS_ACCESS_KEY_ID", self.key.id.clone()), ("AWS_SECRET_ACCESS_KEY", self.key.secret.clone())];
        let image = format!("--image={HOST}/app:v1");
        let (document, page) = check_online(&self.folder, Some(&image), &environment, &[&self.key.secret]).await;
        (document, page, self)
    }
}

fn unreadable(document: &Value) -> Vec<String> {
    let list = document["warnings"].as_array().unwrap().iter();
    let found = list.filter(|one| one["warning"] == "image-unreadable");
    found.map(|one| one["message"].as_str().unwrap().to_owned()).collect()
}

/// The beginning of the message of a refusal, and the action that it ends with.
fn refusal(part: &str, action: &str) -> [String; 3] {
    [
        format!("{HOST}/app:v1: its {part} cannot be read with the token of the role of the pod: registry-denied: "),
        format!("{HOST} responds with status 403"),
        format!("; allow {action} on the repository to the role that the token was issued for"),
    ]
}

#[tokio::test]
async fn the_manifest_and_a_blob_of_an_unsigned_image_are_read_with_the_permissions_that_they_need() {
    let ecr = Ecr::start().await;
    let pushed = ecr.registry.push_image("app", "v1");
    let (document, page, ecr) = ecr.check().await;
    assert_eq!(unreadable(&document), Vec::<String>::new(), "{document}");
    let [image] = document["triedImages"].as_array().unwrap().as_slice() else { panic!("{document}") };
    assert_eq!(image["image"], format!("{HOST}/app:v1"));
    assert_eq!(image["role"], "the role of the pod");
    let read = |permission: &str, digest: &Value| json!({"permission": permission, "digest": digest, "problem": null, "notTried": null});
    assert_eq!(image["manifest"], read("ecr:BatchGetImage", &json!(pushed.digest)));
    assert_eq!(image["blob"], read("ecr:GetDownloadUrlForLayer", &image["blob"]["digest"]));
    let config = image["blob"]["digest"].as_str().unwrap();
    let shown = format!(
        "\nimage         {HOST}/app:v1, with the token of the role of the pod\n  manifest    {} was read (needs \
         ecr:BatchGetImage)\n  blob        {config} was read (needs ecr:GetDownloadUrlForLayer)\n",
        pushed.digest
    );
    assert!(page.contains(&shown), "{page}");
    // By the page and by the document, without the layer and without a credential.
    let blobs: Vec<_> = ecr.blobs.journal().into_iter().map(|read| (read.status, read.authorization)).collect();
    assert_eq!(blobs, [(Some(200), None), (Some(200), None)]);
    let other = "no certificate of the trust stores or of the images names an address that can be tried";
    assert!(page.contains(&format!("\nevidence      {other}\n")) && !page.contains("use --image"), "{page}");
}

#[tokio::test]
async fn the_blob_of_an_index_is_that_of_its_first_image() {
    let ecr = Ecr::start().await;
    let image = ecr.registry.push_image("app", "one");
    let index = ecr.registry.push_index("app", "v1", &[image]);
    assert_eq!(index.media_type, IMAGE_INDEX);
    let (document, _, ecr) = ecr.check().await;
    let found = &document["triedImages"][0];
    assert_eq!((&found["manifest"]["digest"], &found["blob"]["problem"]), (&json!(index.digest), &Value::Null));
    assert_eq!(ecr.blobs.count(), 1 + 1);
}

#[tokio::test]
async fn a_missing_permission_for_manifests_is_named_with_host_and_role_and_nothing_else_is_tried() {
    let ecr = Ecr::start().await;
    let _ = ecr.registry.push_image("app", "v1");
    ecr.setup.keys().deny(USER, "ecr:BatchGetImage");
    let (document, page, ecr) = ecr.check().await;
    let found = unreadable(&document);
    let [message] = found.as_slice() else { panic!("{document}") };
    assert!(refusal("manifest", "ecr:BatchGetImage").iter().all(|part| message.contains(part)), "{message}");
    let image = &document["triedImages"][0];
    assert_eq!(image["blob"]["notTried"], "the manifest cannot be read");
    assert!(
        page.contains("\n  blob        not tried (needs ecr:GetDownloadUrlForLayer): the manifest cannot be read\n")
    );
    let of_signatures = document["warnings"].as_array().unwrap().iter();
    assert_eq!(of_signatures.filter(|one| one["warning"] == "evidence-of-image").count(), 0, "{document}");
    assert_eq!(ecr.blobs.count(), 0);
}

#[tokio::test]
async fn a_missing_permission_for_blobs_is_named_although_the_image_has_no_signature() {
    let ecr = Ecr::start().await;
    let pushed = ecr.registry.push_image("app", "v1");
    ecr.setup.keys().deny(USER, "ecr:GetDownloadUrlForLayer");
    let (document, page, ecr) = ecr.check().await;
    let found = unreadable(&document);
    let [message] = found.as_slice() else { panic!("{document}") };
    assert!(refusal("blob", "ecr:GetDownloadUrlForLayer").iter().all(|part| message.contains(part)), "{message}");
    assert_eq!(document["triedImages"][0]["manifest"]["digest"], json!(pushed.digest));
    assert!(page.contains("\n  blob        registry-denied: "), "{page}");
    assert_eq!(ecr.blobs.count(), 0);
}

#[tokio::test]
async fn an_image_of_another_registry_needs_no_permission_of_iam() {
    let registry = Registry::start().await;
    let pushed = registry.push_image("app", "v1");
    let (folder, host) = (sound(), registry.host());
    folder.write(
        "c.yaml",
        format!("trust: {{directory: trust}}\nunlistedRegistries: refuse\nregistries:\n- {{host: '{host}', plainHttp: true}}\n"),
    );
    let work = move || check_in(&folder, &["--for", "verify", "--online", &format!("--image={host}/app:v1")], &[]);
    let (code, page) = tokio::task::spawn_blocking(work).await.unwrap();
    let host = registry.host();
    let shown =
        format!("\nimage         {host}/app:v1\n  manifest    {} was read\n  blob        sha256:", pushed.digest);
    assert!(code == Some(0) && page.contains(&shown) && !page.contains("ecr:"), "{page}");
}

#[tokio::test]
async fn an_image_without_the_option_is_not_read_and_a_warning_has_the_option() {
    let registry = Registry::start().await;
    let _ = registry.push_image("app", "v1");
    let (folder, host) = (sound(), registry.host());
    folder.write(
        "c.yaml",
        format!("trust: {{directory: trust}}\nunlistedRegistries: refuse\nregistries:\n- {{host: '{host}', plainHttp: true}}\n"),
    );
    let image = format!("{host}/app:v1");
    let work = move || {
        let only_shown = ["--for", "verify", "-o", "json", "--online", image.as_str()];
        let read = [&only_shown[..], &["--image", image.as_str()]].concat();
        let offline = ["--for", "verify", "-o", "json", image.as_str()];
        [&only_shown[..], &read, &offline].map(|arguments| {
            let (code, text) = check_in(&folder, arguments, &[]);
            assert_eq!(code, Some(0), "{text}");
            let document: Value = serde_json::from_str(&text).unwrap();
            let warnings = document["warnings"].as_array().unwrap();
            warnings.iter().filter(|warning| warning["warning"] == "image-not-read").cloned().collect::<Vec<_>>()
        })
    };
    let found = tokio::task::spawn_blocking(work).await.unwrap();
    let image = format!("{}/app:v1", registry.host());
    let message = format!(
        "nothing was read of {image}, only its entry of registries is shown: --online --image {image} reads it"
    );
    assert_eq!(found, [vec![json!({"warning": "image-not-read", "message": message})], vec![], vec![]]);
}

#[tokio::test]
async fn nothing_is_tried_with_two_entries_for_one_host_and_a_warning_says_so() {
    let ecr = Ecr::start().await;
    let _ = ecr.registry.push_image("app", "v1");
    let config = std::fs::read_to_string(ecr.folder.path().join("c.yaml")).unwrap();
    ecr.folder.write("c.yaml", format!("{config}- {{host: {HOST}}}\n"));
    let work = move || {
        let (code, text) = check_in(&ecr.folder, &["--for", "verify", "--online", "-o", "json"], &[]);
        (code, serde_json::from_str::<Value>(&text).unwrap(), ecr)
    };
    let (code, document, ecr) = tokio::task::spawn_blocking(work).await.unwrap();
    assert_eq!(code, Some(3));
    let last = document["warnings"].as_array().unwrap().last().unwrap();
    let expected = "--online has tried nothing: the configuration has mistakes; correct them first";
    assert_eq!(*last, json!({"warning": "online-not-tried", "message": expected}), "{document}");
    assert_eq!(ecr.registry.journal().len(), 0);
}
