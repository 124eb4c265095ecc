//! Which image a payload is about, user metadata, and invalid payloads.

use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::signer::SignRequest;
use serde_json::json;

use super::FORMATS;
use crate::environment::Environment;
use crate::run::Ask;
use crate::run::record;
use crate::run::record_as;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payloads_about_this_image_and_others() {
    let mut environment = Environment::new().await;
    environment.statement("all", &["*"], json!({}));
    environment.repository_with("audit", json!({"signatureVerification": {"level": "audit"}}));
    type Change = fn(Descriptor) -> Descriptor;
    let changes: [(&str, Change); 5] = [
        ("another digest", |_| Descriptor::sample("another")),
        ("another size", |target| Descriptor { size: target.size + 1, ..target }),
        ("another type", |target| Descriptor { media_type: IMAGE_INDEX.to_owned(), ..target }),
        ("type in capitals", |target| Descriptor { media_type: target.media_type.to_ascii_uppercase(), ..target }),
        ("type with a parameter", |target| Descriptor {
            media_type: format!("{}; charset=utf-8", target.media_type),
            ..target
        }),
    ];
    for (repository, (format_name, format)) in [("app", FORMATS[0]), ("app", FORMATS[1]), ("audit", FORMATS[0])] {
        environment.repository(repository);
        for (what, change) in changes {
            let leaf = environment.leaf.clone();
            environment.enveloped(&format!("{repository}: {what} {format_name}"), format.media_type(), |image| {
                SignRequest::new(&leaf, &change(image.descriptor.clone())).envelope(format)
            });
        }
    }
    environment.repository("app");
    type Payload = fn(&Descriptor) -> String;
    let payloads: [(&str, Payload); 15] = [
        ("more members", |target| json!({"targetArtifact": target.to_json(), "new": 1}).to_string()),
        ("a target twice", |target| {
            let target = target.to_json();
            format!(r#"{{"targetArtifact":{target},"targetArtifact":{target}}}"#)
        }),
        ("a target in capitals", |target| json!({"TARGETARTIFACT": target.to_json()}).to_string()),
        ("bytes behind it", |target| format!("{} 1", json!({"targetArtifact": target.to_json()}))),
        ("a list as target", |target| json!({"targetArtifact": [target.to_json()]}).to_string()),
        ("null as target", |_| r#"{"targetArtifact":null}"#.to_owned()),
        ("no target", |_| "{}".to_owned()),
        ("no size", |target| {
            json!({"targetArtifact": {"mediaType": target.media_type, "digest": target.digest}}).to_string()
        }),
        ("a text as size", |target| {
            json!({"targetArtifact": {"mediaType": target.media_type, "digest": target.digest, "size": "1"}})
                .to_string()
        }),
        ("half a byte as size", |target| {
            json!({"targetArtifact": {"mediaType": target.media_type, "digest": target.digest, "size": 1.5}})
                .to_string()
        }),
        ("a broken digest", |target| {
            json!({"targetArtifact": {"mediaType": target.media_type, "digest": "sha256:00", "size": 1}}).to_string()
        }),
        ("a list", |_| "[]".to_owned()),
        ("no JSON", |_| "x".to_owned()),
        ("nesting", |_| "[".repeat(60_000)),
        ("more than 64 KiB", |_| format!(r#"{{"x":"{}"}}"#, "x".repeat(64 * 1024))),
    ];
    for (index, (name, payload)) in payloads.into_iter().enumerate() {
        let format = FORMATS[index % 2].1;
        let leaf = environment.leaf.clone();
        environment.enveloped(&format!("payload with {name}"), format.media_type(), |image| {
            SignRequest::of_payload(&leaf, payload(&image.descriptor).as_bytes()).envelope(format)
        });
    }
    record("payloads", environment).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_that_is_required() {
    let mut environment = Environment::new().await;
    environment.repository_with("app", json!({}));
    environment.repository_with("audit", json!({"signatureVerification": {"level": "audit"}}));
    environment.repository_with("free", json!({}));
    environment.sections = "verification: {requiredMetadata: [\
        {statement: app, annotations: {pipeline: release, branch: main}}, \
        {statement: audit, annotations: {pipeline: release}}]}"
        .to_owned();
    let annotations = [
        ("all", &[("pipeline", "release"), ("branch", "main")][..]),
        ("more than all", &[("pipeline", "release"), ("branch", "main"), ("more", "x")]),
        ("one", &[("pipeline", "release")]),
        ("another value", &[("pipeline", "test"), ("branch", "main")]),
        ("none", &[]),
    ];
    for repository in ["app", "audit", "free"] {
        environment.repository(repository);
        for (index, (what, annotations)) in annotations.into_iter().enumerate() {
            let (format_name, format) = FORMATS[index % 2];
            let leaf = environment.leaf.clone();
            environment.enveloped(&format!("{repository}: {what} {format_name}"), format.media_type(), |image| {
                let target = annotations
                    .iter()
                    .fold(image.descriptor.clone(), |target, (name, value)| target.annotation(name, value));
                SignRequest::new(&leaf, &target).envelope(format)
            });
        }
    }
    record_as("metadata", environment, Ask::WithoutInspect).await;
}
