//! `deploy/build.sh`: its syntax, its help, and that it builds as the image does. The build itself takes too long for a test.

use std::process::Command;
use std::process::Output;

use crate::documents::markdown::read;
use crate::documents::markdown::repository;

fn bash(arguments: &[&str]) -> Output {
    Command::new("bash").args(arguments).current_dir(repository("")).output().unwrap()
}

#[test]
fn the_script_has_no_syntax_error() {
    for script in ["deploy/build.sh", ".ci/run"] {
        let output = bash(&["-n", script]);
        assert!(output.status.success(), "{script}: {output:?}");
    }
}

#[test]
fn the_script_prints_its_help_and_refuses_unknown_arguments() {
    let help = bash(&["deploy/build.sh", "--help"]);
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(help.status.success() && text.starts_with("usage: deploy/build.sh "), "{text}");
    for (arguments, message) in [
        (
            &["deploy/build.sh", "s390x"][..],
            "build.sh: found the argument \"s390x\", expected an option, amd64 or arm64",
        ),
        (&["deploy/build.sh", "--output"], "build.sh: --output: found nothing, expected a directory"),
    ] {
        let output = bash(arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{arguments:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("{message}\n\n{text}"));
    }
}

#[test]
fn the_script_and_the_image_build_alike() {
    let (script, image) = (read("deploy/build.sh"), read("deploy/Containerfile"));
    for text in [
        "cargo build --locked --release --package countersign --bin countersign --target ",
        "target-feature=+crt-static",
        "COUNTERSIGN_REVISION=",
    ] {
        assert!(script.contains(text), "deploy/build.sh: {text}");
        assert!(image.contains(text), "deploy/Containerfile: {text}");
    }
}

/// Step 3 of the guide has the command that `countersign certs` prints at that step.
#[test]
fn the_guide_has_the_commands_that_certs_prints() {
    let folder = countersign_testkit::folder::Folder::new();
    let guide = crate::documents::markdown::shell(&read("deploy/README.md"));
    for arguments in ["countersign certs --out my-cluster", "countersign certs --out my-cluster --renew"] {
        let at = guide.iter().position(|line| line == arguments).unwrap();
        let mut command = countersign_test_support::binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
        let output = command.args(arguments.split(' ').skip(1)).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let page = String::from_utf8(output.stdout).unwrap();
        let printed = page.lines().find(|line| line.starts_with("kubectl create secret tls ")).unwrap();
        assert!(guide[at..(at + 3).min(guide.len())].iter().any(|line| line == printed), "{arguments}: {printed}");
    }
}
