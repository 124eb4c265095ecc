//! Several images in one command, of the command line and of manifests.

use countersign_testkit::registry::Route;
use serde_json::Value;
use serde_json::json;

use super::Fixture;
use super::countersign;
use super::timeless;

/// The images of these names: `verified`, `rejected` and `inconclusive`.
async fn fixture() -> (Fixture, [String; 3]) {
    let fixture = Fixture::new().await;
    let image = fixture.registry.push_image("app", "verified");
    fixture.sign(&image, &fixture.leaf);
    fixture.registry.push_image("app", "rejected");
    let images = ["app:verified", "app:rejected", "app:absent"].map(|name| fixture.image(name));
    (fixture, images)
}

/// Exit code, standard output and standard error.
async fn inspect(fixture: &Fixture, output: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let config = fixture.folder.path().join("c.yaml").display().to_string();
    let output = countersign(&[&["inspect", "--config", &config, "-o", output], more].concat()).await;
    let text = |bytes| timeless(&String::from_utf8(bytes).unwrap());
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn several_images_have_the_pages_and_documents_that_each_has_alone() {
    let (fixture, images) = fixture().await;
    let [verified, rejected, absent] = images.each_ref().map(String::as_str);
    let all = [verified, "Not/An/Image", rejected, absent];
    for (output, between) in [("text", "\n\n"), ("json", "")] {
        let mut alone = Vec::new();
        for (image, exit) in all.into_iter().zip([0, 1, 1, 2]) {
            let (code, page, errors) = inspect(&fixture, output, &[image]).await;
            assert_eq!((code, errors.as_str()), (Some(exit), ""), "{image}");
            alone.push(page);
        }
        let (code, page, errors) = inspect(&fixture, output, &all).await;
        assert_eq!((code, page, errors.as_str()), (Some(1), alone.join(between), ""));
    }
}

#[tokio::test]
async fn a_rejection_takes_precedence_over_an_inconclusive_image() {
    let (fixture, images) = fixture().await;
    let [verified, rejected, absent] = images.each_ref().map(String::as_str);
    fixture.registry.push_image("mirror", "v1");
    for (images, exit) in [
        (&[verified, verified][..], 0),
        (&[verified, absent], 2),
        (&[absent, verified, rejected], 1),
        (&["Not/An/Image", absent], 1),
    ] {
        assert_eq!(inspect(&fixture, "text", images).await.0, Some(exit), "{images:?}");
    }
    // A skipped image whose signatures cannot be listed.
    let skipped = fixture.image("mirror:v1");
    fixture.registry.when(Route::Referrers).status(503);
    assert_eq!(inspect(&fixture, "text", &["Not/An/Image", &skipped]).await.0, Some(1));
    assert_eq!(inspect(&fixture, "text", &[&skipped, &skipped]).await.0, Some(2));
}

#[tokio::test]
async fn images_of_manifests_follow_those_of_the_command_line() {
    let (fixture, images) = fixture().await;
    let [verified, rejected, _] = images.each_ref().map(String::as_str);
    let path = |name: &str| fixture.folder.path().join(name).display().to_string();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"},
        "spec": {"containers": [{"name": "a", "image": verified}, {"name": "b", "image": verified}]},
    });
    fixture.folder.write("pod.yaml", pod.to_string());
    let (code, documents, errors) = inspect(&fixture, "json", &["-f", &path("pod.yaml"), rejected]).await;
    assert_eq!((code, errors.as_str()), (Some(1), ""));
    let documents: Vec<Value> =
        serde_json::Deserializer::from_str(&documents).into_iter().map(Result::unwrap).collect();
    let found = documents.iter().map(|document| (&document["image"]["image"], &document["image"]["fields"]));
    let file = path("pod.yaml");
    let fields = json!([
        {"file": file, "object": "Pod \"one\"", "field": "spec.containers[0].image"},
        {"file": file, "object": "Pod \"one\"", "field": "spec.containers[1].image"},
    ]);
    assert_eq!(found.collect::<Vec<_>>(), [(&json!(rejected), &Value::Null), (&json!(verified), &fields)]);

    fixture.folder.write("none.yaml", "{apiVersion: v1, kind: ConfigMap}");
    let (code, page, errors) = inspect(&fixture, "text", &["-f", &path("none.yaml")]).await;
    let expected = "countersign: no image in the manifests: found no workload with an image, expected at least one\n";
    assert_eq!((code, page.as_str(), errors.as_str()), (Some(3), "", expected));
}
