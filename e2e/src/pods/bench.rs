//! All processes, and one measurement after the other.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context as _;
use anyhow::bail;
use anyhow::ensure;
use tokio::runtime::Runtime;

use super::api::Api;
use super::arguments::Arguments;
use super::arm::Arm;
use super::arm::Limits;
use super::arm::Setting;
use super::arm::Webhook;
use super::controllers::Controllers;
use super::figures::Figures;
use super::figures::Usage;
use super::policies;
use super::providers::Providers;
use super::site::Naming;
use super::site::Site;
use super::workloads::Workloads;
use crate::cluster;
use crate::cluster::Cluster;
use crate::gatekeeper;
use crate::gatekeeper::Gatekeeper;
use crate::release::Release;
use crate::workdir;
use crate::workdir::Workdir;

/// The settings of deploy/gatekeeper, beside those that it always has here. No audit, which has a process of its own in a cluster.
const GATEKEEPER: [&str; 2] = ["--external-data-provider-response-cache-ttl=10s", "--audit-interval=0"];

/// Its default: as many validations at the same time as there are processors.
const DEFAULT_THREADS: &str = "--max-serving-threads=-1";

/// Time limit for all Pods of an arm: this, and [`EACH_POD`] for each of them.
const LEAST: Duration = Duration::from_secs(30);
const EACH_POD: Duration = Duration::from_millis(400);

/// Interval between two counts of the Pods.
const COUNTED: Duration = Duration::from_millis(100);

/// Until the controllers have sent their events and written the last state of all objects, which are not waited for otherwise.
const WRITTEN: Duration = Duration::from_secs(2);

/// How often the API server got no valid response from a webhook, and how often it got a denial.
const REJECTIONS: &str = "apiserver_admission_webhook_rejection_count";
const FAILED_CALL: &str = "error_type=\"calling_webhook_error\"";
const DENIED: &str = "error_type=\"no_error\"";

/// Fields are dropped in order, so that each process ends before those that it calls.
pub(super) struct Bench<'a> {
    workdir: &'a Workdir,
    pods: usize,
    controllers: Option<Controllers>,
    gatekeeper: Gatekeeper,
    providers: Providers,
    workloads: Workloads,
    api: Api,
    cluster: Cluster,
    images: Vec<String>,
    signed: String,
    unsigned: String,
    site: Site,
    /// Runs the registry.
    _runtime: Runtime,
}

impl<'a> Bench<'a> {
    /// Starts all that runs all the time.
    pub(super) fn start(workdir: &'a Workdir, arguments: &Arguments) -> anyhow::Result<Self> {
        let runtime = Runtime::new()?;
        let site = runtime.block_on(Site::start(Duration::ZERO, true));
        let images = site.images("app", Naming::OwnRepository, arguments.pods);
        let signed = site.images("first", Naming::Tag, 1).swap_remove(0);
        let unsigned = site.unsigned_image("unsigned");

        let [etcd, etcd_peer, api_server, webhook, health, metrics] = workdir::free_ports()?;
        let cluster = Cluster::start(workdir, &cluster::Ports { etcd, etcd_peer, api_server })?;
        let api = Api::start(workdir, &cluster)?;
        let ports = gatekeeper::Ports { webhook, health, metrics };
        let mut gatekeeper = Gatekeeper::prepare(workdir, &cluster, Release::Newest, ports)?;
        let providers = Providers::prepare(workdir, arguments.binary.as_deref(), &gatekeeper, &site)?;
        gatekeeper.run(workdir, &cluster, &GATEKEEPER)?;
        policies::prepare(workdir, &cluster, &providers)?;
        let controllers = Controllers::start(workdir, &cluster, Limits::HIGH)?;
        let workloads = Workloads::create(&api, &images)?;
        let pods = arguments.pods;
        let controllers = Some(controllers);
        Ok(Self {
            workdir,
            pods,
            controllers,
            gatekeeper,
            providers,
            workloads,
            api,
            cluster,
            images,
            signed,
            unsigned,
            site,
            _runtime: runtime,
        })
    }

    /// A measurement with fewer Pods, which is not reported.
    pub(super) fn warm_up(&mut self, pods: usize) -> anyhow::Result<()> {
        self.measure_some(Arm::Baseline, pods).map(drop).context("warm-up")
    }

    /// One measurement of an arm.
    pub(super) fn measure(&mut self, arm: Arm) -> anyhow::Result<Figures> {
        self.measure_some(arm, self.pods)
    }

    fn measure_some(&mut self, arm: Arm, pods: usize) -> anyhow::Result<Figures> {
        let setting = arm.setting();
        self.clear()?;
        self.limit_controllers(setting.limits)?;
        self.site.set_round_trip(setting.round_trip);
        self.start_webhook(setting)?;

        self.site.take_requests();
        let timeouts = self.api.metric(REJECTIONS, FAILED_CALL)?;
        let denials = self.api.metric(REJECTIONS, DENIED)?;
        let (provider, gatekeeper) = self.usage();
        let began = Instant::now();
        self.workloads.scale_up(&self.api, pods, setting.is_one_deployment)?;
        let time = self.wait_for(pods, began)?;
        let (provider_after, gatekeeper_after) = self.usage();
        let requests = self.site.take_requests();
        thread::sleep(WRITTEN);
        let figures = Figures {
            time,
            timeouts: self.api.metric(REJECTIONS, FAILED_CALL)? - timeouts,
            denials: self.api.metric(REJECTIONS, DENIED)? - denials,
            failed_creates: Workloads::failed_creates(&self.api)?,
            requests: requests as f64 / pods as f64,
            provider: provider_after.zip(provider).map(|(after, before)| after.since(before)),
            gatekeeper: gatekeeper_after.zip(gatekeeper).map(|(after, before)| after.since(before)),
        };
        self.workloads.check_replica_sets(&self.api)?;
        let is_expected = match setting.webhook {
            Webhook::None | Webhook::AlwaysAllow => requests == 0,
            Webhook::Countersign | Webhook::Ratify => requests > 0 || setting.is_warm,
        };
        ensure!(is_expected, "the registry got {requests} requests");
        Ok(figures)
    }

    /// Ends what an arm has started, and removes what it has created. Nothing is left if the last arm did not work either.
    fn clear(&mut self) -> anyhow::Result<()> {
        self.gatekeeper.unregister(self.workdir, &self.cluster)?;
        policies::remove(&self.cluster)?;
        self.gatekeeper.stop()?;
        self.providers.stop()?;
        self.limit_controllers_only(Limits::HIGH)?;
        self.workloads.scale_down(&self.api)?;
        thread::sleep(WRITTEN);
        Workloads::delete_events(&self.api)
    }

    /// Without webhooks and Pods.
    fn limit_controllers(&mut self, limits: Limits) -> anyhow::Result<()> {
        if self.limit_controllers_only(limits)? {
            Workloads::wait_acting(&self.api)?;
            thread::sleep(WRITTEN);
            Workloads::delete_events(&self.api)?;
        }
        Ok(())
    }

    /// Returns whether they were started again.
    fn limit_controllers_only(&mut self, limits: Limits) -> anyhow::Result<bool> {
        if self.controllers.as_ref().is_some_and(|controllers| controllers.limits() == limits) {
            return Ok(false);
        }
        if let Some(controllers) = self.controllers.take() {
            controllers.stop()?;
        }
        self.controllers = Some(Controllers::start(self.workdir, &self.cluster, limits)?);
        Ok(true)
    }

    /// Starts what decides about Pods, and returns once it does.
    fn start_webhook(&mut self, setting: Setting) -> anyhow::Result<()> {
        match setting.webhook {
            Webhook::None => return Ok(()),
            Webhook::AlwaysAllow => {}
            Webhook::Countersign => self.providers.start_countersign(self.workdir)?,
            Webhook::Ratify => self.providers.start_ratify(self.workdir)?,
        }
        if setting.is_warm {
            self.providers.warm(self.workdir, &self.images)?;
        }
        let mut flags = GATEKEEPER.to_vec();
        if setting.has_default_threads {
            flags.push(DEFAULT_THREADS);
        }
        self.gatekeeper.run(self.workdir, &self.cluster, &flags)?;
        policies::apply(self.workdir, &self.cluster, setting)?;
        self.gatekeeper.register(self.workdir, &self.cluster)?;
        policies::check(&self.cluster, setting.webhook, &self.signed, &self.unsigned)
    }

    /// Waits until there are so many Pods.
    fn wait_for(&mut self, pods: usize, began: Instant) -> anyhow::Result<Duration> {
        let limit = LEAST + EACH_POD * u32::try_from(pods)?;
        loop {
            let found = Workloads::count(&self.api)?;
            let elapsed = began.elapsed();
            if found == pods {
                return Ok(elapsed);
            }
            ensure!(found < pods, "found {found} Pods, expected {pods}");
            self.check_running()?;
            if elapsed > limit {
                let failed = Workloads::failed_creates(&self.api)?;
                bail!("{found} of {pods} Pods after {} s, {failed} FailedCreate", elapsed.as_secs());
            }
            thread::sleep(COUNTED);
        }
    }

    fn check_running(&mut self) -> anyhow::Result<()> {
        self.controllers.as_mut().map_or(Ok(()), Controllers::check_running)?;
        for program in [self.gatekeeper.program(), self.providers.program()].into_iter().flatten() {
            program.check_running()?;
        }
        Ok(())
    }

    /// Of the provider and of Gatekeeper, as far as they run.
    fn usage(&mut self) -> (Option<Usage>, Option<Usage>) {
        let provider = self.providers.program().map(|program| Usage::of(program.id()));
        (provider, self.gatekeeper.program().map(|program| Usage::of(program.id())))
    }
}
