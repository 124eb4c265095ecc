//! The parts of the Containerfile that the Deployment relies on.

use serde_json::Value as Json;

use crate::documents::deploy::files::config;
use crate::documents::deploy::files::deployment;
use crate::documents::deploy::files::read;

/// Instructions of the last stage, continued lines joined.
fn last_stage() -> Vec<(String, String)> {
    let text = read("deploy/Containerfile").replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let instructions: Vec<_> = lines
        .map(|line| {
            let (word, rest) = line.split_once(' ').unwrap();
            (word.to_owned(), rest.to_owned())
        })
        .collect();
    let from = instructions.iter().rposition(|(word, _)| word == "FROM").unwrap();
    instructions[from..].to_vec()
}

fn value(word: &str) -> String {
    let stage = last_stage();
    let mut found = stage.iter().filter(|(one, _)| one == word);
    let (_, value) = found.next().unwrap_or_else(|| panic!("no {word}"));
    assert_eq!(found.next(), None, "{word}");
    value.clone()
}

#[test]
fn the_image_has_three_files_and_nothing_below_them() {
    let stage = last_stage();
    assert_eq!(stage[0].1, "scratch");
    assert!(stage.iter().all(|(word, _)| word != "RUN" && word != "ADD"), "{stage:?}");
    let copies: Vec<_> = stage.iter().filter(|(word, _)| word == "COPY").map(|(_, rest)| rest.as_str()).collect();
    let files = ["/usr/bin/countersign", "/etc/ssl/certs/ca-certificates.crt", "/etc/nsswitch.conf"];
    assert_eq!(copies, files.map(|file| format!("--from=build /image{file} {file}")));
    let command: Vec<String> = serde_json::from_str(&value("CMD")).unwrap();
    let [_, _, configuration] = command.as_slice() else { panic!("{command:?}") };
    let variables: Vec<_> = stage.iter().filter(|(word, _)| word == "ENV").map(|(_, rest)| rest.clone()).collect();
    let authorities = "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt".to_owned();
    assert_eq!(variables, [authorities, format!("COUNTERSIGN_CONFIG={configuration}")]);
}

#[test]
fn the_image_runs_as_the_deployment_runs_it() {
    let pod = deployment()["spec"]["template"]["spec"].take();
    let context = &pod["securityContext"];
    assert_eq!(value("USER"), format!("{}:{}", context["runAsUser"], context["runAsGroup"]));
    assert_eq!(value("ENTRYPOINT"), r#"["/usr/bin/countersign"]"#);
    let command: Json = serde_json::from_str(&value("CMD")).unwrap();
    assert_eq!(command, pod["containers"][0]["args"]);
    assert_eq!(pod["containers"][0].get("command"), None);
    let config = config();
    assert_eq!(value("EXPOSE"), format!("{} {}", config.server.listen.port(), config.health.listen.port()));
}

#[test]
fn the_image_is_named_after_the_version() {
    let pod = deployment()["spec"]["template"]["spec"].take();
    let image = pod["containers"][0]["image"].as_str().unwrap();
    // A host of its own, so that no other image of the same name is pulled by mistake.
    assert_eq!(image, concat!("registry.example.com/countersign:", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_image_and_the_checks_are_built_with_their_revision() {
    let containerfile = read("deploy/Containerfile");
    let (_, build) = containerfile.split_once("\nARG REVISION=unknown\n").unwrap();
    assert!(build.split_once("cargo build").unwrap().0.contains("COUNTERSIGN_REVISION=\"$REVISION\""));
    let ci = read(".ci/run");
    assert!(ci.contains(
        "\nCOUNTERSIGN_REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)\nexport COUNTERSIGN_REVISION\n"
    ));
}
