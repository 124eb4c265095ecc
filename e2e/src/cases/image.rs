//! The image: its files as the Containerfile lays them out, its user, and the configuration that is shipped for it.

use std::fs;
use std::time::Duration;

use anyhow::ensure;
use rcgen::DnType;
use serde_json::json;

use super::prints_exactly;
use crate::bench::Bench;
use crate::certificates::Authority;
use crate::certificates::Usage;
use crate::http;
use crate::notation::STORE;
use crate::notation::Signer;
use crate::place;
use crate::process;
use crate::process::Finished;
use crate::process::Program;
use crate::rootfs::RootFs;
use crate::transcript::Transcript;

const LIMIT: Duration = Duration::from_secs(30);
const CONFIG: &str = "/etc/countersign/config/countersign.yaml";
const NAME: [(DnType, &str); 1] = [(DnType::CommonName, "countersign.countersign.svc")];

pub(super) fn run(bench: &Bench<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("The image's file system");
    let rootfs = RootFs::lay_out(bench.place)?;
    let run = |transcript: &Transcript, arguments: &[&str]| -> anyhow::Result<Finished> {
        let command = rootfs.command(arguments);
        let finished = process::run(&command, LIMIT, &bench.place.log("image"))?;
        transcript.command(&process::command_line(&command), &finished.output);
        Ok(finished)
    };

    let version = concat!("countersign ", env!("CARGO_PKG_VERSION"), "\n");
    let result = prints_exactly(&run(transcript, &["--version"])?, version);
    transcript.verdict("the binary needs nothing that the image has not", result);

    mount(bench, &rootfs)?;
    let finished = run(transcript, &["check", "--config", CONFIG])?;
    let result = (|| {
        ensure!(finished.status.success(), "{}: want success", finished.status);
        Ok(())
    })();
    transcript.verdict("the shipped configuration has no mistakes where the Deployment mounts it", result);

    let [provider, health] = place::free_ports()?;
    let config = json!({
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
        "registries": [{ "host": bench.referrers.host(), "plainHttp": true }],
    });
    rootfs.put("/etc/countersign/config/shop.yaml", config.to_string())?;
    let image = bench.shelf.jws.by_tag();
    let finished = run(transcript, &["verify", "--config", "/etc/countersign/config/shop.yaml", &image])?;
    let result = (|| {
        ensure!(finished.status.success(), "{}: want success", finished.status);
        Ok(())
    })();
    transcript.verdict("it verifies an image", result);

    let serve = rootfs.command(&["serve", "--config", "/etc/countersign/config/shop.yaml"]);
    let mut program = Program::start("countersign-image", &serve, bench.place.log("countersign-image"))?;
    let ready = format!("http://127.0.0.1:{health}/readyz");
    let result = program.wait_ready(LIMIT, || http::get(&ready)?.want(200).map(drop)).and_then(|()| {
        let status = program.stop()?;
        ensure!(status.success(), "it ended with {status} after SIGTERM: want exit status 0");
        Ok(())
    });
    transcript.verdict("it serves, and ends when it is told to", result);
    Ok(())
}

/// What the Deployment mounts: the shipped configuration and policy, and secrets of this run.
fn mount(bench: &Bench<'_>, rootfs: &RootFs) -> anyhow::Result<()> {
    let authority = Authority::new(&NAME)?;
    let identity = authority.issue(&NAME, Usage::Server)?;
    let base = bench.place.project().join("deploy/base/config");
    let root = bench.notation.root_of(Signer::Release);
    for (name, contents) in [
        (CONFIG.to_owned(), fs::read_to_string(base.join("countersign.yaml"))?),
        (
            "/etc/countersign/trust-policy/trustpolicy.json".to_owned(),
            fs::read_to_string(base.join("trustpolicy.json"))?,
        ),
        ("/etc/countersign/trust-policy/shop.json".to_owned(), bench.shelf.policy(Signer::Release).to_string()),
        ("/etc/countersign/tls/tls.crt".to_owned(), identity.certificate),
        ("/etc/countersign/tls/tls.key".to_owned(), identity.key),
        ("/etc/countersign/client-ca/ca.crt".to_owned(), authority.certificate()),
        ("/etc/countersign/truststore/x509/ca/release/root.crt".to_owned(), root.clone()),
        (format!("/etc/countersign/truststore/x509/ca/{STORE}/root.crt"), root),
    ] {
        rootfs.put(&name, contents)?;
    }
    Ok(())
}
