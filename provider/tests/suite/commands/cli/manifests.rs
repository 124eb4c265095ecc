//! `countersign verify` with texts that are no references, with images of manifests, and in its formats; COUNTERSIGN_CONFIG.

use std::io::Write as _;
use std::process::Output;
use std::process::Stdio;

use countersign_test_support::binary;
use countersign_testkit::registry::Route;
use serde_json::Value;
use serde_json::json;

use crate::commands::cli::Fixture;
use crate::commands::cli::check;
use crate::commands::cli::countersign;
use crate::commands::cli::countersign_in;
use crate::commands::cli::text;

fn pod(name: &str, images: &[&str]) -> Value {
    let containers: Vec<Value> = images.iter().map(|image| json!({"name": "app", "image": image})).collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers}})
}

fn verdicts(output: &Output) -> Vec<(String, String)> {
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |image: &Value, member: &str| image[member].as_str().unwrap().to_owned();
    let images = document["images"].as_array().unwrap();
    images.iter().map(|image| (text(image, "image"), text(image, "code"))).collect()
}

#[tokio::test]
async fn a_text_that_is_no_reference_is_rejected_and_the_other_images_are_verified() {
    let fixture = Fixture::new().await;
    let (config, signed) = (fixture.config(), fixture.image("app:signed"));
    let long = "a".repeat(2000);
    let output =
        countersign(&["verify", "-c", &config, "-o", "json", "Not/An/Image", &signed, "", &long, "a:b:c"]).await;
    check(&output, 1);
    let codes: Vec<_> = verdicts(&output).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["invalid-reference", "verified", "invalid-reference", "invalid-reference", "invalid-reference"]);
    let output = countersign(&["verify", "-c", &config, "Not/An/Image", &signed]).await;
    check(&output, 1);
    let page = text(&output.stdout);
    assert!(page.starts_with("rejected      Not/An/Image\n  code        invalid-reference\n  message     "), "{page}");
    assert!(page.contains(&format!("\n\nverified      {signed}\n")), "{page}");

    // A rejection takes precedence over an inconclusive image.
    fixture.registry.when(Route::Referrers).status(503);
    check(&countersign(&["verify", "-c", &config, "Not/An/Image", &signed]).await, 1);
    check(&countersign(&["verify", "-c", &config, &signed]).await, 2);
    let output = countersign(&["inspect", "-c", &config, "Not/An/Image"]).await;
    check(&output, 1);
    assert!(text(&output.stdout).starts_with("rejected      Not/An/Image\n"), "{}", text(&output.stdout));
}

#[tokio::test]
async fn an_image_that_is_written_twice_is_verified_once() {
    let fixture = Fixture::new().await;
    let images = ["app:signed", "app:unsigned", "app:signed"];
    let output = fixture.verify(&["-o", "json"], &images).await;
    check(&output, 1);
    let codes: Vec<_> = verdicts(&output).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["verified", "unsigned", "verified"]);
    let manifests =
        fixture.registry.requests().iter().filter(|request| request.path.ends_with("/app/manifests/signed")).count();
    assert_eq!(manifests, 1);
}

#[tokio::test]
async fn images_come_from_several_manifests_beside_those_of_the_command_line() {
    let fixture = Fixture::new().await;
    let [signed, unsigned, mirror] = ["app:signed", "app:unsigned", "mirror:v1"].map(|name| fixture.image(name));
    fixture.folder.write("pod.yaml", pod("one", &[&signed, &signed]).to_string());
    let deployment = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: shop}}\nspec:\n  template:\n    spec:\n      containers:\n      - image: {unsigned}\n---\n{}\n",
        pod("two", &[&signed])
    );
    fixture.folder.write("more.yaml", deployment);
    let path = |name: &str| fixture.folder.path().join(name).display().to_string();
    let (config, one, more) = (fixture.config(), path("pod.yaml"), path("more.yaml"));
    let output = countersign(&["verify", "-c", &config, "-o", "json", "-f", &one, "--filename", &more, &mirror]).await;
    check(&output, 1);
    assert_eq!(
        verdicts(&output),
        [
            (mirror.clone(), "skipped".to_owned()),
            (signed.clone(), "verified".to_owned()),
            (unsigned.clone(), "unsigned".to_owned())
        ]
    );
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        document["images"][1]["fields"],
        json!([
            {"file": one, "object": "Pod \"one\"", "field": "spec.containers[0].image"},
            {"file": one, "object": "Pod \"one\"", "field": "spec.containers[1].image"},
            {"file": more, "object": "Pod \"two\"", "field": "spec.containers[0].image"},
        ])
    );
    check(&countersign(&["verify", "-c", &config, "-f", &one]).await, 0);
}

#[tokio::test]
async fn mistakes_in_manifests_are_reported_at_once_with_exit_code_3() {
    let fixture = Fixture::new().await;
    fixture.folder.write("a.yaml", "{apiVersion: v1, kind: Pod, spec: {containers: [{name: app}]}}");
    fixture.folder.write("b.yaml", "a: 1\na: 2\n");
    fixture.folder.write("c.yml", "{apiVersion: v1, kind: ConfigMap}");
    fixture.folder.write("d.yaml", b"\xff".as_slice());
    fixture.folder.write("e.yaml", "[".repeat(100));
    let folder = format!("{}/", fixture.folder.path().display());
    let path = |name: &str| format!("{folder}{name}");
    let names = ["a.yaml", "b.yaml", "c.yml", "d.yaml", "e.yaml", "absent.yaml", "a.yaml", ""].map(path);
    let config = fixture.config();
    let mut arguments = vec!["verify", "-c", config.as_str()];
    names.iter().for_each(|name| arguments.extend(["-f", name]));
    let output = countersign(&arguments).await;
    check(&output, 3);
    assert_eq!(text(&output.stdout), "");
    let reported = text(&output.stderr).replace(&folder, "");
    let lines: Vec<&str> = reported.lines().collect();
    let file = "a file of at most 16777216 bytes with Kubernetes objects";
    assert_eq!(lines[0], "countersign: b.yaml:2: found \"a\" twice, expected each key once");
    assert!(lines[1].starts_with("countersign: d.yaml: found invalid utf-8 sequence"), "{reported}");
    assert!(lines[1].ends_with(", expected UTF-8"), "{reported}");
    assert!(lines[2].starts_with("countersign: e.yaml"), "{reported}");
    assert_eq!(
        lines[3..],
        [
            format!(
                "countersign: absent.yaml: cannot be read: No such file or directory (os error 2), expected {file}"
            ),
            "countersign: a.yaml: found twice, expected each file once".to_owned(),
            format!("countersign: : cannot be read: Is a directory (os error 21), expected {file}"),
            "countersign: a.yaml:1: document 1, Pod: spec.containers[0].image: found nothing, expected an image \
             reference"
                .to_owned(),
        ]
    );
    // Nothing was sent.
    assert_eq!(fixture.registry.connections(), 0);

    // A file without workloads: nothing was verified, so that this is no success.
    let output = countersign(&["verify", "-c", &config, "-f", &path("c.yml")]).await;
    check(&output, 3);
    assert_eq!(
        text(&output.stderr),
        "countersign: no image in the manifests: found no workload with an image, expected at least one\n"
    );
}

#[tokio::test]
async fn manifests_come_from_standard_input() {
    let fixture = Fixture::new().await;
    let verify = async |arguments: &[&str], input: &str| {
        let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
        command.args(["verify", "-c", &fixture.config(), "-f", "-"]).args(arguments);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        tokio::task::spawn_blocking(move || process.wait_with_output().unwrap()).await.unwrap()
    };
    let rollout = "---\n{apiVersion: example.com/v1, kind: Rollout, spec: {containers: []}}\n";
    let output = verify(&[], &format!("{}\n{rollout}", pod("one", &[&fixture.image("app:signed")]))).await;
    check(&output, 0);
    assert!(text(&output.stdout).contains("\n  named by    standard input, Pod \"one\", spec.containers[0].image\n"));
    let warning = "countersign: warning: standard input: Rollout of API group \"example.com\" has containers, whose \
                   images are not verified: ";
    assert!(text(&output.stderr).starts_with(warning), "{}", text(&output.stderr));
    check(&verify(&[], "").await, 3);
    check(&verify(&[], &pod("one", &["Not/An/Image"]).to_string()).await, 1);
    check(&verify(&["-f", "-"], "").await, 3);
}

#[tokio::test]
async fn the_table_is_for_terminals_and_for_those_who_ask() {
    let fixture = Fixture::new().await;
    let images = ["app:signed", "app:unsigned", "mirror:v1"];
    let page = async |arguments: &[&str]| {
        let output = fixture.verify(arguments, &images).await;
        check(&output, 1);
        text(&output.stdout).to_owned()
    };
    let text = page(&["-o", "text"]).await;
    assert_eq!(page(&[]).await, text);
    assert_eq!(page(&["--color", "always"]).await, text);
    let table = page(&["-o", "table"]).await;
    assert!(table.starts_with("VERDICT   IMAGE "), "{table}");
    assert!(table.ends_with("\n3 images: 1 verified, 1 skipped, 1 rejected, 0 inconclusive\n"), "{table}");
    assert!(!table.contains('\u{1b}'), "{table}");
    let painted = page(&["-o", "table", "--color", "always"]).await;
    assert!(painted.contains("\n\u{1b}[32mverified\u{1b}[0m  "), "{painted}");
    assert_eq!(
        painted.replace("\u{1b}[0m", "").replace("\u{1b}[31m", "").replace("\u{1b}[32m", "").replace("\u{1b}[36m", ""),
        table
    );
}

#[tokio::test]
async fn the_environment_names_the_configuration_for_every_command() {
    let fixture = Fixture::new().await;
    let config = fixture.config();
    let image = fixture.image("app:signed");
    let variable = [("COUNTERSIGN_CONFIG", config.as_str())];
    check(&countersign_in(&["verify", &image], &variable).await, 0);
    check(&countersign_in(&["inspect", &image], &variable).await, 0);
    let checked = countersign_in(&["check", "--for", "verify"], &variable).await;
    assert_eq!(text(&checked.stdout).lines().next(), Some(format!("configuration {config}").as_str()));
    // The command line takes precedence.
    check(&countersign_in(&["verify", "-c", &config, &image], &[("COUNTERSIGN_CONFIG", "absent.yaml")]).await, 0);
}
