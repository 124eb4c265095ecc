//! All processes, from the registries to Prometheus, started in the order of their dependencies.

use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use crate::arguments::Arguments;
use crate::cluster;
use crate::cluster::Cluster;
use crate::countersign;
use crate::countersign::Countersign;
use crate::fixtures::Fixtures;
use crate::gatekeeper;
use crate::gatekeeper::Gatekeeper;
use crate::hostile_registry::HostileRegistry;
use crate::notation::Notation;
use crate::notation::Signer;
use crate::policy;
use crate::process;
use crate::process::Finished;
use crate::prometheus::Prometheus;
use crate::registries::Kind;
use crate::registries::Registry;
use crate::release::Release;
use crate::transcript::Transcript;
use crate::workdir;
use crate::workdir::Workdir;

/// Time limit for one line of shell.
const SHELL: Duration = Duration::from_secs(120);

/// All running processes. Fields are dropped in order, so that each process ends before those that it calls.
pub(crate) struct Environment<'a> {
    pub(crate) workdir: &'a Workdir,
    pub(crate) prometheus: Prometheus,
    pub(crate) gatekeeper: Gatekeeper,
    pub(crate) countersign: Countersign,
    pub(crate) cluster: Cluster,
    pub(crate) fixtures: Fixtures,
    pub(crate) notation: Notation,
    /// The registry of all images except those for the fallback tag.
    pub(crate) referrers: Registry,
    pub(crate) hostile: HostileRegistry,
    _fallback: Registry,
}

impl<'a> Environment<'a> {
    /// Starts all processes, with the given countersign or the one of this tree; on an error all of them are stopped.
    pub(crate) fn start(workdir: &'a Workdir, transcript: &Transcript, arguments: &Arguments) -> anyhow::Result<Self> {
        let [referrers, fallback, etcd, etcd_peer, api_server, webhook, gatekeeper_health, gatekeeper_metrics] =
            workdir::free_ports()?;
        let [provider, health, prometheus] = workdir::free_ports()?;

        transcript.chapter("Registries, images and signatures");
        let mut clock = Clock::start(transcript);
        let referrers = Registry::start(workdir, Kind::ReferrersApi, referrers)?;
        let fallback = Registry::start(workdir, Kind::FallbackTag, fallback)?;
        clock.step(&format!("{} and {} serve", referrers.name(), fallback.name()));
        let notation = Notation::prepare(workdir)?;
        let hostile = HostileRegistry::start(workdir.path().join(HostileRegistry::MARKER))?;
        let fixtures = Fixtures::push(&referrers, &fallback, &notation, &hostile, transcript)?;
        notation.set_policy(workdir, &fixtures.policy(Signer::Release))?;
        clock.step("images are pushed and signed");

        transcript.chapter("Cluster, Countersign, Gatekeeper and Prometheus");
        let cluster = Cluster::start(workdir, &cluster::Ports { etcd, etcd_peer, api_server })?;
        clock.step("etcd and kube-apiserver serve");
        let gatekeeper_ports = gatekeeper::Ports { webhook, health: gatekeeper_health, metrics: gatekeeper_metrics };
        let gatekeeper = Gatekeeper::start(workdir, &cluster, arguments.gatekeeper, gatekeeper_ports, &[])?;
        clock.step("the API server calls Gatekeeper");
        let countersign = Countersign::start(
            workdir,
            arguments.binary.as_deref(),
            countersign::Ports { provider, health },
            &gatekeeper,
            notation.directory(),
            &[referrers.host(), referrers.host_by_name(), fallback.host(), hostile.host()],
        )?;
        clock.step("Countersign is ready");
        let ca = countersign.authority().certificate();
        let (name, url) = ("countersign-verify", countersign.url("/v1/verify"));
        match arguments.gatekeeper {
            Release::Newest => policy::apply_provider(workdir, &cluster, name, &url, &ca)?,
            // Its Providers have no status.
            Release::Oldest => cluster.apply(workdir, &policy::provider(name, &url, &ca))?,
        }
        policy::apply_own(workdir, &cluster)?;
        clock.step("Provider, template and constraints are enforced");
        let prometheus = Prometheus::start(workdir, prometheus, &countersign.health())?;
        clock.step("Prometheus scrapes Countersign");
        Ok(Self {
            workdir,
            prometheus,
            gatekeeper,
            countersign,
            cluster,
            fixtures,
            notation,
            referrers,
            hostile,
            _fallback: fallback,
        })
    }

    /// Runs a line of shell with the tools in front of `PATH`. Returns its result.
    pub(crate) fn shell(&self, script: &str) -> anyhow::Result<Finished> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let tools = std::iter::once(self.workdir.tools().to_path_buf());
        let path = std::env::join_paths(tools.chain(std::env::split_paths(&path)))?;
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("PATH", path).current_dir(self.workdir.path());
        process::run(&command, SHELL, &self.workdir.log("shell"))
    }

    pub(crate) fn print_how_to_use(&self) {
        println!("\nstill running; Ctrl-C ends it");
        println!("export KUBECONFIG={}", self.cluster.kubeconfig().display());
        println!("PATH={}:$PATH", self.workdir.tools().display());
        println!("kubectl run mine --image={}", self.fixtures.unsigned.by_tag());
        println!("curl http://{}/metrics", self.countersign.health());
    }
}

/// Prints the duration of each step.
struct Clock<'a> {
    transcript: &'a Transcript,
    since: Instant,
}

impl<'a> Clock<'a> {
    fn start(transcript: &'a Transcript) -> Self {
        Self { transcript, since: Instant::now() }
    }

    fn step(&mut self, text: &str) {
        let now = Instant::now();
        self.transcript.step(text, now - self.since);
        self.since = now;
    }
}
