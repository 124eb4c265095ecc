//! Mistakes on the command line and in files; help and version.

use countersign_testkit::folder::Folder;

use crate::commands::cli::check;
use crate::commands::cli::countersign;
use crate::commands::cli::text;

#[tokio::test]
async fn a_mistake_on_the_command_line_ends_with_exit_code_3() {
    for arguments in [
        &[][..],
        &["verfy"],
        &["verify", "nginx"],
        &["verify", "--config", "c.yaml"],
        &["verify", "--config", "c.yaml", "-o", "xml", "nginx"],
        &["verify", "--config", "c.yaml", "--color", "blue", "nginx"],
        &["verify", "--config", "c.yaml", "-f"],
        &["serve"],
        &["serve", "--config", "c.yaml", "extra"],
    ] {
        let output = countersign(arguments).await;
        check(&output, 3);
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[tokio::test]
async fn reports_all_mistakes_in_files_with_exit_code_3() {
    let output = countersign(&["verify", "--config", "/nowhere/c.yaml", "nginx"]).await;
    check(&output, 3);
    assert_eq!(
        text(&output.stderr),
        "countersign: cannot read the configuration /nowhere/c.yaml: No such file or directory (os error 2)\n"
    );

    let folder = Folder::new();
    let path = folder.path().display().to_string();
    let config = format!("{path}/c.yaml");
    folder.write("c.yaml", "trust: {directroy: t}\nlog: {level: 5}\n");
    let output = countersign(&["verify", "-c", &config, "nginx"]).await;
    check(&output, 3);
    let reported = text(&output.stderr);
    assert!(
        reported.starts_with(&format!("countersign: the configuration {config} has 3 mistakes\n  {config}:1: ")),
        "{reported}"
    );

    folder.write(
            "c.yaml",
            "trust: {directory: t}\nregistries: [{host: a.b, ca: no.pem, credentials: {usernameFile: u, passwordFile: p}}]\n",
        );
    folder.write("u", "\n");
    folder.write("p", vec![b'x'; 1024 * 1024 + 1]);
    let output = countersign(&["verify", "-c", &config, "nginx"]).await;
    check(&output, 3);
    assert_eq!(
        text(&output.stderr).replace(&format!("{path}/"), ""),
        "countersign: the trust policy and trust stores have 1 mistake
  t has neither trustpolicy.oci.json nor trustpolicy.json, expected a trust policy document
countersign: the files \
             of the registries have 3 mistakes
  no.pem: cannot be read: No such file or directory (os error 2), expected a readable file
  \
             u: is empty, expected a user name or a password
  p: has more than 1048576 bytes, expected at most 1048576 bytes
"
    );
}

#[tokio::test]
async fn help_and_version_are_no_mistakes() {
    for arguments in [&["--help"][..], &["verify", "--help"], &["serve", "--help"], &["help", "verify"]] {
        let output = countersign(arguments).await;
        check(&output, 0);
        assert!(text(&output.stdout).contains("Examples:"), "{}", text(&output.stdout));
    }
    let output = countersign(&["--version"]).await;
    check(&output, 0);
    let revision = option_env!("COUNTERSIGN_REVISION").filter(|revision| !revision.is_empty()).unwrap_or("unknown");
    let version = format!("countersign {} (revision {revision})\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&output.stdout), version);
}
