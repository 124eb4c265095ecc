//! The processes of the chapter, and what a case asks of them.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;
use rcgen::DnType;
use serde_json::Value;
use serde_json::json;

use super::super::POD_DENIED;
use super::super::denies;
use super::journal::Journal;
use super::network;
use super::settings;
use super::settings::Identity;
use crate::certificates::Authority;
use crate::certificates::Usage;
use crate::cloud_doubles::Cloud;
use crate::cloud_doubles::CloudDoubles;
use crate::cluster;
use crate::cluster::Cluster;
use crate::countersign;
use crate::countersign::Countersign;
use crate::gatekeeper;
use crate::gatekeeper::Gatekeeper;
use crate::namespaces;
use crate::policy;
use crate::process::Finished;
use crate::release::Release;
use crate::transcript::Transcript;
use crate::wait;
use crate::workdir;
use crate::workdir::Workdir;

const NAME: [(DnType, &str); 1] = [(DnType::CommonName, "countersign")];

/// An image of the doubles' registries.
#[derive(Clone, Debug)]
pub(super) struct Pushed {
    host: String,
    /// The registry among the doubles.
    service: &'static str,
    repository: String,
    digest: String,
    /// The ARN of the signing job.
    pub(super) job: String,
    /// The answer of the doubles.
    pub(super) signature: Value,
}

impl Pushed {
    /// The reference by digest.
    pub(super) fn by_digest(&self) -> String {
        format!("{}/{}@{}", self.host, self.repository, self.digest)
    }
}

/// The number of requests to each service but registries and stores of blobs; any number if there is no list.
pub(super) type Calls<'a> = Option<&'a [(&'a str, usize)]>;

pub(super) const ANY: Calls<'_> = None;
pub(super) const NONE: Calls<'_> = Some(&[]);
/// One status of a signature.
pub(super) const STATUS: Calls<'_> = Some(&[("signer-data", 1)]);

fn expect(journal: &Journal, calls: Calls<'_>) -> anyhow::Result<()> {
    calls.map_or(Ok(()), |calls| journal.expect_calls(calls))
}

pub(super) struct Chain<'a> {
    pub(super) workdir: &'a Workdir,
    pub(super) transcript: &'a mut Transcript,
    pub(super) countersign: Countersign,
    pub(super) gatekeeper: Gatekeeper,
    pub(super) cluster: Cluster,
    pub(super) doubles: CloudDoubles,
    /// The authority of the doubles' certificate, as a file.
    pub(super) ca: PathBuf,
    /// Gatekeeper's client certificate and key in one file.
    pub(super) client: PathBuf,
    /// How the pod gets its credentials.
    pub(super) identity: Identity,
    /// When Countersign was started.
    pub(super) started: Instant,
    count: usize,
}

impl<'a> Chain<'a> {
    /// Starts all processes. The pod has IRSA.
    pub(super) fn start(workdir: &'a Workdir, binary: &Path, transcript: &'a mut Transcript) -> anyhow::Result<Self> {
        let doubles = start_doubles(workdir)?;
        transcript.note(&format!("one process serves {}, and 169.254.170.23", network::NETWORK.names().join(", ")));
        let ca = doubles.directory().join("ca.pem");
        let trust = trust(workdir, doubles.directory())?;

        let [etcd, etcd_peer, api_server, webhook, health, metrics] = workdir::free_ports()?;
        let cluster = Cluster::start(workdir, &cluster::Ports { etcd, etcd_peer, api_server })?;
        // The audit would ask about images of former cases.
        let ports = gatekeeper::Ports { webhook, health, metrics };
        let gatekeeper = Gatekeeper::start(workdir, &cluster, Release::Newest, ports, &["--audit-interval=0"])?;
        let certificate = gatekeeper.identity();
        let client = workdir.write("client.pem", certificate.certificate.clone() + &certificate.key)?;

        let [provider, health] = workdir::free_ports()?;
        let authority = Authority::new(&NAME)?;
        let server = authority.issue(&NAME, Usage::Server)?;
        workdir.write("countersign-ca.pem", authority.certificate())?;
        let mut config = settings::aws(&ca);
        config["server"] = json!({
            "listen": format!("127.0.0.1:{provider}"),
            "tls": {
                "certificate": workdir.write("countersign/tls.crt", server.certificate)?,
                "key": workdir.write("countersign/tls.key", server.key)?,
                "clientCa": workdir.write("countersign/client-ca.crt", gatekeeper.authority().certificate())?,
            },
        });
        config["health"] = json!({ "listen": format!("127.0.0.1:{health}") });
        config["trust"] = json!({ "directory": trust, "reloadInterval": "1s" });
        let ports = countersign::Ports { provider, health };
        let variables = variables(Identity::Irsa, &ca);
        publish_tokens(doubles.directory())?;
        let countersign =
            Countersign::serve(workdir, "countersign", binary.to_path_buf(), ports, authority, &config, variables)?;

        let (url, bundle) = (countersign.url("/v1/verify"), countersign.authority().certificate());
        policy::apply_provider(workdir, &cluster, "countersign-verify", &url, &bundle)?;
        policy::apply_own(workdir, &cluster)?;
        let warnings = workdir.write("objects/warnings-in-pods.json", warnings_in_pods().to_string())?;
        policy::apply(&cluster, &warnings)?;
        transcript.note("kube-apiserver, Gatekeeper and Countersign serve; the pod of Countersign has IRSA");
        let identity = Identity::Irsa;
        Ok(Self {
            workdir,
            transcript,
            countersign,
            gatekeeper,
            cluster,
            doubles,
            ca,
            client,
            identity,
            started: Instant::now(),
            count: 0,
        })
    }

    /// Sends a command to the doubles.
    pub(super) fn set(&mut self, command: Value) -> anyhow::Result<()> {
        self.doubles.command(&command).map(drop)
    }

    /// All requests to the doubles so far.
    pub(super) fn journal(&mut self) -> anyhow::Result<Journal> {
        Journal::read(&mut self.doubles)
    }

    /// A number that no other call has returned.
    fn next(&mut self) -> usize {
        self.count += 1;
        self.count
    }

    /// Stores a new image with a signature of its own in the registry of the account. `changes` are members of the command.
    pub(super) fn push(&mut self, repository: &str, changes: &Value) -> anyhow::Result<Pushed> {
        self.push_to("ecr-registry", network::REGISTRY, repository, changes)
    }

    /// As [`Self::push`], in a registry under a name of it.
    pub(super) fn push_to(
        &mut self,
        service: &'static str,
        host: &str,
        repository: &str,
        changes: &Value,
    ) -> anyhow::Result<Pushed> {
        let number = self.next();
        let job = settings::job(number);
        let mut command = json!({
            "do": "push", "service": service, "repository": repository, "tag": format!("build-{number}"),
            "profileVersion": settings::PROFILE_VERSION, "job": job,
        });
        for (name, value) in changes.as_object().into_iter().flatten() {
            command[name] = value.clone();
        }
        let signature = self.doubles.command(&command)?;
        let digest = signature["digest"].as_str().context("the doubles answer without a digest")?.to_owned();
        Ok(Pushed { host: host.to_owned(), service, repository: repository.to_owned(), digest, job, signature })
    }

    /// A reference by a new tag, for which Gatekeeper has no response.
    pub(super) fn tag(&mut self, image: &Pushed) -> anyhow::Result<String> {
        let tag = format!("t{}", self.next());
        self.tag_as(image, &tag)
    }

    /// The reference by this tag, which is of this image from now on.
    pub(super) fn tag_as(&mut self, image: &Pushed, tag: &str) -> anyhow::Result<String> {
        let (service, repository, digest) = (image.service, &image.repository, &image.digest);
        self.set(json!({ "do": "tag", "service": service, "repository": repository, "tag": tag, "digest": digest }))?;
        Ok(format!("{}/{repository}:{tag}", image.host))
    }

    /// `kubectl run` of the image by a new tag. Returns the reference, the output, and the requests to the doubles.
    pub(super) fn run(&mut self, image: &Pushed) -> anyhow::Result<(String, Finished, Journal)> {
        let reference = self.tag(image)?;
        let pod = format!("{}-{}", image.repository.replace('/', "-"), self.next());
        let before = self.journal()?;
        let (line, finished) = self.cluster.kubectl(&["run", &pod, "--image", &reference])?;
        self.transcript.command(&line, &finished.output);
        Ok((reference, finished, self.journal()?.since(&before)))
    }

    /// `kubectl run` of the image by a new tag, which must be created with these numbers of calls, and without a warning.
    pub(super) fn admitted(&mut self, what: &str, image: &Pushed, calls: Calls<'_>) -> anyhow::Result<Journal> {
        let (_, finished, journal) = self.run(image)?;
        let result = (|| {
            ensure!(
                finished.output.starts_with("pod/") && finished.output.ends_with(" created\n"),
                "expected pod/… created"
            );
            ensure!(finished.status.success() && finished.output.lines().count() == 1, "{}", finished.status);
            expect(&journal, calls)
        })();
        self.transcript.verdict(what, result);
        Ok(journal)
    }

    /// `kubectl run` of the image by a new tag, which must be created with one warning that has these parts.
    pub(super) fn admitted_with_warning(
        &mut self,
        what: &str,
        image: &Pushed,
        parts: &[&str],
        calls: Calls<'_>,
    ) -> anyhow::Result<Journal> {
        let (_, finished, journal) = self.run(image)?;
        let result = (|| {
            let (warning, rest) = finished.output.split_once('\n').context("expected two lines")?;
            ensure!(finished.status.success() && rest.ends_with(" created\n"), "expected pod/… created");
            ensure!(warning.starts_with("Warning: [warnings-in-pods] "), "expected a warning of warnings-in-pods");
            in_order(warning, parts)?;
            expect(&journal, calls)
        })();
        self.transcript.verdict(what, result);
        Ok(journal)
    }

    /// `kubectl run` of the image by a new tag, which must be rejected under this statement with these parts in the finding, and
    /// with these numbers of calls.
    pub(super) fn rejected(
        &mut self,
        what: &str,
        image: &Pushed,
        statement: &str,
        parts: &[&str],
        calls: Calls<'_>,
    ) -> anyhow::Result<Journal> {
        let (reference, finished, journal) = self.run(image)?;
        let start = format!("{reference} was rejected by statement {statement:?} of the trust policy: ");
        let parts = [&[start.as_str()], parts].concat();
        let result = denied(finished, &parts).and_then(|()| expect(&journal, calls));
        self.transcript.verdict(what, result);
        Ok(journal)
    }

    /// `kubectl run` of the image by a new tag, which must be denied because it could not be decided, with these parts in the finding.
    pub(super) fn undecided(&mut self, what: &str, image: &Pushed, parts: &[&str]) -> anyhow::Result<Journal> {
        let (_, finished, journal) = self.run(image)?;
        let start = "signature check failed: could not decide about 1 of 1 images (request ";
        let parts = [&[start], parts].concat();
        self.transcript.verdict(what, denied(finished, &parts));
        Ok(journal)
    }

    /// Tries the image by new tags until the finding contains `part`. An error after `limit`. Returns the time that it took.
    pub(super) fn until_denied(&mut self, image: &Pushed, part: &str, limit: Duration) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        wait::until("the image to be denied", limit, || {
            let reference = self.tag(image)?;
            let (_, finished) = self.cluster.kubectl(&["run", "tried", "--dry-run=server", "--image", &reference])?;
            ensure!(finished.output.contains(part), "{}", finished.output);
            Ok(())
        })?;
        Ok(begin.elapsed())
    }

    /// Tries the image by new tags until it would be created. An error after `limit`.
    pub(super) fn until_admitted(&mut self, image: &Pushed, limit: Duration) -> anyhow::Result<()> {
        wait::until("the image to be admitted", limit, || {
            let reference = self.tag(image)?;
            let (_, finished) = self.cluster.kubectl(&["run", "tried", "--dry-run=server", "--image", &reference])?;
            ensure!(finished.status.success(), "{}", finished.output);
            Ok(())
        })
    }

    /// Keeps a page of metrics beside the logs.
    pub(super) fn keep_metrics(&self, name: &str, page: &str) -> anyhow::Result<()> {
        self.workdir.write(&format!("logs/metrics-{name}.log"), page).map(drop)
    }

    /// Prints and counts a case without a command.
    pub(super) fn verdict(&mut self, what: &str, result: anyhow::Result<()>) {
        self.transcript.verdict(what, result);
    }

    /// Starts Countersign, which is stopped, with this source of credentials.
    pub(super) fn start_with(&mut self, identity: Identity) -> anyhow::Result<()> {
        self.countersign.set_variables(variables(identity, &self.ca));
        self.identity = identity;
        publish_tokens(self.doubles.directory())?;
        self.countersign.resume(self.workdir)?;
        self.started = Instant::now();
        self.transcript.note("Countersign is started again");
        Ok(())
    }

    /// Starts Countersign again, with nothing in memory.
    pub(super) fn restart(&mut self) -> anyhow::Result<()> {
        self.countersign.stop()?;
        self.countersign.resume(self.workdir)?;
        self.started = Instant::now();
        self.transcript.note("Countersign is started again");
        Ok(())
    }

    /// Starts Countersign again with another source of credentials.
    pub(super) fn restart_with(&mut self, identity: Identity) -> anyhow::Result<()> {
        self.countersign.set_variables(variables(identity, &self.ca));
        self.identity = identity;
        self.restart()
    }
}

/// Those of EKS, and the authorities that the system of the pod trusts.
fn variables(identity: Identity, roots: &Path) -> Vec<(&'static str, String)> {
    let roots = ("SSL_CERT_FILE", roots.display().to_string());
    identity.variables().into_iter().chain([roots]).collect()
}

fn start_doubles(workdir: &Workdir) -> anyhow::Result<CloudDoubles> {
    let config = json!({
        "names": network::NETWORK.names(),
        "region": network::REGION,
        "otherRegion": network::OTHER_REGION,
        "account": network::ACCOUNT,
        "listen": network::NETWORK.listen(),
        "blobs": format!("https://{}", network::BLOBS),
        "otherBlobs": format!("https://{}", network::OTHER_BLOBS),
        "publicBlobs": format!("https://{}", network::PUBLIC_BLOBS),
        "realm": format!("https://{}/token/", network::PUBLIC_REGISTRY),
        "issuer": settings::ISSUER,
        "namespace": settings::NAMESPACE,
        "serviceAccount": settings::SERVICE_ACCOUNT,
        "role": name_of(settings::ROLE),
        "webIdentityRole": name_of(settings::IRSA_ROLE),
        "crossAccountRole": settings::PARTNER_ROLE,
        "externalId": settings::EXTERNAL_ID,
    });
    CloudDoubles::start(workdir, Cloud::Aws, "doubles", config)
}

/// The name of a role.
fn name_of(role: &str) -> &str {
    role.rsplit_once('/').map_or(role, |(_, name)| name)
}

/// Writes the trust policy, and the root of the doubles' AWS Signer as trust store.
fn trust(workdir: &Workdir, doubles: &Path) -> anyhow::Result<PathBuf> {
    let root = fs::read(doubles.join("signer-root.pem"))?;
    workdir.write(&format!("trust/truststore/x509/signingAuthority/{}/root.pem", settings::STORE), root)?;
    workdir.write("trust/trustpolicy.json", settings::trust_policy().to_string())?;
    Ok(workdir.path().join("trust"))
}

/// Makes the tokens of the service account that the doubles wrote those of the pod.
pub(super) fn publish_tokens(doubles: &Path) -> anyhow::Result<()> {
    for (file, path) in
        [("web-identity-token", settings::WEB_IDENTITY_TOKEN), ("pod-identity-token", settings::POD_IDENTITY_TOKEN)]
    {
        namespaces::write_below_run(path, &fs::read_to_string(doubles.join(file))?)?;
    }
    Ok(())
}

/// An error unless the image was denied, with these parts in the finding. The other constraint shows it as a warning too.
fn denied(mut finished: Finished, parts: &[&str]) -> anyhow::Result<()> {
    let lines = finished.output.lines().filter(|line| !line.starts_with("Warning: [warnings-in-pods] "));
    finished.output = lines.map(|line| format!("{line}\n")).collect();
    denies(&finished, POD_DENIED, parts)
}

/// A constraint that shows the user which checks failed that the trust policy only logs.
fn warnings_in_pods() -> Value {
    json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": "CountersignImages",
        "metadata": { "name": "warnings-in-pods" },
        "spec": {
            "enforcementAction": "warn",
            "match": { "source": "Original", "kinds": [{ "apiGroups": [""], "kinds": ["Pod"] }] },
            "parameters": { "provider": "countersign-verify", "reportWarnings": true },
        },
    })
}

/// An error unless the text has these parts in this order.
pub(super) fn in_order(text: &str, parts: &[&str]) -> anyhow::Result<()> {
    let mut rest = text;
    for part in parts {
        let (_, after) = rest.split_once(part).with_context(|| format!("expected {part:?} in this order"))?;
        rest = after;
    }
    Ok(())
}
