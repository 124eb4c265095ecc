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

#[tokio::test]
async fn a_mirror_that_fails_is_a_warning_with_the_location_that_was_read_in_its_place() {
    let (registry, mirror) = (Registry::start().await, Registry::start().await);
    registry.push_image("app", "v1");
    mirror.push_image("cache/app", "v1");
    let entries = format!(
        "registries: [{{host: '{host}', plainHttp: true, mirrors: ['{mirror}/cache']}}, {{host: '{mirror}', plainHttp: true}}]\n",
        host = registry.host(),
        mirror = mirror.host()
    );
    let folder = sound();
    folder.write("c.yaml", format!("trust: {{directory: trust}}\nunlistedRegistries: refuse\n{entries}"));
    let image = format!("--image={}/app:v1", registry.host());
    let check = async || beside(&folder, "check", &["--for", "verify", "--online", &image], &[]).await;
    let (found, page) = check().await;
    let read_at = |at: &str| format!("\n  read at     {at}\n");
    assert!(page.contains(&read_at(&format!("{}/cache/app", mirror.host()))), "{page}");
    assert!(found == Some(0) && !page.contains("mirror-unusable"), "{found:?} {page}");
    let _fault = mirror.when_any().status(500);
    let (found, page) = check().await;
    assert_eq!(found, Some(0), "{page}");
    let registry = registry.host();
    let warning = format!(
        "warning       mirror-unusable: {registry}/app:v1: its mirror {mirror}/cache has not sent the manifest: {mirror} responds with status \
         500; the image was read at {registry}/app\n",
        mirror = mirror.host()
    );
    assert!(page.contains(&warning) && page.contains(&read_at(&format!("{registry}/app"))), "{page}");
}
