//! The exit codes of `check --online --image`.

use countersign_testkit::registry::Registry;

use super::beside;
use super::sound;

async fn code(registry: &Registry, more: &str, image: &str) -> (Option<i32>, String) {
    let folder = sound();
    let host = registry.host();
    folder.write(
        "c.yaml",
        format!("trust: {{directory: trust}}\nunlistedRegistries: refuse\nregistries: [{{host: '{host}', plainHttp: true}}]\n{more}"),
    );
    let image = format!("--image={host}/{image}");
    beside(&folder, "check", &["--for", "verify", "--online", &image], &[]).await
}

#[tokio::test]
async fn an_image_that_can_be_read_has_0_and_one_that_cannot_has_2() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let (found, page) = code(&registry, "", "app:v1").await;
    assert_eq!(found, Some(0), "{page}");
    let (found, page) = code(&registry, "", "app:v2").await;
    assert_eq!(found, Some(2), "{page}");
    let unreadable =
        format!("warning       image-unreadable: {}/app:v2: its manifest cannot be read: ", registry.host());
    assert!(page.contains(&unreadable), "{page}");
    // A mistake comes first.
    let (found, page) = code(&registry, "evidence: {ca: missing.pem}\n", "app:v2").await;
    assert_eq!(found, Some(3), "{page}");
}
