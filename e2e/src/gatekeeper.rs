//! Gatekeeper with its default response cache, called by the API server by URL, with certificates of this run.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::DnType;
use serde_json::Value;
use serde_json::json;

use crate::certificates::Authority;
use crate::certificates::Identity;
use crate::certificates::Usage;
use crate::cluster::Cluster;
use crate::cluster::flag;
use crate::http;
use crate::policy;
use crate::process::Program;
use crate::release::Release;
use crate::wait;
use crate::workdir::Workdir;

const READY: Duration = Duration::from_secs(60);
/// Time limit until the API server calls a new webhook.
const CALLED: Duration = Duration::from_secs(30);

/// The name of the webhook's service in Gatekeeper's chart, which is the name in its certificate.
const SERVICE_NAME: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

/// Ports of 127.0.0.1.
pub(crate) struct Ports {
    pub(crate) webhook: u16,
    pub(crate) health: u16,
    pub(crate) metrics: u16,
}

pub(crate) struct Gatekeeper {
    release: Release,
    authority: Authority,
    identity: Identity,
    ports: Ports,
    program: Option<Program>,
}

impl Gatekeeper {
    /// Starts it with further flags. Returns once the API server calls it for every object.
    pub(crate) fn start(
        workdir: &Workdir,
        cluster: &Cluster,
        release: Release,
        ports: Ports,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let mut gatekeeper = Self::prepare(workdir, cluster, release, ports)?;
        gatekeeper.run(workdir, cluster, flags)?;
        gatekeeper.register(workdir, cluster)?;
        Ok(gatekeeper)
    }

    /// Prepares its custom resources, namespace and certificates. It does not run yet.
    pub(crate) fn prepare(
        workdir: &Workdir,
        cluster: &Cluster,
        release: Release,
        ports: Ports,
    ) -> anyhow::Result<Self> {
        cluster.apply_file(&workdir.tool(&format!("{}-crds", release.tool())))?;
        cluster.kubectl_ok(&["wait", "--for=condition=Established", "--all", "--timeout=30s", "crd"])?;
        cluster.apply(
            workdir,
            &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "gatekeeper-system" } }),
        )?;

        let authority = Authority::new(&[(DnType::CommonName, "gatekeeper-ca")])?;
        let identity = authority.issue(&[(DnType::CommonName, SERVICE_NAME)], Usage::ServerAndClient)?;
        workdir.write("gatekeeper/certs/tls.crt", &identity.certificate)?;
        workdir.write("gatekeeper/certs/tls.key", &identity.key)?;
        Ok(Self { release, authority, identity, ports, program: None })
    }

    /// Lets the API server call it. Returns once it does, for every object.
    pub(crate) fn register(&self, workdir: &Workdir, cluster: &Cluster) -> anyhow::Result<()> {
        let bundle = STANDARD.encode(self.authority.certificate());
        for (kind, webhook, path, timeout) in [
            ("ValidatingWebhookConfiguration", "validation.gatekeeper.sh", "admit", 5),
            ("MutatingWebhookConfiguration", "mutation.gatekeeper.sh", "mutate", 3),
        ] {
            let url = format!("https://127.0.0.1:{}/v1/{path}", self.ports.webhook);
            cluster.apply(workdir, &webhook_configuration(kind, webhook, &url, timeout, &bundle))?;
        }
        self.wait_called(workdir, cluster)
    }

    /// The opposite of [`Self::register`]. Returns once the API server does not call it any more.
    pub(crate) fn unregister(&self, workdir: &Workdir, cluster: &Cluster) -> anyhow::Result<()> {
        let kinds = "validatingwebhookconfigurations,mutatingwebhookconfigurations";
        cluster.kubectl_ok(&["delete", kinds, "--all"])?;
        let probe = self.probe(workdir)?;
        wait::until("the API server not to call Gatekeeper", CALLED, || {
            cluster.kubectl_ok(&["create", "--dry-run=server", "-f", &probe]).map(drop)
        })
    }

    /// Ends it, if it runs. The API server must not call it any more.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        self.program.take().map_or(Ok(()), |program| program.stop().map(drop))
    }

    /// Its program, if it runs.
    pub(crate) fn program(&mut self) -> Option<&mut Program> {
        self.program.as_mut()
    }

    /// Restarts it with further flags and an empty cache.
    pub(crate) fn restart(&mut self, workdir: &Workdir, cluster: &Cluster, flags: &[&str]) -> anyhow::Result<()> {
        let program = self.program.take().context("gatekeeper is not running")?;
        program.stop()?;
        self.run(workdir, cluster, flags)?;
        self.wait_called(workdir, cluster)
    }

    /// Starts it with further flags. Returns once it has all templates and constraints.
    pub(crate) fn run(&mut self, workdir: &Workdir, cluster: &Cluster, flags: &[&str]) -> anyhow::Result<()> {
        let Ports { webhook, health, metrics } = self.ports;
        let mut command = Command::new(workdir.tool(self.release.tool()));
        command
            .arg(flag("--kubeconfig", cluster.kubeconfig()))
            .args(["--host=127.0.0.1".to_owned(), format!("--port={webhook}")])
            .arg(flag("--cert-dir", &workdir.path().join("gatekeeper/certs")))
            .arg("--disable-cert-rotation")
            .arg(format!("--health-addr=127.0.0.1:{health}"))
            .arg(format!("--prometheus-port={metrics}"))
            .arg(flag("--api-cache-dir", &workdir.directory("gatekeeper/audit")?))
            .args(["--exempt-namespace=gatekeeper-system", "--debug-use-fake-pod"])
            // `maxServingThreads` of deploy/gatekeeper.
            .arg("--max-serving-threads=16")
            .args(self.release.flags())
            .args(flags);
        let mut program = Program::start("gatekeeper", &command, workdir.log("gatekeeper"))?;
        let ready = format!("http://127.0.0.1:{health}/readyz");
        program.wait_ready(READY, || http::get(&ready)?.expect_status(200).map(drop))?;
        self.program = Some(program);
        Ok(())
    }

    /// The authority of Gatekeeper's certificate.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Gatekeeper's client certificate for providers.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The path of an invalid Provider, which only Gatekeeper refuses.
    fn probe(&self, workdir: &Workdir) -> anyhow::Result<String> {
        let probe = policy::provider("probe", "http://127.0.0.1/", &self.authority.certificate()).to_string();
        let probe = workdir.write("objects/probe.json", probe)?;
        Ok(probe.to_str().context("a path is not UTF-8")?.to_owned())
    }

    /// Waits until Gatekeeper refuses an invalid Provider. This verifies no image.
    fn wait_called(&self, workdir: &Workdir, cluster: &Cluster) -> anyhow::Result<()> {
        let probe = self.probe(workdir)?;
        wait::until("the API server to call Gatekeeper", CALLED, || {
            let (_, finished) = cluster.kubectl(&["create", "--dry-run=server", "-f", &probe])?;
            ensure!(finished.output.contains("only HTTPS scheme is supported"), "{}", finished.output.trim_end());
            Ok(())
        })
    }
}

/// The webhook configuration of Gatekeeper's chart, but by URL and with `failurePolicy: Fail`.
fn webhook_configuration(kind: &str, webhook: &str, url: &str, timeout: u8, bundle: &str) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": { "name": format!("gatekeeper-{}", webhook.replace('.', "-")) },
        "webhooks": [{
            "name": webhook,
            "clientConfig": { "url": url, "caBundle": bundle },
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "matchPolicy": "Exact",
            "timeoutSeconds": timeout,
            "failurePolicy": "Fail",
            "namespaceSelector": { "matchExpressions": [
                { "key": "admission.gatekeeper.sh/ignore", "operator": "DoesNotExist" },
                { "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["gatekeeper-system"] },
            ] },
            "rules": [{
                "apiGroups": ["*"],
                "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["*", "pods/ephemeralcontainers"],
            }],
        }],
    })
}
