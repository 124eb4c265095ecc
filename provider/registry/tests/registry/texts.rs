//! Texts of registries appear in denials: messages stay short and on one line, and quoted text cannot end its quotation
//! marks.

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::oci::Descriptor;
use countersign_registry::Registries;
use countersign_registry::RegistryError;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;

use crate::support::SIGNATURE;
use crate::support::anonymous;
use crate::support::app;
use crate::support::soon;

/// Longest message: our sentence, the names in it (255 bytes each), and two excerpts.
const MESSAGE_CHARACTERS: usize = 1100;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Ends a quotation, then starts a sentence and a line.
const FORGED: &str = "x\", verified by \"ops\u{202e}\nverdict=verified ";

async fn errors(registry: &Registry, registries: &Registries) -> Vec<RegistryError> {
    let pinned = registries.pin(&app(registry), soon()).await;
    let mut errors: Vec<RegistryError> = pinned.as_ref().err().cloned().into_iter().collect();
    if let Ok(pinned) = pinned {
        errors.extend(registries.referrers(&pinned, SIGNATURE, soon()).await.err());
        let digest = Digest::of(DigestAlgorithm::Sha256, b"{}");
        let entry = Descriptor::new(MANIFEST.parse().unwrap(), digest, 2);
        errors.extend(registries.manifest(pinned.repository(), &entry, 1024, soon()).await.err());
        errors.extend(registries.blob(pinned.repository(), &entry, 1024, soon()).await.err());
    }
    errors
}

#[track_caller]
fn check(errors: &[RegistryError], what: &str) {
    assert!(!errors.is_empty(), "{what} is no error");
    for error in errors {
        let text = error.to_string();
        assert!(text.chars().count() <= MESSAGE_CHARACTERS, "{what}: {} characters: {text:.200}", text.chars().count());
        assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{what}: {text}");
        assert!(!text.contains("\", verified by \""), "{what}: {text}");
    }
}

#[tokio::test]
async fn headers_never_lengthen_or_forge_a_message() {
    let long = format!("x\", verified by \"ops {}", "y".repeat(7000));
    let location = format!("{}://host/", "z".repeat(7000));
    for route in [Route::Manifest, Route::Referrers, Route::Blob] {
        let registry = Registry::start().await;
        registry.push_image("app", "v1");
        registry.put_blob("app", "a/b", b"{}");
        let registries = anonymous(&registry);
        for (header, value) in [
            ("content-type", long.as_str()),
            ("content-encoding", long.as_str()),
            ("docker-content-digest", long.as_str()),
            ("link", &format!("<{location}>; rel=\"next\"")),
            ("link", &format!("<https://{}.example/>; rel=\"next\"", "a".repeat(240))),
        ] {
            let fault = registry.when(route).header(header, value);
            let errors = errors(&registry, &registries).await;
            // Not every header is read in every response.
            if !errors.is_empty() {
                check(&errors, header);
            }
            fault.remove();
        }
        for target in [
            location.as_str(),
            &format!("https://{}/", "a,".repeat(300)),
            &format!("http://{}.example/", "a".repeat(240)),
        ] {
            let fault = registry.when(route).redirect(307, target);
            check(&errors(&registry, &registries).await, "location");
            fault.remove();
        }
        for challenge in [
            format!("Bearer realm=\"{location}\""),
            format!("Bearer realm=\"ftp://{}/\"", "a".repeat(3000)),
            long.clone(),
            format!("Bearer realm=\"https://x.example/\", service=\"{}\", realm=\"y\"", "s".repeat(3000)),
        ] {
            let fault = registry.when(route).reply(Reply::status(401).header("www-authenticate", &challenge));
            check(&errors(&registry, &registries).await, "www-authenticate");
            fault.remove();
        }
    }
}

#[tokio::test]
async fn bodies_cannot_extend_or_forge_a_message() {
    let long = format!("{FORGED}{}", "y".repeat(1 << 20));
    let text = serde_json::json!(long).to_string();
    for is_list in [false, true] {
        for body in [
            text.clone(),
            format!("[{text}]"),
            format!("{{{text}:1}}"),
            format!("{{{text}:1,{text}:2}}"),
            format!("{{\"mediaType\":{text}}}"),
            format!("{{\"mediaType\":[{text}]}}"),
            format!("{{\"manifests\":{text}}}"),
            format!("{{\"manifests\":{{{text}:{text}}}}}"),
            format!("{{\"schemaVersion\":{text},\"manifests\":[]}}"),
            format!("{{\"annotations\":{{\"a\":[{text}]}},\"manifests\":[]}}"),
            format!("{{\"config\":{text},\"layers\":{text},\"manifests\":{text}}}"),
            long.clone(),
        ] {
            let registry = Registry::start().await;
            registry.push_image("app", "v1");
            let registries = anonymous(&registry);
            let pinned = registries.pin(&app(&registry), soon()).await.unwrap();
            let again = anonymous(&registry);
            let (route, media_type) = if is_list { (Route::Referrers, INDEX) } else { (Route::Manifest, MANIFEST) };
            registry.when(route).reply(Reply::status(200).header("content-type", media_type).body(body.clone()));
            let found = if is_list {
                registries.referrers(&pinned, SIGNATURE, soon()).await.err()
            } else {
                again.pin(&app(&registry), soon()).await.err()
            };
            // Other members are not read in every response.
            if let Some(error) = found {
                check(&[error], &body[..body.len().min(60)]);
            }
        }
    }
}
