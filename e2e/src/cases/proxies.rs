//! A registry whose name only a forward proxy can resolve. The proxy is tinyproxy, with a hosts file of its own.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use rcgen::DnType;
use serde_json::json;

use crate::certificates::Authority;
use crate::certificates::Usage;
use crate::environment::Environment;
use crate::notation::STORE;
use crate::notation::Signer;
use crate::process;
use crate::process::Finished;
use crate::process::Program;
use crate::registries::configuration;
use crate::transcript::Transcript;
use crate::workdir;
use crate::workdir::Workdir;

const READY: Duration = Duration::from_secs(10);

/// A name that only the proxy resolves.
const NAME: &str = "registry.e2e.test";

/// A name that Countersign resolves too, without an entry in its configuration.
const UNLISTED: &str = "unlisted.e2e.test";

/// The running programs, and the proxy's log.
struct Proxy {
    _program: Program,
    port: u16,
    log: PathBuf,
    read: usize,
}

impl Proxy {
    fn start(workdir: &Workdir, port: u16) -> anyhow::Result<Self> {
        let folder = workdir.directory("tinyproxy")?;
        let log = folder.join("requests.log");
        let config = format!(
            "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\nMaxClients 50\nLogLevel Connect\n\
             LogFile \"{}\"\nPidFile \"{}\"\nBasicAuth countersign s3cret\n",
            log.display(),
            folder.join("pid").display()
        );
        let config = workdir.write("tinyproxy/tinyproxy.conf", config)?;
        let hosts = workdir.write("tinyproxy/hosts", format!("127.0.0.1 {NAME} {UNLISTED}\n"))?;
        let mut command = Command::new(workdir.tool("tinyproxy"));
        command.arg("-d").arg("-c").arg(config);
        with_hosts(workdir, &mut command, &hosts);
        let mut program = Program::start("tinyproxy", &command, workdir.log("tinyproxy"))?;
        program
            .wait_ready(READY, || std::net::TcpStream::connect(("127.0.0.1", port)).context("no listener").map(drop))?;
        Ok(Self { _program: program, port, log, read: 0 })
    }

    fn url(&self, password: &str) -> String {
        format!("http://countersign:{password}@127.0.0.1:{}", self.port)
    }

    /// The first lines of the requests since the last call.
    fn requests(&mut self) -> anyhow::Result<Vec<String>> {
        let log = fs::read_to_string(&self.log)?;
        let new = log.get(self.read..).unwrap_or_default();
        self.read = log.len();
        let request =
            |line: &str| line.split_once("Request (file descriptor ")?.1.split_once("): ").map(|(_, it)| it.to_owned());
        Ok(new.lines().filter_map(request).collect())
    }
}

/// Makes the command resolve the names of a hosts file only.
fn with_hosts(workdir: &Workdir, command: &mut Command, hosts: &Path) {
    command.env("LD_PRELOAD", workdir.tool("libnss_wrapper.so")).env("NSS_WRAPPER_HOSTS", hosts);
}

/// A second process of the registry without the referrers API, over TLS and under the name.
fn registry(environment: &Environment<'_>, authority: &Authority, port: u16) -> anyhow::Result<Program> {
    let workdir = environment.workdir;
    let identity = authority.issue(&[(DnType::CommonName, "registry")], Usage::NamedServer(NAME))?;
    let http = json!({
        "addr": format!("127.0.0.1:{port}"),
        "tls": {
            "certificate": workdir.write("proxies/registry.crt", identity.certificate)?,
            "key": workdir.write("proxies/registry.key", identity.key)?,
        },
    });
    let config = configuration(&workdir.directory("docker-registry/data")?, &http);
    let config = workdir.write("proxies/registry.yml", config.to_string())?;
    let mut command = Command::new(workdir.tool("docker-registry"));
    command.arg("serve").arg(config);
    let mut program = Program::start("registry-behind-proxy", &command, workdir.log("registry-behind-proxy"))?;
    let probe =
        format!("curl -sSf --cacert proxies/ca.crt --resolve {NAME}:{port}:127.0.0.1 https://{NAME}:{port}/v2/");
    program.wait_ready(READY, || environment.shell(&probe)?.success().map(drop))?;
    Ok(program)
}

/// `countersign verify` with a configuration for the registry behind the proxy.
struct Client<'a> {
    environment: &'a Environment<'a>,
    config: PathBuf,
    hosts: PathBuf,
}

impl<'a> Client<'a> {
    /// Writes the configuration: the registry at `port` with the authority `ca`, and a registry at a private address.
    fn prepare(environment: &'a Environment<'a>, ca: &Path, port: u16) -> anyhow::Result<Self> {
        let workdir = environment.workdir;
        let policy = json!({ "version": "1.0", "trustPolicies": [{
            "name": "shop",
            "registryScopes": ["*"],
            "signatureVerification": { "level": "strict" },
            "trustStores": [format!("ca:{STORE}")],
            "trustedIdentities": [Signer::Release.trusted_identity()],
        }] });
        let config = json!({
            "trust": {
                "policy": workdir.write("proxies/trustpolicy.json", policy.to_string())?,
                "store": environment.notation.directory().join("truststore"),
            },
            "registries": [
                { "host": format!("{NAME}:{port}"), "ca": ca },
                { "host": "10.0.0.5:5000" },
            ],
            "unlistedRegistries": "anonymous",
        });
        let config = workdir.write("proxies/countersign.yaml", config.to_string())?;
        let hosts = workdir.write("proxies/hosts", format!("127.0.0.1 {UNLISTED}\n"))?;
        Ok(Self { environment, config, hosts })
    }

    /// Verifies `reference` with the proxy at `url`.
    fn verify(&self, transcript: &Transcript, reference: &str, url: &str) -> anyhow::Result<Finished> {
        let workdir = self.environment.workdir;
        let mut command = self.environment.countersign.command();
        command.arg("verify").arg("--config").arg(&self.config).arg(reference).env("HTTPS_PROXY", url);
        for other in ["https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"] {
            command.env_remove(other);
        }
        with_hosts(workdir, &mut command, &self.hosts);
        let finished = process::run(&command, READY, &workdir.log("countersign-proxies"))?;
        transcript.command(&format!("HTTPS_PROXY={url} {}", process::command_line(&command)), &finished.output);
        Ok(finished)
    }
}

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("Behind a proxy");
    let workdir = environment.workdir;
    let [proxy_port, port] = workdir::free_ports()?;
    let authority = Authority::new(&[(DnType::CommonName, "registry-ca")])?;
    let ca = workdir.write("proxies/ca.crt", authority.certificate())?;
    let _registry = registry(environment, &authority, port)?;
    let mut proxy = Proxy::start(workdir, proxy_port)?;
    transcript.note(&format!("tinyproxy serves and resolves {NAME}, which Countersign cannot resolve"));

    let client = Client::prepare(environment, &ca, port)?;
    let scope = environment.fixtures.fallback_jws.scope();
    let (_, repository) = scope.split_once('/').context("a scope has a repository")?;
    let image = format!("{NAME}:{port}/{repository}:v1");
    let finished = client.verify(transcript, &image, &proxy.url("s3cret"))?;
    let requests = proxy.requests()?;
    let result = (|| {
        ensure!(finished.status.success(), "{}, expected success", finished.status);
        let tunnel = format!("CONNECT {NAME}:{port} HTTP/1.1");
        ensure!(
            !requests.is_empty() && requests.iter().all(|request| *request == tunnel),
            "found requests {requests:?} to the proxy, expected {tunnel:?} only"
        );
        Ok(())
    })();
    transcript.verdict("a listed registry is reached only through tunnels of the proxy", result);

    let finished = client.verify(transcript, &image, &proxy.url("wrong"))?;
    let requests = proxy.requests()?;
    let result = (|| {
        let failure =
            format!("through the proxy 127.0.0.1:{proxy_port} (from HTTPS_PROXY): it responds with status 40");
        undecided(&finished, &["registry-unreachable", &failure])?;
        ensure!(!finished.output.contains("wrong"), "the password is in the output");
        ensure!(requests.len() == 1, "found requests {requests:?} to the proxy, expected one");
        Ok(())
    })();
    transcript.verdict("a refusal by the proxy is reported as a failure of the proxy, without the password", result);

    for (what, image, parts) in [
        ("an unlisted registry is not reached through the proxy", format!("{UNLISTED}:{port}/{repository}:v1"), vec![]),
        (
            "no proxy is used for a private address",
            format!("10.0.0.5:5000/{repository}:v1"),
            vec!["registry-not-allowed", "10.0.0.5:5000 is a private address", "NO_PROXY"],
        ),
    ] {
        let finished = client.verify(transcript, &image, &proxy.url("s3cret"))?;
        let requests = proxy.requests()?;
        let result = undecided(&finished, &parts).and_then(|()| {
            ensure!(requests.is_empty(), "found requests {requests:?} to the proxy, expected none");
            Ok(())
        });
        transcript.verdict(what, result);
    }
    Ok(())
}

fn undecided(finished: &Finished, parts: &[&str]) -> anyhow::Result<()> {
    ensure!(finished.status.code() == Some(2), "{}, expected exit status 2", finished.status);
    for part in parts {
        ensure!(finished.output.contains(part), "expected {part:?} in the output");
    }
    Ok(())
}
