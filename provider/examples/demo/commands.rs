//! Commands of the command line that the user may try while the registry of the demo is running.

use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::json;

use super::fixtures::Fixtures;
use super::provider::Provider;

/// A command, and the exit status that it has.
pub(crate) struct Command {
    /// What it shows.
    pub(crate) description: &'static str,
    pub(crate) arguments: Vec<String>,
    pub(crate) status: i32,
}

impl Command {
    /// The command as typed. No argument needs quotation marks.
    pub(crate) fn line(&self) -> String {
        format!("countersign {}", self.arguments.join(" "))
    }
}

/// All commands. Writes the manifest that one of them reads beside the configuration.
pub(crate) fn commands(fixtures: &Fixtures, provider: &Provider) -> anyhow::Result<Vec<Command>> {
    let configuration = provider.configuration();
    let manifest = write_manifest(fixtures, &configuration)?;
    let image = |pod: &str| -> anyhow::Result<String> {
        let found = fixtures.images.iter().find(|image| image.pod == pod);
        Ok(found.with_context(|| format!("no image for the pod {pod}"))?.reference.clone())
    };
    let command = |description, status, command: &str, last: Vec<String>| {
        let mut arguments = vec![command.to_owned(), "--config".to_owned(), configuration.display().to_string()];
        arguments.extend(last);
        Command { description, arguments, status }
    };
    let json = |image: String| vec!["-o".to_owned(), "json".to_owned(), image];
    let manifests = vec!["-f".to_owned(), manifest.display().to_string()];
    Ok(vec![
        command("a verified image", 0, "verify", vec![image("signed-jws")?]),
        command("a rejected image", 1, "verify", vec![image("untrusted")?]),
        command("an image that cannot be checked", 2, "verify", vec![image("registry-down")?]),
        command("the same verdict for programs", 1, "verify", json(image("unsigned")?)),
        command("all images of a manifest", 1, "verify", manifests),
        command("every signature of an image, with each check", 1, "inspect", vec![image("tampered")?]),
        command("the timestamp of a signature whose certificate has ended", 0, "inspect", vec![image("timestamped")?]),
        command("a revoked certificate, with the CRL that lists it", 1, "inspect", vec![image("revoked")?]),
        command("mistakes in the configuration and the trust policy", 0, "check", Vec::new()),
    ])
}

/// A manifest with one pod for each image. Without those of AWS Signer, whose service is in the process of the demo.
fn write_manifest(fixtures: &Fixtures, configuration: &Path) -> anyhow::Result<PathBuf> {
    let pods = fixtures.images.iter().filter(|image| !image.needs_aws_signer()).map(|image| {
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": image.pod },
            "spec": { "containers": [{ "name": image.pod, "image": image.reference }] },
        })
    });
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": pods.collect::<Vec<_>>() });
    let path = configuration.with_file_name("pods.json");
    std::fs::write(&path, format!("{list:#}\n")).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
