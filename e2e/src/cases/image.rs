//! The container image: its files, its user, and the configuration shipped for it.

use std::fs;
use std::time::Duration;

use anyhow::ensure;
use rcgen::DnType;
use serde_json::json;

use crate::certificates::Authority;
use crate::certificates::Usage;
use crate::environment::Environment;
use crate::http;
use crate::notation::STORE;
use crate::notation::Signer;
use crate::process;
use crate::process::Finished;
use crate::process::Program;
use crate::rootfs::RootFs;
use crate::transcript::Transcript;
use crate::workdir;

const LIMIT: Duration = Duration::from_secs(30);
const CONFIG: &str = "/etc/countersign/config/countersign.yaml";
const NAME: [(DnType, &str); 1] = [(DnType::CommonName, "countersign.countersign.svc")];

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("The file system of the image");
    let rootfs = RootFs::create(environment.workdir)?;
    let run = |transcript: &Transcript, arguments: &[&str]| -> anyhow::Result<Finished> {
        let command = rootfs.command(arguments);
        let finished = process::run(&command, LIMIT, &environment.workdir.log("image"))?;
        transcript.command(&process::command_line(&command), &finished.output);
        Ok(finished)
    };

    let finished = run(transcript, &["--version"])?;
    let result = (|| {
        let start = concat!("countersign ", env!("CARGO_PKG_VERSION"), " (revision ");
        ensure!(finished.status.success(), "{}, expected success", finished.status);
        ensure!(finished.output.starts_with(start), "expected {start:?} first");
        Ok(())
    })();
    transcript.verdict("the image has every file that the binary needs", result);

    mount(environment, &rootfs)?;
    // As `kubectl exec deployment/countersign -- countersign check`: the image names the configuration.
    let finished = run(transcript, &["check"])?;
    let result = (|| {
        ensure!(finished.status.success(), "{}, expected success", finished.status);
        Ok(())
    })();
    transcript.verdict("the shipped configuration has no mistakes at the paths of the Deployment", result);

    let [provider, health] = workdir::free_ports()?;
    rootfs.put(CONFIG, configuration(environment, provider, health).to_string())?;
    let image = environment.fixtures.jws.by_tag();
    let finished = run(transcript, &["verify", &image])?;
    let result = (|| {
        ensure!(finished.status.success(), "{}, expected success", finished.status);
        Ok(())
    })();
    transcript.verdict("the binary in the image verifies a signed image", result);

    let serve = rootfs.command(&["serve", "--config", CONFIG]);
    let mut program = Program::start("countersign-image", &serve, environment.workdir.log("countersign-image"))?;
    let ready = format!("http://127.0.0.1:{health}/readyz");
    let result = program.wait_ready(LIMIT, || http::get(&ready)?.expect_status(200).map(drop)).and_then(|()| {
        let status = program.stop()?;
        ensure!(status.success(), "found {status} after SIGTERM, expected exit status 0");
        Ok(())
    });
    transcript.verdict("the binary in the image serves, and exits after SIGTERM", result);
    Ok(())
}

/// A configuration for the paths of the Deployment and these ports.
fn configuration(environment: &Environment<'_>, provider: u16, health: u16) -> serde_json::Value {
    json!({
        "server": {
            "listen": format!("127.0.0.1:{provider}"),
            "tls": {
                "certificate": "/etc/countersign/tls/tls.crt",
                "key": "/etc/countersign/tls/tls.key",
                "clientCa": "/etc/countersign/client-ca/ca.crt",
            },
        },
        "health": { "listen": format!("127.0.0.1:{health}") },
        "trust": { "policy": "/etc/countersign/trust-policy/shop.json", "store": "/etc/countersign/truststore" },
        "registries": [{ "host": environment.referrers.host(), "plainHttp": true }],
    })
}

/// Creates the files that the Deployment mounts: the shipped configuration and policy, and secrets of this run.
fn mount(environment: &Environment<'_>, rootfs: &RootFs) -> anyhow::Result<()> {
    let authority = Authority::new(&NAME)?;
    let identity = authority.issue(&NAME, Usage::Server)?;
    let base = environment.workdir.project().join("deploy/base/config");
    let root = environment.notation.root_of(Signer::Release);
    for (name, contents) in [
        (CONFIG.to_owned(), fs::read_to_string(base.join("countersign.yaml"))?),
        (
            "/etc/countersign/trust-policy/trustpolicy.json".to_owned(),
            fs::read_to_string(base.join("trustpolicy.json"))?,
        ),
        (
            "/etc/countersign/trust-policy/shop.json".to_owned(),
            environment.fixtures.policy(Signer::Release).to_string(),
        ),
        ("/etc/countersign/tls/tls.crt".to_owned(), identity.certificate),
        ("/etc/countersign/tls/tls.key".to_owned(), identity.key),
        ("/etc/countersign/client-ca/ca.crt".to_owned(), authority.certificate()),
        ("/etc/countersign/truststore/..1/x509/ca/release/root.crt".to_owned(), root.clone()),
        (format!("/etc/countersign/truststore/..1/x509/ca/{STORE}/root.crt"), root),
    ] {
        rootfs.put(&name, contents)?;
    }
    // As the kubelet mounts a projected volume: its directories are links too.
    rootfs.link("..1", "/etc/countersign/truststore/..data")?;
    rootfs.link("..data/x509", "/etc/countersign/truststore/x509")
}
