//! What references lead to: manifests and indexes of all kinds, tags and digests that do not fit or are not there.

use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::notation::Signature;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use serde_json::json;

use crate::environment::Environment;
use crate::run::Ask;
use crate::run::record;
use crate::run::record_as;

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const HELM: &str = "application/vnd.cncf.helm.config.v1+json";

/// A document of its own for each case: the tag makes it differ.
fn document(media_type: &str, name: &str) -> String {
    let descriptor = |media_type: &str| Descriptor::of(media_type, name.as_bytes()).to_json();
    let config = descriptor("application/vnd.oci.image.config.v1+json");
    match media_type {
        IMAGE_INDEX | DOCKER_LIST => {
            json!({"schemaVersion": 2, "mediaType": media_type, "manifests": [descriptor(IMAGE_MANIFEST)]}).to_string()
        }
        _ => json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": []}).to_string(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_of_all_kinds() {
    let mut environment = Environment::new().await;
    environment.statement("all", &["*"], json!({}));
    let leaf = environment.leaf.clone();
    for media_type in [IMAGE_MANIFEST, IMAGE_INDEX, DOCKER_MANIFEST, DOCKER_LIST] {
        for signed in [true, false] {
            let name = format!(
                "{} {}",
                media_type.trim_start_matches("application/vnd."),
                if signed { "signed" } else { "unsigned" }
            );
            let body = document(media_type, &name);
            let stored = environment.registry.put_manifest("app", media_type, body.as_bytes());
            let mut image = environment.ask_of(&name, stored);
            if signed {
                let signature = Signature::new(&SignRequest::new(&leaf, &image.descriptor), Format::Jws);
                environment.attach(&mut image, &signature);
            }
        }
    }
    let descriptor = Descriptor::sample("config").to_json();
    let cases = [
        ("schema 1", DOCKER_SCHEMA_1, r#"{"schemaVersion":1,"name":"app"}"#.to_owned()),
        ("another media type", "application/json", "{}".to_owned()),
        ("no document", IMAGE_MANIFEST, "not json".to_owned()),
        ("an empty document", IMAGE_MANIFEST, String::new()),
        ("a list", IMAGE_MANIFEST, "[]".to_owned()),
        ("an empty object", IMAGE_MANIFEST, "{}".to_owned()),
        ("an index that says it is a manifest", IMAGE_MANIFEST, json!({"mediaType": IMAGE_INDEX, "manifests": []}).to_string()),
        ("a manifest that says it is an index", IMAGE_INDEX, json!({"mediaType": IMAGE_MANIFEST, "config": {}, "layers": []}).to_string()),
        ("both config and manifests", IMAGE_MANIFEST, json!({"config": {}, "layers": [], "manifests": []}).to_string()),
        ("a member twice", IMAGE_MANIFEST, r#"{"config":{},"config":{},"layers":[]}"#.to_owned()),
        ("an artifact", IMAGE_MANIFEST, json!({"mediaType": IMAGE_MANIFEST, "artifactType": "application/spdx+json", "config": descriptor, "layers": []}).to_string()),
        ("a chart", IMAGE_MANIFEST, json!({"mediaType": IMAGE_MANIFEST, "config": {"mediaType": HELM, "digest": Descriptor::sample("x").digest, "size": 1}, "layers": [1]}).to_string()),
        ("an artifact manifest", "application/vnd.oci.artifact.manifest.v1+json", json!({"blobs": []}).to_string()),
        ("deep nesting", IMAGE_MANIFEST, format!(r#"{{"config":{{}},"x":{}"#, "[".repeat(100_000))),
        ("more than 4 MiB", IMAGE_MANIFEST, format!(r#"{{"config":{{}},"x":"{}"}}"#, "x".repeat(4 * 1024 * 1024))),
    ];
    for (name, media_type, body) in cases {
        let stored = environment.registry.put_manifest("app", media_type, body.as_bytes());
        environment.ask_of(name, stored);
    }
    record("images", environment).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_and_digests() {
    let mut environment = Environment::new().await;
    // Requested with the manifest of a digest, whose absence ends both.
    environment.unsteady = &["stage=\"referrers\""];
    environment.statement("all", &["*"], json!({}));
    let host = environment.registry.host();
    let image = environment.signed("a tag", Format::Jws, |request| request);
    let unsigned = environment.image("an unsigned tag");
    let digest = &image.descriptor.digest;
    let (wrong, short) = (Descriptor::sample("absent").digest, &digest[..20]);
    environment.names.digest(&wrong, "digest of nothing");
    environment.names.name(&short["sha256:".len()..], "<beginning of the digest of a-tag>");
    let port = environment.registry.address().port();
    for (name, key) in [
        ("a digest", format!("{host}/app@{digest}")),
        ("a tag and its digest", format!("{host}/app:a-tag@{digest}")),
        ("a tag and another digest", format!("{host}/app:a-tag@{}", unsigned.descriptor.digest)),
        ("an absent tag and a digest", format!("{host}/app:absent@{digest}")),
        ("an absent digest", format!("{host}/app@{wrong}")),
        ("an absent tag", format!("{host}/app:absent")),
        ("an absent repository", format!("{host}/nowhere:v1")),
        ("no tag", format!("{host}/app")),
        ("a short digest", format!("{host}/app@{short}")),
        ("a digest in capitals", format!("{host}/app@{}", digest.to_uppercase().replace("SHA256", "sha256"))),
        ("an unknown algorithm", format!("{host}/app@md5:d41d8cd98f00b204e9800998ecf8427e")),
        ("a port with a zero", format!("127.0.0.1:0{port}/app:a-tag")),
        ("an IPv6 address of IPv4", format!("[::ffff:7f00:1]:{port}/app:a-tag")),
        ("another name of the host", format!("localhost:{port}/app:a-tag")),
        ("a namespace", format!("[team-a]{host}/app:a-tag")),
        ("a namespace in capitals", format!("[Team]{host}/app:a-tag")),
        ("an empty namespace", format!("[]{host}/app:a-tag")),
        ("a namespace of an unsigned image", format!("[team-a]{host}/app:an-unsigned-tag")),
        ("a namespace alone", "[team-a]".to_owned()),
        ("a space before", format!(" {host}/app:a-tag")),
        ("a line feed behind", format!("{host}/app:a-tag\n")),
        ("a scheme", format!("http://{host}/app:a-tag")),
    ] {
        environment.ask(name, &key);
    }
    environment.names.name(&format!(":0{port}"), ":0<port>");
    environment.names.name(&format!(":{port}"), ":<port>");
    record_as("tags", environment, Ask::WithoutInspect).await;
}
