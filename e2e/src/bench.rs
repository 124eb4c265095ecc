//! The chain, from the registries to Prometheus, in the order in which one needs the other.

use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use crate::cluster;
use crate::cluster::Cluster;
use crate::countersign;
use crate::countersign::Countersign;
use crate::gatekeeper;
use crate::gatekeeper::Gatekeeper;
use crate::hostile_registry::HostileRegistry;
use crate::notation::Notation;
use crate::notation::Signer;
use crate::place;
use crate::place::Place;
use crate::policy;
use crate::process;
use crate::process::Finished;
use crate::prometheus::Prometheus;
use crate::registries::Kind;
use crate::registries::Registry;
use crate::shelf::Shelf;
use crate::transcript::Transcript;

/// For one line of shell.
const SHELL: Duration = Duration::from_secs(20);

/// Everything that runs. Dropped from the top, so that nobody misses whom he asks.
pub(crate) struct Bench<'a> {
    pub(crate) place: &'a Place,
    pub(crate) prometheus: Prometheus,
    pub(crate) gatekeeper: Gatekeeper,
    pub(crate) countersign: Countersign,
    pub(crate) cluster: Cluster,
    pub(crate) shelf: Shelf,
    pub(crate) notation: Notation,
    /// Holds every image that is not about the fallback tag.
    pub(crate) referrers: Registry,
    pub(crate) hostile: HostileRegistry,
    _fallback: Registry,
}

impl<'a> Bench<'a> {
    /// Starts everything, with the countersign at `binary` or the one of this tree; on an error nothing of it is left.
    pub(crate) fn start(place: &'a Place, transcript: &Transcript, binary: Option<&Path>) -> anyhow::Result<Self> {
        let [referrers, fallback, etcd, etcd_peer, api_server, webhook, gatekeeper_health, gatekeeper_metrics] =
            place::free_ports()?;
        let [provider, health, prometheus] = place::free_ports()?;

        transcript.chapter("Registries, images and signatures");
        let mut clock = Clock::start(transcript);
        let referrers = Registry::start(place, Kind::ReferrersApi, referrers)?;
        let fallback = Registry::start(place, Kind::FallbackTag, fallback)?;
        clock.step(&format!("{} and {} serve", referrers.name(), fallback.name()));
        let notation = Notation::prepare(place)?;
        let hostile = HostileRegistry::start(place.work().join(HostileRegistry::SIGN))?;
        let shelf = Shelf::fill(&referrers, &fallback, &notation, &hostile, transcript)?;
        notation.set_policy(place, &shelf.policy(Signer::Release))?;
        clock.step("images are pushed and signed");

        transcript.chapter("Cluster, Countersign, Gatekeeper and Prometheus");
        let cluster = Cluster::start(place, &cluster::Ports { etcd, etcd_peer, api_server })?;
        clock.step("etcd and kube-apiserver serve");
        let gatekeeper_ports = gatekeeper::Ports { webhook, health: gatekeeper_health, metrics: gatekeeper_metrics };
        let gatekeeper = Gatekeeper::start(place, &cluster, gatekeeper_ports)?;
        clock.step("Gatekeeper is asked by the API server");
        let countersign = Countersign::start(
            place,
            binary,
            countersign::Ports { provider, health },
            &gatekeeper,
            notation.directory(),
            &[referrers.host(), referrers.host_by_name(), fallback.host(), hostile.host()],
        )?;
        clock.step("Countersign is ready");
        let ca = countersign.authority().certificate();
        policy::lead(place, &cluster, "countersign-verify", &countersign.url("/v1/verify"), &ca)?;
        policy::apply_own(place, &cluster)?;
        clock.step("Provider, template and constraints are enforced");
        let prometheus = Prometheus::start(place, prometheus, &countersign.health())?;
        clock.step("Prometheus scrapes Countersign");
        Ok(Self {
            place,
            prometheus,
            gatekeeper,
            countersign,
            cluster,
            shelf,
            notation,
            referrers,
            hostile,
            _fallback: fallback,
        })
    }

    /// Runs a line of shell with the tools in front of `PATH`. Returns what it left.
    pub(crate) fn shell(&self, script: &str) -> anyhow::Result<Finished> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let tools = std::iter::once(self.place.tools().to_path_buf());
        let path = std::env::join_paths(tools.chain(std::env::split_paths(&path)))?;
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("PATH", path).current_dir(self.place.work());
        process::run(&command, SHELL, &self.place.log("shell"))
    }

    pub(crate) fn print_how_to_use(&self) {
        println!("\nstill running; Ctrl-C ends it");
        println!("export KUBECONFIG={}", self.cluster.kubeconfig().display());
        println!("PATH={}:$PATH", self.place.tools().display());
        println!("kubectl run mine --image={}", self.shelf.unsigned.by_tag());
        println!("curl http://{}/metrics", self.countersign.health());
    }
}

/// Says how long each step took.
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
