//! Files of another kind than regular ones. `check` waits for none that the configuration names, as the server would not.

use std::process::Stdio;

use countersign_test_support::binary;
use rustix::fs::CWD;
use rustix::fs::Mode;
use rustix::fs::mkfifoat;

use crate::commands::check::document;
use crate::commands::check::sound;

#[test]
fn a_pipe_without_a_writer_is_a_mistake_in_every_file_that_the_configuration_names() {
    for file in [
        "tls.crt",
        "tls.key",
        "ca.crt",
        "user",
        "password",
        "docker.json",
        "registry.pem",
        "trust/trustpolicy.json",
        "trust/truststore/x509/ca/main/root.pem",
    ] {
        let folder = sound();
        let config = std::fs::read_to_string(folder.path().join("c.yaml")).unwrap();
        let more =
            "- {host: d.example, credentials: {dockerConfig: docker.json}}\n- {host: e.example, ca: registry.pem}\n";
        folder.write("c.yaml", format!("{config}{more}"));
        folder.write("docker.json", r#"{"auths": {"d.example": {"username": "u", "password": "p"}}}"#);
        std::fs::copy(folder.path().join("system.pem"), folder.path().join("registry.pem")).unwrap();
        assert_eq!(document(&folder).0, Some(0), "{file}");
        let path = folder.path().join(file);
        std::fs::remove_file(&path).unwrap();
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
        let (code, found) = document(&folder);
        assert_eq!(code, Some(3), "{file}: {found}");
        let mistakes = found["mistakes"].as_array().unwrap();
        assert_eq!(mistakes.len(), 1, "{file}: {found}");
        let text = mistakes[0].to_string();
        assert!(text.contains("a regular file"), "{file}: {text}");
        assert!(text.contains(file.rsplit('/').next().unwrap()), "{file}: {text}");
    }
}

#[test]
fn the_configuration_of_check_may_be_a_pipe_and_that_of_serve_may_not() {
    let folder = sound();
    let pipe = folder.path().join("pipe.yaml");
    mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
    let config = std::fs::read(folder.path().join("c.yaml")).unwrap();
    let run = |command: &str| {
        let mut run = binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
        run.args([command, "--config"]).arg(&pipe).env("SSL_CERT_FILE", folder.path().join("system.pem"));
        run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let check = run("check");
    std::fs::write(&pipe, config).unwrap();
    let output = check.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // No writer: it does not wait for one.
    let output = run("serve").wait_with_output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("found a pipe, expected a regular file"), "{text}");
}
