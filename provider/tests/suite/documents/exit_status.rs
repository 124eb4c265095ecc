//! The tables of exit status in README.md, row by row with the binary.

use countersign_testkit::folder::Folder;
use countersign_testkit::registry::Route;

use crate::documents::markdown::read;
use crate::documents::markdown::rows_below;
use crate::documents::quick_start::Fixture;

#[tokio::test]
async fn verify_and_inspect_exit_as_the_table_says() {
    let table = rows_below(&read("README.md"), "| Exit status of `verify` and `inspect` | Meaning |");
    let statuses: Vec<_> = table.iter().map(|row| row[0].clone()).collect();
    assert_eq!(statuses, ["0", "1", "2", "3"]);

    let fixture = Fixture::start().await;
    let status = async |line: &str| fixture.run(line).await.status.code().unwrap();
    fixture.folder.write("broken.yaml", "kind: Pod\nspec: 1\n");
    fixture.folder.write("none.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    for command in ["verify", "inspect"] {
        let with = |image: &str| format!("countersign {command} --config countersign.yaml {image}");
        // Verified, or skipped by a statement.
        assert_eq!(status(&with("registry.example.com/shop:v1")).await, 0, "{command}");
        assert_eq!(status(&with("registry.example.com/mirror:v1")).await, 0, "{command}");
        // Rejected, or no image reference.
        assert_eq!(status(&with("registry.example.com/shop:unsigned")).await, 1, "{command}");
        assert_eq!(status(&with("registry.example.com/Shop:v1")).await, 1, "{command}");
        // Inconclusive.
        assert_eq!(status(&with("registry.example.com/shop:absent")).await, 2, "{command}");
        // Mistakes.
        assert_eq!(status(&with("--unknown registry.example.com/shop:v1")).await, 3, "{command}");
        assert_eq!(status(&format!("countersign {command} --config absent.yaml nginx")).await, 3, "{command}");
        fixture.folder.write("broken/trust/trustpolicy.json", "{");
        fixture.folder.write("broken/countersign.yaml", "trust: {directory: trust}\n");
        assert_eq!(
            status(&format!("countersign {command} --config broken/countersign.yaml nginx")).await,
            3,
            "{command}"
        );
        // Of several images: a rejected one decides before an inconclusive one.
        let several = "registry.example.com/shop:v1 registry.example.com/shop:absent";
        assert_eq!(status(&with(several)).await, 2, "{command}");
        assert_eq!(status(&with(&format!("{several} registry.example.com/shop:unsigned"))).await, 1, "{command}");
        for manifest in ["broken.yaml", "none.yaml", "absent.yaml"] {
            assert_eq!(status(&with(&format!("-f {manifest}"))).await, 3, "{command} {manifest}");
        }
    }
    // `inspect` of a skipped image needs the list of its signatures.
    let mirror = "countersign inspect --config countersign.yaml registry.example.com/mirror:v1";
    fixture.registry.when(Route::Referrers).status(503);
    assert_eq!(status(mirror).await, 2);
}

#[tokio::test]
async fn check_exits_with_0_without_mistakes_and_with_3_otherwise() {
    let fixture = Fixture::start().await;
    let status = async |line: &str| fixture.run(line).await.status.code().unwrap();
    // The server needs certificates, which the command line does not.
    assert_eq!(status("countersign check --config countersign.yaml").await, 3);
    assert_eq!(status("countersign check --config countersign.yaml --for verify").await, 0);
    fixture.write_server();
    assert_eq!(status("countersign check --config countersign.yaml").await, 0);
    let page = read("README.md");
    assert!(page.contains("Exit status of `check`: 0 without mistakes, 3 with mistakes; warnings do not change it."));
    // A warning: an entry that allows every user to choose the hosts that receive requests, plain HTTP.
    let output = fixture.run("countersign check --config countersign.yaml -o json").await;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_ne!(report["warnings"].as_array().unwrap().len(), 0, "{report}");
}

#[test]
fn serve_exits_with_3_for_a_mistake_in_the_configuration() {
    let folder = Folder::new();
    folder.write("countersign.yaml", "trust: {directory: trust}\n");
    let mut command = countersign_test_support::binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
    let output = command.args(["serve", "--config", &folder.file("countersign.yaml")]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
}
