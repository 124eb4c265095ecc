//! Countersign and Ratify, with the same files, one of them at a time.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use anyhow::ensure;
use rcgen::DnType;
use serde_json::json;

use super::files;
use super::site::PASSWORD;
use super::site::Site;
use super::site::USER;
use crate::certificates::Authority;
use crate::certificates::Usage;
use crate::countersign;
use crate::countersign::Countersign;
use crate::gatekeeper::Gatekeeper;
use crate::process;
use crate::process::Program;
use crate::workdir;
use crate::workdir::Workdir;

/// The time limit of Ratify's chart for its responses, which is 100 ms less than [`RATIFY_TIMEOUT`].
const RATIFY_LIMIT: Duration = Duration::from_millis(4900);

/// The timeout of the Provider of Ratify's chart, in seconds.
pub(super) const RATIFY_TIMEOUT: u64 = 5;

const RATIFY_READY: Duration = Duration::from_secs(30);

/// Images of one request that makes Countersign warm: it has to verify them before its own time limit.
const BATCH: usize = 20;

/// Time limit for such a request.
const WARMED: Duration = Duration::from_secs(10);

pub(super) struct Providers {
    folder: PathBuf,
    countersign: Countersign,
    ratify_port: u16,
    ratify: Option<Program>,
    /// Certificate and key of Gatekeeper in one file.
    client: PathBuf,
}

impl Providers {
    /// Neither runs when this returns.
    pub(super) fn prepare(
        workdir: &Workdir,
        binary: Option<&Path>,
        gatekeeper: &Gatekeeper,
        site: &Site,
    ) -> anyhow::Result<Self> {
        let folder = workdir.directory("providers")?;
        let authority = Authority::new(&[(DnType::CommonName, "provider-ca")])?;
        let identity = authority.issue(&[(DnType::CommonName, "provider")], Usage::Server)?;
        let (host, root) = (site.host(), site.authority().pem());
        let registry = files::Registry { host: &host, root: &root, credentials: Some((USER, PASSWORD)) };
        let tls = [
            ("tls.crt", identity.certificate),
            ("tls.key", identity.key),
            ("authority.pem", gatekeeper.authority().certificate()),
            ("ca.pem", authority.certificate()),
        ];
        for (name, content) in files::files(&folder, &registry, RATIFY_LIMIT).into_iter().chain(tls) {
            workdir.write(&format!("providers/{name}"), content)?;
        }
        let client = gatekeeper.identity();
        let client = workdir.write("providers/client.pem", format!("{}{}", client.certificate, client.key))?;

        let [provider, health, ratify_port] = workdir::free_ports()?;
        let file = |name: &str| folder.join(name);
        // Otherwise with the settings of deploy/base/config, which are the defaults.
        let config = json!({
            "server": {
                "listen": format!("127.0.0.1:{provider}"),
                "tls": { "certificate": file("tls.crt"), "key": file("tls.key"), "clientCa": file("authority.pem") },
                "allowedClients": ["gatekeeper-webhook-service.gatekeeper-system.svc"],
            },
            "health": { "listen": format!("127.0.0.1:{health}") },
            "trust": { "directory": file("trust") },
            "registries": [{
                "host": host,
                "ca": file("root.pem"),
                "credentials": { "usernameFile": file("user"), "passwordFile": file("password") },
            }],
            "unlistedRegistries": "refuse",
        });
        let binary = countersign::program(workdir, binary)?;
        let ports = countersign::Ports { provider, health };
        let mut countersign =
            Countersign::serve(workdir, "countersign", binary, ports, authority, &config, Vec::new())?;
        countersign.stop()?;
        Ok(Self { folder, countersign, ratify_port, ratify: None, client })
    }

    /// The authority of both servers' certificate.
    pub(super) fn ca(&self) -> String {
        self.countersign.authority().certificate()
    }

    pub(super) fn countersign_url(&self, path: &str) -> String {
        self.countersign.url(path)
    }

    pub(super) fn ratify_url(&self) -> String {
        format!("https://127.0.0.1:{}/ratify/gatekeeper/v1/verify", self.ratify_port)
    }

    pub(super) fn start_countersign(&mut self, workdir: &Workdir) -> anyhow::Result<()> {
        self.countersign.resume(workdir)
    }

    pub(super) fn start_ratify(&mut self, workdir: &Workdir) -> anyhow::Result<()> {
        let [metrics] = workdir::free_ports()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.ratify_port));
        files::remove_ratify_cache(&self.folder);
        let mut command = Command::new(workdir.tool("ratify-provider"));
        command
            .args(files::ratify_arguments(address, metrics))
            .current_dir(&self.folder)
            .envs(files::environment(&self.folder));
        let mut ratify = Program::start("ratify", &command, workdir.log("ratify"))?;
        ratify.wait_ready(RATIFY_READY, || Ok(TcpStream::connect(address).map(drop)?))?;
        self.ratify = Some(ratify);
        Ok(())
    }

    /// The program of the one that runs.
    pub(super) fn program(&mut self) -> Option<&mut Program> {
        self.ratify.as_mut().or(self.countersign.program())
    }

    /// Ends the one that runs, if any.
    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(ratify) = self.ratify.take() {
            ratify.stop()?;
        }
        if self.countersign.program().is_some() {
            self.countersign.stop()?;
        }
        Ok(())
    }

    /// Lets Countersign verify these images, with requests as Gatekeeper's.
    pub(super) fn warm(&self, workdir: &Workdir, images: &[String]) -> anyhow::Result<()> {
        let url = self.countersign_url("/v1/verify");
        for keys in images.chunks(BATCH) {
            let body = json!({
                "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
                "kind": "ProviderRequest",
                "request": { "keys": keys },
            });
            let body = workdir.write("providers/request.json", body.to_string())?;
            let mut command = Command::new(workdir.tool("curl"));
            command.args(["--silent", "--show-error", "--fail", "--noproxy", "*", "--cacert"]);
            command.arg(self.folder.join("ca.pem")).arg("--cert").arg(&self.client);
            command.arg("--data").arg(format!("@{}", body.display())).arg(&url);
            let answer = process::run(&command, WARMED, &workdir.log("curl"))?.success()?;
            let answer: serde_json::Value = serde_json::from_str(&answer).context("not JSON")?;
            let items = answer["response"]["items"].as_array().map_or(&[][..], Vec::as_slice);
            let verified = items.iter().filter(|item| item["value"]["verdict"] == "verified").count();
            ensure!(verified == keys.len(), "{verified} of {} images are verified: {answer}", keys.len());
        }
        Ok(())
    }
}
