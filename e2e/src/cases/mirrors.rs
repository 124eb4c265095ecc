//! Images of a registry that no program can reach, from a mirror that asks for client certificates: an air-gapped cluster.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use rcgen::DnType;
use serde_json::Value;
use serde_json::json;

use super::Seen;
use super::broken_trust::set_policy;
use super::broken_trust::statement;
use super::denied_with;
use super::kubectl;
use super::prints_exactly;
use crate::certificates::Authority;
use crate::certificates::Identity;
use crate::certificates::Usage;
use crate::environment::Environment;
use crate::images::Image;
use crate::notation::STORE;
use crate::process::Finished;
use crate::process::Program;
use crate::registries::configuration;
use crate::transcript::Transcript;
use crate::wait;
use crate::workdir;

const READY: Duration = Duration::from_secs(10);

/// Countersign checks its files for changes every second.
const RELOAD: Duration = Duration::from_secs(15);

/// The registry in the names of images. Nothing resolves it.
const REGISTRY: &str = "registry.e2e.test";

/// The value of the label `files` of the metrics of reloads.
const CONFIG: &str = "config";
const REGISTRIES: &str = "registries";

/// The constraint for pods.
const CONSTRAINT: &str = "signed-images-in-pods";

/// The mirror, and what the configuration names of it.
struct Mirror<'a> {
    environment: &'a Environment<'a>,
    port: u16,
    /// The configuration of the program.
    config: PathBuf,
    /// The authority of its certificate.
    ca: PathBuf,
    program: Option<Program>,
}

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    transcript.chapter("A mirror in place of a registry that cannot be reached");
    let clients = Authority::new(&[(DnType::CommonName, "mirror-clients")])?;
    let client = clients.issue(&[(DnType::CommonName, "countersign")], Usage::Client)?;
    let stranger = Authority::new(&[(DnType::CommonName, "other-clients")])?;
    let stranger = stranger.issue(&[(DnType::CommonName, "countersign")], Usage::Client)?;
    let mut mirror = Mirror::start(environment, &clients)?;
    transcript.note(&format!(
        "docker-registry, with the content of the registry without the referrers API, asks for client certificates; nothing \
         resolves {REGISTRY}"
    ));
    let scope = |repository: &str| format!("{REGISTRY}/shop/{repository}");
    set_policy(
        environment,
        &[
            statement("airgap", &scope("fallback-jws"), STORE, "strict"),
            statement("airgap-unsigned", &scope("fallback-unsigned"), STORE, "strict"),
        ],
    )?;
    let before = std::fs::read(environment.countersign.configuration())?;

    mirror.write_client(&client)?;
    mirror.configure(&before)?;
    let fixtures = &environment.fixtures;
    let (signed, unsigned) = (by_name(&fixtures.fallback_jws)?, by_name(&fixtures.fallback_unsigned)?);
    let what = "an image whose registry cannot be reached is admitted by its signature at the mirror";
    let finished = pod(environment, transcript, "mirrored", &signed)?;
    let result = prints_exactly(&finished, "pod/mirrored created\n");
    if result.is_ok() {
        seen.pods.insert("mirrored".to_owned());
    }
    transcript.verdict(what, result);
    let finished = pod(environment, transcript, "mirrored-unsigned", &unsigned)?;
    let start = format!("{unsigned} was rejected by statement \"airgap-unsigned\" of the trust policy: unsigned: ");
    transcript
        .verdict("an image without a signature at the mirror is denied", denied_with(&finished, CONSTRAINT, &start));

    replace(environment, REGISTRIES, || mirror.write_client(&stranger))?;
    mirror.refused(transcript)?;
    replace(environment, REGISTRIES, || mirror.write_client(&client))?;
    mirror.stopped(transcript)?;
    replace(environment, CONFIG, || write_configuration(environment, &before))?;
    set_policy(environment, &[])
}

impl<'a> Mirror<'a> {
    /// With the content of the registry without the referrers API. Asks for certificates of `clients`.
    fn start(environment: &'a Environment<'a>, clients: &Authority) -> anyhow::Result<Self> {
        let workdir = environment.workdir;
        let [port] = workdir::free_ports()?;
        let authority = Authority::new(&[(DnType::CommonName, "mirror-ca")])?;
        let identity = authority.issue(&[(DnType::CommonName, "mirror")], Usage::Server)?;
        let http = json!({
            "addr": format!("127.0.0.1:{port}"),
            "tls": {
                "certificate": workdir.write("mirror/tls.crt", identity.certificate)?,
                "key": workdir.write("mirror/tls.key", identity.key)?,
                "clientcas": [workdir.write("mirror/clients.crt", clients.certificate())?],
            },
        });
        let config = configuration(&workdir.directory("docker-registry/data")?, &http);
        let config = workdir.write("mirror/mirror.yml", config.to_string())?;
        let ca = workdir.write("mirror/ca.crt", authority.certificate())?;
        let mut mirror = Self { environment, port, config, ca, program: None };
        mirror.resume()?;
        Ok(mirror)
    }

    fn resume(&mut self) -> anyhow::Result<()> {
        let workdir = self.environment.workdir;
        let mut command = Command::new(workdir.tool("docker-registry"));
        command.arg("serve").arg(&self.config);
        let mut program = Program::start("mirror", &command, workdir.log("mirror"))?;
        let port = self.port;
        program
            .wait_ready(READY, || std::net::TcpStream::connect(("127.0.0.1", port)).context("no listener").map(drop))?;
        self.program = Some(program);
        Ok(())
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Writes the client certificate that Countersign presents.
    fn write_client(&self, client: &Identity) -> anyhow::Result<()> {
        self.environment.workdir.write("mirror/client.crt", &client.certificate)?;
        self.environment.workdir.write("mirror/client.key", &client.key).map(drop)
    }

    /// Adds the registry and the mirror, with the client certificate, to the configuration `before`.
    fn configure(&self, before: &[u8]) -> anyhow::Result<()> {
        let directory = self.environment.workdir.path().join("mirror");
        let mut config: Value = serde_json::from_slice(before).context("the configuration is JSON")?;
        let entries = config["registries"].as_array_mut().context("the configuration has a list of registries")?;
        entries.push(json!({ "host": REGISTRY, "mirrors": [self.host()], "mirrorsOnly": true }));
        entries.push(json!({
            "host": self.host(),
            "ca": self.ca,
            "clientCertificate": {
                "certificateFile": directory.join("client.crt"),
                "keyFile": directory.join("client.key"),
            },
        }));
        let config = config.to_string();
        replace(self.environment, CONFIG, || write_configuration(self.environment, config.as_bytes()))
    }

    /// The client certificate is of another authority.
    fn refused(&self, transcript: &mut Transcript) -> anyhow::Result<()> {
        let image = by_name(&self.environment.fixtures.fallback_jws.tagged("refused")?)?;
        let finished = pod(self.environment, transcript, "mirrored-refused", &image)?;
        let parts = ["registry-unreachable: ", &self.host(), "clientCertificate"];
        transcript.verdict(
            "an image is denied while the mirror refuses the client certificate, and the message names its setting",
            undecided(&finished, &image, &parts),
        );
        Ok(())
    }

    /// The mirror is down, and returns.
    fn stopped(&mut self, transcript: &mut Transcript) -> anyhow::Result<()> {
        let program = self.program.take().context("the mirror runs")?;
        program.stop()?;
        let image = by_name(&self.environment.fixtures.fallback_jws.tagged("stopped")?)?;
        let finished = pod(self.environment, transcript, "mirrored-stopped", &image)?;
        let parts = ["registry-unreachable: ", &self.host()];
        transcript.verdict("an image is denied while the mirror is down", undecided(&finished, &image, &parts));

        self.resume()?;
        let image = by_name(&self.environment.fixtures.fallback_jws.tagged("resumed")?)?;
        let (line, finished) = self.environment.countersign.verify(&image)?;
        transcript.command(&line, &finished.output);
        let result = finished.success().map(drop);
        transcript.verdict("the next image is verified once the mirror is up again", result);
        Ok(())
    }
}

/// `kubectl run` of `image` under the name `pod`.
fn pod(environment: &Environment<'_>, transcript: &Transcript, pod: &str, image: &str) -> anyhow::Result<Finished> {
    kubectl(environment, transcript, &["run", pod, "--image", image])
}

/// Expects a denial of `image` because it could not be decided about, with each of `parts` in its message.
fn undecided(finished: &Finished, image: &str, parts: &[&str]) -> anyhow::Result<()> {
    denied_with(finished, CONSTRAINT, "signature check failed: could not decide about 1 of 1 images (request ")?;
    for part in [&[image], parts].concat() {
        ensure!(finished.output.contains(part), "expected {part:?} in the message");
    }
    Ok(())
}

/// The image under the name of the registry.
fn by_name(image: &Image) -> anyhow::Result<String> {
    let reference = image.by_tag();
    let (_, rest) = reference.split_once('/').context("a reference has a host")?;
    Ok(format!("{REGISTRY}/{rest}"))
}

fn write_configuration(environment: &Environment<'_>, configuration: &[u8]) -> anyhow::Result<()> {
    environment.workdir.write("countersign/countersign.yaml", configuration).map(drop)
}

/// Replaces files of the server of this kind, and waits until they are in use.
fn replace(
    environment: &Environment<'_>,
    files: &str,
    write: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let series = format!("countersign_last_reload_timestamp_seconds{{files=\"{files}\"}}");
    let before = environment.countersign.metric(&series)?;
    write()?;
    wait::until("the files to be in use", RELOAD, || {
        let found = environment.countersign.metric(&series)?;
        ensure!(found > before, "{series} {found}");
        Ok(())
    })
}
